//! Several nodes as processes of their own over one PostgreSQL: one is killed, the database goes away and comes back.

#[path = "../../src/postgres/tests/cluster.rs"]
pub mod cluster;

use crate::books::{adds_up, amount};
use crate::net::{Conn, request, until};
use crate::process::{Lab, Setup, Weir};
use crate::world::{body, scenario, streamed, weir_of};
use cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use cluster::shared;

pub const VARIABLE: &str = "WEIR_POSTGRES_URL";

/// A node over this database, and how it answers.
fn node(lab: &Lab, cluster: &Cluster, database: &str, more: &str) -> Setup {
    let config = format!("[store]\npostgres = \"{VARIABLE}\"\nsilent_ms = 15000\n{more}");
    weir_of(lab, 2, &config).variable(VARIABLE, &cluster.url(database))
}

/// Asks until it is told to stop or nobody answers; remembers what was answered, and what it cost where that was said.
fn client(
    address: SocketAddr,
    name: &str,
    answered: &Mutex<BTreeMap<String, Option<i128>>>,
    stop: &AtomicBool,
) {
    let mut conn = Conn::open(address);
    for turn in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("{name}-{turn}");
        let body = if turn % 2 == 0 { body("hello there") } else { streamed("hello there") };
        let ask =
            request("POST", "/v1/chat/completions", &[("X-Request-Id", &id)], body.to_string().as_bytes());
        if std::io::Write::write_all(&mut conn.stream, &ask).is_err() {
            return;
        }
        let Ok(reply) = conn.reply() else { return };
        assert_eq!(reply.status, 200, "{id}: {}", reply.text());
        let cost = reply.header("x-cost-usd").map(crate::books::pico);
        answered.lock().unwrap().insert(id, cost);
    }
}

#[test]
fn a_node_is_killed_and_the_books_of_all_are_whole() {
    let Some(cluster) = cluster::shared() else { return };
    let database = cluster.database();
    let lab = Lab::start(&scenario(2, &[]));
    let setups: Vec<Setup> = (0..3).map(|_| node(&lab, &cluster, &database, "")).collect();
    let mut nodes: Vec<Weir> = setups.iter().map(Setup::start).collect();
    let (answered, stop) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    let enough = |count: usize| {
        until(Duration::from_secs(60), "there is load", || {
            (answered.lock().unwrap().len() >= count).then_some(())
        });
    };
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (address, answered, stop) = (nodes[n % 3].address, &answered, &stop);
            scope.spawn(move || client(address, &format!("client{n}"), answered, stop));
        }
        enough(60);
        nodes[0].process.kill();
        let before = answered.lock().unwrap().len();
        enough(before + 40);
        stop.store(true, Ordering::SeqCst);
    });
    let living = &nodes[1];
    until(Duration::from_secs(90), "what the dead node left is settled", || {
        (living.verify().1 == 0).then_some(())
    });
    let events = living.usage();
    let mut by_id = BTreeMap::new();
    for event in &events {
        adds_up(event);
        let id = event["request_id"].as_str().unwrap().to_owned();
        assert!(by_id.insert(id.clone(), event).is_none(), "{id} ended twice");
    }
    let answered = answered.into_inner().unwrap();
    let missing: BTreeSet<_> = answered.keys().filter(|id| !by_id.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered and not in the books: {missing:?}");
    for (id, cost) in answered.iter().filter_map(|(id, cost)| Some((id, (*cost)?))) {
        let event = by_id[id];
        assert!(amount(&event["cost_usd"]) == cost || event["estimated"] == true, "{id}: {event}");
    }
    let total: i128 = events.iter().map(|e| amount(&e["cost_usd"])).sum();
    for node in &nodes[1..] {
        let credits = node.credits();
        assert_eq!((amount(&credits["spent_usd"]), amount(&credits["held_usd"])), (total, 0));
    }
    let sum = "SELECT sum(amount) FROM weir.usage_hour";
    until(Duration::from_secs(30), "the hours add up to the same", || {
        (cluster.psql(&database, sum).unwrap() == total.to_string()).then_some(())
    });
    // The command line reads the same record, and so does whoever has only its export.
    let config = setups[1].dir.0.join("weir-test.toml");
    let run = |arguments: &[&str]| {
        let out = setups[1].run(&[&["--config", config.to_str().unwrap(), "ledger"], arguments].concat());
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(run(&["verify"]).contains("the chain verifies"));
    assert!(run(&["balance"]).contains("held 0.000000000"));
    let export = setups[1].dir.write("export.jsonl", &run(&["export"]));
    assert!(run(&["verify", export.to_str().unwrap()]).contains("the chain verifies"));
    assert!(run(&["export", "--format", "csv"]).lines().count() > answered.len());
}

#[test]
fn while_the_database_is_away_requests_are_refused_and_the_node_is_not_ready() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let database = cluster.database();
    let lab = Lab::start(&scenario(2, &[]));
    let setup = node(&lab, &cluster, &database, "");
    let weir = setup.start();
    weir.post("/v1/chat/completions", &body("hello")).is(200);
    cluster.stop("QUIT");
    let begun = std::time::Instant::now();
    let refused = weir.post("/v1/chat/completions", &body("hello")).is(503).json();
    assert_eq!(refused["error"]["code"], "ledger_unavailable", "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(Duration::from_secs(20), "it says that it is not ready", || {
        (weir.get("/ready").status == 503).then_some(())
    });
    cluster.start();
    until(Duration::from_secs(30), "it is ready again", || (weir.get("/ready").status == 200).then_some(()));
    weir.post("/v1/chat/completions", &body("hello")).is(200);
    assert_eq!(weir.usage().len(), 2);
    assert!(!weir.process.said().contains("weir@"), "{}", weir.process.said());
}

#[test]
fn an_address_is_named_and_never_written() {
    let setup = Setup::new().config("[store]\npostgres = \"postgres://weir:hunter2@db/books\"\n");
    let config = setup.dir.0.join("weir-test.toml");
    let out = setup.run(&["--config", config.to_str().unwrap(), "check"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && said.contains("store.postgres") && !said.contains("hunter2"), "{said}");
}
