//! A chat as a Responses request.

use super::input;
use crate::foreign::{harmless, unfit};
use crate::openai::{OPENAI, effort_for};
use serde_json::{Map, Value, json};
use vocab::{Call, Caps, Chat, Door, Effort, Fault, Format, ToolChoice};

const NAME: &str = "OpenAI";
/// "integer below minimum value. Expected a value >= 16" (`max_output_tokens`).
pub(super) const LIMIT_MIN: u32 = 16;
/// "A max of 128 functions are supported" (API reference, `tools`).
const TOOLS_MAX: usize = 128;
/// Asks for reasoning as it has to come back. Models that do not reason answer 400 to it: "Encrypted content is not
/// supported with this model".
pub(super) const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Fields of chat completions that this API knows by the same name and means the same by.
const SHARED: &[&str] = &[
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "truncation",
];

pub(super) fn call(chat: &Chat, door: &Door) -> Result<Call, Fault> {
    let body = body(chat, door)?;
    let bytes =
        serde_json::to_vec(&body).map_err(|e| Fault::Unfit(format!("the request cannot be written: {e}")))?;
    let uri = if chat.stream { &door.uri_stream } else { &door.uri };
    Ok(Call { uri: uri.clone(), headers: door.headers.clone(), body: bytes.into(), stream: chat.stream })
}

fn body(chat: &Chat, door: &Door) -> Result<Value, Fault> {
    let card = &*door.card;
    unsayable(chat)?;
    let mut body = Map::new();
    body.insert("model".into(), Value::from(&*door.model));
    body.insert("input".into(), input::items(chat, card.caps)?.into());
    body.insert("store".into(), false.into());
    if chat.stream {
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({ "include_obfuscation": false }));
    }
    extra(chat, &mut body)?;
    tools(chat, card.caps, &mut body)?;
    text(chat, card.caps, &mut body)?;
    limit(chat, card.max_output, &mut body)?;
    sampling(chat, card.caps, &mut body)?;

    let mut include: Vec<&str> = vec![];
    reasoning(chat, door, &mut body, &mut include)?;
    if let Some(alternatives) = chat.logprobs {
        if !card.caps.contains(Caps::LOGPROBS) {
            return Err(unfit(NAME, "logprobs", "gives none with this model"));
        }
        include.push("message.output_text.logprobs");
        if alternatives > 0 {
            body.insert("top_logprobs".into(), alternatives.into());
        }
    }
    if !include.is_empty() {
        body.insert("include".into(), include.into());
    }
    if let Some(user) = &chat.user {
        body.insert("user".into(), user.as_str().into());
    }
    Ok(Value::Object(body))
}

fn unsayable(chat: &Chat) -> Result<(), Fault> {
    let asked = |penalty: Option<f64>| penalty.is_some_and(|p| p != 0.0);
    for (field, asked) in [
        ("n", chat.n.is_some_and(|n| n > 1)),
        ("stop", !chat.stop.is_empty()),
        ("seed", chat.seed.is_some()),
        ("frequency_penalty", asked(chat.frequency_penalty)),
        ("presence_penalty", asked(chat.presence_penalty)),
    ] {
        if asked {
            return Err(unfit(NAME, field, "has no such field in its Responses API"));
        }
    }
    Ok(())
}

/// The fields that have no counterpart in a chat, as far as this API knows them.
fn extra(chat: &Chat, body: &mut Map<String, Value>) -> Result<(), Fault> {
    for (field, value) in chat.extra.iter().filter(|(_, value)| !value.is_null()) {
        match (field.as_str(), value) {
            (field, _) if SHARED.contains(&field) => {
                body.insert(field.into(), value.clone());
            }
            // Asked for by format and effort, which these belong to.
            ("verbosity", Value::String(_)) | ("reasoning", Value::Object(_)) => {}
            ("tool_choice", choice) if choice["type"] == "allowed_tools" && !chat.tools.is_empty() => {
                body.insert("tool_choice".into(), allowed(&choice["allowed_tools"]));
            }
            ("tools" | "tool_choice", _) => return Err(unfit(NAME, field, "is told of functions only")),
            ("store", Value::Bool(true)) => {
                return Err(unfit(NAME, field, "is never told to keep an answer"));
            }
            (field, value) if harmless(field, value) => {}
            (field, _) => return Err(unfit(NAME, field, "has no such field in its Responses API")),
        }
    }
    Ok(())
}

/// A choice among some of the tools, flat.
fn allowed(choice: &Value) -> Value {
    let flat = |tool: &Value| json!({ "type": "function", "name": tool["function"]["name"] });
    let tools: Vec<Value> = choice["tools"].as_array().into_iter().flatten().map(flat).collect();
    json!({ "type": "allowed_tools", "mode": choice["mode"], "tools": tools })
}

fn tools(chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    if chat.tools.is_empty() {
        return Ok(());
    }
    let no = |field: &str, why: &str| unfit(NAME, field, why);
    if !caps.contains(Caps::TOOLS) {
        return Err(no("tools", "takes none with this model"));
    }
    if chat.tools.len() > TOOLS_MAX {
        return Err(no("tools", &format!("takes at most {TOOLS_MAX} of them")));
    }
    body.insert("tools".into(), chat.tools.iter().map(tool).collect());
    let forced = |choice: Value| {
        if caps.contains(Caps::FORCED_TOOL) {
            Ok(choice)
        } else {
            Err(no("tool_choice", "cannot force a call with this model"))
        }
    };
    let choice = match &chat.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some("none".into()),
        ToolChoice::Required => Some(forced("required".into())?),
        ToolChoice::Function(name) => Some(forced(json!({ "type": "function", "name": name }))?),
    };
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice);
    }
    // `true` is the default, and some models refuse the field itself.
    if chat.parallel_tools == Some(false) {
        if !caps.contains(Caps::SERIAL_TOOLS) {
            return Err(no("parallel_tool_calls", "cannot be held to one call at a time with this model"));
        }
        body.insert("parallel_tool_calls".into(), false.into());
    }
    Ok(())
}

/// Functions are strict here unless they are told not to be, in chat completions the other way round.
fn tool(tool: &vocab::Tool) -> Value {
    let mut function = Map::new();
    function.insert("type".into(), "function".into());
    function.insert("name".into(), tool.name.as_str().into());
    if let Some(description) = &tool.description {
        function.insert("description".into(), description.as_str().into());
    }
    let none = || json!({ "type": "object", "properties": {} });
    function.insert("parameters".into(), tool.parameters.clone().unwrap_or_else(none));
    function.insert("strict".into(), tool.strict.unwrap_or(false).into());
    Value::Object(function)
}

/// The answer's format, flat, and how many words it makes.
fn text(chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let no = |why: &str| unfit(NAME, "response_format", why);
    let mut text = Map::new();
    match &chat.format {
        Format::Text => {}
        Format::JsonObject if caps.contains(Caps::JSON_OBJECT) => {
            text.insert("format".into(), json!({ "type": "json_object" }));
        }
        Format::JsonObject => return Err(no("has no JSON mode with this model")),
        Format::JsonSchema { .. } if !caps.contains(Caps::JSON_SCHEMA) => {
            return Err(no("has no JSON schema with this model"));
        }
        Format::JsonSchema { .. } if !chat.tools.is_empty() && !caps.contains(Caps::SCHEMA_WITH_TOOLS) => {
            return Err(no("takes no JSON schema together with tools"));
        }
        Format::JsonSchema { .. } if chat.stream && !caps.contains(Caps::SCHEMA_STREAM) => {
            return Err(no("cannot stream a JSON schema with this model"));
        }
        Format::JsonSchema { name, description, schema, strict } => {
            let mut format = json!({ "type": "json_schema", "name": name, "schema": schema });
            if let Some(description) = description {
                format["description"] = description.as_str().into();
            }
            if let Some(strict) = strict {
                format["strict"] = (*strict).into();
            }
            text.insert("format".into(), format);
        }
    }
    if let Some(verbosity) = chat.extra.get("verbosity").filter(|v| v.is_string()) {
        text.insert("verbosity".into(), verbosity.clone());
    }
    if !text.is_empty() {
        body.insert("text".into(), text.into());
    }
    Ok(())
}

/// A limit that is too low cannot be raised: more would be spent than was allowed.
fn limit(chat: &Chat, most: Option<u32>, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let Some(limit) = chat.max_output else { return Ok(()) };
    if limit < LIMIT_MIN {
        let why = format!("takes no limit below {LIMIT_MIN} in its Responses API");
        return Err(unfit(NAME, "max_completion_tokens", &why));
    }
    body.insert("max_output_tokens".into(), limit.min(most.unwrap_or(u32::MAX)).into());
    Ok(())
}

/// Reasoning models take only the default, unless they are told not to reason.
fn sampling(chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let samples = caps.contains(Caps::SAMPLING) || chat.effort == Some(Effort::None);
    for (field, value) in [("temperature", chat.temperature), ("top_p", chat.top_p)] {
        match value {
            Some(value) if samples => {
                body.insert(field.into(), value.into());
            }
            Some(value) if value != 1.0 => {
                return Err(unfit(NAME, field, "takes only the default with this model"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// How hard to think, what to show of it (only where that was asked for: not every account may see it), and that it
/// comes in a form that can come back.
fn reasoning(
    chat: &Chat,
    door: &Door,
    body: &mut Map<String, Value>,
    include: &mut Vec<&str>,
) -> Result<(), Fault> {
    let card = &*door.card;
    let mut reasoning = match chat.extra.get("reasoning") {
        Some(Value::Object(asked)) if card.caps.contains(Caps::REASONING) => asked.clone(),
        _ => Map::new(),
    };
    let effort = chat.effort.map(|want| effort_for(&OPENAI, want, card, card.caps)).transpose()?.flatten();
    if let Some(effort) = effort {
        reasoning.insert("effort".into(), effort.name().into());
    }
    if let Some(summary) = chat.summary.as_deref().filter(|_| card.caps.contains(Caps::REASONING)) {
        reasoning.insert("summary".into(), summary.into());
    }
    if !reasoning.is_empty() {
        body.insert("reasoning".into(), reasoning.into());
    }
    if card.caps.contains(Caps::REASONING) && chat.effort != Some(Effort::None) {
        include.push(ENCRYPTED);
    }
    Ok(())
}
