use crate::openai::{parse, survey};
use serde_json::{Value, json};
use vocab::{Chat, Format, Media, Part, ToolChoice};

fn read(request: &Value) -> Chat {
    let raw = survey(serde_json::to_vec(request).unwrap().into()).unwrap();
    parse(&raw).unwrap()
}

fn with(fields: Value) -> Chat {
    let mut request = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    read(&request)
}

#[test]
fn every_field_has_its_place() {
    let chat = with(json!({
        "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "frequency_penalty": 1, "presence_penalty": -1,
        "stop": "x", "seed": 7, "n": 2, "logprobs": true, "top_logprobs": 3, "reasoning_effort": "low", "user": "u",
        "stream": true, "stream_options": { "include_usage": true }, "parallel_tool_calls": false,
        "verbosity": "low", "service_tier": "flex", "metadata": { "a": "b" }, "logit_bias": null,
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" }, "strict": true } }],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
        "response_format": { "type": "json_schema", "json_schema": { "name": "s", "schema": { "type": "object" } } },
    }));
    assert_eq!((chat.max_output, chat.n, chat.logprobs, chat.seed), (Some(9), Some(2), Some(3), Some(7)));
    assert_eq!((chat.temperature, chat.top_p), (Some(0.5), Some(0.9)));
    assert_eq!(chat.stop, ["x"]);
    assert_eq!(chat.parallel_tools, Some(false));
    assert_eq!(chat.tools[0].strict, Some(true));
    assert_eq!(chat.tool_choice, ToolChoice::Function("f".into()));
    assert!(matches!(chat.format, Format::JsonSchema { ref name, .. } if name == "s"));
    let extra: Vec<&str> = chat.extra.keys().map(String::as_str).collect();
    assert_eq!(extra, ["verbosity", "service_tier", "metadata"], "only what has no place; nulls are nothing");
}

#[test]
fn nothing_said_is_nothing_set() {
    let chat = with(
        json!({ "temperature": null, "stop": null, "tools": null, "n": null, "seed": null, "tool_choice": null }),
    );
    let plain = with(json!({}));
    assert_eq!(chat, plain);
    assert_eq!(plain.temperature, None);
    assert_eq!(plain.logprobs, None);
}

#[test]
fn parts_and_calls_come_over() {
    let chat = read(&json!({ "model": "m", "messages": [
        { "role": "developer", "content": "d" },
        { "role": "user", "name": "ann", "content": [
            { "type": "text", "text": "see" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA", "detail": "low" } },
            { "type": "image_url", "image_url": { "url": "https://x.example/a" } },
            { "type": "input_audio", "input_audio": { "data": "BB", "format": "mp3" } },
            { "type": "file", "file": { "file_data": "data:application/pdf;base64,CC", "filename": "a.pdf" } },
        ] },
        { "role": "assistant", "content": null, "reasoning_content": "hm", "reasoning_signature": "sig", "tool_calls": [
            { "id": "1", "type": "function", "function": { "name": "f", "arguments": "{\"a\":" },
              "extra_content": { "google": { "thought_signature": "seal" } } } ] },
        { "role": "tool", "tool_call_id": "1", "content": "r" },
    ] }));
    let user = &chat.messages[1];
    assert_eq!(user.name.as_deref(), Some("ann"));
    let inline = |mime: &str, data: &str| Media::Inline { mime: mime.into(), data: data.into() };
    assert_eq!(user.parts[1], Part::Image { source: inline("image/png", "AA"), detail: Some("low".into()) });
    assert_eq!(user.parts[2], Part::Image { source: Media::Url("https://x.example/a".into()), detail: None });
    assert_eq!(
        user.parts[4],
        Part::File { source: inline("application/pdf", "CC"), name: Some("a.pdf".into()) }
    );
    let assistant = &chat.messages[2];
    assert_eq!(assistant.parts, [Part::Thinking { text: "hm".into(), signature: Some("sig".into()) }]);
    assert_eq!(assistant.tool_calls[0].arguments, "{\"a\":", "arguments need not be JSON");
    assert_eq!(assistant.tool_calls[0].signature.as_deref(), Some("seal"));
    assert_eq!(chat.messages[3].tool_call_id.as_deref(), Some("1"));
}

#[test]
fn custom_tools_stay_as_they_came() {
    let tools = json!([{ "type": "custom", "custom": { "name": "c" } }]);
    let chat =
        with(json!({ "tools": tools, "tool_choice": { "type": "custom", "custom": { "name": "c" } } }));
    assert_eq!(chat.extra["tools"], tools);
    assert_eq!(chat.extra["tool_choice"]["type"], "custom");
    assert!(chat.tools.is_empty());
}
