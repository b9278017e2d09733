//! Anthropic's clients: its own SDKs as they are, and the bytes on both sides of what passes.

use crate::net::{Frame, Reply};
use crate::packages::node_modules;
use crate::process::{Lab, Weir};
use crate::sdk::{base_of, in_front_of, llama, offline, python_with, script};
use crate::upstream::Upstream;
use crate::world::{World, scenario};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

pub const PYTHON_SDK: &str = "anthropic==2.12.0";

/// Runs a client to its end; what it printed.
fn runs(mut command: Command) -> String {
    let out = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}\n{wrong}", out.status);
    said.into_owned()
}

fn python(name: &str, address: SocketAddr) -> String {
    let mut command = Command::new("timeout");
    command.arg("400").arg(python_with(PYTHON_SDK)).arg(script(name)).arg(base_of(address));
    runs(command)
}

fn stories(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("ok ")).count()
}

#[test]
fn anthropics_python_sdk_finds_nothing_strange() {
    if offline("anthropics_python_sdk_finds_nothing_strange") {
        return;
    }
    let weir = Weir::alone();
    let said = python("messages.py", weir.address);
    assert_eq!(stories(&said), 31, "{said}");
    assert_eq!(weir.at_rest().1, 0);
    let left = weir
        .usage()
        .iter()
        .filter(|e| e["lines"].as_array().unwrap().iter().any(|l| l["outcome"] == "left"))
        .count();
    assert!(left >= 1, "the cancelled stream is in the books as one whose client left");
}

#[test]
fn anthropics_python_sdk_is_told_that_its_key_is_bad() {
    if offline("anthropics_python_sdk_is_told_that_its_key_is_bad") {
        return;
    }
    let sha = crate::surface_web::sha256_of("wk_good");
    let keys = format!(
        "[[service.keys]]\nname = \"ci\"\nsha256 = \"{sha}\"\naccount = \"team\"\n[accounts.team]\ncredit_usd = \"1\"\n"
    );
    let world = World::with(1, &keys, &[]);
    assert_eq!(stories(&python("messages_keys.py", world.weir.address)), 1);
}

#[test]
fn anthropics_javascript_sdk_finds_nothing_strange() {
    if offline("anthropics_javascript_sdk_finds_nothing_strange") {
        return;
    }
    let place = node_modules();
    for model in ["lab-anthropic/claude-lab", "lab-openai/gpt-lab-mini", "lab-gemini/gemini-lab-flash"] {
        // Each with a weir of its own: what broke before must not be resting now.
        let weir = Weir::alone();
        let mut command = Command::new("timeout");
        command.arg("400").arg("node").arg(script("messages.mjs"));
        command.arg(base_of(weir.address)).arg(model).arg(&place);
        assert_eq!(stories(&runs(command)), 7, "{model}");
        assert_eq!(weir.at_rest().1, 0, "{model}");
    }
}

#[test]
fn a_real_server_answers_in_anthropics_words() {
    if offline("a_real_server_answers_in_anthropics_words") {
        return;
    }
    let (_server, address) = llama();
    let lab = Lab::start(&scenario(2, &[]));
    let weir = in_front_of(address, &lab);
    let said = python("messages_llama.py", weir.address);
    assert_eq!(said.lines().count(), 2, "{said}");
    for line in said.lines() {
        let figures: Value = serde_json::from_str(line).unwrap();
        let booked = weir.ended(figures["id"].as_str().unwrap())["detail"]["lines"][0].clone();
        let used = |bucket: &str| booked["usage"][bucket].as_u64().unwrap_or(0);
        assert_eq!(json!(used("input") + used("cache_read")), figures["input"], "{booked}");
        assert_eq!(json!(used("output")), figures["output"], "{booked}");
    }
}

/// A weir before one Anthropic model at an address of the test's own.
fn before(upstream: SocketAddr) -> Weir {
    crate::world::before(upstream, "claude", "claude-x", ["kind = \"anthropic\"", "/v1"])
}

const ODD: &str = " { \"model\" : \"auto\", \"max_tokens\":10, \"top_k\": 40, \"stream\":true,\n\"field_of_tomorrow\": 1.50e0, \"messages\":[{\"content\":[{\"cache_control\":{\"type\":\"ephemeral\"},\"text\":\"h\\u00ef\",\"type\":\"text\"},{\"type\":\"block_of_tomorrow\",\"x\":[]}],\"role\":\"user\"}] }";
const FRAMES: [&str; 6] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"odd\":  1.0,\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"H\\u00ef\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" there\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"x\"},\"usage\":{\"input_tokens\":null,\"output_tokens\":3}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

fn ask(weir: &Weir, headers: &[(&str, &str)], body: &str) -> Reply {
    weir.ask("POST", "/v1/messages", headers, body)
}

#[test]
fn what_passes_to_anthropic_is_not_touched() {
    let (upstream, heard) = Upstream::saying(&FRAMES);
    let weir = before(upstream.address);
    let headers =
        [("anthropic-version", "2026-10-21"), ("Anthropic-Beta", "a-1,b-2"), ("x-other", "the client's")];
    let reply = ask(&weir, &headers, ODD).is(200);
    assert_eq!(reply.text(), FRAMES.concat());
    assert_eq!(reply.told("request-id"), reply.told("x-request-id"));
    let line = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0].clone();
    assert_eq!(line["usage"], json!({"input": 7, "cache_read": 2, "output": 3}));

    let (head, body) = heard.lock().unwrap()[0].clone();
    assert_eq!(body, ODD.replace("\"auto\"", "\"claude-x\""));
    assert!(head.starts_with("post /v1/messages http/1.1"), "{head}");
    for line in ["anthropic-version: 2026-10-21", "anthropic-beta: a-1,b-2", "x-api-key: sk-test"] {
        assert_eq!(head.lines().filter(|l| l.trim() == line).count(), 1, "{line}: {head}");
    }
    assert!(!head.contains("the client's"));

    // With weir's own event, after everything of Anthropic's.
    let reply = ask(&weir, &[("X-Weir-Trailer", "1")], ODD).is(200);
    let rest = reply.text();
    let weirs = rest.strip_prefix(&FRAMES.concat()).unwrap();
    assert!(
        weirs.starts_with("event: weir\ndata: {\"type\":\"weir\",") && weirs.ends_with("}\n\n"),
        "{weirs}"
    );
}

#[test]
fn a_whole_answer_of_anthropics_passes() {
    let whole = " {\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"h\\u00ef\",\"new\":1.0}], \"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"x\",\"usage\":{\"input_tokens\":5,\"output_tokens\":2}}";
    let upstream = Upstream::start(move |call| call.whole("200 OK", whole));
    let weir = before(upstream.address);
    let reply = ask(&weir, &[], &ODD.replace("true", "false")).is(200);
    assert_eq!(reply.text(), whole);
    assert_eq!((reply.told("x-tokens-in"), reply.told("x-tokens-out")), ("5", "2"));
}

#[test]
fn what_breaks_in_the_middle_is_an_error_of_the_right_type() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    for (last, kind) in [(Some(overloaded), "overloaded_error"), (None, "api_error")] {
        let upstream = Upstream::start(move |mut call| {
            let _ = call.begins()
                && FRAMES[..4].iter().all(|frame| call.chunk(frame))
                && last.is_none_or(|frame| call.chunk(frame));
            false
        });
        let weir = before(upstream.address);
        let reply = ask(&weir, &[], ODD).is(200);
        let frames = reply.frames();
        let last = frames.last().unwrap();
        assert_eq!(last.event.as_deref(), Some("error"));
        let told = last.json();
        assert_eq!((&told["type"], &told["error"]["type"]), (&json!("error"), &json!(kind)), "{told}");
        assert_eq!(told["error"]["code"], "stream_broken");
        assert_eq!(told["request_id"], reply.told("x-request-id"));
        assert!(!reply.text().contains("event: message_stop"));
        assert_eq!(weir.at_rest().1, 0);
    }
}

/// The text of an answer, and why it stopped.
fn heard(reply: &Reply) -> (String, Value) {
    if !reply.told("content-type").starts_with("text/event-stream") {
        let message = reply.json();
        let blocks = message["content"].as_array().unwrap();
        let text = blocks.iter().filter_map(|b| b["text"].as_str()).collect();
        return (text, message["stop_reason"].clone());
    }
    let frames: Vec<Value> = reply.frames().iter().map(Frame::json).collect();
    assert_eq!(frames.first().unwrap()["type"], "message_start");
    assert_eq!(frames.last().unwrap()["type"], "message_stop", "{}", reply.text());
    let text = frames.iter().filter_map(|f| f["delta"]["text"].as_str()).collect();
    let stop = frames.iter().find_map(|f| f["delta"].get("stop_reason")).unwrap();
    (text, stop.clone())
}

#[test]
fn every_dialect_is_heard_in_anthropics_words() {
    const SENTENCE: &str = "Zürich – 水 flows, “quoted”, 🙂 and a ' too.";
    const ODDITIES: [&str; 7] = [
        "",
        "fault=split_utf8",
        "fault=odd_splits",
        "fault=merged",
        "fault=pings",
        "fault=crlf",
        "fault=usage_odd",
    ];
    let mut complaints = Vec::new();
    let body = |model: &str, stream: bool, prompt: String| {
        let messages = json!([{"role": "user", "content": prompt}]);
        json!({"model": model, "max_tokens": 200, "stream": stream, "messages": messages}).to_string()
    };
    for model in crate::dialects::MODELS {
        let weir = Weir::alone();
        for (stream, oddity) in [false, true].into_iter().flat_map(|s| ODDITIES.map(|o| (s, o))) {
            let prompt = format!("[[lab: say=\"{SENTENCE}\" {oddity}]]");
            let reply = ask(&weir, &[], &body(model, stream, prompt));
            if reply.status != 200 || heard(&reply) != (SENTENCE.to_owned(), json!("end_turn")) {
                let told = reply.text();
                complaints.push(format!("{model}, streamed {stream}, {oddity}: {} {told}", reply.status));
            }
        }
        for trouble in ["cut", "drop", "reset", "no_end_mark", "error_frame"] {
            let weir = Weir::alone();
            let prompt = format!("[[lab: tokens=60 reasoning=0 fault={trouble} after=20]]");
            let reply = ask(&weir, &[], &body(model, true, prompt));
            let frames = if reply.status == 200 { reply.frames() } else { vec![] };
            let last = frames.last().map(Frame::json).unwrap_or_default();
            let told = reply.status == 502 || last["error"]["code"] == "stream_broken";
            if !told || reply.text().contains("event: message_stop") {
                complaints.push(format!("{model}, {trouble}: {} {last}", reply.status));
            }
            assert_eq!(weir.at_rest().1, 0);
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn tokens_of_a_message_are_counted_or_estimated_and_booked_nowhere() {
    let weir = Weir::alone();
    let (entries, _) = weir.at_rest();
    for (model, estimated) in [("lab-anthropic/claude-lab", None), ("lab-openai/gpt-lab-mini", Some("true"))]
    {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "a ".repeat(200)}]});
        let reply = weir.post("/v1/messages/count_tokens", &body);
        if model.contains("anthropic") {
            // The version is a must there.
            let headers = [("anthropic-version", "2023-06-01")];
            weir.ask("POST", "/v1/messages/count_tokens", &headers, &body.to_string()).is(200);
        }
        let reply = reply.is(200);
        assert!(reply.json()["input_tokens"].as_u64().unwrap() > 50, "{}", reply.text());
        assert_eq!(reply.header("x-weir-estimated"), estimated, "{model}");
    }
    assert_eq!(weir.at_rest().0, entries);
    let bad = weir.post("/v1/messages/count_tokens", &json!({"model": "auto"})).is(400).json();
    let told = (&bad["error"]["type"], &bad["error"]["param"]);
    assert_eq!(told, (&json!("invalid_request_error"), &json!("messages")));
}

#[test]
fn errors_on_these_paths_are_anthropics() {
    let weir = Weir::alone();
    let nobody = r#"{"model":"nobody","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#;
    for (method, path, body, status, kind) in [
        ("POST", "/v1/messages", "{", 400, "invalid_request_error"),
        ("GET", "/v1/messages", "", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", "{}", 404, "not_found_error"),
        ("POST", "/v1/messages", nobody, 404, "not_found_error"),
    ] {
        let reply = weir.ask(method, path, &[], body).is(status);
        let told = reply.json();
        assert_eq!((&told["type"], &told["error"]["type"]), (&json!("error"), &json!(kind)), "{told}");
        assert_eq!(told["request_id"], reply.told("request-id"));
    }
    // Models are listed as the client's own provider lists them.
    let list = weir.ask("GET", "/v1/models", &[("anthropic-version", "2023-06-01")], "").json();
    assert_eq!((&list["data"][0]["type"], &list["has_more"]), (&json!("model"), &json!(false)));
    assert_eq!(weir.get("/v1/models").json()["object"], "list");
}
