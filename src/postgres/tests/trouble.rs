//! The database is away, the wire is cut, nodes die.

use super::proxy::Proxy;
use super::*;
use std::sync::atomic::AtomicU32;

async fn behind(base: &Base) -> (Proxy, Postgres) {
    let proxy = Proxy::before(base.cluster.port).await;
    let url = base.cluster.url_by("127.0.0.1", proxy.port, &base.name);
    let node = tokio::task::spawn_blocking(move || {
        Postgres::open(Address::parse(&url).unwrap(), options("a", Some(0), 10_000)).unwrap()
    });
    (proxy, node.await.unwrap())
}

#[tokio::test]
async fn a_commit_of_which_nobody_heard_is_found_again_and_not_done_twice() {
    let Some(base) = Base::new() else { return };
    let (proxy, node) = behind(&base).await;
    for n in 0..6 {
        let id = format!("r{n}");
        proxy.fate.unheard.store(1, Ordering::SeqCst);
        let held = post(&node, hold(&id, 100)).await.unwrap();
        assert!(held.fresh, "{id} is this request's own hold");
        assert_eq!(held.balance.held, Pico(100));
        proxy.fate.unheard.store(1, Ordering::SeqCst);
        post(&node, settle(&id, 90)).await.unwrap();
        assert_eq!(node.balance("alice").await.unwrap(), balance(10_000, 90 * (n + 1), 0));
        assert_eq!(proxy.fate.unheard.load(Ordering::SeqCst), 0, "it was cut both times");
    }
    assert_eq!(base.verify()[0].entries, 13);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_done_again() {
    let Some(base) = Base::new() else { return };
    let (proxy, node) = behind(&base).await;
    for n in 0..6 {
        let id = format!("r{n}");
        proxy.fate.lost.store(1, Ordering::SeqCst);
        assert!(post(&node, hold(&id, 100)).await.unwrap().fresh, "{id}");
        proxy.fate.lost.store(1, Ordering::SeqCst);
        post(&node, settle(&id, 90)).await.unwrap();
        assert_eq!(node.balance("alice").await.unwrap(), balance(10_000, 90 * (n + 1), 0));
    }
    assert_eq!(base.verify()[0].entries, 13);
}

#[tokio::test]
async fn while_the_database_is_away_holds_are_refused_and_ends_are_kept() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    let patience = Duration::from_millis(500);
    let address = || Address::parse(&base.url()).unwrap();
    let node = Postgres::open(address(), Options { patience, ..options("a", Some(0), 1_000) }).unwrap();
    for n in 0..5 {
        post(&node, hold(&format!("r{n}"), 100)).await.unwrap();
    }
    assert_eq!(node.well(), Ok(()));
    cluster.stop("QUIT");
    let begun = Moment::now();
    let refused = post(&node, hold("late", 100)).await;
    assert!(matches!(&refused, Err(BooksError::Down(why)) if why.contains("PostgreSQL")), "{refused:?}");
    assert!(begun.elapsed() < patience * 4, "{:?}", begun.elapsed());
    for n in 0..5 {
        let told = post(&node, settle(&format!("r{n}"), 70)).await.unwrap();
        assert_eq!(told.balance, balance(1_000, 70 * (n + 1), 100 * (4 - n)), "told without the database");
    }
    until("it says that it is not well", async || node.well().err()).await;
    let begun = Moment::now();
    assert!(matches!(post(&node, hold("later", 100)).await, Err(BooksError::Down(_))));
    assert!(matches!(node.balance("alice").await, Err(BooksError::Down(_))));
    assert!(begun.elapsed() < patience, "nobody waits for what is known to be away: {:?}", begun.elapsed());
    cluster.start();
    // Without a hand: it comes back by itself.
    let back = until("it is back", async || node.balance("alice").await.ok()).await;
    assert_eq!(back, balance(1_000, 350, 0));
    assert_eq!(node.well(), Ok(()));
    assert!(post(&node, hold("after", 100)).await.unwrap().fresh);
    assert_eq!(node.of_request("alice", "late").await.unwrap(), [], "what was refused was not done");
    assert_eq!(base.verify()[0].entries, 12);
}

#[tokio::test]
async fn a_node_starts_while_the_database_is_away() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    cluster.stop("INT");
    let address = Address::parse(&base.url()).unwrap();
    let node =
        Postgres::open(address, Options { patience: Duration::from_millis(200), ..options("a", None, 0) })
            .unwrap();
    until("it says that it is not well", async || node.well().err()).await;
    assert!(matches!(post(&node, hold("r1", 1)).await, Err(BooksError::Down(_))));
    cluster.start();
    until("it is back", async || node.tend(NOW).await.ok()).await;
    assert!(post(&node, hold("r1", 1)).await.unwrap().fresh);
}

/// What a client was told of a request.
#[derive(Default)]
struct Told {
    held: AtomicU32,
    ended: AtomicU32,
    refused: AtomicU32,
    down: AtomicU32,
}

/// Requests one after the other, until told to stop.
async fn load(node: &Postgres, name: &str, told: &Told, stop: &AtomicBool) {
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("{name}-{n}");
        match node.post("alice", hold(&id, 100), NOW).await {
            Ok(posted) => {
                assert!(posted.fresh, "{id}");
                told.held.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                node.post("alice", settle(&id, 70), NOW).await.unwrap();
                told.ended.fetch_add(1, Ordering::SeqCst);
            }
            Err(BooksError::Refused(Refusal::Poor { .. })) => {
                told.refused.fetch_add(1, Ordering::SeqCst);
            }
            Err(BooksError::Down(_)) => {
                told.down.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(other) => panic!("{id}: {other:?}"),
        }
    }
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
    let (told, stop) = (Told::default(), AtomicBool::new(false));
    let clients = futures::future::join_all((0..12).map(|n| {
        let node = &nodes[n % 3];
        let (told, stop) = (&told, &stop);
        async move { load(node, &format!("c{n}"), told, stop).await }
    }));
    let kills = async {
        for (signal, pause) in [("QUIT", 300), ("INT", 1_500), ("QUIT", 50)] {
            let before = told.ended.load(Ordering::SeqCst);
            until("some requests are through", async || {
                (told.ended.load(Ordering::SeqCst) > before + 60).then_some(())
            })
            .await;
            let cluster = cluster.clone();
            tokio::task::spawn_blocking(move || {
                cluster.stop(signal);
                for _ in 0..pause / 50 {
                    cluster::wait_a_moment();
                }
                cluster.start();
            })
            .await
            .unwrap();
        }
        let before = told.ended.load(Ordering::SeqCst);
        until("all goes on", async || (told.ended.load(Ordering::SeqCst) > before + 60).then_some(())).await;
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(clients, kills);
    for node in &nodes {
        until("what waits is written", async || node.balance("alice").await.ok()).await;
    }
    let ended = i128::from(told.ended.load(Ordering::SeqCst));
    assert!(told.down.load(Ordering::SeqCst) > 0, "nobody noticed");
    drop(nodes);
    let summary = base.verify().remove(0);
    assert_eq!(summary.balance.settled, Pico(70 * ended), "each end once, at its own amount");
    assert_eq!(
        (summary.open_holds, summary.balance.held),
        (0, Pico::ZERO),
        "what nobody waited for was given back"
    );
    assert_eq!(base.sql("SELECT count(*) FROM weir.open_hold"), "0");
    let settled = base.sql("SELECT count(*) FROM weir.entry WHERE kind = 'settle'");
    assert_eq!(settled, ended.to_string());
}

#[tokio::test]
async fn what_a_dead_node_left_open_is_settled_by_another_once() {
    let Some(base) = Base::new() else { return };
    let silent = Duration::from_millis(600);
    let open = |name: &str| {
        let address = Address::parse(&base.url()).unwrap();
        Postgres::open(address, Options { silent, ..options(name, Some(0), 1_000) }).unwrap()
    };
    let (dead, living, other) = (open("dead"), open("living"), open("other"));
    for node in [&dead, &living, &other] {
        node.tend(NOW).await.unwrap();
    }
    for (node, id) in [(&dead, "lost"), (&living, "kept"), (&dead, "lost-too")] {
        post(node, hold_until(id, 100, NOW.after(Duration::from_secs(9_999)))).await.unwrap();
    }
    // It is not heard of again, and did not say farewell. What it set aside stays so for a while, and is nobody's to spend.
    drop(dead);
    base.sql("INSERT INTO weir.node VALUES ('dead', clock_timestamp())");
    assert!(is_poor(&post(&living, hold("much", 701)).await));
    let swept = until("the dead node's holds are settled", async || {
        let (one, other) = tokio::join!(living.tend(NOW), other.tend(NOW));
        let swept = one.unwrap() + other.unwrap();
        (swept > 0).then_some(swept)
    })
    .await;
    assert_eq!(swept, 2);
    assert_eq!(living.balance("alice").await.unwrap(), balance(1_000, 100, 100), "at their estimates");
    let lost = other.of_request("alice", "lost").await.unwrap();
    assert!(lost[1].detail.contains(r#""estimated":true"#), "{}", lost[1].detail);
    for _ in 0..3 {
        assert_eq!(living.tend(NOW).await.unwrap() + other.tend(NOW).await.unwrap(), 0);
    }
    assert_eq!(base.sql("SELECT string_agg(id, ',' ORDER BY id) FROM weir.node"), "living,other");
    assert_eq!(base.sql("SELECT op_id FROM weir.open_hold"), "kept");
    base.verify();
}

#[tokio::test]
async fn a_nodes_own_holds_end_with_their_lease() {
    let Some(base) = Base::new() else { return };
    let (node, other) = (base.node("a", None, 0), base.node("b", None, 0));
    post(&node, hold("r1", 10)).await.unwrap();
    node.tend(NOW).await.unwrap();
    let later = NOW.after(Duration::from_secs(60));
    assert_eq!(other.tend(later).await.unwrap(), 0, "a node that is heard of answers for its own");
    assert_eq!(node.tend(later).await.unwrap(), 1);
    assert_eq!(node.balance("alice").await.unwrap(), balance(0, 5, 0));
    let late = post(&node, settle("r1", 9)).await;
    assert!(late.is_ok(), "told before it is written; it is logged");
    assert_eq!(node.balance("alice").await.unwrap(), balance(0, 5, 0), "and changes nothing");
    base.verify();
}

#[tokio::test]
async fn what_waits_is_written_when_the_store_is_closed() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", None, 0);
    for n in 0..200 {
        post(&node, hold(&format!("r{n}"), 10)).await.unwrap();
    }
    for n in 0..200 {
        post(&node, settle(&format!("r{n}"), 7)).await.unwrap();
    }
    node.close();
    let summary = base.verify().remove(0);
    assert_eq!((summary.entries, summary.open_holds, summary.balance.settled), (400, 0, Pico(1_400)));
}

#[tokio::test]
async fn a_hold_that_nobody_waits_for_is_given_back() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", Some(0), 1_000);
    post(&node, hold("first", 1)).await.unwrap();
    let sessions = Sessions::new(Address::parse(&base.url()).unwrap(), Handle::current());
    let stranger = sessions.open().await.unwrap();
    stranger.client.batch_execute("BEGIN; SELECT FROM weir.account FOR UPDATE").await.unwrap();
    // He gives up before it is his turn: then it is never made.
    let impatient =
        tokio::time::timeout(Duration::from_millis(200), post(&node, hold("given-up", 500))).await;
    assert!(impatient.is_err());
    stranger.client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(node.balance("alice").await.unwrap(), balance(1_000, 0, 1));
    assert_eq!(node.of_request("alice", "given-up").await.unwrap(), []);
}
