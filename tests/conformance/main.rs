//! One suite, two shells: the same requests and seeds make the same decisions, answers and ledger entries on the native
//! binary and on the Worker in workerd, byte for byte where the clock stands still.
//!
//! The cases are in `cases/`; what differs on purpose is the one table in `differences.rs`. Upstream is the lab in both
//! runs, and the Worker is asked through the gateway of `examples/gateway`. Nothing of weir's own code is used to judge.
//!
//! Where the Worker cannot be run (no Node, or it was not built) that half says so and leaves it out, unless
//! `WEIR_CONFORMANCE=both` asks for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]
#![allow(clippy::print_stderr, reason = "what is left out is said")]

#[path = "../gateway/books.rs"]
#[allow(dead_code, reason = "shared with the gateway's tests")]
mod books;
mod case;
mod chain;
mod differences;
mod drive;
#[path = "../gateway/net.rs"]
#[allow(dead_code, reason = "shared with the gateway's tests")]
mod net;
#[path = "../gateway/process.rs"]
#[allow(dead_code, reason = "shared with the gateway's tests")]
mod process;
mod shell;
mod transcript;
mod world;

use case::Case;
use drive::Played;
use serde_json::Value;
use shell::Shell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use world::World;

/// Cases at the same time: most of each is waiting.
const AT_ONCE: usize = 6;

/// The transcript of every case by its name. Fails where a case is not as it has to be.
fn run(cases: &[Case], shell: &Shell) -> BTreeMap<String, Value> {
    let next = AtomicUsize::new(0);
    let all: Mutex<Vec<(String, Played)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = drive::play(case, shell);
                    all.lock().unwrap().push((case.name.clone(), played));
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    let complaints: Vec<&String> = all.iter().flat_map(|(_, played)| &played.complaints).collect();
    assert!(
        complaints.is_empty(),
        "{:?}: {} complaints\n{}",
        shell.kind,
        complaints.len(),
        lines(&complaints)
    );
    all.into_iter().map(|(name, played)| (name, played.transcript)).collect()
}

fn lines(complaints: &[impl AsRef<str>]) -> String {
    complaints
        .iter()
        .map(|c| c.as_ref().chars().take(4_000).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Cases whose name holds the text of `WEIR_CASE`; else all.
fn cases() -> Vec<Case> {
    let wanted = std::env::var("WEIR_CASE").unwrap_or_default();
    case::all().into_iter().filter(|case| case.name.contains(&wanted)).collect()
}

fn same(there: &BTreeMap<String, Value>, here: &BTreeMap<String, Value>) {
    let mut found = Vec::new();
    for (name, transcript) in there {
        transcript::compare(transcript, &here[name], name, &mut found);
    }
    assert!(found.is_empty(), "{} differences\n{}", found.len(), lines(&found));
}

fn native(cases: &[Case]) -> BTreeMap<String, Value> {
    let world = World::new(cases);
    run(cases, &Shell::native(&world))
}

/// The Worker, or None where this machine has none and none was asked for.
fn worker(world: &World) -> Option<Shell> {
    match Shell::worker(world) {
        Ok(shell) => Some(shell),
        Err(why) if std::env::var("WEIR_CONFORMANCE").as_deref() == Ok("both") => panic!("{why}"),
        Err(why) => {
            eprintln!("LEFT OUT: the Worker: {why}");
            None
        }
    }
}

/// Every case as it has to be; and the same once more, in another order and over other connections.
#[test]
fn native_is_as_the_cases_have_it_and_the_same_twice() {
    let mut cases = cases();
    let first = native(&cases);
    cases.reverse();
    same(&first, &native(&cases));
}

#[test]
fn the_worker_answers_and_accounts_as_native_does() {
    let cases = cases();
    let world = World::new(&cases);
    let Some(shell) = worker(&world) else { return };
    let here = run(&cases, &shell);
    same(&native(&cases), &here);
}

/// A token that nobody here signed is refused by weir, and never reaches it through the gateway.
#[test]
fn a_forged_context_gets_nobody_anywhere() {
    let cases: Vec<Case> = case::all().into_iter().filter(|case| case.name == "record").collect();
    let world = World::new(&cases);
    let shell = Shell::native(&world);
    let body = r#"{"prompt":"hi","max_tokens":5}"#;
    let other = shell::token("record", "another secret, which nobody configured");
    let whole = shell::token("record", world::SECRET);
    for (token, code) in [
        (other.as_str(), "invalid_context"),
        (&whole[..whole.len() - 1], "invalid_context"),
        ("eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJyZWNvcmQifQ.", "invalid_context"),
        ("nonsense", "invalid_context"),
    ] {
        for (path, openai) in [("/api/si/ask", false), ("/v1/chat/completions", true)] {
            // Not even beside a bearer that is one.
            let headers = [("x-weir-context", token), ("authorization", &format!("Bearer {whole}"))];
            let reply = shell.open().ask(&net::request("POST", path, &headers, body.as_bytes())).is(401);
            let error = &reply.json()["error"];
            assert_eq!(error["code"], code, "{error}");
            assert_eq!(error["type"] == "authentication_error", openai, "{error}");
            assert!(!reply.text().contains("eyJ"), "a token is never repeated");
        }
    }
    let bearer = [("authorization", &*format!("Bearer {whole}"))];
    shell.open().ask(&net::request("POST", "/api/si/ask", &bearer, body.as_bytes())).is(200);

    let world = World::new(&cases);
    let Some(shell) = worker(&world) else { return };
    let stranger = [("x-weir-context", &*whole)];
    shell.open().ask(&net::request("POST", "/api/si/ask", &stranger, body.as_bytes())).is(401);
    let headers = [("x-weir-context".to_owned(), shell::token("crowd", world::SECRET))];
    shell.open().ask(&shell.request("record", "POST", "/api/si/ask", &headers, body)).is(200);
    let paid = shell.get("record", "/api/billing/usage").is(200).json();
    assert_eq!(paid["account"], "record");
    net::until(std::time::Duration::from_secs(20), "the caller's own account pays", || {
        let paid = shell.get("record", "/api/billing/usage").is(200).json();
        (paid["events"].as_array()?.len() == 1).then_some(())
    });
    let other = shell.get(world::CROWD, "/api/billing/usage").is(200).json();
    assert_eq!(other["events"].as_array().unwrap().len(), 0, "{other}");
}

/// Fifty at once against the credit for ten: ten are served, forty refused, whoever comes first.
#[test]
fn a_crowd_is_let_in_up_to_its_credit() {
    let world = World::new(&[]);
    crowd(&Shell::native(&world));
    let world = World::new(&[]);
    if let Some(shell) = worker(&world) {
        crowd(&shell);
    }
}

fn crowd(shell: &Shell) {
    // Each holds its worst case, 100 units of a millionth of a dollar, until its slow answer ends.
    let body = "{\"model\":\"crowd-a/chat\",\"max_tokens\":TOKENS,\"messages\":[{\"role\":\"user\",\"content\":\"hi [[lab: tokens=20 fault=slow_head ms=1500]]\"}]}";
    let ask = |place: usize, tokens: u32| {
        let headers = [("x-request-id".to_owned(), format!("crowd-{place}"))];
        let body = body.replace("TOKENS", &tokens.to_string());
        shell.open().ask(&shell.request(world::CROWD, "POST", "/v1/chat/completions", &headers, &body))
    };
    // What one sets aside besides its output is found out by asking for it.
    let probe = shell.request(world::CROWD, "POST", "/api/route/explain", &[], &body.replace("TOKENS", "1"));
    let explained = shell.open().ask(&probe).is(200).json();
    let dearest = explained["record"]["candidates"][0]["dearest_usd"].as_str().unwrap();
    let millionths: u32 = dearest.strip_prefix("0.").unwrap()[..6].parse().unwrap();
    let tokens = 101 - millionths;
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|place| scope.spawn(move || ask(place, tokens).status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    let expected: Vec<u16> = [vec![200; 10], vec![402; 40]].concat();
    assert_eq!(statuses, expected, "{:?}", shell.kind);
    let verified = net::until(std::time::Duration::from_secs(20), "every hold of the crowd ends", || {
        let verified = shell.get(world::CROWD, "/api/billing/verify").is(200).json();
        (verified["open_holds"] == 0).then_some(verified)
    });
    assert_eq!(verified["ok"], true, "{verified}");
}
