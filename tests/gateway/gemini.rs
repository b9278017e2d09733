//! Gemini's clients: Google's own SDKs as they are, and the bytes on both sides of what passes.

use crate::net::Reply;
use crate::packages::node_modules;
use crate::process::Weir;
use crate::sdk::{base_of, offline, python_with, script};
use crate::upstream::Upstream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

pub const PYTHON_SDK: &str = "google-genai==3.4.0";

/// One of each make: its own, and two whose answers are translated.
const MODELS: [&str; 3] =
    ["lab-gemini/gemini-lab-flash", "lab-openai/gpt-lab-mini", "lab-anthropic/claude-lab"];

fn runs(mut command: Command, ok: usize) -> String {
    let out = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}\n{wrong}", out.status);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), ok, "{said}");
    said.into_owned()
}

#[test]
fn the_official_python_sdk_finds_nothing_strange() {
    if offline("the_official_python_sdk_finds_nothing_strange") {
        return;
    }
    let python = python_with(PYTHON_SDK);
    for model in MODELS {
        // Each with a weir of its own: what broke before must not be resting now.
        let weir = Weir::alone();
        let mut command = Command::new("timeout");
        command.arg("400").arg(&python).arg(script("genai.py")).args([
            &base_of(weir.address),
            model,
            "troubles",
        ]);
        runs(command, 14);
        let (_, open) = weir.at_rest();
        assert_eq!(open, 0, "{model}");
    }
}

#[test]
fn the_official_javascript_sdk_finds_nothing_strange() {
    if offline("the_official_javascript_sdk_finds_nothing_strange") {
        return;
    }
    let place = node_modules();
    for model in MODELS {
        let weir = Weir::alone();
        let mut command = Command::new("timeout");
        command
            .arg("400")
            .arg("node")
            .arg(script("genai.mjs"))
            .args([&base_of(weir.address), model])
            .arg(&place);
        runs(command, 7);
        assert_eq!(weir.at_rest().1, 0, "{model}");
    }
}

/// A weir before one Gemini model at an address of the test's own.
fn before(upstream: SocketAddr) -> Weir {
    crate::world::before(upstream, "gem", "gemini-3.8-flash", ["kind = \"gemini\"", "/v1beta"])
}

const ODD: &str = " {\"contents\" :[{\"parts\":[{\"text\":\"h\\u00ef\"}] }],\n\"field_of_tomorrow\": 1.50e0, \"generation_config\":{\"topK\":40}}";
const FRAMES: [&str; 3] = [
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"H\\u00ef\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":7},\"odd\":  1.0}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" there\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":2}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"AAAA\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":3}}\r\n\r\n",
];

fn ask(weir: &Weir, verb: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    weir.ask("POST", &format!("/v1beta/models/gem%2Fgemini-3.8-flash:{verb}"), headers, body)
}

#[test]
fn what_passes_is_not_touched() {
    let (upstream, heard) = Upstream::saying(&FRAMES);
    let weir = before(upstream.address);
    let reply = ask(&weir, "streamGenerateContent?alt=sse", &[], ODD).is(200);
    assert_eq!(reply.text(), FRAMES.concat());
    assert!(reply.told("content-type").starts_with("text/event-stream"));
    let line = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0].clone();
    assert_eq!((&line["usage"]["input"], &line["usage"]["output"]), (&json!(7), &json!(3)));

    // The same as an array, and with weir's own field.
    let reply = ask(&weir, "streamGenerateContent", &[("X-Weir-Trailer", "1")], ODD).is(200);
    assert!(reply.told("content-type").starts_with("application/json"));
    let items = reply.json();
    let frame = |frame: &str| -> Value { serde_json::from_str(frame.trim_start_matches("data: ")).unwrap() };
    assert_eq!((&items[0], &items[1]), (&frame(FRAMES[0]), &frame(FRAMES[1])));
    assert_eq!(items[2]["weir"]["usage"]["tokens_out"], 3);
    assert_eq!(items[2]["candidates"], frame(FRAMES[2])["candidates"]);
    assert!(heard.lock().unwrap().iter().map(|(_, body)| body).eq([ODD, ODD]));
}

#[test]
fn a_lost_seal_is_made_good_on_the_way() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let bodies = heard.clone();
    let whole = r#"{"candidates":[{"content":{"parts":[{"text":"ok"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}"#;
    let upstream = Upstream::start(move |call| {
        bodies.lock().unwrap().push(call.body.to_owned());
        call.whole("200 OK", whole)
    });
    let weir = before(upstream.address);
    let call = r#"{"functionCall":{"name":"f","args":{}}"#;
    let body = format!(
        r#"{{"contents":[{{"role":"user","parts":[{{"text":"x"}}]}},{{"role":"model","parts":[{call}}}]}},{{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{{}}}}}}]}}]}}"#
    );
    let reply = ask(&weir, "generateContent", &[], &body).is(200);
    assert_eq!(reply.text(), whole);
    let sealed = format!(r#"{call},"thoughtSignature":"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=""#);
    assert_eq!(heard.lock().unwrap()[0], body.replace(call, &sealed));
}

#[test]
fn a_stream_that_is_cut_says_so_in_either_form() {
    let upstream = Upstream::start(|mut call| {
        let _ = call.begins() && call.chunk(FRAMES[0]) && call.chunk(FRAMES[1]);
        false
    });
    for (verb, sse) in [("streamGenerateContent?alt=sse", true), ("streamGenerateContent", false)] {
        let weir = before(upstream.address);
        let reply = ask(&weir, verb, &[], ODD).is(200);
        let items: Vec<Value> = if sse {
            reply.frames().iter().map(crate::net::Frame::json).collect()
        } else {
            serde_json::from_slice(reply.text().as_bytes()).unwrap()
        };
        let last = items.last().unwrap();
        assert_eq!(
            (&last["error"]["code"], &last["error"]["status"]),
            (&json!(502), &json!("UNAVAILABLE")),
            "{last}"
        );
        assert_eq!(last["error"]["details"][0]["metadata"]["code"], "stream_broken");
        assert!(!reply.text().contains("finishReason"));
        assert_eq!(weir.at_rest().1, 0);
    }
}

#[test]
fn tokens_are_counted_where_they_can_be_and_estimated_where_not() {
    let weir = Weir::alone();
    let body = json!({"contents": [{"parts": [{"text": "a ".repeat(200)}]}]}).to_string();
    let (before, _) = weir.at_rest();
    for (model, estimated) in [(MODELS[0], None), (MODELS[1], Some("true"))] {
        let reply = weir.ask("POST", &format!("/v1beta/models/{model}:countTokens"), &[], &body).is(200);
        assert!(reply.json()["totalTokens"].as_u64().unwrap() > 50, "{}", reply.text());
        assert_eq!(reply.header("x-weir-estimated"), estimated, "{model}");
    }
    assert_eq!(weir.at_rest().0, before, "nothing of it is in the books");
}

#[test]
fn what_only_gemini_can_be_told_is_routed_there_or_refused_by_name() {
    let weir = Weir::alone();
    let body = json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"topK": 3}}).to_string();
    let reply = weir.ask("POST", "/v1/models/auto:generateContent", &[], &body).is(200);
    assert_eq!(reply.told("x-provider"), "lab-gemini");
    let reply =
        weir.ask("POST", &format!("/v1beta/models/{}:generateContent", MODELS[1]), &[], &body).is(422);
    let error = reply.json()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("generationConfig.topK"), "{error}");
    assert_eq!(error["status"], "INVALID_ARGUMENT");
    assert_eq!(error["details"][0]["metadata"]["param"], "generationConfig.topK");
}

#[test]
fn errors_of_the_door_are_in_googles_words_too() {
    let weir = Weir::alone();
    for (method, path, status, word) in [
        ("GET", "/v1beta/models/auto:generateContent", 405, "UNIMPLEMENTED"),
        ("POST", "/v1beta/models/auto:predict", 405, "UNIMPLEMENTED"),
        ("POST", "/v1beta/tunedModels/x:generateContent", 404, "NOT_FOUND"),
        ("GET", "/v1beta/models/no-such-model", 404, "NOT_FOUND"),
        ("POST", "/v1beta/models/auto:generateContent", 400, "INVALID_ARGUMENT"),
        ("POST", "/v1beta/models/auto:streamGenerateContent?alt=proto", 400, "INVALID_ARGUMENT"),
    ] {
        let reply = weir.ask(method, path, &[], "{}").is(status);
        assert_eq!(reply.json()["error"]["status"], word, "{method} {path}");
    }
}

/// The parts of an answer, whole or from all its frames.
fn parts(weir: &Weir, model: &str, stream: bool, contents: &[Value], mode: &str) -> Vec<Value> {
    let body = json!({
        "contents": contents,
        "tools": [{"functionDeclarations": [{"name": "weather", "parameters": {"type": "OBJECT",
            "properties": {"city": {"type": "STRING"}}, "required": ["city"]}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": mode}},
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": true}},
    });
    let verb = if stream { "streamGenerateContent" } else { "generateContent" };
    let reply = weir.ask("POST", &format!("/v1beta/models/{model}:{verb}"), &[], &body.to_string()).is(200);
    let answers = if stream { reply.json() } else { json!([reply.json()]) };
    let parts = |answer: &Value| answer["candidates"][0]["content"]["parts"].as_array().cloned();
    answers.as_array().unwrap().iter().filter_map(parts).flatten().collect()
}

/// Whoever begins it, any other may go on with it, in the middle of its calls: seals go back to whom they came from, and
/// where one is missing or another's, it is made good.
#[test]
fn a_conversation_moves_between_makes() {
    const THINKING: [&str; 3] =
        ["lab-gemini/gemini-lab-flash", "lab-anthropic/claude-lab", "lab-openai/gpt-lab-think"];
    let weir = Weir::alone();
    for stream in [false, true] {
        for first in THINKING {
            for second in THINKING {
                let mut contents =
                    vec![json!({"role": "user", "parts": [{"text": "The weather? [[lab: calls=2]]"}]})];
                let said = parts(&weir, first, stream, &contents, "AUTO");
                let calls: Vec<&Value> = said.iter().filter_map(|part| part.get("functionCall")).collect();
                assert_eq!(calls.len(), 2, "{first}: {said:?}");
                let response = |call: &&Value| json!({"functionResponse": {"id": call["id"], "name": call["name"], "response": {"result": "fine"}}});
                let answered: Vec<Value> = calls.iter().map(response).collect();
                contents.push(json!({"role": "model", "parts": said}));
                contents.push(json!({"role": "user", "parts": answered}));
                let last = parts(&weir, second, stream, &contents, "AUTO");
                assert!(last.iter().any(|part| part["text"].is_string()), "{first} then {second}: {last:?}");
            }
        }
    }
    assert_eq!(weir.at_rest().1, 0);
}
