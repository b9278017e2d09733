//! Holds out of slices: money that a node may hold without asking.

use super::proxy::Proxy;
use super::*;
use relay::ports::Mark;
use std::sync::atomic::AtomicU64;

/// An id as they are made here.
fn made() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    policy::request_id(None, NOW, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A hold with whether it was made at once.
async fn take(node: &Postgres, id: &str, amount: i128) -> Result<(Posted, bool), BooksError> {
    match node.hold_at_once("alice", hold(id, amount), NOW, false) {
        Ok(posted) => posted.map(|posted| (posted, true)),
        Err(op) => post(node, op).await.map(|posted| (posted, false)),
    }
}

/// One that is written as well.
async fn whole(node: &Postgres, amount: i128) -> Result<(String, bool), BooksError> {
    let id = made();
    let (posted, at_once) = take(node, &id, amount).await?;
    assert!(posted.fresh, "{id}");
    node.durable(posted.mark).await?;
    Ok((id, at_once))
}

/// Until this node has a slice.
async fn with_slice(node: &Postgres, amount: i128) -> String {
    until("it has a slice", async || {
        let (id, at_once) = whole(node, amount).await.unwrap();
        if at_once {
            return Some(id);
        }
        post(node, settle(&id, 0)).await.unwrap();
        None
    })
    .await
}

fn slices(base: &Base) -> String {
    base.sql("SELECT slices FROM weir.account WHERE name = 'alice'")
}

#[tokio::test]
async fn an_account_with_a_lot_left_is_held_against_without_asking() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b"].map(|name| base.node(name, Some(0), 1_000_000));
    let (mut at_once, mut settled) = (0, 0);
    for n in 0..200 {
        let node = &nodes[n % 2];
        let id = made();
        let (held, here) = take(node, &id, 100).await.unwrap();
        at_once += usize::from(here);
        let ended = post(node, settle(&id, 70)).await.unwrap();
        settled += 70;
        // Whoever waits for the end waits for the beginning.
        node.durable(ended.mark).await.unwrap();
        node.durable(held.mark).await.unwrap();
        let there =
            base.sql(&format!("SELECT count(*) FROM weir.entry WHERE op_id = '{id}' AND kind = 'hold'"));
        assert_eq!(there, "1", "what was waited for is written");
    }
    assert!(at_once > 150, "{at_once} of 200");
    for node in &nodes {
        node.balance("alice").await.unwrap();
    }
    assert_eq!(nodes[0].balance("alice").await.unwrap(), balance(1_000_000, settled, 0));
    until("slices that nobody uses go back", async || slices(&base).is_empty().then_some(())).await;
    assert_eq!(base.verify()[0].entries, 401);
}

#[tokio::test]
async fn what_the_record_may_know_and_what_has_a_budget_is_asked_for() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", Some(0), 1_000_000);
    with_slice(&node, 100).await;
    let at_once = |op: Op, chosen: bool| node.hold_at_once("alice", op, NOW, chosen);
    assert!(at_once(hold("chosen", 100), true).is_err(), "a caller's own id");
    let (from, until) = (Instant::ZERO, None);
    let cap = vocab::Cap { budget: "account".into(), from, until, limit: Pico(500) };
    let capped = match hold("capped", 100) {
        Op::Hold { id, amount, estimate, lease_until, tags, .. } => {
            Op::Hold { id, amount, estimate, lease_until, tags, caps: vec![cap] }
        }
        other => other,
    };
    assert!(at_once(capped, false).is_err());
    let id = made();
    assert!(at_once(hold(&id, 100), false).is_ok());
    assert!(at_once(hold(&id, 100), false).is_err(), "the same again");
    assert!(!post(&node, hold(&id, 100)).await.unwrap().fresh);
    // One that was there before, by chance, on another node or long ago: nothing is answered, and nothing done twice.
    let before = made();
    post(&base.node("b", Some(0), 0), hold(&before, 100)).await.unwrap();
    let taken = at_once(hold(&before, 100), false).unwrap().unwrap();
    let refused = node.durable(taken.mark).await;
    assert!(
        matches!(&refused, Err(BooksError::Refused(Refusal::Conflict { id })) if *id == before),
        "{refused:?}"
    );
    let ended = post(&node, settle(&before, 90)).await;
    assert!(ended.is_ok(), "the other's: {ended:?}");
}

/// Fifty requests of a hundred against a thousand.
#[tokio::test]
async fn credit_for_ten_admits_ten_of_fifty_with_ids_of_our_own() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| base.node(name, Some(0), 1_000));
    let posts = (0..50).map(|n| whole(&nodes[n % 3], 100));
    let answers = futures::future::join_all(posts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10, "{answers:?}");
}

#[tokio::test]
async fn everything_is_spent_and_nothing_more_wherever_slices_are() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| base.node(name, Some(0), 100_000));
    let at_once = AtomicUsize::new(0);
    let client = async |n: usize| {
        let mut held = 0;
        loop {
            match whole(&nodes[n % 3], 100).await {
                Ok((_, here)) => {
                    held += 1;
                    at_once.fetch_add(usize::from(here), Ordering::SeqCst);
                }
                Err(BooksError::Refused(Refusal::Poor { .. })) => return held,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let held: i32 = futures::future::join_all((0..6).map(client)).await.into_iter().sum();
    assert_eq!(held, 1_000, "to the last");
    assert!(at_once.into_inner() > 300);
    for node in &nodes {
        assert_eq!(node.balance("alice").await.unwrap(), balance(100_000, 0, 100_000));
    }
    base.verify();
}

#[tokio::test]
async fn a_request_goes_on_while_its_hold_is_being_written() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", Some(0), 1_000_000);
    with_slice(&node, 100).await;
    let sessions = Sessions::new(Address::parse(&base.url()).unwrap(), Handle::current());
    let stranger = sessions.open().await.unwrap();
    stranger.client.batch_execute("BEGIN; SELECT FROM weir.account FOR UPDATE").await.unwrap();
    let (posted, at_once) = take(&node, &made(), 100).await.unwrap();
    assert!(at_once && posted.mark != Mark::default());
    let mut written = Box::pin(node.durable(posted.mark));
    assert!(futures::poll!(written.as_mut()).is_pending());
    stranger.client.batch_execute("COMMIT").await.unwrap();
    written.await.unwrap();
    assert_eq!(node.durable(posted.mark).await, Ok(()), "and stays so");
}

#[tokio::test]
async fn the_slice_of_a_node_that_died_is_nobodys_for_a_minute() {
    let Some(base) = Base::new() else { return };
    let open = |name: &str| {
        let farewell = Duration::ZERO;
        let address = Address::parse(&base.url()).unwrap();
        Postgres::open(address, Options { farewell, ..options(name, Some(0), 100_000) }).unwrap()
    };
    let (dead, living) = (open("dead"), base.node("living", Some(0), 100_000));
    with_slice(&dead, 100).await;
    let set_aside = slices(&base);
    drop(dead);
    // As if it had had no time to say farewell.
    base.sql(&format!("UPDATE weir.account SET slices = '{set_aside}'"));
    let free = living.balance("alice").await.unwrap().available();
    let begun = Moment::now();
    assert!(is_poor(&post(&living, hold("all", free.0)).await), "a part of it is not to be had");
    assert!(begun.elapsed() > Duration::from_secs(1), "it was asked for");
    post(&living, hold("most", free.0 * 7 / 8)).await.unwrap();
    post(&living, Op::Release { id: "most".into(), lines: vec![], why: String::new() }).await.unwrap();
    // A minute later.
    base.sql("UPDATE weir.account SET slices = replace(slices, '\"heard\":', '\"heard\":1,\"was\":')");
    assert!(post(&living, hold("all", free.0)).await.unwrap().fresh);
    assert_eq!(slices(&base), "");
}

#[tokio::test]
async fn a_commit_of_which_nobody_heard_is_found_again() {
    let Some(base) = Base::new() else { return };
    let proxy = Proxy::before(base.cluster.port).await;
    let url = base.cluster.url_by("127.0.0.1", proxy.port, &base.name);
    let open =
        move || Postgres::open(Address::parse(&url).unwrap(), options("a", Some(0), 1_000_000)).unwrap();
    let node = tokio::task::spawn_blocking(open).await.unwrap();
    let mut open: i128 = 0;
    for n in 0..6 {
        with_slice(&node, 100).await;
        open += 1;
        let fate = if n % 2 == 0 { &proxy.fate.unheard } else { &proxy.fate.lost };
        fate.store(1, Ordering::SeqCst);
        let (posted, at_once) = take(&node, &made(), 100).await.unwrap();
        assert!(at_once);
        node.durable(posted.mark).await.unwrap();
        open += 1;
        assert_eq!(node.balance("alice").await.unwrap().held, Pico(100 * open));
        assert_eq!(fate.load(Ordering::SeqCst), 0, "it was cut");
    }
    base.verify();
}

#[tokio::test]
async fn the_database_is_killed_under_load_and_nothing_is_lost_or_done_twice() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    let patience = Duration::from_millis(400);
    let address = || Address::parse(&base.url()).unwrap();
    let nodes = ["a", "b", "c"].map(|name| {
        Postgres::open(address(), Options { patience, ..options(name, Some(0), 1 << 40) }).unwrap()
    });
    let (ended, down, at_once) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    let client = async |n: usize| {
        let node = &nodes[n % 3];
        while !stop.load(Ordering::SeqCst) {
            let id = made();
            let (posted, here) = match take(node, &id, 100).await {
                Ok(taken) => taken,
                Err(BooksError::Down(_)) => {
                    down.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
                Err(other) => panic!("{id}: {other:?}"),
            };
            at_once.fetch_add(usize::from(here), Ordering::SeqCst);
            // As the relay does: no answer leaves whose hold is not written, and then nothing is charged.
            let end = match node.durable(posted.mark).await {
                Ok(()) => settle(&id, 70),
                Err(_) => Op::Release { id: id.clone(), lines: vec![], why: "the books are away".into() },
            };
            let charged = matches!(end, Op::Settle { .. });
            node.post("alice", end, NOW).await.unwrap();
            ended.fetch_add(usize::from(charged), Ordering::SeqCst);
        }
    };
    let clients = futures::future::join_all((0..12).map(client));
    let more = async |what: &str| {
        let before = ended.load(Ordering::SeqCst);
        until(what, async || (ended.load(Ordering::SeqCst) > before + 100).then_some(())).await;
    };
    let kills = async {
        for (signal, pause) in [("QUIT", 300), ("INT", 3_000), ("QUIT", 50)] {
            more("some requests are through").await;
            let cluster = cluster.clone();
            let restart = move || {
                cluster.stop(signal);
                for _ in 0..pause / 50 {
                    cluster::wait_a_moment();
                }
                cluster.start();
            };
            tokio::task::spawn_blocking(restart).await.unwrap();
        }
        more("all goes on").await;
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(clients, kills);
    for node in &nodes {
        until("what waits is written", async || node.balance("alice").await.ok()).await;
    }
    drop(nodes);
    assert!(down.into_inner() > 0 && at_once.into_inner() > 100, "it was away, and slices were used");
    let summary = base.verify().remove(0);
    let ended = i128::try_from(ended.into_inner()).unwrap();
    assert_eq!(summary.balance.settled, Pico(70 * ended), "each end once, at its own amount");
    assert_eq!((summary.open_holds, summary.balance.held), (0, Pico::ZERO));
    assert_eq!(slices(&base), "", "they said farewell");
}
