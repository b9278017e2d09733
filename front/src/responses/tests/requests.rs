//! A request says elsewhere what it said here, and what a client was told it can tell again.

use super::super::{parse, survey};
use super::response;
use crate::samples::{ended, seal, thought};
use serde_json::{Value, json};
use vocab::{Chat, Effort, Event, Finish, Format, Media, Part, Role, ToolChoice};

/// The next turn of a conversation whose last answer was this.
pub fn told_again(told: &Value) -> Chat {
    let mut input = vec![json!({"role": "user", "content": "x"})];
    input.extend(told["output"].as_array().unwrap().iter().cloned());
    chat(&json!({"model": "m", "input": input}))
}

fn chat(body: &Value) -> Chat {
    let surveyed = survey(body.to_string().into()).unwrap_or_else(|bad| panic!("{body}: {bad}"));
    assert!(surveyed.only.is_empty(), "{:?}", surveyed.only);
    parse(&surveyed.raw).unwrap()
}

#[test]
fn a_request_says_elsewhere_what_it_said_here() {
    let tool = |name: &str, strict: Value| json!({"type": "function", "name": name, "description": "d", "parameters": {"type": "object"}, "strict": strict});
    let input = json!([
            {"role": "developer", "content": "Rules."},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
                {"type": "input_file", "file_url": "https://x.example/b.pdf"}]},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "commentary",
                "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{\"x\": 1.10}", "id": "fc_1", "status": "completed"},
            {"type": "function_call", "call_id": "b", "name": "g", "arguments": ""},
            {"type": "function_call_output", "call_id": "a", "output": [
                {"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": "https://x.example/a.png"}]},
            {"type": "function_call_output", "call_id": "b", "output": "nothing"},
            {"role": "user", "content": "So?"},
    ]);
    let chat = chat(&json!({
        "model": "m", "instructions": "Be brief.", "max_output_tokens": 99, "temperature": 0.5, "top_p": 0.9,
        "tools": [tool("f", json!(true)), tool("g", json!(null))], "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": false, "stream": true, "stream_options": {"include_obfuscation": false},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "top_logprobs": 3, "user": "u", "metadata": {"k": "v"}, "service_tier": "flex", "store": false, "background": false,
        "previous_response_id": null, "prompt_cache_key": "p", "truncation": "disabled", "max_tool_calls": 4,
        "input": input,
    }));
    assert_eq!(chat.max_output, Some(99));
    assert_eq!((chat.temperature, chat.top_p, chat.logprobs), (Some(0.5), Some(0.9), Some(3)));
    assert_eq!((chat.effort, chat.summary.as_deref()), (Some(Effort::High), Some("auto")));
    assert_eq!(
        (chat.tool_choice.clone(), chat.parallel_tools),
        (ToolChoice::Function("f".into()), Some(false))
    );
    assert_eq!(chat.tools.iter().map(|t| t.strict).collect::<Vec<_>>(), [Some(true), None]);
    assert!(matches!(&chat.format, Format::JsonSchema { name, strict: Some(true), .. } if name == "n"));
    assert_eq!(
        Value::Object(chat.extra.clone()),
        json!({"service_tier": "flex", "verbosity": "low", "prompt_cache_key": "p"})
    );
    assert_eq!((chat.user.as_deref(), chat.stream), (Some("u"), true));

    let roles: Vec<Role> = chat.messages.iter().map(|m| m.role).collect();
    use Role::{Assistant, Developer, System, Tool, User};
    assert_eq!(roles, [System, Developer, User, Assistant, Tool, Tool, User, User]);
    assert_eq!(chat.messages[0].plain_text(), "Be brief.");
    let inline = |mime: &str, data: &str| Media::Inline { mime: mime.into(), data: data.into() };
    assert_eq!(
        chat.messages[2].parts,
        [
            Part::Text("look".into()),
            Part::Image { source: inline("image/png", "AAAA"), detail: Some("low".into()) },
            Part::File { source: inline("application/pdf", "BBBB"), name: Some("a.pdf".into()) },
            Part::File { source: Media::Url("https://x.example/b.pdf".into()), name: None },
        ]
    );
    let calls = &chat.messages[3].tool_calls;
    assert_eq!((calls.len(), calls[0].id.as_str(), calls[0].arguments.as_str()), (2, "a", "{\"x\": 1.10}"));
    assert!(chat.messages[4].plain_text().starts_with("seen\n"));
    assert_eq!(chat.messages[5].tool_call_id.as_deref(), Some("b"));
    let picture = Part::Image { source: Media::Url("https://x.example/a.png".into()), detail: None };
    assert!(chat.messages[6].parts.contains(&picture));
    assert_eq!(chat.messages[7].plain_text(), "So?");
}

#[test]
fn a_choice_among_some_tools_leaves_the_others_out() {
    let tool = |name: &str| json!({"type": "function", "name": name});
    let body = |names: &[&str], mode: &str| {
        let among: Vec<Value> = names.iter().map(|name| tool(name)).collect();
        json!({"model": "m", "input": "x", "tools": [tool("f"), tool("g"), tool("h")],
            "tool_choice": {"type": "allowed_tools", "mode": mode, "tools": among}})
    };
    let told = chat(&body(&["g"], "required"));
    assert_eq!(
        (told.tools.len(), told.tools[0].name.as_str(), told.tool_choice),
        (1, "g", ToolChoice::Required)
    );
    assert_eq!(chat(&body(&["f", "h"], "auto")).tool_choice, ToolChoice::Auto);
    let surveyed = survey(body(&["x"], "auto").to_string().into()).unwrap();
    assert_eq!(parse(&surveyed.raw).unwrap_err().param.as_deref(), Some("tool_choice.tools"));
}

/// A turn at a provider of another kind, and the next one at whoever.
#[test]
fn seals_come_back_as_they_were_made() {
    let sealed = Event::ToolStart {
        choice: 0,
        index: 0,
        id: "c".into(),
        name: "f".into(),
        signature: Some("gem".into()),
    };
    let told =
        response(&ended(vec![thought("Hm."), seal("{\"id\":\"rs\"}"), sealed], Finish::ToolCalls), true);
    let chat = told_again(&told);
    assert_eq!(
        chat.messages[1].parts,
        [Part::Thinking { text: "Hm.".into(), signature: Some("{\"id\":\"rs\"}".into()) }]
    );
    assert_eq!(chat.messages[1].tool_calls[0].signature.as_deref(), Some("gem"));
    // One that a Responses provider made.
    let own = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let message = json!({"role": "assistant", "content": "x"});
    let body = json!({"model": "m", "input": [{"role": "user", "content": "x"}, own, message]});
    let surveyed = survey(body.to_string().into()).unwrap();
    assert!(!surveyed.raw.untidy);
    let signature = Some(r#"{"id":"rs_1","encrypted_content":"gAAA"}"#.to_owned());
    let chat = parse(&surveyed.raw).unwrap();
    assert_eq!(chat.messages[1].parts[0], Part::Thinking { text: String::new(), signature });
}
