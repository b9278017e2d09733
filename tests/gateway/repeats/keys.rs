//! `Idempotency-Key`.

use super::*;
use crate::identity::House;
use crate::world::{body, streamed};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn of_fifty_at_once_with_one_key_one_is_generated() {
    let place = Place::slow("", Duration::from_millis(300));
    let bytes = request(
        "POST",
        "/v1/chat/completions",
        &[("Idempotency-Key", "order-7")],
        body("hi").to_string().as_bytes(),
    );
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(|| place.weir.open().ask(&bytes))).collect();
        asking.into_iter().map(|one| one.join().unwrap().is(200)).collect()
    });
    assert_eq!(place.upstream.calls(), 1);
    let first = replies.iter().find(|reply| !is_replay(reply)).expect("one is the first");
    assert_eq!(replies.iter().filter(|reply| is_replay(reply)).count(), 49);
    for reply in &replies {
        assert_eq!((&reply.body, lasting(reply)), (&first.body, lasting(first)));
    }
    place.books(1, "replay", 49);
    place.verifies();
    let figures = place.weir.get("/metrics").text();
    assert!(figures.contains("weir_replays_total 49"), "{figures}");
}

#[test]
fn every_protocol_is_told_the_same_bytes_again() {
    let place = Place::new("");
    let every = every_way();
    for (at, (path, body)) in every.iter().enumerate() {
        let headers = [("Idempotency-Key", &*format!("k{at}")), ("X-Weir-Trailer", "1"), ("TE", "trailers")];
        let ask = || {
            let mut conn = place.weir.open();
            conn.send(&request("POST", path, &headers, body.to_string().as_bytes()));
            let head = conn.head().unwrap();
            let mut chunks = Vec::new();
            if head.header("transfer-encoding").is_none() {
                chunks.push(conn.rest(head.told("content-length").parse().unwrap()));
                return (head, chunks, vec![]);
            }
            while let Some(chunk) = conn.chunk_before_trailers().unwrap() {
                chunks.push(chunk);
            }
            let trailers = conn.trailers().unwrap();
            (head, chunks, trailers)
        };
        let first = ask();
        assert_eq!(first.0.status, 200, "{path} {body}");
        let again =
            until(Duration::from_secs(5), "it is kept", || Some(ask()).filter(|(head, ..)| is_replay(head)));
        assert_eq!(lasting(&first.0), lasting(&again.0), "{path}");
        assert_eq!(first.1.concat(), again.1.concat(), "{path}: the body");
        assert_eq!(first.2, again.2, "{path}: what comes behind it");
        if first.1.len() > 1 {
            assert_eq!(first.1, again.1, "{path}: in the same pieces");
        }
        if body["stream"] == true {
            assert!(!first.2.is_empty() && first.2[0].0.starts_with("x-"), "{path}: {:?}", first.2);
        }
    }
    assert_eq!(place.upstream.calls(), every.len());
    place.weir.at_rest();
    assert_eq!(place.entries("settle").len(), every.len());
    place.verifies();
}

#[test]
fn the_same_key_is_for_the_same_request() {
    let place = Place::new("");
    let (key, chat) = (("Idempotency-Key", "k"), "/v1/chat/completions");
    let one = r#"{"model":"auto","messages":[{"role":"user","content":"é"}],"max_tokens":40}"#;
    place.weir.ask("POST", chat, &[key], one).is(200);
    let same = "{ \"max_tokens\" : 40,\n \"messages\":[{\"content\":\"\\u00e9\",\"role\":\"user\"}],\"model\":\"auto\"}";
    for headers in [&[key][..], &[key, ("X-Weir-Tags", "a=b")], &[key, ("X-Request-Id", "mine")]] {
        let reply = place.weir.ask("POST", chat, headers, same).is(200);
        assert!(is_replay(&reply));
    }
    for (path, headers, text) in [
        (chat, vec![key], one.replace('é', "e")),
        (chat, vec![key], one.replace("40", "41")),
        (chat, vec![key, ("X-Weir-Seed", "1")], one.to_owned()),
        (chat, vec![key, ("X-Weir-Policy", "cheap")], one.to_owned()),
        (chat, vec![key, ("X-Weir-Trailer", "1")], one.to_owned()),
        ("/v1/messages", vec![key], one.to_owned()),
    ] {
        let reply = place.weir.ask("POST", path, &headers, &text).is(409);
        assert!(reply.text().contains("used before for another request"), "{}", reply.text());
        assert_eq!(reply.told("x-should-retry"), "false");
        if path == chat {
            assert_eq!(reply.json()["error"]["code"], "idempotency_conflict");
        }
    }
    assert_eq!(place.upstream.calls(), 1);
    place.books(1, "replay", 3);
}

#[test]
fn a_key_that_is_none_is_refused() {
    let place = Place::new("");
    for key in ["", " ", "a b", "é", &"x".repeat(256)] {
        let reply = place.keyed(key, &body("hi")).is(400);
        let said = reply.json();
        assert_eq!(said["error"]["param"], "idempotency-key", "{said}");
        assert!(said["error"]["message"].as_str().unwrap().contains("1 to 255"), "{said}");
    }
    place.chat(&[("Idempotency-Key", "a"), ("Idempotency-Key", "b")], &body("hi")).is(400);
    place.keyed(&"x".repeat(255), &body("hi")).is(200);
    assert_eq!(place.upstream.calls(), 1);
}

#[test]
fn what_failed_was_cut_or_left_runs_anew() {
    let turn = AtomicUsize::new(0);
    let upstream = Upstream::start(move |mut call| match turn.fetch_add(1, Ordering::SeqCst) {
        // Refused by the provider.
        0 => call.whole("400 Bad Request", r#"{"error":{"message":"no","type":"invalid_request_error"}}"#),
        // A stream that is cut.
        1 => {
            call.begins();
            call.says(&delta("hel"));
            false
        }
        // One whose client does not wait for its end.
        2 => {
            let _ = call.begins() && call.says(&delta("hel"));
            std::thread::sleep(Duration::from_millis(300));
            call.says(&delta("lo")) && call.ends()
        }
        _ => answers(call, Duration::ZERO),
    });
    let place = Place::before(upstream, "");
    assert_eq!(place.keyed("k", &streamed("hi")).is(400).json()["error"]["message"], "no");
    let cut = place.keyed("k", &streamed("hi")).is(200).text();
    assert!(cut.contains("stream_broken") && !cut.contains("[DONE]"), "{cut}");
    let bytes = request(
        "POST",
        "/v1/chat/completions",
        &[("Idempotency-Key", "k")],
        streamed("hi").to_string().as_bytes(),
    );
    let mut leaving = place.weir.open();
    leaving.send(&bytes);
    leaving.head().unwrap();
    drop(leaving);
    let whole = place.keyed("k", &streamed("hi")).is(200);
    assert!(!is_replay(&whole) && whole.text().contains("[DONE]"), "{}", whole.text());
    let again = until(Duration::from_secs(5), "it is kept", || {
        Some(place.keyed("k", &streamed("hi")).is(200)).filter(is_replay)
    });
    assert_eq!(again.body, whole.body);
    assert_eq!(place.upstream.calls(), 4);
    place.weir.at_rest();
    place.verifies();
}

#[test]
fn who_waits_too_long_for_the_first_is_told_when_to_come_again() {
    let upstream = Upstream::start(|mut call| {
        if !call.begins() || !call.says(&delta("hel")) {
            return false;
        }
        std::thread::sleep(Duration::from_secs(3));
        [FINISH, USAGE, "[DONE]"].iter().all(|json| call.says(json)) && call.ends()
    });
    let place = Place::before(upstream, "[bounds]\ndeadline_ms = 1000");
    let bytes = request(
        "POST",
        "/v1/chat/completions",
        &[("Idempotency-Key", "k")],
        streamed("hi").to_string().as_bytes(),
    );
    let mut first = place.weir.open();
    first.send(&bytes);
    assert_eq!(first.head().unwrap().status, 200);
    let late = place.weir.open().ask(&bytes).is(409);
    assert_eq!(late.json()["error"]["code"], "idempotency_in_flight");
    assert_eq!((late.told("retry-after"), late.header("x-should-retry")), ("5", None));
    // Another request under the key needs not wait to be told that it is another.
    assert_eq!(place.keyed("k", &body("ho")).is(409).json()["error"]["code"], "idempotency_conflict");
    while first.chunk().unwrap().is_some() {}
    until(Duration::from_secs(5), "it is kept", || {
        Some(place.weir.open().ask(&bytes).is(200)).filter(is_replay)
    });
    assert_eq!(place.upstream.calls(), 1);
    place.books(1, "replay", 1);
}

#[test]
fn an_answer_outlives_the_process_that_gave_it() {
    let mut place = Place::new("");
    let whole = place.keyed("whole", &body("hi")).is(200);
    let stream = place.keyed("stream", &streamed("hi")).is(200);
    until(Duration::from_secs(5), "it is kept", || {
        Some(place.keyed("stream", &streamed("hi"))).filter(is_replay)
    });
    for crash in [true, false] {
        // What happened in the last moment before a crash may be missing in the books: it costs nothing.
        place.weir.at_rest();
        if crash {
            place.weir.process.kill();
        } else {
            place.weir.process.signal("TERM");
            assert!(place.weir.process.ends(Duration::from_secs(30)).success());
        }
        place.weir = place.setup.start();
        for (key, body, first) in [("whole", body("hi"), &whole), ("stream", streamed("hi"), &stream)] {
            let again = place.keyed(key, &body).is(200);
            assert!(is_replay(&again), "{key}");
            assert_eq!((&again.body, lasting(&again)), (&first.body, lasting(first)));
        }
        assert_eq!(place.keyed("whole", &body("ho")).is(409).json()["error"]["code"], "idempotency_conflict");
    }
    assert_eq!(place.upstream.calls(), 2);
    place.books(2, "replay", 5);
    place.verifies();
}

#[test]
fn an_answer_is_kept_for_its_time_and_within_its_room() {
    let place = Place::new("[service.idempotency]\nttl_s = 2\nentry_max = 15000\ntotal_max = 35000");
    let ask = |key: &str, prompt: &str| is_replay(&place.keyed(key, &body(prompt)).is(200));
    assert_eq!([ask("a", "hi"), ask("a", "hi")], [false, true]);
    std::thread::sleep(Duration::from_millis(2_100));
    assert!(!ask("a", "hi"), "its time is over");
    assert_eq!([ask("large", "large"), ask("large", "large")], [false, false], "it is too large to be kept");
    for key in ["b", "c", "d", "e"] {
        assert!(!ask(key, "medium"), "{key}");
    }
    assert_eq!([ask("d", "medium"), ask("b", "medium")], [true, false], "the oldest made room");
    place.weir.at_rest();
    place.verifies();

    let off = Place::new("[service.idempotency]\nttl_s = 0");
    for _ in 0..2 {
        assert!(!is_replay(&off.keyed("a", &body("hi")).is(200)));
    }
    assert_eq!(off.upstream.calls(), 2);
}

#[test]
fn a_replay_takes_its_place_among_requests() {
    let place = Place::new("[plans.test]\nlimits.requests_per_hour = 3\n[accounts.local]\nplan = \"test\"");
    let left = |reply: &Reply| reply.told("x-limit-remaining").to_owned();
    let first = place.keyed("a", &body("hi")).is(200);
    let again = [(); 2].map(|()| place.keyed("a", &body("hi")).is(200));
    assert!(again.iter().all(is_replay));
    assert_eq!([left(&first), left(&again[0]), left(&again[1])], ["2", "1", "0"]);
    let names = |reply: &Reply| reply.headers.iter().filter(|(name, _)| name.starts_with("x-limit-")).count();
    assert_eq!(names(&first), names(&again[0]), "each is told once");
    place.keyed("a", &body("hi")).is(429);
    place.books(1, "replay", 2);
}

/// A key is its caller's: nobody else can find out that it was used, let alone what for.
#[test]
fn a_key_of_another_tenant_is_another_key() {
    let house = House::new("[accounts.red]\ncredit_usd = \"1\"\n[accounts.blue]\ncredit_usd = \"1\"");
    let key = |account: &str| house.key(account)["key"].as_str().unwrap().to_owned();
    let (red, other_red, blue) = (key("red"), key("red"), key("blue"));
    let ask = |bearer: &str, path: &str, body: &Value| {
        let headers = [
            ("Authorization", &*format!("Bearer {bearer}")),
            ("Idempotency-Key", "a-key-that-can-be-guessed"),
        ];
        house.weir.ask("POST", path, &headers, &body.to_string())
    };
    let chat = "/v1/chat/completions";
    let secret = body("a secret of red's");
    let first = ask(&red, chat, &secret).is(200);
    // The same request of another tenant is answered for that tenant, and another request is no conflict.
    let foreign = ask(&blue, chat, &secret).is(200);
    assert!(!is_replay(&foreign));
    assert_ne!(foreign.told("x-request-id"), first.told("x-request-id"));
    let again = ask(&blue, chat, &secret).is(200);
    assert_eq!(again.told("x-request-id"), foreign.told("x-request-id"));
    assert_eq!(ask(&blue, chat, &body("else")).is(409).json()["error"]["code"], "idempotency_conflict");
    // Saying that one is red changes nothing for a key of blue's.
    for path in ["/v1/chat/completions?account=red", "/v1/chat/completions?email=red"] {
        let reply = ask(&blue, path, &secret);
        assert_ne!(reply.header("x-request-id"), Some(first.told("x-request-id")), "{path}");
    }
    // Another key of the same account is the same caller, and so is the key that replaces it.
    let same = ask(&other_red, chat, &secret).is(200);
    assert!(is_replay(&same));
    assert_eq!(same.told("x-request-id"), first.told("x-request-id"));
    // The operator's key is in the account of nobody else.
    let operator = ask("the operator's key, made up for tests", chat, &secret);
    assert_ne!(operator.header("x-request-id"), Some(first.told("x-request-id")));
    for account in ["red", "blue"] {
        let entries = house.operator("GET", &format!("/api/billing/ledger?account={account}"), &Value::Null);
        let all = entries.is(200).json()["entries"].as_array().unwrap().clone();
        let count = |kind: &str| all.iter().filter(|entry| entry["kind"] == kind).count();
        assert_eq!((count("settle"), count("hit")), (1, 0), "{account}: {all:?}");
        assert!(count("replay") >= 1, "{account}: {all:?}");
    }
}
