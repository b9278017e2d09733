//! Failures of systems in use, each by the number of its public issue: the rules of routing come from them, and each has
//! a test here that fails where its rule is broken.
//!
//! Two more are about speech and belong with it: BerriAI/litellm 33974 (speech fully buffered) and pipecat-ai/pipecat 5026
//! (a provider that accepts and sends no audio).

use crate::failover::attempts;
use crate::net::{Conn, Frame, Reply, request, until};
use crate::process::Weir;
use crate::upstream::{Call, FINISH, USAGE, Upstream, WHOLE, delta};
use crate::world::{body, own, streamed, with_trailer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const DOWN: &str = r#"{"error":{"message":"the disk is full","type":"server_error"}}"#;
/// What comes before any content.
const ROLE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;

fn fails(call: Call<'_>) -> bool {
    call.whole("500 Internal Server Error", DOWN)
}

/// Answers well, streamed if it was asked to.
fn speaks(mut call: Call<'_>) -> bool {
    if !call.body.contains("\"stream\":true") {
        return call.whole("200 OK", WHOLE);
    }
    call.begins()
        && [ROLE, &delta("hello "), &delta("there"), FINISH, USAGE, "[DONE]"].iter().all(|one| call.says(one))
        && call.ends()
}

fn text(frames: &[Frame]) -> String {
    let content = |f: &Frame| f.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    frames.iter().filter(|f| f.data.starts_with('{')).filter_map(content).collect()
}

fn state(weir: &Weir) -> Value {
    weir.get("/api/providers").json()["providers"][0]["models"][0]["state"].clone()
}

#[test]
fn litellm_40404_fallback_is_asked_after_a_cut_stall_or_bad_chunk() {
    for trouble in ["cut", "stall", "bad chunk", "error chunk", "empty", "nothing but an end"] {
        let alpha = Upstream::start(move |mut call| {
            call.begins();
            call.says(ROLE);
            match trouble {
                "stall" => std::thread::sleep(Duration::from_secs(5)),
                "bad chunk" => drop(call.says("{\"choices\":[{\"delta\":{\"con")),
                "error chunk" => drop(call.says(DOWN)),
                "empty" => return call.says(FINISH) && call.says("[DONE]") && call.ends(),
                "nothing but an end" => return call.ends(),
                _ => {}
            }
            false
        });
        let beta = Upstream::start(speaks);
        let bounds = "[bounds]\nfirst_content_ms = 600\nidle_ms = 600\n";
        let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], bounds).start();
        let reply = weir.open().ask(&with_trailer("hi")).is(200);
        assert_eq!(reply.told("x-provider"), "beta", "{trouble}");
        let frames = reply.frames();
        assert_eq!(text(&frames), "hello there", "{trouble}");
        assert!(frames.iter().any(|f| f.data == "[DONE]"), "{trouble}: {}", reply.text());
        let told = attempts(&reply);
        assert_eq!((told[0].0.as_str(), told[1].0.as_str(), told.len()), ("alpha", "beta", 2), "{told:?}");
        assert_eq!((alpha.calls(), beta.calls()), (1, 1), "{trouble}");
    }
}

#[test]
fn portkey_1797_a_cut_stream_never_ends_as_a_clean_200() {
    // In every protocol: what its clients take for a whole answer is not there, and what they take for an error is.
    let end = ["[DONE]", "message_stop", "\"finishReason\":\"STOP\"", "event: weir"];
    for path in ["/v1/chat/completions", "/v1/messages", "/v1beta/models/auto:streamGenerateContent?alt=sse"]
    {
        for closes in [false, true] {
            let alpha = Upstream::start(move |mut call| {
                let _ = call.begins() && call.says(ROLE) && call.says(&delta("hello "));
                // One is cut off in the middle of the framing; the other closes as if all were well.
                closes && call.ends()
            });
            let weir = own(&[("alpha", alpha.address)], "").start();
            let mut ask = streamed("hi");
            ask["contents"] = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
            if path.contains("Generate") {
                ask = json!({"contents": ask["contents"]});
            } else {
                ask.as_object_mut().unwrap().remove("contents");
            }
            let reply = weir.post(path, &ask).is(200);
            let said = reply.text();
            assert!(said.contains("hello"), "{path}: {said}");
            assert!(end.iter().all(|mark| !said.contains(mark)), "{path} ended as if it were whole: {said}");
            let last = reply.frames().last().unwrap().json();
            assert!(last["error"].is_object() && said.contains("stream_broken"), "{path}: {said}");
            let line = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0].clone();
            assert_ne!(line["outcome"], "ok", "{path}: {line}");
        }
    }
}

#[test]
fn litellm_25285_retries_and_fallbacks_share_one_budget_of_four_calls() {
    let calls = Arc::new(AtomicUsize::new(0));
    let start = || {
        let calls = calls.clone();
        Upstream::start(move |call| {
            calls.fetch_add(1, Ordering::SeqCst);
            fails(call)
        })
    };
    let all = [start(), start(), start(), start()];
    let names = ["alpha", "beta", "gamma", "delta"];
    let list: Vec<_> = names.into_iter().zip(&all).map(|(n, u)| (n, u.address)).collect();
    for (count, ask) in [(4, body("hi")), (4, streamed("hi")), (1, body("hi")), (1, streamed("hi"))] {
        // A weir of its own for each, to which nobody is known to be ill.
        let weir = own(&list[..count], "").start();
        let before = calls.load(Ordering::SeqCst);
        let reply = weir.post("/v1/chat/completions", &ask).is(502);
        let made = calls.load(Ordering::SeqCst) - before;
        assert!((2..=4).contains(&made), "{made} calls for one request");
        assert_eq!(attempts(&reply).len(), made, "each call has its line: {}", reply.text());
    }
}

#[test]
fn litellm_40130_a_shorter_cooldown_never_overwrites_a_longer_one() {
    // Two requests are under way at once. The first is told to wait for three seconds, then the second for one.
    let (both, told_long) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (arrived, long) = (both.clone(), told_long.clone());
    let alpha = Upstream::start(move |call| {
        let number = arrived.fetch_add(1, Ordering::SeqCst) + 1;
        if number > 2 {
            return call.whole("200 OK", WHOLE);
        }
        let busy = |after: u32| format!("429 Too Many Requests\r\nretry-after: {after}");
        if number == 1 {
            until(Duration::from_secs(20), "both are there", || {
                (arrived.load(Ordering::SeqCst) >= 2).then_some(())
            });
            let sent = call.whole(&busy(3), DOWN);
            // Its word has to be heard before the other's.
            std::thread::sleep(Duration::from_millis(150));
            long.store(true, Ordering::SeqCst);
            return sent;
        }
        until(Duration::from_secs(20), "the first was told", || long.load(Ordering::SeqCst).then_some(()));
        call.whole(&busy(1), DOWN)
    });
    let beta = Upstream::start(speaks);
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let reply = weir.post("/v1/chat/completions", &body("hi")).is(200);
                assert_eq!((reply.told("x-provider"), reply.told("x-route-attempts")), ("beta", "2"));
            });
        }
    });
    assert!(told_long.load(Ordering::SeqCst));
    let told = Instant::now();
    until(Duration::from_secs(20), "alpha is asked again", || {
        let reply = weir.post("/v1/chat/completions", &body("hi")).is(200);
        (reply.told("x-provider") == "alpha").then_some(())
    });
    let rested = told.elapsed();
    assert!(rested > Duration::from_millis(2_300), "asked again after {rested:?}: one second won over three");
}

#[test]
fn litellm_34836_straight_500s_are_left_alone() {
    let alpha = Upstream::start(fails);
    let beta = Upstream::start(speaks);
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    for _ in 0..25 {
        assert_eq!(weir.post("/v1/chat/completions", &body("hi")).is(200).told("x-provider"), "beta");
    }
    assert!(alpha.calls() <= 8, "{} of 25 requests were tried on one that always fails", alpha.calls());
    assert_eq!(state(&weir), "open");
}

#[test]
fn litellm_17418_one_failure_of_one_request_does_not_trip() {
    let alpha = Upstream::start(|call| if call.number == 1 { fails(call) } else { speaks(call) });
    let beta = Upstream::start(speaks);
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    let first = weir.post("/v1/chat/completions", &body("hi")).is(200);
    assert_eq!((first.told("x-provider"), alpha.calls()), ("beta", 1));
    assert_eq!(state(&weir), "closed", "one of one is no failure rate");
    // It may rank lower for a while; among enough requests at once it is still asked, and nothing forbids it.
    let asked = weir.ask(
        "POST",
        "/v1/chat/completions",
        &[],
        &json!({"model": "alpha/alpha-chat", "messages": [{"role": "user", "content": "hi"}]}).to_string(),
    );
    assert_eq!((asked.is(200).told("x-provider"), alpha.calls()), ("alpha", 2));
}

#[test]
fn new_api_5420_when_all_rest_one_probe_finds_out_who_is_well() {
    let (well, inside, most) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (is_well, now_inside, at_most) = (well.clone(), inside.clone(), most.clone());
    let alpha = Upstream::start(move |call| {
        if !is_well.load(Ordering::SeqCst) {
            return fails(call);
        }
        at_most.fetch_max(now_inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(400));
        now_inside.fetch_sub(1, Ordering::SeqCst);
        speaks(call)
    });
    let weir = own(&[("alpha", alpha.address)], "").start();
    let ask = || weir.post("/v1/chat/completions", &body("hi"));
    let resting = until(Duration::from_secs(20), "it rests", || Some(ask()).filter(|r| r.status == 503));
    let seconds: u64 = resting.told("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    well.store(true, Ordering::SeqCst);
    // Eight at once, again and again, until somebody is let through: exactly one while it is not known how it is.
    until(Duration::from_secs(90), "a probe", || {
        let replies: Vec<u16> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ask().status)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let served = replies.iter().filter(|s| **s == 200).count();
        assert!(replies.iter().all(|s| [200, 503].contains(s)), "{replies:?}");
        (served > 0).then(|| assert_eq!((served, most.load(Ordering::SeqCst)), (1, 1), "{replies:?}"))
    });
    until(Duration::from_secs(20), "all are served again", || (ask().status == 200).then_some(()));
}

#[test]
fn new_api_2899_no_channel_is_retried_without_end() {
    // One provider, nobody beside it, every way to fail that may be tried again.
    let ways: [fn(Call<'_>) -> bool; 6] = [
        fails,
        |call| call.whole("429 Too Many Requests", DOWN),
        |call| call.whole("429 Too Many Requests\r\nretry-after: 0", DOWN),
        |call| call.whole("200 OK", "{not json"),
        |call| call.whole("200 OK", ""),
        |_| false,
    ];
    for (at, way) in ways.into_iter().enumerate() {
        for ask in [body("hi"), streamed("hi")] {
            let alpha = Upstream::start(way);
            let weir = own(&[("alpha", alpha.address)], "").start();
            let began = Instant::now();
            let reply = weir.post("/v1/chat/completions", &ask);
            assert!(reply.status >= 429, "way {at}: {}", reply.text());
            assert!((1..=4).contains(&alpha.calls()), "way {at}: {} calls", alpha.calls());
            assert!(began.elapsed() < Duration::from_secs(20), "way {at}: {:?}", began.elapsed());
        }
    }
}

/// The calls of tools of a streamed chat: by index, id, name and arguments.
fn called(reply: &Reply) -> BTreeMap<u64, (String, String, String)> {
    let mut calls: BTreeMap<u64, (String, String, String)> = BTreeMap::new();
    for frame in reply.frames().iter().filter(|f| f.data.starts_with('{')) {
        for call in frame.json()["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let call_of = calls.entry(call["index"].as_u64().expect("a call has an index")).or_default();
            let add = |to: &mut String, at: &str| {
                to.push_str(call.pointer(at).and_then(Value::as_str).unwrap_or_default())
            };
            add(&mut call_of.0, "/id");
            add(&mut call_of.1, "/function/name");
            add(&mut call_of.2, "/function/arguments");
        }
    }
    calls
}

#[test]
fn bifrost_1961_parallel_tool_calls_have_an_index_each() {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})
    };
    for model in [
        "lab-openai/gpt-lab-mini",
        "lab-responses/gpt-lab-items",
        "lab-gemini/gemini-lab-flash",
        "lab-anthropic/claude-lab",
        "lab-groq/openai/gpt-oss-lab",
    ] {
        // Three calls of two tools, so that one name comes twice and only index and id tell the calls apart.
        for oddity in ["", "fault=odd_splits", "fault=merged"] {
            let weir = Weir::alone();
            let prompt = format!("weather and time, please [[lab: calls=3 {oddity}]]");
            let ask = json!({"model": model, "stream": true, "tools": [tool("weather"), tool("time")],
                "messages": [{"role": "user", "content": prompt}]});
            let calls = called(&weir.post("/v1/chat/completions", &ask).is(200));
            assert_eq!(calls.keys().copied().collect::<Vec<_>>(), [0, 1, 2], "{model} {oddity}: {calls:?}");
            let ids: std::collections::BTreeSet<_> = calls.values().map(|c| &c.0).collect();
            assert_eq!(ids.len(), 3, "{model} {oddity}: {calls:?}");
            for (_, name, arguments) in calls.values() {
                assert!(["weather", "time"].contains(&name.as_str()), "{model} {oddity}: {calls:?}");
                let read: Value = serde_json::from_str(arguments).unwrap_or_else(|e| panic!("{model}: {e}"));
                assert!(read["city"].is_string(), "{model} {oddity}: {calls:?}");
            }
        }
    }
}

#[test]
fn litellm_38606_headers_name_the_one_that_served() {
    for path in [
        "/v1/chat/completions",
        "/v1/messages",
        "/api/si/ask",
        "/v1beta/models/auto:generateContent",
        "/v1beta/models/auto:streamGenerateContent?alt=sse",
    ] {
        for stream in [false, true] {
            let (alpha, beta) = (Upstream::start(fails), Upstream::start(speaks));
            let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
            let ask = if path.contains("v1beta") {
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
            } else if stream {
                streamed("hi")
            } else {
                body("hi")
            };
            let reply = weir.post(path, &ask).is(200);
            let told = ["x-provider", "x-model", "x-route-attempts", "x-route-reason"].map(|h| reply.told(h));
            assert_eq!(told, ["beta", "beta-chat", "2", "fallback after down"], "{path}, streamed {stream}");
            // SI tells of all attempts in its body, by name.
            let said = reply.text();
            assert!(path.contains("/si/") || !said.contains("alpha-chat"), "{path}: {said}");
        }
    }
}

#[test]
fn new_api_6732_a_stream_is_counted_without_being_kept() {
    const TOTAL: usize = 64 << 20;
    let fast = Upstream::start(move |mut call| {
        let piece = delta(&"x".repeat(8_000));
        // No usage: it has to be counted from what passed.
        call.begins()
            && (0..TOTAL / 8_000).all(|_| call.says(&piece))
            && [FINISH, "[DONE]"].iter().all(|one| call.says(one))
            && call.ends()
    });
    // Passed on as it is, and translated.
    for (path, end) in [("/v1/chat/completions", "[DONE]"), ("/v1/messages", "message_stop")] {
        let weir = own(&[("alpha", fast.address)], "").start();
        weir.get("/health").is(200);
        let before = weir.process.memory("VmRSS");
        let mut ask = streamed("hi");
        ask["max_tokens"] = json!(4_000);
        let mut conn: Conn = weir.open();
        let head = conn.send(&request("POST", path, &[], ask.to_string().as_bytes())).head().unwrap().is(200);
        let (mut heard, mut tail) = (0, Vec::new());
        while let Some(chunk) = conn.chunk().unwrap() {
            heard += chunk.len();
            tail.extend_from_slice(&chunk);
            tail.drain(..tail.len().saturating_sub(512));
        }
        assert!(heard > TOTAL - 8_000, "{path}: {heard}");
        assert!(String::from_utf8_lossy(&tail).contains(end), "{path}: {}", String::from_utf8_lossy(&tail));
        let peak = weir.process.memory("VmHWM").saturating_sub(before);
        assert!(peak < 16 << 10, "{path}: {peak} KiB for one stream of {} MiB", TOTAL >> 20);
        let line = weir.ended(head.told("x-request-id"))["detail"]["lines"][0].clone();
        // Sixteen million by its length, and no more than it was allowed.
        let used = (&line["usage"]["output"], &line["usage"]["estimated"]);
        assert_eq!(used, (&json!(4_000), &json!(true)), "{path}: {line}");
    }
}
