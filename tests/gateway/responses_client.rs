//! Clients of OpenAI's Responses API: its own SDKs as they are, and the bytes on both sides of what passes.

use crate::net::{Frame, Reply};
use crate::packages::node_modules;
use crate::process::Weir;
use crate::sdk::{base_of, offline, python_with, script};
use crate::upstream::Upstream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

pub const PYTHON_SDK: &str = "openai==3.52.0";

/// Runs a client to its end; what it printed.
fn runs(mut command: Command) -> String {
    let out = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}\n{wrong}", out.status);
    said.into_owned()
}

fn stories(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("ok ")).count()
}

fn has_one_that_left(weir: &Weir) -> bool {
    weir.usage().iter().any(|e| e["lines"].as_array().unwrap().iter().any(|l| l["outcome"] == "left"))
}

#[test]
fn the_python_sdk_finds_nothing_strange_in_responses() {
    if offline("the_python_sdk_finds_nothing_strange_in_responses") {
        return;
    }
    let weir = Weir::alone();
    let mut command = Command::new("timeout");
    command.arg("400").arg(python_with(PYTHON_SDK)).arg(script("responses.py"));
    let said = runs({
        command.arg(base_of(weir.address) + "/v1");
        command
    });
    assert_eq!(stories(&said), 37, "{said}");
    assert_eq!(weir.at_rest().1, 0);
    assert!(has_one_that_left(&weir), "the cancelled stream is in the books as one whose client left");
}

#[test]
fn the_javascript_sdk_finds_nothing_strange_in_responses() {
    if offline("the_javascript_sdk_finds_nothing_strange_in_responses") {
        return;
    }
    let place = node_modules();
    for model in [
        "lab-responses/gpt-lab-items",
        "lab-openai/gpt-lab-mini",
        "lab-anthropic/claude-lab",
        "lab-gemini/gemini-lab-flash",
    ] {
        // Each with a weir of its own: what broke before must not be resting now.
        let weir = Weir::alone();
        let mut command = Command::new("timeout");
        command.arg("400").arg("node").arg(script("responses.mjs"));
        command.arg(base_of(weir.address)).arg(model).arg(&place);
        assert_eq!(stories(&runs(command)), 7, "{model}");
        assert_eq!(weir.at_rest().1, 0, "{model}");
        assert!(has_one_that_left(&weir), "{model}");
    }
}

/// A weir before one Responses model at an address of the test's own.
fn before(upstream: SocketAddr) -> Weir {
    crate::world::before(upstream, "items", "gpt-x", ["kind = \"openai\"\napi = \"responses\"", "/v1"])
}

const ODD: &str = " { \"model\" : \"auto\", \"max_output_tokens\":20, \"stream\":true,\n\"field_of_tomorrow\": 1.50e0, \"input\":[{\"content\":[{\"text\":\"h\\u00ef\",\"type\":\"input_text\"},{\"type\":\"part_of_tomorrow\",\"x\":[]}],\"role\":\"user\"}], \"tools\":[{\"type\":\"web_search\"}], \"store\":false, \"include\":[\"reasoning.encrypted_content\"] }";
const FRAMES: [&str; 6] = [
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"odd\":  1.0,\"status\":\"in_progress\",\"output\":[]}}\n\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[]}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"output_index\":0,\"content_index\":0,\"delta\":\"H\\u00ef\",\"obfuscation\":\"x\"}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"output_index\":0,\"content_index\":0,\"delta\":\" there\"}\n\nevent: response.of.tomorrow\ndata: {\"type\":\"response.of.tomorrow\",\"sequence_number\":4}\n\n",
    "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":5,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"H\\u00ef there\"}]}}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":6,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":2},\"output_tokens\":3,\"total_tokens\":12}}}\n\n",
];

fn ask(weir: &Weir, headers: &[(&str, &str)], body: &str) -> Reply {
    weir.ask("POST", "/v1/responses", headers, body)
}

#[test]
fn what_passes_to_a_responses_provider_is_not_touched() {
    let (upstream, heard) = Upstream::saying(&FRAMES);
    let weir = before(upstream.address);
    let reply = ask(&weir, &[("x-other", "the client's")], ODD).is(200);
    assert_eq!(reply.text(), FRAMES.concat());
    let line = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0].clone();
    assert_eq!(line["usage"], json!({"input": 7, "cache_read": 2, "output": 3}));

    let (head, body) = heard.lock().unwrap()[0].clone();
    assert_eq!(body, ODD.replace("\"auto\"", "\"gpt-x\""));
    assert!(head.starts_with("post /v1/responses http/1.1") && head.contains("bearer sk-test"), "{head}");
    assert!(!head.contains("the client's"));

    // What would be kept is told not to be.
    ask(&weir, &[], r#"{"model":"auto","input":"x","stream":true}"#).is(200);
    let (_, body) = heard.lock().unwrap()[1].clone();
    assert_eq!(body, r#"{"store":false,"model":"gpt-x","input":"x","stream":true}"#);

    // With weir's own event, after everything of the provider's, and numbered on.
    let reply = ask(&weir, &[("X-Weir-Trailer", "1")], ODD).is(200);
    let rest = reply.text();
    let weirs = rest.strip_prefix(&FRAMES.concat()).unwrap();
    let told: Value =
        serde_json::from_str(weirs.strip_prefix("event: weir\ndata: ").unwrap().trim()).unwrap();
    assert_eq!((&told["type"], &told["sequence_number"]), (&json!("keepalive"), &json!(7)));
    assert_eq!(told["weir"]["id"], reply.told("x-request-id"));
}

#[test]
fn a_whole_response_passes() {
    let whole = " {\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"h\\u00ef\",\"new\":1.0}]}], \"usage\":{\"input_tokens\":5,\"output_tokens\":2,\"total_tokens\":7}}";
    let upstream = Upstream::start(move |call| call.whole("200 OK", whole));
    let weir = before(upstream.address);
    let reply = ask(&weir, &[], &ODD.replace("true", "false")).is(200);
    assert_eq!(reply.text(), whole);
    assert_eq!((reply.told("x-tokens-in"), reply.told("x-tokens-out")), ("5", "2"));
}

/// The first events say the instructions and the tools again, however many there are; what says nothing for longer than the
/// request gives reason to is no answer.
#[test]
fn an_opening_that_repeats_a_large_request_passes() {
    let instructions = "Be brief. ".repeat(20_000);
    let opening = |kind: &str, number: usize| {
        let response =
            json!({"id": "resp_1", "status": "in_progress", "instructions": instructions, "output": []});
        let data = json!({"type": kind, "sequence_number": number, "response": response});
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let opening = opening("response.created", 0) + &opening("response.in_progress", 1);
    assert!(opening.len() > 256 << 10);
    let told = opening.clone();
    let upstream = Upstream::start(move |mut call| {
        let again = if call.body.contains("for ever") { 9 } else { 1 };
        call.begins()
            && (0..again).all(|_| call.chunk(&told))
            && FRAMES[1..].iter().all(|frame| call.chunk(frame))
            && call.ends()
    });
    let weir = before(upstream.address);
    let body = json!({"model": "auto", "input": "x", "stream": true, "instructions": instructions});
    let reply = ask(&weir, &[], &body.to_string()).is(200);
    assert_eq!(reply.text(), opening.clone() + &FRAMES[1..].concat());
    let used = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0]["usage"].clone();
    assert_eq!(used, json!({"input": 7, "cache_read": 2, "output": 3}));
    let endless = json!({"model": "auto", "input": "for ever", "stream": true});
    let reply = ask(&weir, &[], &endless.to_string()).is(502);
    assert!(reply.text().contains("bytes of start-up events"), "{}", reply.text());
}

#[test]
fn what_breaks_in_the_middle_is_an_error_event() {
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":5,\"response\":{\"id\":\"resp_1\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"It broke.\"}}}\n\n";
    for last in [Some(failed), None] {
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
        assert_eq!((&told["type"], &told["sequence_number"]), (&json!("error"), &json!(5)), "{told}");
        for error in [&told, &told["error"]] {
            assert_eq!((&error["code"], &error["param"]), (&json!("stream_broken"), &Value::Null));
        }
        assert_eq!(told["error"]["request_id"], reply.told("x-request-id"));
        assert!(!reply.text().contains("response.completed") && !reply.text().contains("response.failed"));
        assert_eq!(weir.at_rest().1, 0);
    }
}

/// The text of an answer, and its status.
fn heard(reply: &Reply) -> (String, Value) {
    let response = if reply.told("content-type").starts_with("text/event-stream") {
        let frames: Vec<Value> = reply.frames().iter().map(Frame::json).collect();
        assert_eq!(frames.first().unwrap()["type"], "response.created");
        let said: String = frames
            .iter()
            .filter(|f| f["type"] == "response.output_text.delta")
            .map(|f| f["delta"].as_str().unwrap())
            .collect();
        let response = frames.last().unwrap()["response"].clone();
        assert_eq!(texts(&response), said, "{}", reply.text());
        response
    } else {
        reply.json()
    };
    (texts(&response), response["status"].clone())
}

fn texts(response: &Value) -> String {
    let parts = response["output"].as_array().unwrap().iter().filter_map(|item| item["content"].as_array());
    parts.flatten().filter_map(|part| part["text"].as_str()).collect()
}

#[test]
fn every_dialect_is_heard_as_a_response() {
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
        json!({"model": model, "stream": stream, "input": prompt}).to_string()
    };
    for model in crate::dialects::MODELS {
        let weir = Weir::alone();
        for (stream, oddity) in [false, true].into_iter().flat_map(|s| ODDITIES.map(|o| (s, o))) {
            let prompt = format!("[[lab: say=\"{SENTENCE}\" {oddity}]]");
            let reply = ask(&weir, &[], &body(model, stream, prompt));
            if reply.status != 200 || heard(&reply) != (SENTENCE.to_owned(), json!("completed")) {
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
            let numbers: Vec<u64> =
                frames.iter().map(|f| f.json()["sequence_number"].as_u64().unwrap()).collect();
            let in_order = numbers.windows(2).all(|pair| pair[0] < pair[1]);
            if !told || !in_order || reply.text().contains("event: response.completed") {
                complaints.push(format!("{model}, {trouble}: {} {numbers:?} {last}", reply.status));
            }
            assert_eq!(weir.at_rest().1, 0);
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn what_is_not_stored_is_not_there() {
    let weir = Weir::alone();
    for (method, path) in [
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1?stream=true"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses/resp_1/input_items"),
    ] {
        let told = weir.ask(method, path, &[], "").is(404).json();
        let error = &told["error"];
        assert_eq!(
            (&error["code"], &error["param"], &error["type"]),
            (&json!("response_not_found"), &json!("response_id"), &json!("invalid_request_error")),
            "{method} {path}: {told}"
        );
        assert!(error["message"].as_str().unwrap().contains("resp_1"), "{told}");
    }
    let reply = weir.ask("GET", "/v1/responses", &[], "").is(405);
    assert_eq!(reply.told("allow"), "POST, OPTIONS");
    assert_eq!(
        weir.ask("PUT", "/v1/responses/resp_1", &[], "").is(405).told("allow"),
        "GET, DELETE, HEAD, OPTIONS"
    );
    assert_eq!(weir.at_rest().0, 0);
}

#[test]
fn tokens_of_a_response_are_counted_or_estimated_and_booked_nowhere() {
    let weir = Weir::alone();
    let (entries, _) = weir.at_rest();
    for (model, estimated) in
        [("lab-responses/gpt-lab-items", None), ("lab-anthropic/claude-lab", Some("true"))]
    {
        let body = json!({"model": model, "input": "a ".repeat(200)});
        let reply = weir.post("/v1/responses/input_tokens", &body).is(200);
        let told = reply.json();
        assert_eq!(told["object"], "response.input_tokens");
        assert!(told["input_tokens"].as_u64().unwrap() > 50, "{told}");
        assert_eq!(reply.header("x-weir-estimated"), estimated, "{model}");
    }
    assert_eq!(weir.at_rest().0, entries);
}

#[test]
fn a_decision_is_explained_for_every_protocol() {
    let weir = Weir::alone();
    let text = "What is a weir?";
    let anthropics: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];
    for (body, headers) in [
        (json!({"model": "auto", "messages": [{"role": "user", "content": text}]}), &[][..]),
        (json!({"prompt": text}), &[]),
        (json!({"model": "auto", "input": text}), &[]),
        (
            json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}),
            anthropics,
        ),
        (json!({"model": "models/auto", "contents": [{"role": "user", "parts": [{"text": text}]}]}), &[]),
    ] {
        let reply = weir.ask("POST", "/api/route/explain", headers, &body.to_string()).is(200);
        assert!(reply.json()["record"].is_object(), "{body}: {}", reply.text());
    }
    let image = json!({"model": "auto", "input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}]});
    let told = weir.post("/api/route/explain", &image).is(200).text();
    assert!(told.contains("vision"), "what it needs is understood: {told}");
}
