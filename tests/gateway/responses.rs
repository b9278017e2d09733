//! A provider that is spoken to in OpenAI's Responses API, and clients that have never heard of it.

use crate::books::amount;
use crate::net::{Frame, Reply};
use crate::process::{Lab, Setup, Weir};
use crate::upstream::Upstream;
use crate::world::{INPUT_PICO, OUTPUT_PICO};
use serde_json::{Value, json};

const SCENARIO: &str = r#"
name = "items"
seed = 5

[[provider]]
name = "items"
dialect = "openai-responses"
keys = ["items-one"]

[[provider.model]]
name = "plain"
input = "1"
output = "2"
quality = 0.8
ttft_ms = { p50 = 5, p95 = 10 }
tokens_per_s = 2000

[[provider.model]]
name = "ponders"
input = "1"
output = "2"
quality = 0.7
efforts = ["low", "medium", "high"]
reasons_always = true
ttft_ms = { p50 = 5, p95 = 10 }
tokens_per_s = 2000
"#;

/// What a tool costs in the lab, and one call or result of it.
const FLAT: i128 = 8;

struct World {
    weir: Weir,
    _lab: Lab,
}

impl World {
    fn new() -> Self {
        let lab = Lab::start(SCENARIO);
        let setup = Setup::new();
        let rates = json!({"per_1m_tokens": {"input": "1", "output": "2"}});
        let caps = [
            "tools",
            "parallel_tools",
            "forced_tool",
            "json_object",
            "json_schema",
            "schema_stream",
            "stream",
        ];
        let model = |name: &str, more: &[&str]| {
            let caps = [&caps[..], more].concat();
            json!({"id": format!("items/{name}"), "kind": "chat", "status": "active", "price": {"rates": rates},
                "context": 100_000, "max_output": 4_000, "caps": caps,
                "sources": {"test": "2026-11-21"}})
        };
        let models = [model("plain", &["sampling"]), model("ponders", &["reasoning"])];
        let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
        let catalogue =
            json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models});
        let file = setup.dir.write("catalogue.json", &catalogue.to_string());
        let config = format!(
            "catalogue = {file:?}\n[providers.items]\nkind = \"openai\"\napi = \"responses\"\n\
             base_url = \"http://{}/items/v1\"\nkeys = [\"ITEMS_KEY\"]\nmodels = [\"plain\", \"ponders\"]\n\
             catalogue = \"items\"\n",
            lab.address
        );
        let weir = setup.config(&config).variable("ITEMS_KEY", "items-one").start();
        Self { weir, _lab: lab }
    }

    fn chat(&self, model: &str, messages: &Value, stream: bool, more: &Value) -> Reply {
        let mut body = json!({"model": format!("items/{model}"), "messages": messages, "stream": stream});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.weir.ask("POST", "/v1/chat/completions", &[("X-Weir-Trailer", "1")], &body.to_string())
    }

    /// The one line of the request's settlement.
    fn line(&self, reply: &Reply) -> Value {
        let entry = self.weir.ended(reply.told("x-request-id"));
        let detail: Value = serde_json::from_str(entry["detail_text"].as_str().unwrap()).unwrap();
        let lines = detail["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 1, "{detail}");
        lines[0].clone()
    }
}

/// The assistant's message, put together where it came in pieces; and its finish reason.
fn said(reply: &Reply) -> (Value, Value) {
    if !reply.told("content-type").starts_with("text/event-stream") {
        let choice = &reply.json()["choices"][0];
        return (choice["message"].clone(), choice["finish_reason"].clone());
    }
    let frames = reply.frames();
    assert!(frames.iter().any(|f| f.data == "[DONE]"), "{}", reply.text());
    let (mut text, mut seal, mut calls, mut finish) = (String::new(), String::new(), vec![], Value::Null);
    for choice in frames.iter().filter(|f| f.data.starts_with('{')).map(|f| f.json()["choices"][0].clone()) {
        let delta = &choice["delta"];
        text += delta["content"].as_str().unwrap_or_default();
        seal += delta["reasoning_signature"].as_str().unwrap_or_default();
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            if at == calls.len() {
                calls.push(piece.clone());
                continue;
            }
            let more = piece["function"]["arguments"].as_str().unwrap();
            let arguments = &mut calls[at]["function"]["arguments"];
            *arguments = format!("{}{more}", arguments.as_str().unwrap()).into();
        }
        if choice["finish_reason"].is_string() {
            finish = choice["finish_reason"].clone();
        }
    }
    calls.iter_mut().for_each(|call| drop(call.as_object_mut().unwrap().remove("index")));
    let mut message =
        json!({"role": "assistant", "content": if calls.is_empty() { json!(text) } else { Value::Null }});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    if !seal.is_empty() {
        message["reasoning_signature"] = seal.into();
    }
    (message, finish)
}

fn tokens(text: &str) -> i128 {
    i128::try_from(text.chars().count().div_ceil(4)).unwrap()
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object",
            "properties": {"city": {"type": "string"}}, "required": ["city"]}}})
    };
    json!([tool("get_weather"), tool("get_time")])
}

#[test]
fn two_calls_go_out_and_their_results_come_back() {
    let world = World::new();
    for stream in [false, true] {
        let prompt = "get_weather and get_time in Paris";
        let asked = json!([{"role": "user", "content": prompt}]);
        let reply = world.chat("plain", &asked, stream, &json!({"tools": tools()})).is(200);
        assert_eq!((reply.told("x-provider"), reply.told("x-model")), ("items", "plain"));
        let (message, finish) = said(&reply);
        assert_eq!(finish, "tool_calls", "{message}");
        let calls = message["tool_calls"].as_array().unwrap();
        let text = |call: &Value, at: &str| call.pointer(at).unwrap().as_str().unwrap().to_owned();
        let names: Vec<String> = calls.iter().map(|c| text(c, "/function/name")).collect();
        assert_eq!(names, ["get_weather", "get_time"], "streamed {stream}");
        let ids: Vec<String> = calls.iter().map(|c| text(c, "/id")).collect();
        assert!(ids.iter().all(|id| id.starts_with("call_")) && ids[0] != ids[1], "{ids:?}");
        let arguments: Vec<String> = calls.iter().map(|c| text(c, "/function/arguments")).collect();
        for one in &arguments {
            assert!(serde_json::from_str::<Value>(one).unwrap()["city"].is_string(), "{one}");
        }
        let (input, output) = (tokens(prompt) + 2 * FLAT, arguments.iter().map(|a| tokens(a)).sum::<i128>());
        let line = world.line(&reply);
        assert_eq!(
            (&line["provider"], &line["model"], &line["outcome"]),
            (&json!("items"), &json!("plain"), &json!("ok"))
        );
        assert_eq!(line["usage"], json!({"input": input, "output": output}), "streamed {stream}");
        assert_eq!(amount(&line["amount"]), input * INPUT_PICO + output * OUTPUT_PICO);

        let result = |id: &String, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
        let told = json!([asked[0], message, result(&ids[0], "18 degrees"), result(&ids[1], "noon")]);
        let reply = world.chat("plain", &told, stream, &json!({"tools": tools(), "max_tokens": 50})).is(200);
        let (message, finish) = said(&reply);
        assert_eq!(finish, "stop");
        assert!(message["content"].as_str().unwrap().contains("18 degrees noon"), "{message}");
        let line = world.line(&reply);
        let input = tokens(&format!("{prompt}18 degreesnoon")) + 6 * FLAT;
        let output = tokens(message["content"].as_str().unwrap());
        assert_eq!(line["usage"], json!({"input": input, "output": output}), "streamed {stream}");
    }
    assert_eq!(world.weir.at_rest().1, 0);
}

#[test]
fn reasoning_is_paid_for_and_comes_back_under_its_seal() {
    let world = World::new();
    for stream in [false, true] {
        let asked = json!([{"role": "user", "content": "get_weather in Rome [[lab: reasoning=12]]"}]);
        let more = json!({"tools": tools(), "reasoning_effort": "high"});
        let reply = world.chat("ponders", &asked, stream, &more).is(200);
        let (message, _) = said(&reply);
        let seal: Value = serde_json::from_str(message["reasoning_signature"].as_str().unwrap()).unwrap();
        assert!(seal["id"].as_str().unwrap().starts_with("rs_"), "{seal}");
        assert_eq!(world.line(&reply)["usage"]["reasoning"], 12);

        let id = &message["tool_calls"][0]["id"];
        let told = |message: &Value| json!([asked[0], message, {"role": "tool", "tool_call_id": id, "content": "sun"}]);
        // The lab knows its own seals and refuses any other.
        world.chat("ponders", &told(&message), stream, &more).is(200);
        let mut forged = message.clone();
        forged["reasoning_signature"] =
            json!({"id": "rs_1", "encrypted_content": "Zm9yZ2Vk"}).to_string().into();
        assert_ne!(world.chat("ponders", &told(&forged), stream, &more).status, 200);
        // Without any the conversation goes on all the same.
        let mut lost = message.clone();
        lost.as_object_mut().unwrap().remove("reasoning_signature");
        world.chat("ponders", &told(&lost), stream, &more).is(200);
    }
}

#[test]
fn a_cut_stream_says_so_and_is_paid_as_far_as_it_came() {
    for trouble in ["cut", "drop", "reset", "no_end_mark", "error_frame"] {
        let world = World::new();
        let asked =
            json!([{"role": "user", "content": format!("hi [[lab: tokens=30 fault={trouble} after=10]]")}]);
        let reply = world.chat("plain", &asked, true, &json!({})).is(200);
        let frames = reply.frames();
        assert!(frames.iter().all(|f| f.data != "[DONE]"), "{trouble} ended as if it were whole");
        assert_eq!(frames.last().map(Frame::json).unwrap()["error"]["code"], "stream_broken", "{trouble}");
        let line = world.line(&reply);
        assert_ne!(line["outcome"], "ok", "{trouble}");
        assert_eq!(
            (&line["usage"]["estimated"], &line["usage"]["partial"]),
            (&json!(true), &json!(true)),
            "{trouble}: {line}"
        );
        // Nothing was reported, so what came is estimated: English has four bytes a token, more or less.
        let content = |f: &Frame| f.json()["choices"][0]["delta"]["content"].as_str().map(str::len);
        let bytes: usize = frames.iter().filter_map(content).sum();
        let output = i128::from(line["usage"]["output"].as_u64().unwrap());
        let bytes = i128::try_from(bytes).unwrap();
        assert!(
            output >= 10 && (bytes / 5..=bytes / 3).contains(&output),
            "{trouble}: {bytes} bytes, {line}"
        );
        let input = i128::from(line["usage"]["input"].as_u64().unwrap());
        assert_eq!(amount(&line["amount"]), input * INPUT_PICO + output * OUTPUT_PICO, "{trouble}");
        assert_eq!(world.weir.at_rest().1, 0);
    }
}

#[test]
fn what_it_cannot_be_told_is_refused_by_name() {
    let world = World::new();
    let asked = json!([{"role": "user", "content": "hi"}]);
    for (field, value) in
        [("seed", json!(7)), ("n", json!(2)), ("stop", json!("x")), ("max_tokens", json!(5))]
    {
        let reply = world.chat("plain", &asked, false, &json!({field: value}));
        assert!((400..500).contains(&reply.status), "{field}: {} {}", reply.status, reply.text());
    }
    let said = world.chat("plain", &asked, false, &json!({"max_tokens": 5}));
    assert!(said.text().contains("no limit below 16"), "{}", said.text());
}

/// A file that was uploaded to OpenAI is named by its id. Chat's words for that are not those of the Responses API.
#[test]
fn who_takes_the_clients_own_words_is_asked_where_others_cannot_be_told() {
    const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"doc","choices":[{"index":0,"message":{"role":"assistant","content":"read"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
    let items = Upstream::start(|call| call.whole("500 Internal Server Error", "{}"));
    let chat = Upstream::start(|call| call.whole("200 OK", ANSWER));
    let model = |id: &str, price: &str| {
        json!({"id": id, "kind": "chat", "status": "active", "context": 100_000, "max_output": 4_000,
            "price": {"rates": {"per_1m_tokens": {"input": price, "output": price}}},
            "caps": ["stream", "pdf", "openai_only"], "sources": {"test": "2026-11-21"}})
    };
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    let body = json!({"model": "doc", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Read this."}, {"type": "file", "file": {"file_id": "file-1"}}]}]});
    let ask = |both: bool| {
        let setup = Setup::new();
        let mut models = vec![model("items/doc", "1")];
        let mut providers = vec![("items", items.address, "api = \"responses\"\n")];
        if both {
            models.push(model("chat/doc", "2"));
            providers.push(("chat", chat.address, ""));
        }
        let catalogue =
            json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models});
        let file = setup.dir.write("catalogue.json", &catalogue.to_string());
        let mut config = format!("catalogue = {file:?}\n");
        for (name, address, api) in providers {
            config.push_str(&format!(
                "[providers.{name}]\nkind = \"openai\"\n{api}base_url = \"http://{address}/v1\"\nkeys = [\"TEST_KEY\"]\n\
                 models = [\"doc\"]\ncatalogue = {name:?}\n"
            ));
        }
        let weir = setup.config(&config).variable("TEST_KEY", "sk-test").start();
        weir.ask("POST", "/v1/chat/completions", &[], &body.to_string())
    };
    let served = ask(true);
    assert_eq!((served.status, served.told("x-provider")), (200, "chat"), "{}", served.text());
    let alone = ask(false);
    assert_eq!(alone.status, 400, "{}", alone.text());
    assert!(alone.text().contains("files by id"), "{}", alone.text());
    assert_eq!((items.calls(), chat.calls()), (0, 1));
}

#[test]
fn only_openai_has_two_ways() {
    let setup = Setup::new().config(
        "[providers.x]\nkind = \"anthropic\"\napi = \"responses\"\nbase_url = \"http://127.0.0.1:1\"\nmodels = [\"m\"]\n",
    );
    let file = setup.dir.0.join("weir-test.toml");
    let out = setup.run(&["check", "--config", file.to_str().unwrap()]);
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(!out.status.success() && text.contains("providers.x: api: responses"), "{text}");
}
