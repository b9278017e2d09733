//! Plays a case on a shell: what was seen, and what was not as the case has it.

use crate::case::{Ask, Case, Expect};
use crate::net::{Frame, Reply, frames, until};
use crate::shell::Shell;
use crate::world::{CLOCK_US, SEED};
use crate::{chain, transcript};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// In the place of what each shell has an expectation of its own for.
const APART: &str = "each shell has its own";

pub struct Played {
    pub transcript: Value,
    pub complaints: Vec<String>,
}

pub fn play(case: &Case, shell: &Shell) -> Played {
    let mut complaints = Vec::new();
    let mut asks = Vec::new();
    // What an earlier request measured bears on the decisions after it.
    let mut warm = case.warm > 0;
    for place in 0..case.warm {
        complaints.extend(warmed(case, place, shell));
    }
    for (place, ask) in case.ask.iter().enumerate() {
        let (seen, wrong) = one(case, place, shell, warm);
        warm |= ask.expect.ends.as_deref() != Some("nothing");
        complaints.extend(wrong.into_iter().map(|w| format!("{} {}: {w}", case.name, place + 1)));
        asks.push(seen);
    }
    let verified = until(PATIENCE, &format!("every hold of {} ends", case.name), || {
        let verified = shell.get(&case.name, "/api/billing/verify").json();
        (verified["open_holds"] == 0 || verified["ok"] != true).then_some(verified)
    });
    if verified["ok"] != true {
        complaints.push(format!("{}: the record does not verify: {verified}", case.name));
    }
    let apart = asks.iter().any(|ask| *ask == json!(APART));
    let verified = if apart { json!(APART) } else { verified };
    Played { transcript: json!({"asks": asks, "verified": verified}), complaints }
}

/// A request that is only there for what is measured of it.
fn warmed(case: &Case, place: usize, shell: &Shell) -> Option<String> {
    let (method, path, mut headers, body) = case.request(0);
    let say = serde_json::json!({
        "model": format!("{}/chat", case.provider("a")), "max_tokens": 40, "stream": true,
        "messages": [{"role": "user", "content": "hi"}],
    });
    headers.retain(|(name, _)| name != "x-request-id");
    headers.push(("x-request-id".into(), format!("{}-warm-{place}", case.name)));
    debug_assert!(
        !body.is_empty() && path == "/v1/chat/completions",
        "a case that is warmed asks for a chat"
    );
    let reply = shell.open().ask(&shell.request(&case.name, &method, &path, &headers, &say.to_string()));
    (reply.status != 200).then(|| format!("{}: warming met {}", case.name, reply.status))
}

fn one(case: &Case, place: usize, shell: &Shell, warm: bool) -> (Value, Vec<String>) {
    let ask = &case.ask[place];
    let (method, path, headers, body) = case.request(place);
    let caller = ask.caller.as_deref().unwrap_or(&case.name);
    let bytes = shell.request(caller, &method, &path, &headers, &body);
    std::thread::sleep(Duration::from_millis(ask.after_ms));
    let reply = match method.as_str() {
        _ if ask.leaves => first_content(shell, &bytes),
        "HEAD" => shell.open().send(&bytes).head().expect("there is a head"),
        _ => shell.open().ask(&bytes),
    };
    let mut seen = transcript::of(&reply, warm, &|provider| case.owns(provider));
    if ask.leaves {
        // How much came before it left is chance.
        seen["body"] = json!("#");
    }
    let entries = entries(shell, case, ask, &case.id(place));
    let mut wrong: Vec<String> = entries.iter().filter_map(|e| chain::faults(&case.name, e)).collect();
    wrong.extend(
        entries.iter().filter(|e| e["time_us"] != json!(CLOCK_US)).map(|e| format!("the clock moved: {e}")),
    );
    wrong.extend(decided(ask, &reply, &case.id(place)));
    wrong.extend(unlike(case, ask.expected(shell.kind), &reply, &entries));
    seen["entries"] = entries.into();
    if !wrong.is_empty() {
        wrong.push(format!("it was {seen}"));
    }
    (if ask.expect_worker.is_some() { json!(APART) } else { seen }, wrong)
}

/// Reads a stream until its first content has come, and leaves.
fn first_content(shell: &Shell, bytes: &[u8]) -> Reply {
    let mut conn = shell.open();
    let mut reply = conn.send(bytes).head().expect("there is a head");
    while let Ok(Some(chunk)) = conn.chunk() {
        reply.body.extend(chunk);
        let content = |f: &Frame| f.data.contains("\"content\":\"") && !f.data.contains("\"content\":\"\"");
        if frames(&String::from_utf8_lossy(&reply.body)).iter().any(content) {
            break;
        }
    }
    reply
}

/// What the ledger has of a request, once it has ended; nothing where it never began.
fn entries(shell: &Shell, case: &Case, ask: &Ask, id: &str) -> Vec<Value> {
    let path = format!("/api/billing/usage/{id}");
    let read = || {
        let reply = shell.get(&case.name, &path);
        if reply.status == 404 { vec![] } else { reply.is(200).json()["entries"].as_array().unwrap().clone() }
    };
    if ask.expect.ends.as_deref() == Some("nothing") {
        return read();
    }
    until(PATIENCE, &format!("{id} ends"), || {
        let entries = read();
        entries.iter().any(|e| e["kind"] == "settle" || e["kind"] == "release").then_some(entries)
    })
}

/// The decision follows from the seed of the service and the id of the request, computed here by hand: FNV-1a, then a
/// step of SplitMix64.
fn decided(ask: &Ask, reply: &Reply, id: &str) -> Option<String> {
    let decision = reply.header("x-route-decision")?;
    if ask.headers.contains_key("x-weir-seed") {
        return None;
    }
    let fnv =
        id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut z = (SEED ^ fnv).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let expected = format!("{:016x}", z ^ (z >> 31));
    (decision != expected).then(|| format!("decision {decision}, expected {expected}"))
}

/// What is not as the case has it.
fn unlike(case: &Case, expect: &Expect, reply: &Reply, entries: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, got: Value, expected: Value| {
        if got != expected {
            wrong.push(format!("{what} is {got}, expected {expected}"));
        }
    };
    same("status", json!(reply.status), json!(expect.status));
    let header = |name: &str| json!(reply.header(name).unwrap_or_default());
    if let Some(letter) = &expect.by {
        same("provider", header("x-provider"), json!(case.provider(letter)));
    }
    if let Some(code) = &expect.code {
        let told = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
        same("code", told["error"]["code"].clone(), json!(code));
        same("request id of the error", told["error"]["request_id"].clone(), header("x-request-id"));
    }
    if let Some(reason) = &expect.reason {
        let told = reply.header("x-route-reason").unwrap_or_default();
        same("reason", json!(told.get(..reason.len()).unwrap_or(told)), json!(reason));
    }
    if let Some(decision) = &expect.decision {
        same("decision", header("x-route-decision"), json!(decision));
    }
    for (name, value) in &expect.headers {
        same(name, header(name), json!(value));
    }
    if let Some(last) = &expect.last {
        same("end of the stream", json!(end(&reply.frames())), json!(last));
    }
    if let Some(says) = &expect.says {
        same("text", json!(text(reply)), json!(says));
    }
    if let Some(finish) = &expect.finish {
        same("finish reason", json!(finish_reason(reply)), json!(finish));
    }
    let end = entries.iter().find(|e| e["kind"] == "settle" || e["kind"] == "release");
    if let Some(ends) = &expect.ends {
        same("ending", end.map_or(json!("nothing"), |e| e["kind"].clone()), json!(ends));
    }
    let detail: Value =
        end.and_then(|e| serde_json::from_str(e["detail_text"].as_str()?).ok()).unwrap_or_default();
    if let Some(outcomes) = &expect.outcomes {
        let lines = detail["lines"].as_array().into_iter().flatten();
        same("outcomes", lines.map(|l| l["outcome"].clone()).collect(), json!(outcomes));
    }
    if let Some(estimated) = expect.estimated {
        same("estimated", json!(detail["estimated"] == true), json!(estimated));
    }
    // Sane wherever there is an answer at all.
    if let Some(end) = end {
        let cost = reply.header("x-cost-usd").map(crate::books::pico);
        let charged = crate::books::amount(&end["amount_usd"]);
        if let Some(cost) = cost {
            same("cost told", json!(cost.to_string()), json!(charged.to_string()));
        }
        let lines = detail["lines"].as_array().into_iter().flatten();
        let sum: i128 = lines.map(|l| crate::books::amount(&l["amount"])).sum();
        same("sum of the lines", json!(sum.to_string()), json!(charged.to_string()));
    }
    wrong
}

fn end(frames: &[Frame]) -> &'static str {
    let error = |f: &Frame| {
        f.event.as_deref() == Some("error")
            || serde_json::from_str::<Value>(&f.data).is_ok_and(|v| v["error"].is_object())
    };
    match frames.last() {
        _ if frames.iter().any(error) => "error",
        Some(last) if last.event.as_deref() == Some("weir") => "weir",
        Some(last) if last.data == "[DONE]" => "[DONE]",
        Some(last) if last.event.as_deref() == Some("message_stop") => "message_stop",
        _ => "nothing",
    }
}

/// The answer as it was told: a whole one, or every frame.
fn parts(reply: &Reply) -> Vec<Value> {
    if reply.header("content-type").is_some_and(|t| t.starts_with("text/event-stream")) {
        reply.frames().iter().filter_map(|f| serde_json::from_str(&f.data).ok()).collect()
    } else {
        vec![reply.json()]
    }
}

/// All strings at places of every part: a star stands for every item of a list.
fn told(reply: &Reply, places: &[&str]) -> Vec<String> {
    fn at<'a>(value: &'a Value, path: &[&str], out: &mut Vec<&'a str>) {
        match path {
            [] => out.extend(value.as_str()),
            ["*", rest @ ..] => value.as_array().into_iter().flatten().for_each(|item| at(item, rest, out)),
            [name, rest @ ..] => at(&value[*name], rest, out),
        }
    }
    let mut all = Vec::new();
    for part in parts(reply) {
        let mut found = Vec::new();
        for place in places {
            at(&part, &place.split('.').collect::<Vec<_>>(), &mut found);
        }
        all.extend(found.into_iter().map(str::to_owned));
    }
    all
}

/// In OpenAI's words, in Anthropic's, in Google's.
fn text(reply: &Reply) -> String {
    let places = [
        "choices.*.message.content",
        "choices.*.delta.content",
        "content.*.text",
        "delta.text",
        "candidates.*.content.parts.*.text",
    ];
    told(reply, &places).concat()
}

fn finish_reason(reply: &Reply) -> String {
    let places = ["choices.*.finish_reason", "stop_reason", "delta.stop_reason", "candidates.*.finishReason"];
    told(reply, &places).pop().unwrap_or_default()
}
