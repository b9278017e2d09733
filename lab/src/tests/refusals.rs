//! What each provider refuses, in its own words.

use super::{Say, lab};
use serde_json::{Value, json};
use vocab::Dialect;

fn refusal(say: &Say) -> (u16, Value) {
    let script = say.play(&lab());
    (script.status, serde_json::from_slice(&script.body()).unwrap_or_default())
}

#[test]
fn keys_and_models_are_checked() {
    let code = |body: &Value, dialect| match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => body["error"]["code"].clone(),
        Dialect::Gemini => body["error"]["status"].clone(),
        Dialect::Anthropic => body["error"]["type"].clone(),
        Dialect::WorkersAi => body["errors"][0]["code"].clone(),
        Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => unreachable!("they only speak"),
    };
    for (provider, model, no_key, no_model) in [
        ("openai", "gpt-lab-mini", (401, json!(null)), (404, json!("model_not_found"))),
        ("responses", "gpt-lab-items", (401, json!(null)), (404, json!("model_not_found"))),
        ("groq", "openai/gpt-oss-lab", (401, json!(null)), (404, json!("model_not_found"))),
        ("gemini", "gemini-lab-flash", (403, json!("PERMISSION_DENIED")), (404, json!("NOT_FOUND"))),
        ("anthropic", "claude-lab", (401, json!("authentication_error")), (404, json!("not_found_error"))),
        ("workers", "@cf/lab/llama-native", (401, json!(10000)), (400, json!(5007))),
    ] {
        let mut say = Say::to(provider, model, "Hello");
        let dialect = say.dialect();
        say.key = None;
        let (status, body) = refusal(&say);
        assert_eq!((status, code(&body, dialect)), no_key, "{provider}");
        let mut say = Say::to(provider, "no-such-model", "Hello");
        say.key = Some("k");
        let (status, body) = refusal(&say);
        assert_eq!((status, code(&body, dialect)), no_model, "{provider}");
    }
    let mut local = Say::to("ollama", "qwen-lab:8b", "Hello");
    local.key = None;
    assert_eq!(refusal(&local).0, 200);
}

#[test]
fn requests_are_read_strictly() {
    let openai = || Say::to("openai", "gpt-lab-mini", "Hello");
    let think = || Say::to("openai", "gpt-lab-think", "Hello");
    let items = || Say::to("responses", "gpt-lab-items", "Hello");
    let ponder = || Say::to("responses", "gpt-lab-ponder", "Hello");
    let asked = |more: Value| {
        let mut all = vec![json!({"role": "user", "content": "x"})];
        all.extend(more.as_array().unwrap().iter().cloned());
        items().with("input", all.into())
    };
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    let groq = || Say::to("groq", "openai/gpt-oss-lab", "Hello");
    let gemini = || Say::to("gemini", "gemini-lab-flash", "Hello");
    let claude = || Say::to("anthropic", "claude-lab", "Hello");
    let native = || Say::to("workers", "@cf/lab/llama-native", "Hello");
    let open_call = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]);
    let function = json!([{"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}});
    let mut no_limit = claude();
    no_limit.body.as_object_mut().unwrap().remove("max_tokens");
    let cases = [
        (openai().with("messages", json!([])), "empty array"),
        (openai().with("colour", json!("red")), "Unrecognized request argument supplied: colour"),
        (openai().with("temperature", json!(3)), "temperature"),
        (openai().with("stream_options", json!({})), "stream_options"),
        (openai().with("messages", open_call.clone()), "must be followed by tool messages"),
        (openai().with("messages", json!([{"role": "tool", "tool_call_id": "c", "content": "x"}])), "preceeding"),
        (openai().with("messages", json!([{"role": "user", "content": null}])), "content"),
        (openai().with("response_format", json!({"type": "json_object"})), "must contain the word 'json'"),
        (openai().with("tool_choice", json!("auto")), "tool_choice"),
        (openai().with("max_tokens", json!(1_000_000)), "too large"),
        (openai().with("reasoning_effort", json!("high")), "reasoning_effort"),
        (think().with("max_tokens", json!(100)), "max_completion_tokens"),
        (think().with("temperature", json!(0.5)), "temperature"),
        (think().with("reasoning_effort", json!("xhigh")), "Supported values"),
        (items().with("messages", json!([])), "Unknown parameter: 'messages'"),
        (items().with("stop", json!("x")), "Unknown parameter: 'stop'"),
        (items().with("input", json!([])), "empty array"),
        (items().with("max_output_tokens", json!(15)), "Expected a value >= 16"),
        (items().with("previous_response_id", json!("resp_1")), "previous_response_not_found"),
        (items().with("include", json!(["reasoning.encrypted_content"])), "Encrypted content is not supported"),
        (items().with("reasoning", json!({"effort": "low"})), "reasoning.effort"),
        (items().with("text", json!({"format": {"type": "json_object"}})), "must contain the word 'json'"),
        (items().with("text", json!({"format": {"type": "json_schema", "json_schema": {}}})), "text.format.name"),
        (items().with("tools", json!([{"type": "function", "function": {"name": "f"}}])), "tools[0].name"),
        (items().with("tools", json!([{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true}])), "additionalProperties"),
        (asked(json!([{"role": "assistant", "content": [{"type": "input_text", "text": "y"}]}])), "'output_text' and 'refusal'"),
        (asked(json!([{"role": "user", "content": [{"type": "text", "text": "y"}]}])), "'input_text', 'input_image'"),
        (asked(json!([call])), "No tool output found for function call c1"),
        (asked(json!([{"type": "function_call_output", "call_id": "c1", "output": "y"}])), "No tool call found"),
        (asked(json!([{"type": "function_call", "call_id": "c".repeat(65), "name": "f", "arguments": "{}"}])), "maximum length 64"),
        (asked(json!([{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "Zm9yZ2Vk"}, {"role": "assistant", "content": "y"}])), "could not be verified"),
        (asked(json!([{"role": "assistant", "content": "y"}, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}])), "without its required following item"),
        (ponder().with("temperature", json!(0.5)), "temperature"),
        (groq().with("logprobs", json!(true)), "unsupported"),
        (groq().with("n", json!(2)), "at most 1"),
        (groq().with("messages", json!([{"role": "user", "content": "x", "name": "me"}])), "property 'name' is unsupported"),
        (groq().with("messages", json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "tool_calls": null}])), "must not be null"),
        (groq().streamed().with("response_format", schema.clone()), "does not support streaming"),
        (groq().with("reasoning_format", json!("parsed")).with("include_reasoning", json!(true)), "reasoning_format"),
        (gemini().with("contents", json!([])), "contents is not specified"),
        (gemini().with("contents", function), "thought_signature"),
        (gemini().with("colour", json!(1)), "Unknown name \"colour\""),
        (gemini().with("contents", json!([{"role": "user", "parts": [{"text": ""}]}])), "empty text"),
        (gemini().with("tools", json!([{"functionDeclarations": [{"name": "f", "parameters": {"type": "object", "additionalProperties": false}}]}])), "additionalProperties"),
        (gemini().with("generationConfig", json!({"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 5}})), "only set one"),
        (no_limit, "max_tokens: Field required"),
        (claude().with("messages", json!([{"role": "system", "content": "x"}])), "Unexpected role"),
        (claude().with("messages", json!([{"role": "assistant", "content": "x"}])), "first message"),
        (claude().with("messages", json!([{"role": "user", "content": [{"type": "text", "text": ""}]}])), "non-empty"),
        (claude().with("messages", json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}])), "prefill"),
        (claude().with("messages", json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}, {"role": "user", "content": "y"}])), "without `tool_result`"),
        (claude().with("thinking", json!({"type": "enabled", "budget_tokens": 5})), "1024"),
        (claude().with("n", json!(2)), "Extra inputs"),
        (claude().with("temperature", json!(1.5)), "temperature"),
        (native().with("messages", json!([{"role": "assistant", "content": null}])), "null"),
        (native().with("response_format", schema.clone()), "json_schema"),
        (native().streamed().with("response_format", json!({"type": "json_schema", "json_schema": {"type": "object"}})), "not supported with stream"),
    ];
    for (say, words) in cases {
        let (status, body) = refusal(&say);
        assert_eq!(status, 400, "{}: {body}", say.body);
        assert!(body.to_string().contains(&words.replace('"', "\\\"")), "expected {words:?} in {body}");
    }
}

#[test]
fn what_is_too_long_is_told_in_each_shape() {
    let long = "x".repeat(5_000_000);
    for (provider, model, status, words) in [
        ("openai", "gpt-lab-mini", 400, "context_length_exceeded"),
        ("responses", "gpt-lab-items", 400, "context_length_exceeded"),
        ("groq", "openai/gpt-oss-lab", 400, "context_length_exceeded"),
        ("gemini", "gemini-lab-flash", 400, "input token count"),
        ("anthropic", "claude-lab", 400, "prompt is too long"),
        ("workers", "@cf/lab/llama-native", 413, "context window limit"),
        ("llamacpp", "gemma-lab", 400, "exceed_context_size_error"),
        ("vllm", "org/big-lab", 400, "maximum context length"),
    ] {
        let (got, body) = refusal(&Say::to(provider, model, &long));
        assert_eq!(got, status, "{provider}");
        assert!(body.to_string().contains(words), "{provider}: {body}");
    }
    // "long prompts are cut to the server default and totals stop exactly at 4096".
    let heard = Say::to("ollama", "qwen-lab:8b", &long).hear(&lab());
    assert_eq!(heard.usage.unwrap().input, 4_096);
}

#[test]
fn reasoning_comes_back_sealed_or_not_at_all() {
    let lab = lab();
    let say = Say::to("responses", "gpt-lab-ponder", "get_weather")
        .tools(&["get_weather"], false)
        .with("include", json!(["reasoning.encrypted_content"]));
    let body: Value = serde_json::from_slice(&say.play(&lab).body()).unwrap();
    let [thought, call] = body["output"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!((&thought["type"], &call["type"]), (&json!("reasoning"), &json!("function_call")));
    let result = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sun"});
    let with = |thought: Value| {
        let asked = json!({"role": "user", "content": "get_weather"});
        refusal(&say.clone().with("input", json!([asked, thought, call, result])))
    };
    assert_eq!(with(thought.clone()).0, 200);
    let mut named = thought.clone();
    named["encrypted_content"] = Value::Null;
    let (status, body) = with(named);
    assert_eq!((status, &body["error"]["param"]), (404, &json!("input")));
    assert!(body["error"]["message"].as_str().unwrap().starts_with("Item with id"), "{body}");
}

#[test]
fn a_signature_comes_back_or_is_missed() {
    let lab = lab();
    let say = Say::to("gemini", "gemini-lab-flash", "get_weather").tools(&["get_weather"], false);
    let body: Value = serde_json::from_slice(&say.play(&lab).body()).unwrap();
    let part = body["candidates"][0]["content"]["parts"][0].clone();
    assert!(part["thoughtSignature"].is_string());
    let with = |part: Value| {
        let response = json!({"functionResponse": {"name": "get_weather", "response": {"result": "sun"}}});
        let contents = json!([{"role": "user", "parts": [{"text": "get_weather"}]},
            {"role": "model", "parts": [part]}, {"role": "user", "parts": [response]}]);
        refusal(&say.clone().with("contents", contents))
    };
    assert_eq!(with(part.clone()).0, 200);
    let mut forged = part.clone();
    forged["thoughtSignature"] = json!("Zm9yZ2Vk");
    assert_eq!(with(forged).1["error"]["message"], "Thought signature is not valid.");
    let mut bypass = part;
    bypass["thoughtSignature"] = json!("c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=");
    assert_eq!(with(bypass).0, 200);
}
