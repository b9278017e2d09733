//! Many at once, on one node and on several.

use super::*;

/// Fifty requests of a hundred against a thousand, spread over the nodes.
async fn ten_of_fifty(nodes: &[Postgres]) {
    let posts = (0..50).map(|n| post(&nodes[n % nodes.len()], hold(&format!("r{n}"), 100)));
    let answers = futures::future::join_all(posts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| is_poor(answer)).count(), 40, "{answers:?}");
    for node in nodes {
        assert_eq!(node.balance("alice").await.unwrap(), balance(1_000, 0, 1_000));
    }
}

#[tokio::test]
async fn credit_for_ten_admits_ten_of_fifty_on_one_node() {
    let Some(base) = Base::new() else { return };
    ten_of_fifty(&[base.node("a", Some(0), 1_000)]).await;
}

#[tokio::test]
async fn credit_for_ten_admits_ten_of_fifty_on_three_nodes() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| base.node(name, Some(0), 1_000));
    ten_of_fifty(&nodes).await;
    // What is given back can be had again, wherever it was held.
    post(&nodes[0], Op::Release { id: "none".into(), lines: vec![], why: String::new() }).await.unwrap_err();
    let held = nodes[0].entries("alice", 1, 1).await.unwrap().remove(0).op_id;
    let release = || Op::Release { id: held.clone(), lines: vec![], why: "not needed".into() };
    for node in &nodes {
        post(node, release()).await.unwrap();
    }
    let settled = nodes[1].balance("alice").await.unwrap();
    assert_eq!(settled.held, Pico(900));
    assert!(post(&nodes[2], hold("again", 100)).await.is_ok());
    assert_eq!(base.verify()[0].entries, 13);
}

/// What came of a crowd's requests.
async fn request(node: &Postgres, account: &str, id: &str, amount: i128) -> bool {
    match node.post(account, hold(id, amount), NOW).await {
        Ok(posted) => {
            assert!(posted.fresh, "{id}");
            node.post(account, settle(id, amount - 3), NOW).await.unwrap();
            true
        }
        Err(BooksError::Refused(Refusal::Poor { .. })) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn three_nodes_and_five_accounts_stay_within_what_was_granted() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| base.node(name, Some(0), 1_000));
    let ids = (0..40)
        .flat_map(|turn| (0..3).flat_map(move |node| (0..5).map(move |account| (turn, node, account))));
    let posts = ids.map(|(turn, node, account)| {
        let (node, account) = (&nodes[node], format!("account{account}"));
        let id = format!("{turn}-{}", node.inner.options.node);
        async move { request(node, &account, &id, 40).await }
    });
    let done = futures::future::join_all(posts).await;
    let done = done.into_iter().filter(|done| *done).count();
    assert!(done >= 5 * 25, "each account has credit for at least so many: {done}");
    drop(nodes);
    let summaries = base.verify();
    assert_eq!(summaries.len(), 5);
    let settled: i128 = summaries.iter().map(|summary| summary.balance.settled.0).sum();
    assert_eq!(settled, 37 * i128::try_from(done).unwrap());
    for summary in summaries {
        let Balance { granted, settled, held } = summary.balance;
        assert_eq!((granted, held, summary.open_holds), (Pico(1_000), Pico::ZERO, 0));
        assert!(settled <= granted, "{settled}");
    }
}

#[tokio::test]
async fn nobody_waits_for_the_lock_of_another_account() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", Some(0), 1_000);
    for account in ["alice", "bob"] {
        node.post(account, hold("first", 1), NOW).await.unwrap();
    }
    let sessions = Sessions::new(Address::parse(&base.url()).unwrap(), Handle::current());
    let stranger = sessions.open().await.unwrap();
    let lock = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
                SELECT FROM weir.account WHERE name = 'alice' FOR UPDATE";
    stranger.client.batch_execute(lock).await.unwrap();
    let alice = node.post("alice", hold("second", 1), NOW);
    let bob = async {
        for n in 0..50 {
            node.post("bob", hold(&format!("r{n}"), 1), NOW).await.unwrap();
        }
        stranger.client.batch_execute("COMMIT").await.unwrap();
    };
    let begun = Moment::now();
    let (alice, ()) = tokio::join!(alice, bob);
    assert!(alice.unwrap().fresh, "served as soon as the lock is let go");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // A node that stops in the middle of a transaction is thrown out by the server.
    stranger.client.batch_execute(MANNERLESS).await.unwrap();
    assert!(node.post("alice", hold("third", 1), NOW).await.unwrap().fresh);
}

/// As sessions of ours are, but sooner.
const MANNERLESS: &str = "SET idle_in_transaction_session_timeout = '300ms'; BEGIN; \
                          SELECT FROM weir.account WHERE name = 'alice' FOR UPDATE";
