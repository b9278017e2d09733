//! Every path, what it answers and what it says in its headers.

use crate::books::{adds_up, amount, pico};
use crate::net::{Reply, request};
use crate::process::Weir;
use crate::world::{INPUT_PICO, OUTPUT_PICO, World, body, with_trailer};
use serde_json::{Value, json};

/// On every answer, whatever it is.
fn common(reply: &Reply) {
    assert_eq!(reply.told("x-content-type-options"), "nosniff");
    assert_eq!(reply.told("x-frame-options"), "DENY");
    assert_eq!(reply.told("referrer-policy"), "no-referrer");
    assert_eq!(reply.told("cache-control"), "no-store");
    assert!(reply.header("strict-transport-security").is_none(), "there is no TLS here");
    assert!(!reply.told("x-request-id").is_empty());
    let timing = reply.told("server-timing");
    let parts: Vec<f64> = timing.split(", ").filter_map(|p| p.split_once(";dur=")?.1.parse().ok()).collect();
    assert!(
        timing.starts_with("weir;dur=") && timing.contains(", upstream;dur=") && parts.len() == 2,
        "{timing}"
    );
}

#[test]
fn every_path_answers_with_and_without_api() {
    let weir = Weir::alone();
    let chat =
        json!({"model": "auto:cheap", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5});
    let ask = json!({"prompt": "hi", "max_tokens": 5});
    let first = weir.post("/v1/chat/completions", &chat).is(200);
    let one = format!("/api/billing/usage/{}", first.told("x-request-id"));
    // Method, path, body, and fields that the answer has.
    let table: [(&str, &str, Value, &[&str]); 19] = [
        ("POST", "/v1/chat/completions", chat, &["id", "object", "created", "model", "choices", "usage"]),
        ("GET", "/v1/models", Value::Null, &["object", "data"]),
        ("GET", "/v1/models/auto:cheap", Value::Null, &["id", "object", "owned_by"]),
        (
            "GET",
            "/v1/models/lab-groq/openai/gpt-oss-lab",
            Value::Null,
            &["id", "context_window", "capabilities"],
        ),
        ("POST", "/api/si/ask", ask.clone(), &["id", "text", "finish_reason", "usage", "route", "cost"]),
        ("GET", "/api/ai/binding", Value::Null, &["ok", "providers", "policies"]),
        ("POST", "/api/ai/test", json!({}), &["id", "text", "usage", "route", "cost"]),
        ("POST", "/api/route/explain", ask, &["decision", "at", "record"]),
        ("GET", "/api/providers", Value::Null, &["providers"]),
        (
            "GET",
            "/api/credits",
            Value::Null,
            &["account", "balance_usd", "available_usd", "held_usd", "granted_usd"],
        ),
        ("GET", "/api/billing/usage", Value::Null, &["account", "events", "next_cursor"]),
        ("POST", "/api/billing/usage", json!({"limit": 1}), &["account", "events", "next_cursor"]),
        ("GET", &one, Value::Null, &["account", "request_id", "entries"]),
        ("GET", "/api/billing/verify", Value::Null, &["ok", "account", "entries", "open_holds", "head"]),
        ("GET", "/health", Value::Null, &["status"]),
        ("GET", "/ready", Value::Null, &["status"]),
        ("GET", "/openapi.json", Value::Null, &["openapi", "info", "paths"]),
        ("GET", "/metrics", Value::Null, &[]),
        ("GET", "/", Value::Null, &[]),
    ];
    for (method, path, body, fields) in table {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        for path in [Some(path), path.strip_prefix("/api")].into_iter().flatten() {
            let reply = weir.ask(method, path, &[], &body).is(200);
            common(&reply);
            let kind = reply.told("content-type");
            match path {
                "/" => assert!(kind.starts_with("text/html"), "{kind}"),
                "/metrics" => {
                    assert!(kind.starts_with("text/plain") || kind.contains("openmetrics"), "{kind}")
                }
                _ => {
                    assert_eq!(kind, "application/json", "{path}");
                    let said = reply.json();
                    for field in fields {
                        assert!(said.get(field).is_some(), "{path} has no {field}: {said}");
                    }
                }
            }
            // What can be got can be asked for its head alone, and everything says what it takes.
            if method == "GET" {
                let mut conn = weir.open();
                let head = conn.send(&request("HEAD", path, &[], b"")).head().unwrap();
                assert_eq!(head.status, 200, "HEAD {path}");
            }
            let options = weir.ask("OPTIONS", path, &[], "").is(204);
            assert!(options.told("allow").contains(method), "{path}: {}", options.told("allow"));
        }
    }
}

/// The lines of a settled request, priced here by hand.
fn by_hand(lines: &Value) -> i128 {
    let tokens = |usage: &Value, names: &[&str]| -> i128 {
        names.iter().map(|n| i128::from(usage[n].as_i64().unwrap_or(0))).sum()
    };
    let line = |l: &Value| {
        tokens(&l["usage"], &["input"]) * INPUT_PICO
            + tokens(&l["usage"], &["output", "reasoning"]) * OUTPUT_PICO
    };
    lines.as_array().unwrap().iter().map(line).sum()
}

#[test]
fn headers_of_an_answer_are_what_the_books_say() {
    let world = World::new(2);
    let mut paid = 0;
    for (path, body) in [
        ("/v1/chat/completions", body("Say something of some length about rivers.")),
        ("/api/si/ask", json!({"prompt": "And about lakes.", "max_tokens": 30})),
        ("/api/ai/test", json!({})),
    ] {
        let reply = world.weir.post(path, &body).is(200);
        assert_eq!(reply.told("x-provider"), "alpha");
        assert_eq!(reply.told("x-model"), "alpha-chat");
        assert_eq!(reply.told("x-route-attempts"), "1");
        assert!(reply.told("x-route-reason").contains("best utility"), "{}", reply.told("x-route-reason"));
        assert_eq!(reply.told("x-route-decision").len(), 16);

        let entry = world.weir.ended(reply.told("x-request-id"));
        let detail: Value = serde_json::from_str(entry["detail_text"].as_str().unwrap()).unwrap();
        let cost = pico(reply.told("x-cost-usd"));
        assert!(cost > 0);
        assert_eq!(cost, amount(&entry["amount_usd"]), "{path}");
        assert_eq!(cost, by_hand(&detail["lines"]), "{path}: {detail}");
        let used = &detail["lines"][0]["usage"];
        assert_eq!(reply.told("x-tokens-in"), used["input"].to_string());
        assert_eq!(reply.told("x-tokens-out"), used["output"].to_string());
        paid += cost;
        // One credit is a cent unless it is configured otherwise.
        assert_eq!(pico(reply.told("x-credits-used")) / 100, cost);
        assert_eq!(pico(reply.told("x-credits-balance")) / 100, -paid);
    }
    let events = world.weir.usage();
    assert_eq!(events.len(), 3);
    events.iter().for_each(adds_up);
    assert_eq!(events.iter().map(|e| amount(&e["cost_usd"])).sum::<i128>(), paid);
    let credits = world.weir.credits();
    assert_eq!((amount(&credits["spent_usd"]), amount(&credits["held_usd"])), (paid, 0));
    assert_eq!(world.weir.verify(), (6, 0), "a hold and a settlement for each");
}

#[test]
fn advice_names_what_would_have_been_cheaper() {
    // The built-in lab has dear good models and cheap ones that are nearly as good.
    let weir = Weir::alone();
    let body =
        json!({"model": "auto:best", "max_tokens": 30, "messages": [{"role": "user", "content": "Why?"}]});
    let reply = weir.post("/v1/chat/completions", &body).is(200);
    let cost = pico(reply.told("x-cost-usd"));
    let savings = pico(reply.told("x-advisor-savings-usd"));
    assert!(0 < savings && savings < cost, "{savings} of {cost}");
    let percent: i128 = reply.told("x-advisor-savings-pct").parse().unwrap();
    assert!((savings * 100 / cost - percent).abs() <= 1, "{savings} of {cost} is not {percent} %");
    assert!(percent >= 10, "below the threshold nothing is said");
    assert_ne!(
        reply.told("x-advisor-model"),
        format!("{}/{}", reply.told("x-provider"), reply.told("x-model"))
    );
    let quality: f64 = reply.told("x-advisor-quality-delta").parse().unwrap();
    assert!((-1.0..=1.0).contains(&quality));
    reply.told("x-advisor-latency-delta-ms").parse::<i64>().unwrap();
    let confidence: f64 = reply.told("x-advisor-confidence").parse().unwrap();
    assert!((0.0..=1.0).contains(&confidence));
    assert!(!reply.told("x-advisor-reason").is_empty());

    // Where there is nobody else there is nothing to advise.
    let reply = World::new(1).chat(&crate::world::body("Why?")).is(200);
    assert!(reply.header("x-advisor-model").is_none(), "{:?}", reply.headers);
}

#[test]
fn the_last_event_of_a_stream_says_what_the_headers_could_not() {
    let world = World::new(1);
    let reply = world.weir.open().ask(&with_trailer("Tell me of rivers.")).is(200);
    assert!(reply.told("content-type").starts_with("text/event-stream"));
    common(&reply);
    assert_eq!((reply.told("x-provider"), reply.told("x-route-attempts")), ("alpha", "1"));
    assert!(reply.header("x-cost-usd").is_none(), "nobody knows it yet");
    let frames = reply.frames();
    let (last, before) = frames.split_last().unwrap();
    assert_eq!(last.event.as_deref(), Some("weir"));
    assert_eq!(before.last().unwrap().data, "[DONE]");
    bill(&world, &reply, &last.json());

    // Whoever does not ask for it gets a plain stream of OpenAI's.
    let plain = world.chat(&crate::world::streamed("Again.")).is(200).frames();
    assert!(plain.iter().all(|f| f.event.is_none()));
    assert_eq!(plain.last().unwrap().data, "[DONE]");
    assert!(
        plain.iter().all(|f| f.data == "[DONE]" || f.json()["usage"].is_null()),
        "usage was not asked for"
    );

    // With `include_usage` it is in the last chunk, with no choices, as OpenAI has it.
    let mut asked = crate::world::streamed("Once more.");
    asked["stream_options"] = json!({"include_usage": true});
    let frames = world.chat(&asked).is(200).frames();
    let usage = frames[frames.len() - 2].json();
    assert!(
        usage["choices"].as_array().unwrap().is_empty() && usage["usage"]["total_tokens"].as_u64() > Some(0),
        "{usage}"
    );

    // SI always tells.
    let si =
        world.weir.post("/api/si/ask", &json!({"prompt": "hi", "stream": true, "max_tokens": 9})).is(200);
    let frames = si.frames();
    assert!(frames.iter().any(|f| f.event.as_deref() == Some("delta")));
    assert!(frames.iter().any(|f| f.event.as_deref() == Some("finish")));
    assert_eq!(frames.last().unwrap().event.as_deref(), Some("weir"));
    bill(&world, &si, &frames.last().unwrap().json());
}

/// The final event agrees with the ledger.
fn bill(world: &World, reply: &Reply, last: &Value) {
    assert_eq!(last["id"], reply.told("x-request-id"));
    let entry = world.weir.ended(reply.told("x-request-id"));
    let detail: Value = serde_json::from_str(entry["detail_text"].as_str().unwrap()).unwrap();
    assert_eq!(amount(&last["cost"]["usd"]), amount(&entry["amount_usd"]));
    assert_eq!(amount(&last["cost"]["usd"]), by_hand(&detail["lines"]));
    assert_eq!(last["usage"]["buckets"], detail["lines"][0]["usage"]);
    assert_eq!(last["route"]["provider"], "alpha");
    assert_eq!(last["route"]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(last["route"]["decision"], reply.told("x-route-decision"));
}

#[test]
fn the_books_outlive_the_process() {
    let mut world = World::new(2);
    let first = world.chat(&body("before")).is(200);
    let (before, entries) = (world.weir.usage(), world.weir.verify());
    world.weir.process.signal("TERM");
    assert!(world.weir.process.ends(std::time::Duration::from_secs(20)).success());
    assert_eq!(world.setup.verified()[0]["entries"], entries.0);

    world.weir = world.setup.start();
    assert_eq!(world.weir.usage(), before);
    assert_eq!(world.weir.verify(), entries);
    // An id that was used means that request for ever, after a restart too.
    let id = first.told("x-request-id").to_owned();
    let text = body("again").to_string();
    let conflict = world.weir.ask("POST", "/v1/chat/completions", &[("X-Request-Id", &id)], &text).is(409);
    assert_eq!(conflict.json()["error"]["code"], "request_id_conflict");
    world.chat(&body("after")).is(200);
    assert_eq!(world.weir.verify().0, entries.0 + 2);
}
