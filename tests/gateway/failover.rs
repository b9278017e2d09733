//! When a provider fails before its first content: who is asked next, who is left alone for a while, what the client
//! is told, and how many calls all that may take.

use crate::books::amount;
use crate::net::{Reply, request, until};
use crate::process::{Lab, Setup};
use crate::upstream::{Upstream, WHOLE};
use crate::world::{body, own, scenario, streamed, weir_of, with_trailer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The lines of the attempts that an answer tells of: provider and outcome.
pub fn attempts(reply: &Reply) -> Vec<(String, String)> {
    let said = match reply.header("content-type") {
        Some(kind) if kind.starts_with("text/event-stream") => reply.frames().last().unwrap().json(),
        _ => reply.json(),
    };
    let list = match said.get("route") {
        Some(route) => route["attempts"].clone(),
        None => said["error"]["attempts"].clone(),
    };
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    list.as_array().into_iter().flatten().map(|a| (text(&a["provider"]), text(&a["outcome"]))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn headers_name_the_one_that_really_served() {
    // The primary's connection is refused, for real: nobody listens there.
    let beta = Upstream::start(|call| call.whole("200 OK", WHOLE));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let weir = own(&[("alpha", nobody), ("beta", beta.address)], "").start();
    for (path, body) in [("/v1/chat/completions", body("hi")), ("/api/si/ask", json!({"prompt": "hi"}))] {
        let reply = weir.post(path, &body).is(200);
        assert_eq!((reply.told("x-provider"), reply.told("x-model")), ("beta", "beta-chat"));
        assert_eq!(reply.told("x-route-attempts"), "2");
        assert_eq!(reply.told("x-route-reason"), "fallback after down");
        let entry = weir.ended(reply.told("x-request-id"));
        let lines: Value = serde_json::from_str(entry["detail_text"].as_str().unwrap()).unwrap();
        let line = |n: usize, field: &str| lines["lines"][n][field].as_str().unwrap().to_owned();
        assert_eq!((line(0, "provider"), line(0, "outcome")), ("alpha".into(), "down".into()));
        assert_eq!((line(1, "provider"), line(1, "outcome")), ("beta".into(), "ok".into()));
        assert_eq!(amount(&lines["lines"][0]["amount"]), 0, "a refused connection costs nothing");
    }
    let stream = weir.open().ask(&with_trailer("hi")).is(200);
    assert_eq!((stream.told("x-provider"), stream.told("x-model")), ("beta", "beta-chat"));
    assert_eq!(attempts(&stream), pairs(&[("alpha", "down"), ("beta", "ok")]));
}

#[test]
fn a_429_is_left_alone_until_its_retry_after() {
    let alpha = Upstream::start(|call| {
        if call.number > 1 {
            return call.whole("200 OK", WHOLE);
        }
        let error = r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#;
        call.whole("429 Too Many Requests\r\nretry-after: 2", error)
    });
    let beta = Upstream::start(|call| call.whole("200 OK", WHOLE));
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    let began = Instant::now();
    let first = weir.post("/v1/chat/completions", &body("hi")).is(200);
    assert_eq!((first.told("x-provider"), first.told("x-route-attempts")), ("beta", "2"));
    assert_eq!(first.told("x-route-reason"), "fallback after busy");
    let benched = weir.get("/api/providers").json()["providers"][0]["models"][0]["state"].clone();
    assert_eq!(benched, "open", "it is shown as resting");
    let back = until(Duration::from_secs(10), "alpha is asked again", || {
        let reply = weir.post("/v1/chat/completions", &body("hi")).is(200);
        if reply.told("x-provider") == "beta" {
            assert_eq!(
                (reply.told("x-route-attempts"), alpha.calls()),
                ("1", 1),
                "alpha was asked while it rests"
            );
            return None;
        }
        Some(reply)
    });
    assert!(began.elapsed() >= Duration::from_millis(1_900), "after {:?}", began.elapsed());
    assert_eq!((back.told("x-provider"), alpha.calls()), ("alpha", 2));
}

#[test]
fn a_401_rests_that_credential_and_no_other() {
    let lab = Lab::start(&scenario(2, &[]));
    let mut setup = Setup::new();
    let names = [("alpha", "0.95"), ("beta", "0.75")];
    let file = setup.dir.write("catalogue.json", &crate::world::catalogue(&names));
    let at = |name: &str| format!("http://{}/{name}/v1", lab.address);
    let text = format!(
        "catalogue = {file:?}\n{}{}",
        crate::world::provider("alpha", &at("alpha"), &["BAD_KEY", "GOOD_KEY"]),
        crate::world::provider("beta", &at("beta"), &["BETA_KEY"])
    );
    setup = setup
        .variable("BAD_KEY", "sk-revoked")
        .variable("GOOD_KEY", "alpha-two")
        .variable("BETA_KEY", "beta-one");
    let weir = setup.config(&text).start();
    let mut refused = 0;
    for _ in 0..5 {
        let reply = weir.post("/api/si/ask", &json!({"prompt": "hi", "max_tokens": 3})).is(200);
        assert_eq!(reply.told("x-provider"), "alpha", "its other key is good");
        refused += attempts(&reply).iter().filter(|(_, outcome)| outcome == "denied").count();
    }
    assert!(refused <= 1, "the revoked key was tried {refused} times");
    if refused == 1 {
        let alpha = weir.get("/api/providers").json()["providers"][0].clone();
        assert_eq!(alpha["name"], "alpha");
        let state =
            |n: usize| (alpha["credentials"][n]["name"].clone(), alpha["credentials"][n]["state"].clone());
        assert_eq!(state(0), (json!("BAD_KEY"), json!("open")));
        assert_eq!(state(1), (json!("GOOD_KEY"), json!("closed")));
        assert_eq!(alpha["models"][0]["state"], "closed", "the model did nothing wrong");
    }
    assert!(!weir.process.said().contains("sk-revoked"), "a key is never said");
    assert!(!weir.get("/api/providers").text().contains("sk-revoked"));
}

#[test]
fn all_down_is_told_line_by_line_and_then_that_they_rest() {
    let down = r#"{"error":{"message":"the disk is full","type":"server_error"}}"#;
    let start = || Upstream::start(move |call| call.whole("500 Internal Server Error", down));
    let (alpha, beta) = (start(), start());
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    let first = weir.post("/v1/chat/completions", &body("hi")).is(502);
    let error = first.json()["error"].clone();
    assert_eq!((&error["code"], &error["type"]), (&json!("all_attempts_failed"), &json!("server_error")));
    let told = attempts(&first);
    assert_eq!(told.len(), alpha.calls() + beta.calls(), "one line for each call: {told:?}");
    assert!(told.iter().any(|(p, _)| p == "alpha") && told.iter().any(|(p, _)| p == "beta"), "{told:?}");
    let message = error["message"].as_str().unwrap();
    assert_eq!(message.matches("the disk is full").count(), told.len(), "{message}");

    let resting = until(Duration::from_secs(20), "the breakers open", || {
        let (before, reply) = (alpha.calls() + beta.calls(), weir.post("/v1/chat/completions", &body("hi")));
        assert!(alpha.calls() + beta.calls() - before <= 4, "more than four calls for one request");
        (reply.status == 503).then_some(reply)
    });
    assert_eq!(resting.json()["error"]["code"], "all_providers_resting");
    let seconds: u64 = resting.told("retry-after").parse().unwrap();
    assert!((1..=400).contains(&seconds), "{seconds}");
    let before = alpha.calls() + beta.calls();
    weir.post("/v1/chat/completions", &body("hi")).is(503);
    assert_eq!(alpha.calls() + beta.calls(), before, "nobody is asked while all rest");
    let (_, open) = weir.at_rest();
    assert_eq!((open, amount(&weir.credits()["spent_usd"])), (0, 0), "nothing was billed");
}

#[test]
fn no_request_makes_more_than_four_calls() {
    // The ways to fail that are tried again, each everywhere at once, streamed and not.
    let faults: [(&str, &str, &str); 4] = [
        ("500 Internal Server Error", "application/json", r#"{"error":{"message":"no"}}"#),
        ("502 Bad Gateway", "text/html", "<html>bad gateway</html>"),
        ("200 OK", "application/json", "{not json"),
        ("200 OK", "application/json", r#"{"choices":[]}"#),
    ];
    for (status, _, text) in faults {
        let calls = Arc::new(AtomicUsize::new(0));
        let start = || {
            let calls = calls.clone();
            Upstream::start(move |call| {
                calls.fetch_add(1, Ordering::SeqCst);
                call.whole(status, text)
            })
        };
        let all = [start(), start(), start(), start()];
        for count in [1, 2, 4] {
            let names = ["alpha", "beta", "gamma", "delta"];
            let list: Vec<_> = names.into_iter().zip(&all).take(count).map(|(n, u)| (n, u.address)).collect();
            let weir = own(&list, "").start();
            for body in [body("hi"), streamed("hi")] {
                let before = calls.load(Ordering::SeqCst);
                let reply = weir.post("/v1/chat/completions", &body);
                let made = calls.load(Ordering::SeqCst) - before;
                assert!((1..=4).contains(&made), "{count} providers, {status}: {made} calls");
                assert_eq!(reply.status, 502, "{count} providers, {status}: {}", reply.text());
                assert_eq!(attempts(&reply).len(), made, "{}", reply.text());
            }
        }
    }
}

#[test]
fn a_provider_that_comes_back_is_found_again() {
    let well = Arc::new(AtomicUsize::new(0));
    let now = well.clone();
    let alpha = Upstream::start(move |call| match now.load(Ordering::SeqCst) {
        0 => call.whole("503 Service Unavailable", r#"{"error":{"message":"down"}}"#),
        _ => call.whole("200 OK", WHOLE),
    });
    let beta = Upstream::start(|call| call.whole("200 OK", WHOLE));
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    let ask = || weir.post("/v1/chat/completions", &body("hi")).is(200);
    until(Duration::from_secs(10), "alpha's breaker opens", || {
        (ask().told("x-route-attempts") == "1").then_some(())
    });
    well.store(1, Ordering::SeqCst);
    until(Duration::from_secs(20), "alpha serves again", || {
        (ask().told("x-provider") == "alpha").then_some(())
    });
}

#[test]
fn parallel_calls_of_tools_keep_their_places() {
    let weir = crate::process::Weir::alone();
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})
    };
    let prompt = "Weather in two cities, please. [[lab: calls=2]]";
    let mut spoke = 0;
    for model in [
        "lab-openai/gpt-lab-mini",
        "lab-anthropic/claude-lab",
        "lab-gemini/gemini-lab-flash",
        "lab-groq/openai/gpt-oss-lab",
    ] {
        let body = json!({"model": model, "stream": true, "parallel_tool_calls": true,
            "tools": [tool("weather"), tool("time")], "messages": [{"role": "user", "content": prompt}]});
        let reply = weir.post("/v1/chat/completions", &body).is(200);
        let mut calls: std::collections::BTreeMap<u64, (String, String, String)> = Default::default();
        for frame in reply.frames().iter().filter(|f| f.data != "[DONE]") {
            for call in frame.json()["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let place = call["index"].as_u64().unwrap_or_else(|| panic!("{model}: no index in {call}"));
                let entry = calls.entry(place).or_default();
                entry.0.push_str(call["id"].as_str().unwrap_or_default());
                entry.1.push_str(call["function"]["name"].as_str().unwrap_or_default());
                entry.2.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
        }
        assert_eq!(calls.keys().copied().collect::<Vec<_>>(), [0, 1], "{model}: {calls:?}");
        for (id, name, arguments) in calls.values() {
            assert!(!id.is_empty() && ["weather", "time"].contains(&name.as_str()), "{model}: {calls:?}");
            serde_json::from_str::<Value>(arguments).unwrap_or_else(|e| panic!("{model}: {e}: {arguments}"));
        }
        assert_ne!(calls[&0].0, calls[&1].0, "{model}: two calls with one id");
        spoke += 1;
    }
    assert_eq!(spoke, 4);
}

#[test]
fn an_overflow_goes_to_nobody_smaller_and_is_the_clients_to_know() {
    let lab = Lab::start(&scenario(2, &[]));
    let weir = weir_of(&lab, 2, "").start();
    let reply = weir.post("/v1/chat/completions", &body("x [[lab: fault=context_overflow]]")).is(400);
    assert_eq!(reply.json()["error"]["code"], "context_length_exceeded");
    let again = weir.ask("POST", "/v1/chat/completions", &[], &body("short").to_string()).is(200);
    assert_eq!(
        (again.told("x-provider"), again.told("x-route-attempts")),
        ("alpha", "1"),
        "nobody is blamed"
    );
    let bytes =
        request("POST", "/v1/chat/completions", &[], body(&"word ".repeat(120_000)).to_string().as_bytes());
    let long = weir.open().ask(&bytes).is(422);
    assert!(long.json()["error"]["message"].as_str().unwrap().contains("context"), "{}", long.text());
}
