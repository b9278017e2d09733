//! What nodes over one PostgreSQL have in common besides the books: keys, answers under keys, and limits; each node a process of
//! its own behind no balancer but the test.

use crate::net::{Conn, Reply, request, until};
use crate::postgres::{VARIABLE, cluster};
use crate::process::{Setup, Weir};
use crate::upstream::{Upstream, WHOLE, delta};
use crate::world::{body, own, streamed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ADMIN: &str = "an operator's key";

/// Nodes over one database, before one provider.
struct Nodes {
    setups: Vec<Setup>,
    nodes: Vec<Weir>,
    upstream: Upstream,
    _cluster: std::sync::Arc<cluster::Cluster>,
}

impl Nodes {
    fn start(config: &str, upstream: Upstream) -> Option<Self> {
        let cluster = cluster::shared()?;
        let url = cluster.url(&cluster.database());
        let config = format!("[store]\npostgres = \"{VARIABLE}\"\n{config}");
        let setup = || {
            let setup = own(&[("alpha", upstream.address)], &config);
            setup.variable(VARIABLE, &url).variable("WEIR_ADMIN_KEY", ADMIN)
        };
        let setups: Vec<Setup> = (0..3).map(|_| setup()).collect();
        let nodes = setups.iter().map(Setup::start).collect();
        Some(Self { setups, nodes, upstream, _cluster: cluster })
    }

    fn operator(&self, node: usize, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.nodes[node].ask(method, path, &[("Authorization", &format!("Bearer {ADMIN}"))], &body)
    }

    fn chat(&self, node: usize, key: &str) -> Reply {
        let bearer = format!("Bearer {key}");
        self.nodes[node].ask(
            "POST",
            "/v1/chat/completions",
            &[("Authorization", &bearer)],
            &body("hi").to_string(),
        )
    }

    /// The same request by so many clients at once, spread over the nodes.
    fn crowd(&self, count: usize, headers: &[(&str, &str)]) -> Vec<Reply> {
        let bytes = request("POST", "/v1/chat/completions", headers, body("hi").to_string().as_bytes());
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..count)
                .map(|n| {
                    let (node, bytes) = (&self.nodes[n % 3], &bytes);
                    scope.spawn(move || node.open().ask(bytes))
                })
                .collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }
}

fn at_once() -> Upstream {
    Upstream::start(|call| call.whole("200 OK", WHOLE))
}

/// The account of callers on loopback has this plan.
fn planned(limits: &str) -> String {
    format!("[plans.test]\nlimits = {{ {limits} }}\n[accounts.local]\nplan = \"test\"\n")
}

#[test]
fn a_key_is_every_nodes_within_a_second() {
    let Some(all) = Nodes::start("[accounts.team-red]\ncredit_usd = \"1\"\n", at_once()) else { return };
    let made = all.operator(0, "POST", "/api/admin/keys", &json!({"account": "team-red"})).is(200).json();
    // As long as there is one nobody comes in without.
    all.operator(0, "POST", "/api/admin/keys", &json!({"account": "team-blue"})).is(200);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    all.chat(0, key).is(200);
    let everywhere = |what: &str, status: u16| {
        let begun = Instant::now();
        for node in 0..3 {
            until(Duration::from_secs(5), what, || (all.chat(node, key).status == status).then_some(()));
        }
        // A second is promised; the requests themselves take their time here.
        assert!(begun.elapsed() < Duration::from_secs(2), "{what}: {:?}", begun.elapsed());
    };
    everywhere("it opens", 200);
    let place = format!("/api/admin/keys/{id}");
    all.operator(1, "PATCH", &place, &json!({"disabled": true})).is(200);
    all.chat(1, key).is(401);
    everywhere("it is disabled", 401);
    all.operator(2, "PATCH", &place, &json!({"disabled": false})).is(200);
    everywhere("it opens again", 200);
    // Where no weir is found the command line works on the same directory.
    let config = all.setups[0].dir.0.join("weir-test.toml");
    let run = |arguments: &[&str]| {
        let place =
            ["--config", config.to_str().unwrap(), "keys", "--listen", "127.0.0.1:1", "--data", "other.db"];
        let out = all.setups[0].run(&[&place, arguments].concat());
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(run(&["list"]).contains(id), "{}", run(&["list"]));
    run(&["delete", id]);
    everywhere("it is gone", 401);
    let left = all.operator(0, "GET", "/api/admin/keys", &Value::Null).is(200).json();
    assert_eq!(
        (left["keys"].as_array().unwrap().len(), &left["keys"][0]["account"]),
        (1, &json!("team-blue"))
    );
}

#[test]
fn of_requests_with_one_key_on_three_nodes_one_is_answered() {
    let slow = Upstream::start(|call| {
        std::thread::sleep(Duration::from_millis(400));
        call.whole("200 OK", WHOLE)
    });
    let Some(all) = Nodes::start("", slow) else { return };
    let replies = all.crowd(12, &[("Idempotency-Key", "once")]);
    assert_eq!(all.upstream.calls(), 1);
    let first = replies[0].text();
    let replayed = replies.iter().filter(|reply| reply.header("idempotent-replayed") == Some("true")).count();
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text() == first), "{replies:?}");
    assert_eq!(replayed, 11);
    // A node that was started anew knows it as well, and another request under the key is refused there.
    let mut nodes = all.nodes;
    nodes[1].process.kill();
    nodes[1] = all.setups[1].start();
    let keyed = |text: &str| {
        let ask = body(text).to_string();
        nodes[1].ask("POST", "/v1/chat/completions", &[("Idempotency-Key", "once")], &ask)
    };
    assert_eq!(keyed("hi").is(200).text(), first);
    keyed("another").is(409);
    assert_eq!(all.upstream.calls(), 1);
}

#[test]
fn of_fifty_requests_against_a_limit_of_ten_on_three_nodes_ten_are_let_in() {
    let Some(all) = Nodes::start(&planned("requests_per_hour = 10"), at_once()) else { return };
    let replies = all.crowd(50, &[]);
    let (well, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((well.len(), refused.len(), all.upstream.calls()), (10, 40, 10));
    let number = |reply: &Reply, name: &str| reply.told(name).parse::<u64>().unwrap();
    let mut left: Vec<u64> = well.iter().map(|reply| number(reply, "x-limit-remaining")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>(), "each is told what is left after it");
    for reply in refused {
        assert_eq!((reply.status, number(reply, "x-limit-remaining")), (429, 0));
        assert!((350..=360).contains(&number(reply, "retry-after")), "{}", reply.told("retry-after"));
    }
    // What was counted is not gone with who counted it.
    let mut nodes = all.nodes;
    for (node, setup) in nodes.iter_mut().zip(&all.setups) {
        node.process.kill();
        *node = setup.start();
        node.post("/v1/chat/completions", &body("hi")).is(429);
    }
}

#[test]
fn a_node_that_is_killed_has_its_places_for_ten_seconds() {
    // Begins, and does not end.
    let endless = Upstream::start(|mut call| {
        if !call.body.contains("for ever") {
            return call.whole("200 OK", WHOLE);
        }
        call.begins() && call.says(&delta("hel")) && {
            std::thread::sleep(Duration::from_secs(60));
            false
        }
    });
    let Some(mut all) = Nodes::start(&planned("concurrent = 1"), endless) else { return };
    let mut stream = all.nodes[0].open();
    let ask = request("POST", "/v1/chat/completions", &[], streamed("for ever").to_string().as_bytes());
    assert_eq!(stream.send(&ask).head().unwrap().status, 200);
    let refused = all.nodes[1].post("/v1/chat/completions", &body("hi")).is(429);
    assert_eq!(refused.told("retry-after"), "1");
    all.nodes[0].process.kill();
    let begun = Instant::now();
    all.nodes[1].post("/v1/chat/completions", &body("hi")).is(429);
    let status = |node: usize| all.nodes[node].post("/v1/chat/completions", &body("hi")).status;
    until(Duration::from_secs(30), "its place is free", || (status(2) == 200).then_some(()));
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(5) && waited < Duration::from_secs(20), "{waited:?}");
    until(Duration::from_secs(5), "and so is the next", || (status(1) == 200).then_some(()));
}

/// Requests whose ids weir makes are held out of slices, and go upstream while their holds are being written.
#[test]
fn a_node_is_killed_and_every_answer_that_left_is_in_the_books() {
    let Some(mut all) = Nodes::start("silent_ms = 15000\n", at_once()) else { return };
    let (answered, stop) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    let enough = |count: usize| {
        until(Duration::from_secs(90), "there is load", || {
            (answered.lock().unwrap().len() >= count).then_some(())
        });
    };
    let addresses: Vec<_> = all.nodes.iter().map(|node| node.address).collect();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (address, answered, stop) = (addresses[n % 3], &answered, &stop);
            scope.spawn(move || {
                let ask = request("POST", "/v1/chat/completions", &[], body("hi").to_string().as_bytes());
                let mut conn = Conn::open(address);
                while !stop.load(Ordering::SeqCst)
                    && std::io::Write::write_all(&mut conn.stream, &ask).is_ok()
                {
                    let Ok(reply) = conn.reply() else { return };
                    let id = reply.told("x-request-id").to_owned();
                    assert_eq!(reply.status, 200, "{id}: {}", reply.text());
                    let cost = crate::books::pico(reply.told("x-cost-usd"));
                    answered.lock().unwrap().insert(id, cost);
                }
            });
        }
        enough(300);
        all.nodes[0].process.kill();
        let before = answered.lock().unwrap().len();
        enough(before + 200);
        stop.store(true, Ordering::SeqCst);
    });
    let living = &all.nodes[1];
    until(Duration::from_secs(90), "what the dead node left is settled", || {
        (living.verify().1 == 0).then_some(())
    });
    let mut by_id = BTreeMap::new();
    for event in living.usage() {
        let id = event["request_id"].as_str().unwrap().to_owned();
        assert!(by_id.insert(id.clone(), event).is_none(), "{id} ended twice");
    }
    for (id, cost) in answered.into_inner().unwrap() {
        let event = by_id.get(&id).unwrap_or_else(|| panic!("{id} was answered and is not in the books"));
        assert!(
            crate::books::amount(&event["cost_usd"]) == cost || event["estimated"] == true,
            "{id}: {event}"
        );
    }
}
