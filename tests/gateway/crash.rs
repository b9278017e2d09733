//! `kill -9` under load, twenty times on one file: what was acknowledged is still there, what was answered has its
//! hold, what was under way is settled as estimated, and the chain verifies.

use crate::books::{adds_up, amount};
use crate::net::{Conn, request};
use crate::world::{World, body, streamed};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CRASHES: usize = 20;
const CLIENTS: usize = 6;

/// What clients saw with their own eyes before the lights went out.
#[derive(Default)]
struct Witness {
    /// Ids of requests whose answer's first byte arrived, with the cost where the whole answer did.
    answered: BTreeMap<String, Option<i128>>,
    /// Endings that the usage endpoint showed: id, cost, hash.
    shown: BTreeMap<String, (i128, String)>,
    sent: usize,
}

/// Asks until the process is gone; every third answer is looked up in the books.
fn client(address: SocketAddr, name: String, witness: &Mutex<Witness>, stop: &AtomicBool) {
    let Ok(stream) = std::net::TcpStream::connect(address) else { return };
    drop(stream);
    let mut conn = Conn::open(address);
    for turn in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("{name}-{turn}");
        let body = if turn % 2 == 0 { body("hello there") } else { streamed("hello there") };
        let bytes =
            request("POST", "/v1/chat/completions", &[("X-Request-Id", &id)], body.to_string().as_bytes());
        witness.lock().unwrap().sent += 1;
        if conn.stream.write_all(&bytes).is_err() {
            return;
        }
        let Ok(head) = conn.head() else { return };
        assert_eq!(head.status, 200, "{id}");
        let cost = head.header("x-cost-usd").map(crate::books::pico);
        witness.lock().unwrap().answered.insert(id.clone(), cost);
        if head.header("transfer-encoding").is_some() {
            loop {
                match conn.chunk() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        } else if conn.skip(head.told("content-length").parse().unwrap()).is_err() {
            return;
        }
        if turn % 3 == 0 {
            if conn.stream.write_all(&request("GET", "/api/billing/usage?limit=20", &[], b"")).is_err() {
                return;
            }
            let Ok(page) = conn.reply() else { return };
            let mut witness = witness.lock().unwrap();
            for event in page.json()["events"].as_array().unwrap() {
                let id = event["request_id"].as_str().unwrap().to_owned();
                witness.shown.insert(id, (amount(&event["cost_usd"]), event["seq"].to_string()));
            }
        }
    }
}

#[test]
fn twenty_crashes_lose_nothing_that_was_said() {
    let mut world = World::new(2);
    let witness = Arc::new(Mutex::new(Witness::default()));
    let began = Instant::now();
    let mut orphans = 0;
    for crash in 0..CRASHES {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (address, witness, stop) = (world.weir.address, witness.clone(), stop.clone());
                std::thread::spawn(move || {
                    client(address, format!("crash{crash}-client{n}"), &witness, &stop)
                })
            })
            .collect();
        // The moment of each crash lies elsewhere: after so many answers.
        let enough = witness.lock().unwrap().answered.len() + 10 + crash * 2;
        crate::net::until(Duration::from_secs(20), "there is load", || {
            (witness.lock().unwrap().answered.len() >= enough).then_some(())
        });
        world.weir.process.kill();
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().expect("clients see answers or nothing");
        }
        let books = world.setup.verified();
        assert_eq!(books.len(), 1, "after crash {crash}: {books:?}");

        world.weir = world.setup.start();
        let (_, open) = world.weir.verify();
        assert_eq!(open, 0, "after crash {crash} something is still held");
        orphans += check(&world, &witness.lock().unwrap(), crash);
    }
    let witness = witness.lock().unwrap();
    eprintln!(
        "{CRASHES} crashes in {:?}: {} requests sent, {} answered, {} looked up, {orphans} orphans settled",
        began.elapsed(),
        witness.sent,
        witness.answered.len(),
        witness.shown.len()
    );
    assert!(orphans > 0, "no crash found anything under way: this test did not test");
    // And it goes on as if nothing had been.
    world.chat(&body("after all that")).is(200);
    assert_eq!(world.weir.verify().1, 0);
}

/// Compares the books with what was seen; how many orphans this crash left.
fn check(world: &World, witness: &Witness, crash: usize) -> usize {
    let events = world.weir.usage();
    let mut by_id: BTreeMap<&str, &Value> = BTreeMap::new();
    for event in &events {
        adds_up(event);
        let id = event["request_id"].as_str().unwrap();
        assert!(by_id.insert(id, event).is_none(), "{id} ended twice");
    }
    let missing: BTreeSet<_> =
        witness.answered.keys().filter(|id| !by_id.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "crash {crash}: answered and not in the books: {missing:?}");
    for (id, (cost, seq)) in &witness.shown {
        let event =
            by_id.get(id.as_str()).unwrap_or_else(|| panic!("crash {crash}: {id} was shown and is gone"));
        assert_eq!((amount(&event["cost_usd"]), &event["seq"].to_string()), (*cost, seq), "{id} was changed");
    }
    for (id, cost) in witness.answered.iter().filter_map(|(id, cost)| Some((id, (*cost)?))) {
        let event = by_id[id.as_str()];
        // The answer's headers promised the cost; only where the settlement was lost with the process an estimate stands.
        assert!(amount(&event["cost_usd"]) == cost || event["estimated"] == true, "{id}: {event}");
    }
    let total: i128 = events.iter().map(|e| amount(&e["cost_usd"])).sum();
    let credits = world.weir.credits();
    assert_eq!((amount(&credits["spent_usd"]), amount(&credits["held_usd"])), (total, 0));
    let of_this = |e: &&Value| e["request_id"].as_str().unwrap().starts_with(&format!("crash{crash}-"));
    let orphans: Vec<&Value> =
        events.iter().filter(of_this).filter(|e| e["lines"][0]["outcome"] == "orphan").collect();
    for orphan in &orphans {
        assert_eq!(orphan["estimated"], json!(true), "{orphan}");
    }
    orphans.len()
}
