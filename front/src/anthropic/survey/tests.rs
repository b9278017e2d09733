use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn looked(body: &Value) -> Result<Surveyed, BadInput> {
    survey(body.to_string().into(), Wanted::Answer)
}

fn ask() -> Value {
    json!({"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]})
}

fn with(fields: Value) -> Value {
    let mut body = ask();
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn saying(role: &str, block: Value) -> Value {
    with(json!({"messages": [{"role": role, "content": [block]}]}))
}

#[test]
fn the_least_request_needs_nothing() {
    let Surveyed { raw, only } = looked(&ask()).unwrap();
    assert_eq!((raw.brief.model.as_str(), raw.brief.max_output, raw.brief.n), ("claude-x", Some(100), 1));
    assert_eq!(raw.brief.needs, Caps::empty());
    assert!(only.is_empty() && !raw.untidy);
    let span =
        |span: &Option<Span>| std::str::from_utf8(&raw.body[span.clone().unwrap()]).unwrap().to_owned();
    assert_eq!(span(&raw.spans.model), "\"claude-x\"");
    assert_eq!(span(&raw.spans.max_tokens), "100");
}

#[test]
fn what_is_asked_for_is_what_is_needed() {
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let png = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="});
    let schema = json!({"type": "json_schema", "schema": {"type": "object"}});
    let call = json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}});
    for (body, needs) in [
        (with(json!({"stream": true})), Caps::STREAM),
        (with(json!({"temperature": 0.5})), Caps::SAMPLING),
        (with(json!({"temperature": 1, "top_p": 1.0})), Caps::empty()),
        (with(json!({"stop_sequences": ["x"]})), Caps::STOP),
        (with(json!({"stop_sequences": []})), Caps::empty()),
        (with(json!({"tools": [tool]})), Caps::TOOLS),
        (with(json!({"tools": [tool], "tool_choice": {"type": "any"}})), Caps::TOOLS | Caps::FORCED_TOOL),
        (
            with(
                json!({"tools": [tool], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
            ),
            Caps::TOOLS | Caps::SERIAL_TOOLS,
        ),
        (with(json!({"thinking": {"type": "enabled", "budget_tokens": 2_048}})), Caps::REASONING),
        (with(json!({"thinking": {"type": "adaptive"}})), Caps::empty()),
        (with(json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}})), Caps::empty()),
        (with(json!({"output_config": {"effort": "max"}})), Caps::REASONING),
        (with(json!({"output_config": {"format": schema}})), Caps::JSON_SCHEMA),
        (
            with(json!({"output_format": schema, "stream": true, "tools": [tool]})),
            Caps::JSON_SCHEMA | Caps::SCHEMA_STREAM | Caps::SCHEMA_WITH_TOOLS | Caps::STREAM | Caps::TOOLS,
        ),
        (saying("user", json!({"type": "image", "source": png})), Caps::VISION),
        (
            saying(
                "user",
                json!({"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}),
            ),
            Caps::VISION | Caps::IMAGE_URL,
        ),
        (saying("user", json!({"type": "document", "source": pdf, "title": "a"})), Caps::PDF),
        (
            saying(
                "user",
                json!({"source": {"type": "text", "media_type": "text/plain", "data": "x"}, "type": "document"}),
            ),
            Caps::empty(),
        ),
        (saying("assistant", json!({"type": "text", "text": "I"})), Caps::PREFILL),
        (saying("assistant", call.clone()), Caps::TOOLS),
        (
            with(json!({"messages": [{"role": "assistant", "content": [call, call]}]})),
            Caps::TOOLS | Caps::PARALLEL_TOOLS,
        ),
        (
            saying(
                "user",
                json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": png}]}),
            ),
            Caps::TOOLS | Caps::VISION,
        ),
    ] {
        let surveyed = looked(&body).unwrap_or_else(|bad| panic!("{body}: {bad}"));
        assert_eq!(surveyed.raw.brief.needs, needs, "{body}");
        assert!(surveyed.only.is_empty(), "{body}: {:?}", surveyed.only);
    }
}

#[test]
fn what_only_anthropic_knows_is_named() {
    let tool = |more: Value| {
        let mut tool = json!({"name": "f", "input_schema": {"type": "object"}});
        for (key, value) in more.as_object().unwrap() {
            tool[key] = value.clone();
        }
        with(json!({ "tools": [{"name": "g", "input_schema": {}}, tool] }))
    };
    for (body, path) in [
        (with(json!({"top_k": 5})), "top_k"),
        (with(json!({"speed": "fast"})), "speed"),
        (with(json!({"container": "c"})), "container"),
        (with(json!({"mcp_servers": [{"url": "https://x.example"}]})), "mcp_servers"),
        (with(json!({"thinking": {"type": "between_tools"}})), "thinking.type"),
        (with(json!({"output_config": {"task_budget": 3}})), "output_config.task_budget"),
        (with(json!({"something_new": {"a": 1}})), "something_new"),
        (
            with(json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]})),
            "tools[0].type",
        ),
        (tool(json!({"defer_loading": true})), "tools[1].defer_loading"),
        (tool(json!({"input_examples": [{}]})), "tools[1].input_examples"),
        (tool(json!({"allowed_callers": ["direct", "code_execution_20250825"]})), "tools[1].allowed_callers"),
        (
            saying("user", json!({"type": "document", "source": {"type": "file", "file_id": "f"}})),
            "messages[0].content[0].source.type",
        ),
        (
            saying("user", json!({"type": "search_result", "source": "x", "title": "t", "content": []})),
            "messages[0].content[0].type",
        ),
        (
            saying("user", json!({"type": "text", "text": "x", "emphasis": 2})),
            "messages[0].content[0].emphasis",
        ),
        (
            saying(
                "user",
                json!({"citations": {"enabled": true}, "type": "document", "source": {"type": "text", "data": "x"}}),
            ),
            "messages[0].content[0].citations",
        ),
        (
            saying(
                "user",
                json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "n"}]}),
            ),
            "messages[0].content[0].content[1].type",
        ),
        (
            saying(
                "assistant",
                json!({"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825", "tool_id": "s"}}),
            ),
            "messages[0].content[0].caller",
        ),
        (with(json!({"system": [{"type": "text", "text": "x", "new": 1}]})), "system[0].new"),
    ] {
        let surveyed = looked(&body).unwrap_or_else(|bad| panic!("{body}: {bad}"));
        assert_eq!(surveyed.only, [path], "{body}");
        assert!(surveyed.raw.brief.needs.contains(Caps::ANTHROPIC_ONLY));
    }
}

/// The harmless ones that [`crate::anthropic`] lists, and values that ask for what happens anyway.
#[test]
fn what_is_harmless_needs_nobody() {
    let cached = json!({"type": "ephemeral", "ttl": "1h"});
    for body in [
        with(json!({"cache_control": cached})),
        with(json!({"metadata": {"user_id": "u", "x": 1}})),
        with(json!({"service_tier": "auto"})),
        with(json!({"diagnostics": {"previous_message_id": null}})),
        with(json!({"speed": "standard", "container": null, "mcp_servers": [], "top_k": null})),
        with(json!({"system": [{"type": "text", "text": "x", "cache_control": cached}]})),
        saying("user", json!({"type": "text", "text": "x", "cache_control": cached, "citations": null})),
        with(json!({"thinking": {"type": "adaptive", "display": "omitted"}})),
        with(json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EqQB"},
                {"type": "text", "text": "x", "citations": [{"type": "char_location"}]}]},
            {"role": "user", "content": "b"}]})),
    ] {
        let surveyed = looked(&body).unwrap_or_else(|bad| panic!("{body}: {bad}"));
        assert_eq!(surveyed.raw.brief.needs, Caps::empty(), "{body}");
        assert!(!surveyed.raw.untidy);
    }
}

#[test]
fn faults_are_named_by_their_path() {
    for (body, param) in [
        (json!({"max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}), "model"),
        (json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}), "max_tokens"),
        (json!({"model": "m", "max_tokens": 1}), "messages"),
        (with(json!({"messages": []})), "messages"),
        (with(json!({"max_tokens": 0})), "max_tokens"),
        (with(json!({"max_tokens": null})), "max_tokens"),
        (with(json!({"model": ""})), "model"),
        (with(json!({"temperature": 1.5})), "temperature"),
        (with(json!({"messages": [{"role": "tool", "content": "x"}]})), "messages[0].role"),
        (with(json!({"messages": [{"role": "user"}]})), "messages[0].content"),
        (with(json!({"messages": [{"role": "user", "content": 1}]})), "messages[0].content"),
        (saying("user", json!({"text": "x"})), "messages[0].content[0].type"),
        (saying("user", json!({"type": "text"})), "messages[0].content[0].text"),
        (saying("user", json!({"text": 1, "type": "text"})), "messages[0].content[0].text"),
        (
            saying("user", json!({"type": "tool_use", "id": "a", "name": "f", "input": {}})),
            "messages[0].content[0].type",
        ),
        (
            saying("assistant", json!({"type": "tool_use", "id": "a", "name": "f", "input": "{}"})),
            "messages[0].content[0].input",
        ),
        (
            saying("assistant", json!({"type": "tool_use", "name": "f", "input": {}})),
            "messages[0].content[0].id",
        ),
        (
            saying(
                "user",
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": "x"}}),
            ),
            "messages[0].content[0].source.media_type",
        ),
        (
            saying("user", json!({"type": "image", "source": {"type": "base64", "media_type": "image/png"}})),
            "messages[0].content[0].source.data",
        ),
        (
            saying("user", json!({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}})),
            "messages[0].content[0].source.url",
        ),
        (
            saying(
                "user",
                json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": 5}]}),
            ),
            "messages[0].content[0].content[0].text",
        ),
        (
            saying("user", json!({"type": "tool_result", "tool_use_id": "t", "is_error": "yes"})),
            "messages[0].content[0].is_error",
        ),
        (
            with(json!({"system": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]})),
            "system[0].type",
        ),
        (with(json!({"system": 5})), "system"),
        (with(json!({"tools": [{"name": "f"}]})), "tools[0].input_schema"),
        (with(json!({"tool_choice": {"type": "required"}})), "tool_choice.type"),
        (with(json!({"tool_choice": {"type": "any"}})), "tool_choice"),
        (with(json!({"thinking": {"type": "enabled"}})), "thinking.budget_tokens"),
        (with(json!({"thinking": {"type": "enabled", "budget_tokens": 100}})), "thinking.budget_tokens"),
        (with(json!({"output_config": {"effort": "huge"}})), "output_config.effort"),
        (with(json!({"output_config": {"format": {"type": "json_schema"}}})), "output_config.format.schema"),
        (with(json!({"service_tier": "fast"})), "service_tier"),
        (with(json!({"thread": {"type": "create"}})), "thread"),
    ] {
        let bad = looked(&body).map(drop).expect_err(&body.to_string());
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
        assert!(bad.message.contains(param.rsplit('.').next().unwrap()), "{bad}");
    }
}

#[test]
fn a_field_is_there_once() {
    let text = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x","role":"user"}]}"#;
    let bad = survey(text.as_bytes().to_vec().into(), Wanted::Answer).unwrap_err();
    assert_eq!(bad.param.as_deref(), Some("messages[0].role"));
    let text = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"text":"a","type":"text","text":"b"}]}]}"#;
    let bad = survey(text.as_bytes().to_vec().into(), Wanted::Answer).unwrap_err();
    assert_eq!(bad.param.as_deref(), Some("messages[0].content[0].text"));
}

#[test]
fn counting_needs_no_limit() {
    let body =
        json!({"model": "m", "messages": [{"role": "user", "content": "four words of text ".repeat(25)}]});
    let surveyed = survey(body.to_string().into(), Wanted::Count).unwrap();
    assert!((80..130).contains(&surveyed.raw.brief.tokens_in), "{}", surveyed.raw.brief.tokens_in);
}

#[test]
fn what_another_provider_thought_is_known_when_it_comes_back() {
    for (block, untidy) in [
        (json!({"type": "thinking", "thinking": "t", "signature": ""}), true),
        (json!({"type": "thinking", "thinking": "t", "signature": "weir:abc"}), true),
        (json!({"signature": "EqQB", "type": "thinking", "thinking": "t"}), false),
        (json!({"type": "tool_use", "id": "a", "name": "f", "input": {}, "weir_signature": "s"}), true),
        (
            json!({"type": "text", "text": "x", "citations": [{"type": "char_location"}, {"encrypted_index": "weir:", "url": "u"}]}),
            true,
        ),
        (json!({"citations": [{"encrypted_index": "EqQB"}], "type": "text", "text": "x"}), false),
        (json!({"type": "text", "text": "x", "citations": null}), false),
    ] {
        let surveyed = looked(&saying("assistant", block.clone())).unwrap();
        assert_eq!(surveyed.raw.untidy, untidy, "{block}");
        assert!(surveyed.only.is_empty());
    }
}

const WORDS: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "role",
    "user",
    "assistant",
    "content",
    "type",
    "text",
    "tool_use",
    "tool_result",
    "image",
    "document",
    "source",
    "base64",
    "url",
    "media_type",
    "image/png",
    "data",
    "thinking",
    "signature",
    "redacted_thinking",
    "id",
    "name",
    "input",
    "tool_use_id",
    "tools",
    "input_schema",
    "tool_choice",
    "any",
    "auto",
    "enabled",
    "budget_tokens",
    "output_config",
    "format",
    "json_schema",
    "schema",
    "effort",
    "high",
    "stream",
    "cache_control",
    "ephemeral",
    "https://x.example/a.png",
    "weir_signature",
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

proptest! {
    #[test]
    fn anything_is_survived(fields in prop::collection::vec((prop::sample::select(WORDS), wild()), 0..6), cut in any::<prop::sample::Index>()) {
        let mut body = ask();
        for (key, value) in fields {
            body[key] = value;
        }
        let text = body.to_string();
        if let Ok(surveyed) = survey(text.clone().into(), Wanted::Answer) {
            // What was let through can be read by whoever needs it taken apart.
            let parsed = crate::anthropic::parse(&surveyed.raw);
            if surveyed.only.is_empty() {
                parsed.map_err(|bad| TestCaseError::fail(format!("{text}: {bad}")))?;
            }
        }
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(survey(text[..at].to_owned().into(), Wanted::Answer).is_err());
    }

    #[test]
    fn blocks_are_survived_in_any_order(block in wild(), role in prop::sample::select(&["user", "assistant"][..])) {
        let body = saying(role, block);
        if let Ok(surveyed) = looked(&body) {
            let parsed = crate::anthropic::parse(&surveyed.raw);
            prop_assert!(parsed.is_ok() || !surveyed.only.is_empty(), "{}: {:?}", body, parsed);
        }
    }
}
