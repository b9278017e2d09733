use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn looked(body: &Value) -> Result<Surveyed, BadInput> {
    survey(body.to_string().into())
}

fn with(fields: Value) -> Value {
    let mut body = json!({"model": "gpt-x", "input": "hello"});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn saying(item: Value) -> Value {
    with(json!({"input": [item]}))
}

fn showing(role: &str, part: Value) -> Value {
    saying(json!({"role": role, "content": [part]}))
}

fn function() -> Value {
    json!({"type": "function", "name": "f", "parameters": {"type": "object"}})
}

#[test]
fn the_least_request_needs_nothing() {
    let Surveyed { raw, only, summary } = looked(&with(json!({}))).unwrap();
    assert_eq!((raw.brief.model.as_str(), raw.brief.max_output, raw.brief.n), ("gpt-x", None, 1));
    assert_eq!(raw.brief.needs, Caps::empty());
    assert!(only.is_empty() && !raw.untidy && !summary);
}

#[test]
fn what_is_asked_for_is_what_is_needed() {
    let schema = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}});
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "x"});
    let image = |url: &str| json!({"type": "input_image", "image_url": url});
    for (body, needs) in [
        (with(json!({"stream": true})), Caps::STREAM),
        (with(json!({"temperature": 0.5})), Caps::SAMPLING),
        (with(json!({"temperature": 1, "top_p": 1.0})), Caps::empty()),
        (with(json!({"tools": [function()]})), Caps::TOOLS),
        (with(json!({"tools": [function()], "tool_choice": "required"})), Caps::TOOLS | Caps::FORCED_TOOL),
        (
            with(json!({"tools": [function()], "tool_choice": {"type": "function", "name": "f"}})),
            Caps::TOOLS | Caps::FORCED_TOOL,
        ),
        (
            with(json!({"tools": [function()], "tool_choice": {"type": "allowed_tools", "mode": "auto",
                "tools": [{"type": "function", "name": "f"}]}})),
            Caps::TOOLS,
        ),
        (
            with(json!({"tools": [function()], "parallel_tool_calls": false})),
            Caps::TOOLS | Caps::SERIAL_TOOLS,
        ),
        (with(json!({"parallel_tool_calls": false})), Caps::empty()),
        (with(json!({"reasoning": {"effort": "high"}})), Caps::REASONING),
        (with(json!({"reasoning": {"effort": "none"}})), Caps::empty()),
        (with(json!({"reasoning": {"effort": null, "summary": "auto"}})), Caps::empty()),
        (with(json!({"text": {"format": {"type": "json_object"}}})), Caps::JSON_OBJECT),
        (
            with(json!({"text": {"format": schema}, "stream": true, "tools": [function()]})),
            Caps::JSON_SCHEMA | Caps::SCHEMA_STREAM | Caps::SCHEMA_WITH_TOOLS | Caps::STREAM | Caps::TOOLS,
        ),
        (with(json!({"text": {"verbosity": "medium"}})), Caps::empty()),
        (with(json!({"text": {"verbosity": "low"}})), Caps::OPENAI_ONLY),
        (with(json!({"include": ["message.output_text.logprobs"], "top_logprobs": 2})), Caps::LOGPROBS),
        (
            with(json!({"include": ["reasoning.encrypted_content", "file_search_call.results"]})),
            Caps::empty(),
        ),
        (showing("user", image("https://x.example/a.png")), Caps::VISION | Caps::IMAGE_URL),
        (showing("user", image("data:image/png;base64,AAAA")), Caps::VISION),
        (
            showing("user", json!({"file_data": "data:application/pdf;base64,AAAA", "type": "input_file"})),
            Caps::PDF,
        ),
        (showing("user", json!({"type": "input_file", "file_url": "https://x.example/a.pdf"})), Caps::PDF),
        (saying(json!({"role": "assistant", "content": "I"})), Caps::empty()),
        (with(json!({"input": [call("a"), output("a")]})), Caps::TOOLS),
        (
            with(json!({"input": [call("a"), call("b"), output("a"), output("b")]})),
            Caps::TOOLS | Caps::PARALLEL_TOOLS,
        ),
        (with(json!({"input": [call("a"), output("a"), call("b"), output("b")]})), Caps::TOOLS),
        (
            with(
                json!({"store": false, "background": false, "previous_response_id": null, "conversation": null,
                "metadata": {"a": "b"}, "service_tier": "auto", "truncation": "disabled", "max_tool_calls": 3,
                "stream_options": {"include_obfuscation": true}, "user": "u", "prompt": null}),
            ),
            Caps::empty(),
        ),
    ] {
        let surveyed = looked(&body).unwrap_or_else(|bad| panic!("{body}: {bad}"));
        assert_eq!(surveyed.raw.brief.needs, needs, "{body}");
        assert!(surveyed.only.is_empty(), "{body}: {:?}", surveyed.only);
    }
}

#[test]
fn what_only_this_api_knows_is_named() {
    for (body, path) in [
        (with(json!({"tools": [function(), {"type": "web_search"}]})), "tools[1].type"),
        (
            with(json!({"tools": [{"name": "c", "type": "custom", "format": {"type": "text"}}]})),
            "tools[0].type",
        ),
        (
            with(json!({"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x"}]})),
            "tools[0].type",
        ),
        (
            with(json!({"tools": [{"type": "function", "name": "f", "defer_loading": true}]})),
            "tools[0].defer_loading",
        ),
        (
            with(json!({"tools": [function()], "tool_choice": {"type": "web_search_preview"}})),
            "tool_choice.type",
        ),
        (
            with(json!({"tools": [function()], "tool_choice": {"type": "allowed_tools", "mode": "auto",
                "tools": [{"type": "mcp", "server_label": "x"}]}})),
            "tool_choice.tools",
        ),
        (with(json!({"truncation": "auto"})), "truncation"),
        (with(json!({"context_management": [{"type": "compaction"}]})), "context_management"),
        (with(json!({"field_of_tomorrow": 1})), "field_of_tomorrow"),
        (with(json!({"reasoning": {"context": "all_turns"}})), "reasoning.context"),
        (with(json!({"include": ["something.new"]})), "include[0]"),
        (saying(json!({"type": "web_search_call", "id": "ws_1", "status": "completed"})), "input[0].type"),
        (saying(json!({"id": "ig_1", "result": "AAAA", "type": "image_generation_call"})), "input[0].type"),
        (showing("user", json!({"type": "input_file", "file_id": "file-1"})), "input[0].content[0].file_id"),
        (showing("user", json!({"type": "input_image", "file_id": "file-1"})), "input[0].content[0].file_id"),
        (showing("user", json!({"type": "part_of_tomorrow", "x": []})), "input[0].content[0].type"),
        (
            showing("system", json!({"type": "input_image", "image_url": "https://x.example/a.png"})),
            "input[0].content[0].type",
        ),
    ] {
        let surveyed = looked(&body).unwrap_or_else(|bad| panic!("{body}: {bad}"));
        assert_eq!(surveyed.only, [path], "{body}");
        assert!(surveyed.raw.brief.needs.contains(Caps::RESPONSES_ONLY), "{body}");
        assert!(
            crate::responses::parse(&surveyed.raw).is_ok()
                != surveyed.raw.brief.needs.contains(Caps::RESPONSES_ONLY)
        );
    }
}

#[test]
fn faults_are_named_by_their_path() {
    let image = json!({"type": "input_image", "image_url": "https://x.example/a.png"});
    for (body, param) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": "m"}), "input"),
        (with(json!({"model": ""})), "model"),
        (with(json!({"input": []})), "input"),
        (with(json!({"input": 5})), "input"),
        (with(json!({"input": null})), "input"),
        (with(json!({"input": ["x"]})), "input[0]"),
        (with(json!({"max_output_tokens": 0})), "max_output_tokens"),
        (with(json!({"temperature": 2.5})), "temperature"),
        (with(json!({"stream": "yes"})), "stream"),
        (with(json!({"store": true})), "store"),
        (with(json!({"background": true})), "background"),
        (with(json!({"previous_response_id": "resp_1"})), "previous_response_id"),
        (with(json!({"conversation": {"id": "conv_1"}})), "conversation"),
        (with(json!({"prompt": {"id": "pmpt_1"}})), "prompt"),
        (with(json!({"instructions": []})), "instructions"),
        (with(json!({"service_tier": "gold"})), "service_tier"),
        (with(json!({"reasoning": {"effort": "huge"}})), "reasoning.effort"),
        (with(json!({"reasoning": {"summary": "long"}})), "reasoning.summary"),
        (with(json!({"text": {"format": {"type": "xml"}}})), "text.format.type"),
        (with(json!({"text": {"format": {"type": "json_schema", "schema": {}}}})), "text.format.name"),
        (with(json!({"text": {"format": {"type": "json_schema", "name": "n"}}})), "text.format.schema"),
        (with(json!({"text": {"verbosity": "loud"}})), "text.verbosity"),
        (with(json!({"tools": [{"name": "f"}]})), "tools[0].type"),
        (with(json!({"tools": [{"type": "function"}]})), "tools[0].name"),
        (with(json!({"tools": [{"type": "function", "function": {"name": "f"}}]})), "tools[0].name"),
        (with(json!({"tool_choice": "required"})), "tool_choice"),
        (with(json!({"tool_choice": {"type": "function"}})), "tool_choice.name"),
        (saying(json!({"type": "item_reference", "id": "msg_1"})), "input[0].type"),
        (saying(json!({"id": "msg_1"})), "input[0].type"),
        (saying(json!({"content": "x"})), "input[0].role"),
        (saying(json!({"role": "user"})), "input[0].content"),
        (saying(json!({"role": "tool", "content": "x"})), "input[0].role"),
        (saying(json!({"role": "user", "content": 1})), "input[0].content"),
        (saying(json!({"content": 1, "role": "user"})), "input[0].content"),
        (showing("user", json!({"text": "x"})), "input[0].content[0].type"),
        (showing("user", json!({"type": "input_text"})), "input[0].content[0].text"),
        (showing("user", json!({"type": "output_text", "text": "x"})), "input[0].content[0].type"),
        (showing("assistant", json!({"type": "input_text", "text": "x"})), "input[0].content[0].type"),
        (showing("assistant", image), "input[0].content[0].type"),
        (showing("user", json!({"type": "input_image"})), "input[0].content[0].image_url"),
        (
            showing("user", json!({"type": "input_image", "image_url": "file:///etc/passwd"})),
            "input[0].content[0].image_url",
        ),
        (showing("user", json!({"type": "input_file"})), "input[0].content[0].file_data"),
        (saying(json!({"type": "function_call", "name": "f", "arguments": "{}"})), "input[0].call_id"),
        (
            saying(json!({"type": "function_call", "call_id": "a", "name": "f", "arguments": {}})),
            "input[0].arguments",
        ),
        (saying(json!({"call_id": "a", "type": "function_call_output"})), "input[0].output"),
        (
            saying(
                json!({"type": "function_call_output", "call_id": "a", "output": [{"type": "refusal", "refusal": "x"}]}),
            ),
            "input[0].output[0].type",
        ),
        (saying(json!({"type": "reasoning", "id": "rs_1"})), "input[0].summary"),
        (
            saying(json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text"}]})),
            "input[0].summary[0].text",
        ),
    ] {
        let bad = looked(&body).map(drop).expect_err(&body.to_string());
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
        assert!(bad.message.contains(param.rsplit('.').next().unwrap()), "{bad}");
    }
}

#[test]
fn a_field_is_there_once() {
    for (text, param) in [
        (r#"{"model":"m","input":"x","model":"n"}"#, "model"),
        (r#"{"model":"m","input":[{"role":"user","content":"x","role":"user"}]}"#, "input[0].role"),
        (
            r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a","text":"b"}]}]}"#,
            "input[0].content[0].text",
        ),
    ] {
        let bad = survey(text.as_bytes().to_vec().into()).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(param));
    }
}

#[test]
fn reasoning_that_cannot_go_back_is_known() {
    let thought = |content: Value| {
        let mut item = json!({"type": "reasoning", "id": "rs_1", "summary": []});
        if !content.is_null() {
            item["encrypted_content"] = content;
        }
        with(
            json!({"input": [{"role": "user", "content": "x"}, item, {"role": "assistant", "content": "y"}]}),
        )
    };
    for (content, untidy) in
        [(json!("gAAA"), false), (json!("weir:{}"), true), (json!(""), true), (Value::Null, true)]
    {
        let surveyed = looked(&thought(content.clone())).unwrap();
        assert_eq!(surveyed.raw.untidy, untidy, "{content}");
        assert!(surveyed.only.is_empty());
    }
}

const WORDS: &[&str] = &[
    "model",
    "input",
    "instructions",
    "role",
    "user",
    "assistant",
    "developer",
    "content",
    "type",
    "text",
    "message",
    "input_text",
    "output_text",
    "refusal",
    "input_image",
    "image_url",
    "input_file",
    "file_data",
    "file_id",
    "function_call",
    "function_call_output",
    "call_id",
    "name",
    "arguments",
    "output",
    "reasoning",
    "summary",
    "summary_text",
    "encrypted_content",
    "weir:{}",
    "tools",
    "function",
    "parameters",
    "tool_choice",
    "allowed_tools",
    "mode",
    "required",
    "auto",
    "format",
    "json_schema",
    "schema",
    "effort",
    "high",
    "stream",
    "include",
    "id",
    "https://x.example/a.png",
    "data:image/png;base64,AAAA",
];

fn wild() -> impl Strategy<Value = Value> {
    let word = prop_oneof![5 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5_000_u64).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Items that are nearly right.
fn item() -> impl Strategy<Value = Value> {
    let kinds = ["message", "function_call", "function_call_output", "reasoning", "web_search_call"];
    let fields =
        ["role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content", "id"];
    let values = prop_oneof![
        Just(json!("user")),
        Just(json!("assistant")),
        Just(json!([{"type": "input_text", "text": "x"}])),
        Just(json!([{"type": "output_text", "text": "x"}])),
        Just(json!([])),
        wild(),
    ];
    let more = prop::collection::vec((prop::sample::select(fields.to_vec()), values), 0..6);
    (prop::option::of(prop::sample::select(kinds.to_vec())), more).prop_map(|(kind, more)| {
        let mut item = serde_json::Map::new();
        more.into_iter().for_each(|(key, value)| drop(item.insert(key.into(), value)));
        kind.into_iter().for_each(|kind| drop(item.insert("type".into(), kind.into())));
        item.into()
    })
}

/// What was let through can be read by whoever needs it taken apart.
fn reads(body: &str) -> Result<(), TestCaseError> {
    if let Ok(surveyed) = survey(body.to_owned().into())
        && surveyed.only.is_empty()
    {
        let parsed = crate::responses::parse(&surveyed.raw);
        let choice = |bad: &BadInput| bad.param.as_deref() == Some("tool_choice.tools");
        prop_assert!(parsed.as_ref().is_ok() || parsed.as_ref().is_err_and(choice), "{}: {:?}", body, parsed);
    }
    Ok(())
}

proptest! {
    #[test]
    fn anything_is_survived(fields in prop::collection::vec((prop::sample::select(WORDS), wild()), 0..6), cut in any::<prop::sample::Index>()) {
        let mut body = with(json!({}));
        for (key, value) in fields {
            body[key] = value;
        }
        let text = body.to_string();
        reads(&text)?;
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(survey(text[..at].to_owned().into()).is_err());
    }

    #[test]
    fn items_are_survived_in_any_order(items in prop::collection::vec(item(), 1..4)) {
        reads(&with(json!({ "input": items })).to_string())?;
    }
}
