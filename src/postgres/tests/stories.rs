//! What one node does, as the embedded store's stories have it.

use super::*;
use billing::Flaw;

#[tokio::test]
async fn a_request_is_held_settled_and_found_again() {
    let Some(base) = Base::new() else { return };
    let store = base.node("a", Some(0), 500);
    assert_eq!(store.balance("alice").await.unwrap(), balance(500, 0, 0));
    let held = post(&store, hold("r1", 200)).await.unwrap();
    assert_eq!((held.balance, held.fresh), (balance(500, 0, 200), true));
    assert_eq!(store.of_request("alice", "r1").await.unwrap().len(), 1, "an open one is found too");
    let settled = post(&store, settle("r1", 140)).await.unwrap();
    assert_eq!(settled.balance, balance(500, 140, 0), "told before it is written");
    post(&store, hold("r2", 1)).await.unwrap();
    post(&store, Op::Release { id: "r2".into(), lines: vec![], why: "refused".into() }).await.unwrap();

    let kinds = |entries: &[Entry]| entries.iter().map(|e| (e.seq, e.kind.name())).collect::<Vec<_>>();
    let all = store.entries("alice", 0, 10).await.unwrap();
    assert_eq!(kinds(&all), [(1, "grant"), (2, "hold"), (3, "settle"), (4, "hold"), (5, "release")]);
    assert!(billing::verify(&all).is_ok());
    assert_eq!(kinds(&store.entries("alice", 2, 2).await.unwrap()), [(3, "settle"), (4, "hold")]);
    assert_eq!(kinds(&store.ended("alice", 6, 9).await.unwrap()), [(5, "release"), (3, "settle")]);
    assert_eq!(kinds(&store.ended("alice", u64::MAX, 1).await.unwrap()), [(5, "release")]);
    assert_eq!(store.ended("alice", 5, 9).await.unwrap(), [all[2].clone()]);
    assert_eq!(kinds(&store.of_request("alice", "r1").await.unwrap()), [(2, "hold"), (3, "settle")]);
    assert_eq!(store.of_request("alice", "none").await.unwrap(), []);
    assert_eq!(store.entries("nobody", 0, 9).await.unwrap(), []);
    assert_eq!(base.sql("SELECT count(*) FROM weir.open_hold"), "0");
    store.close();
    let closed = post(&store, hold("r3", 1)).await;
    assert!(matches!(closed, Err(BooksError::Down(_))), "{closed:?}");
}

#[tokio::test]
async fn what_was_spent_is_counted_from_a_moment_on() {
    let Some(base) = Base::new() else { return };
    let store = base.node("a", None, 0);
    for n in 0..20u64 {
        let (id, now) = (format!("r{n}"), Instant::from_secs(n * 10));
        store.post("alice", hold(&id, 1), now).await.unwrap();
        store.post("alice", settle(&id, 1), now).await.unwrap();
    }
    for (from, spent) in [(0, 20), (1, 19), (10, 19), (101, 9), (190, 1), (191, 0), (9_999, 0)] {
        assert_eq!(store.spent("alice", Instant::from_secs(from)).await.unwrap(), Pico(spent), "from {from}");
    }
    assert_eq!(store.spent("nobody", NOW).await.unwrap(), Pico(0));
}

#[tokio::test]
async fn nothing_is_done_twice_not_even_on_another_node() {
    let Some(base) = Base::new() else { return };
    let grant = || Op::Grant { id: "g".into(), amount: Pico(10), reason: "paid".into() };
    let check = async |store: &Postgres| {
        for op in [grant(), hold("r1", 60), settle("r1", 50)] {
            let again = post(store, op.clone()).await.unwrap();
            assert_eq!((again.fresh, again.balance), (false, balance(110, 50, 0)), "{op:?}");
        }
        for op in [hold("r1", 61), settle("r1", 51), hold("g", 10), hold("opening", 1)] {
            let answer = post(store, op.clone()).await;
            let conflict = matches!(answer, Err(BooksError::Refused(Refusal::Conflict { .. })));
            assert!(conflict, "{op:?}: {answer:?}");
        }
    };
    let (one, other) = (base.node("a", Some(0), 100), base.node("b", Some(0), 100));
    post(&other, grant()).await.unwrap();
    for op in [hold("r1", 60), settle("r1", 50)] {
        assert!(post(&one, op).await.unwrap().fresh);
    }
    check(&one).await;
    check(&other).await;
    drop(one);
    check(&base.node("a", Some(0), 100)).await;
    assert_eq!(base.verify()[0].entries, 4);
}

#[tokio::test]
async fn the_same_new_id_from_many_at_once_is_held_once() {
    let Some(base) = Base::new() else { return };
    let nodes = [base.node("a", None, 0), base.node("b", None, 0)];
    for round in 0..20 {
        let id = format!("r{round}");
        let posts = (0..8).map(|n| post(&nodes[n % 2], hold(&id, 7)));
        let fresh = |answers: Vec<Result<Posted, BooksError>>| {
            answers.into_iter().filter(|answer| answer.as_ref().unwrap().fresh).count()
        };
        assert_eq!(fresh(futures::future::join_all(posts).await), 1, "{id}");
        // An end that is told of before it is written is told of once as well.
        let posts = (0..8).map(|n| post(&nodes[n % 2], settle(&id, 7)));
        let answers = futures::future::join_all(posts).await;
        assert!(fresh(answers) >= 1, "{id}");
    }
    assert_eq!(nodes[0].balance("alice").await.unwrap(), balance(0, 140, 0));
    assert_eq!(base.verify()[0].entries, 40);
}

#[tokio::test]
async fn a_long_record_is_taken_up_from_its_tally() {
    let Some(base) = Base::new() else { return };
    let store = base.node("a", None, 0);
    let count = batch::TALLY_EVERY / 2 + 50;
    for n in 0..count {
        post(&store, hold(&format!("r{n}"), 3)).await.unwrap();
        if n > 2 {
            post(&store, settle(&format!("r{n}"), 2)).await.unwrap();
        }
    }
    drop(store);
    let kept = base.sql("SELECT seq FROM weir.tally").parse::<u64>().unwrap();
    assert!(kept >= batch::TALLY_EVERY, "{kept}");
    let settled = 2 * (i128::from(count) - 3);
    assert_eq!(base.node("b", None, 0).balance("alice").await.unwrap(), balance(0, settled, 9));
    // One that was tampered with is not believed.
    let held = "'\"held\":\"0.000000000009\"', '\"held\":\"0.000000000008\"'";
    base.sql(&format!("UPDATE weir.tally SET state = replace(state, {held})"));
    let after = base.node("c", None, 0);
    assert_eq!(post(&after, hold("r1", 3)).await.unwrap().balance, balance(0, settled, 9));
    assert_eq!(after.of_request("alice", "r1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn amounts_beyond_64_bits_are_kept() {
    let Some(base) = Base::new() else { return };
    let much = Pico::from_usd(1_000_000_000_000_000);
    let grant =
        Op::Grant { id: "g".into(), amount: much, reason: "a \u{1F4B0} with \"quotes\" and \u{0}".into() };
    post(&base.node("a", Some(0), 0), grant.clone()).await.unwrap();
    let again = base.node("b", Some(0), 0);
    assert!(!post(&again, grant).await.unwrap().fresh);
    assert_eq!(again.balance("alice").await.unwrap().granted, much);
}

#[tokio::test]
async fn a_hold_is_extended_and_refused_beyond_the_credit() {
    let Some(base) = Base::new() else { return };
    let (one, other) = (base.node("a", Some(0), 100), base.node("b", Some(0), 100));
    post(&one, hold("r1", 60)).await.unwrap();
    let extend = |more, secs| Op::Extend {
        id: "r1".into(),
        more: Pico(more),
        lease_until: Instant::from_secs(secs),
        caps: vec![],
    };
    assert_eq!(post(&other, extend(30, 2_000)).await.unwrap().balance, balance(100, 0, 90));
    assert!(!post(&one, extend(30, 2_000)).await.unwrap().fresh, "whoever asks");
    assert!(is_poor(&post(&one, extend(11, 3_000)).await));
    assert_eq!(base.sql("SELECT node, lease_until FROM weir.open_hold"), "a|2000000000");
    assert_eq!(post(&one, settle("r1", 95)).await.unwrap().balance.settled, Pico(95));
    // It was told of before it is written; whoever asks the same node waits for that.
    for node in [&one, &other] {
        let after = node.balance("alice").await.unwrap();
        assert_eq!(after, balance(100, 95, 0), "once more was used than was held");
    }
}

#[tokio::test]
async fn what_was_changed_in_the_tables_is_found_and_nothing_is_added_to_it() {
    let Some(base) = Base::new() else { return };
    let store = base.node("a", Some(0), 500);
    for n in 0..5 {
        post(&store, hold(&format!("r{n}"), 20)).await.unwrap();
        post(&store, settle(&format!("r{n}"), 10)).await.unwrap();
    }
    drop(store);
    let refused =
        base.cluster.psql(&base.name, "UPDATE weir.entry SET amount = 9 WHERE seq = 5").unwrap_err();
    assert!(refused.contains("never changed"), "{refused}");
    let refused = base.cluster.psql(&base.name, "TRUNCATE weir.entry").unwrap_err();
    assert!(refused.contains("never changed"), "{refused}");
    let freely = |sql: &str| {
        let _ = base.sql(&format!("SET session_replication_role = replica; {sql}"));
    };
    let bad = |seq, flaw| {
        let walk = std::thread::scope(|scope| scope.spawn(|| base.reader().verify("alice")).join().unwrap());
        match walk.unwrap_err() {
            PostgresError::Bad(bad) => assert_eq!((bad.seq, bad.flaw), (seq, flaw)),
            other => panic!("{other}"),
        }
    };
    freely("UPDATE weir.entry SET amount = 9 WHERE seq = 5");
    bad(5, Flaw::Hash);
    freely("UPDATE weir.entry SET amount = 10 WHERE seq = 5");
    assert_eq!(base.verify().len(), 1, "as it was");
    freely(
        "CREATE TABLE lost AS SELECT * FROM weir.entry WHERE seq = 11; DELETE FROM weir.entry WHERE seq = 11",
    );
    bad(10, Flaw::CutOff { expected: 11 });
    let node = base.node("b", Some(0), 500);
    let answer = post(&node, hold("r9", 1)).await;
    assert!(matches!(&answer, Err(BooksError::Down(why)) if why.contains("damaged")), "{answer:?}");
    let others = node.post("bob", hold("r9", 1), NOW).await;
    assert!(others.is_ok(), "another account is none the worse: {others:?}");
    freely("INSERT INTO weir.entry SELECT * FROM lost");
    assert!(post(&node, hold("r9", 1)).await.unwrap().fresh, "it goes on where it is mended");
}
