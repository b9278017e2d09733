//! A chat as a chat completion request.

use super::{Accent, EffortField, LimitField, messages};
use crate::foreign::{harmless, nearest, unfit};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vocab::{Call, Caps, Card, Chat, Door, Effort, Fault, Format, ToolChoice};

pub(super) fn call(accent: &Accent, chat: &Chat, door: &Door) -> Result<Call, Fault> {
    let stream = chat.stream && streams(accent, &chat.format, door.card.caps);
    let body = body(accent, chat, door, stream)?;
    let bytes =
        serde_json::to_vec(&body).map_err(|e| Fault::Unfit(format!("the request cannot be written: {e}")))?;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    Ok(Call { uri: uri.clone(), headers: door.headers.clone(), body: bytes.into(), stream })
}

/// Whether an answer of this format can be streamed; where not, it is asked for whole and replayed.
pub(super) fn streams(accent: &Accent, format: &Format, caps: Caps) -> bool {
    let formatted = match format {
        Format::Text => false,
        Format::JsonObject => accent.whole_formats,
        Format::JsonSchema { .. } => true,
    };
    !formatted || caps.contains(Caps::SCHEMA_STREAM)
}

fn body(accent: &Accent, chat: &Chat, door: &Door, stream: bool) -> Result<Value, Fault> {
    let card = &*door.card;
    let caps = card.caps & accent.expresses;
    let no = |field: &str, why: &str| unfit(accent.name, field, why);

    let mut body = extra(accent, chat, caps)?;
    body.insert("model".into(), Value::from(&*door.model));
    body.insert("messages".into(), messages::all(accent, chat, caps)?.into());
    if stream {
        body.insert("stream".into(), true.into());
        let mut options = stream_options(accent, chat.extra.get("stream_options"));
        options.insert("include_usage".into(), true.into());
        body.insert("stream_options".into(), options.into());
    }

    tools(accent, chat, caps, &mut body)?;
    format(accent, chat, caps, &mut body)?;

    let limit = chat.max_output.or(if accent.limit_always { card.max_output } else { None });
    if let Some(limit) = limit {
        body.insert(limit_field(accent).into(), limit.min(card.max_output.unwrap_or(u32::MAX)).into());
    }

    // Reasoning models take only the default, unless they are told not to reason.
    let samples = caps.contains(Caps::SAMPLING) || chat.effort == Some(Effort::None);
    for (field, value) in [("temperature", chat.temperature), ("top_p", chat.top_p)] {
        match value {
            Some(value) if samples => body.insert(field.into(), value.into()),
            Some(value) if value != 1.0 => return Err(no(field, "takes only the default with this model")),
            _ => None,
        };
    }
    for (field, value) in
        [("frequency_penalty", chat.frequency_penalty), ("presence_penalty", chat.presence_penalty)]
    {
        match value {
            Some(value) if caps.contains(Caps::PENALTIES) => body.insert(field.into(), value.into()),
            Some(value) if value != 0.0 => return Err(no(field, "takes none with this model")),
            _ => None,
        };
    }
    if !chat.stop.is_empty() {
        if !caps.contains(Caps::STOP) {
            return Err(no("stop", "takes none with this model"));
        }
        if chat.stop.len() > accent.stops_max {
            return Err(no("stop", &format!("takes at most {} of them", accent.stops_max)));
        }
        body.insert("stop".into(), chat.stop.clone().into());
    }
    if let Some(seed) = chat.seed {
        if !caps.contains(Caps::SEED) {
            return Err(no("seed", "takes none with this model"));
        }
        body.insert("seed".into(), seed.into());
    }
    if let Some(n) = chat.n.filter(|n| *n != 1) {
        if !caps.contains(Caps::MANY) {
            return Err(no("n", "gives only one choice"));
        }
        body.insert("n".into(), n.into());
    }
    if let Some(alternatives) = chat.logprobs {
        if !caps.contains(Caps::LOGPROBS) {
            return Err(no("logprobs", "gives none with this model"));
        }
        body.insert("logprobs".into(), true.into());
        if alternatives > 0 {
            body.insert("top_logprobs".into(), alternatives.into());
        }
    }
    if let Some(want) = chat.effort {
        effort(accent, want, card, caps, &mut body)?;
    }
    if accent.reasoning_format
        && caps.contains(Caps::REASONING)
        && !own_reasoning_field(&door.model)
        && !body.contains_key("include_reasoning")
        && !body.contains_key("reasoning_format")
    {
        // "raw" is the default and mixes reasoning into the text; with tools or a format it is refused.
        body.insert("reasoning_format".into(), "parsed".into());
    }
    if let (Some(user), true) = (&chat.user, accent.user) {
        body.insert("user".into(), user.as_str().into());
    }
    Ok(Value::Object(body))
}

/// The same with quotes, as a key of a body.
pub(super) const fn limit_key(accent: &Accent) -> Bytes {
    Bytes::from_static(match accent.limit_field {
        LimitField::MaxTokens => b"\"max_tokens\"",
        LimitField::MaxCompletionTokens => b"\"max_completion_tokens\"",
    })
}

pub(super) const fn limit_field(accent: &Accent) -> &'static str {
    match accent.limit_field {
        LimitField::MaxTokens => "max_tokens",
        LimitField::MaxCompletionTokens => "max_completion_tokens",
    }
}

/// Whether a model keeps its reasoning apart by itself (and refuses `reasoning_format`).
pub(super) fn own_reasoning_field(model: &str) -> bool {
    model.contains("gpt-oss")
}

/// What the client set there, with what we have to add.
pub(super) fn stream_options(accent: &Accent, set: Option<&Value>) -> Map<String, Value> {
    let mut options = set.and_then(Value::as_object).cloned().unwrap_or_default();
    if accent.obfuscates {
        options.entry("include_obfuscation").or_insert(false.into());
    } else {
        options.remove("include_obfuscation");
    }
    options
}

/// The fields that have no counterpart in a chat, as far as this server knows them.
fn extra(accent: &Accent, chat: &Chat, caps: Caps) -> Result<Map<String, Value>, Fault> {
    let mut out = Map::new();
    for (field, value) in &chat.extra {
        let field = field.as_str();
        if value.is_null() || field == "stream_options" || accent.drops.contains(&field) {
            continue;
        }
        let unknown = accent.refuses.contains(&field)
            || (field == "logit_bias" && !caps.contains(Caps::LOGIT_BIAS))
            || (field == "web_search_options" && !caps.contains(Caps::WEB_SEARCH));
        if unknown {
            if harmless(field, value) {
                continue;
            }
            return Err(unfit(accent.name, field, "does not know it with this model"));
        }
        if field == "service_tier" && !accent.service_tiers.is_empty() {
            match value.as_str() {
                // What OpenAI calls "default" is called "on_demand" there, and is the default.
                Some("default") => {}
                Some(tier) if accent.service_tiers.contains(&tier) => {
                    out.insert(field.into(), tier.into());
                }
                _ => {
                    return Err(unfit(
                        accent.name,
                        field,
                        &format!("has only {}", accent.service_tiers.join(", ")),
                    ));
                }
            }
            continue;
        }
        out.insert(field.into(), value.clone());
    }
    Ok(out)
}

fn tools(accent: &Accent, chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    if chat.tools.is_empty() {
        return Ok(());
    }
    let no = |field: &str, why: &str| unfit(accent.name, field, why);
    if !caps.contains(Caps::TOOLS) {
        return Err(no("tools", "takes none with this model"));
    }
    if chat.tools.len() > accent.tools_max {
        return Err(no("tools", &format!("takes at most {} of them", accent.tools_max)));
    }
    let tools: Vec<Value> = chat.tools.iter().map(tool).collect();
    body.insert("tools".into(), tools.into());
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
        ToolChoice::Function(name) => {
            Some(forced(json!({ "type": "function", "function": { "name": name } }))?)
        }
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

pub(crate) fn tool(tool: &vocab::Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), tool.name.as_str().into());
    if let Some(description) = &tool.description {
        function.insert("description".into(), description.as_str().into());
    }
    if let Some(parameters) = &tool.parameters {
        function.insert("parameters".into(), parameters.clone());
    }
    if let Some(strict) = tool.strict {
        function.insert("strict".into(), strict.into());
    }
    json!({ "type": "function", "function": function })
}

fn format(accent: &Accent, chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let no = |why: &str| unfit(accent.name, "response_format", why);
    let format = match &chat.format {
        Format::Text => return Ok(()),
        Format::JsonObject if caps.contains(Caps::JSON_OBJECT) => json!({ "type": "json_object" }),
        Format::JsonObject => return Err(no("has no JSON mode with this model")),
        Format::JsonSchema { .. } if !caps.contains(Caps::JSON_SCHEMA) => {
            return Err(no("has no JSON schema with this model"));
        }
        Format::JsonSchema { .. } if !chat.tools.is_empty() && !caps.contains(Caps::SCHEMA_WITH_TOOLS) => {
            return Err(no("takes no JSON schema together with tools"));
        }
        Format::JsonSchema { name, description, schema, strict } => {
            let mut inner = json!({ "name": name, "schema": schema });
            if let Some(description) = description {
                inner["description"] = description.as_str().into();
            }
            if let Some(strict) = strict {
                inner["strict"] = (*strict).into();
            }
            json!({ "type": "json_schema", "json_schema": inner })
        }
    };
    body.insert("response_format".into(), format);
    Ok(())
}

/// The effort to ask this model for. None: nothing has to be said.
pub(crate) fn effort_for(
    accent: &Accent,
    want: Effort,
    card: &Card,
    caps: Caps,
) -> Result<Option<Effort>, Fault> {
    let no = |why: &str| unfit(accent.name, "reasoning_effort", why);
    match want {
        Effort::None if !caps.contains(Caps::REASONING) => Ok(None),
        _ if !caps.contains(Caps::REASONING) => Err(no("has none with this model")),
        Effort::None if card.reasons_always => Err(no("cannot tell this model not to reason")),
        Effort::None if !card.efforts.is_empty() && !card.efforts.contains(&Effort::None) => {
            Err(no("cannot tell this model not to reason"))
        }
        Effort::None => Ok(Some(Effort::None)),
        want => Ok(Some(nearest(want, &card.efforts))),
    }
}

fn effort(
    accent: &Accent,
    want: Effort,
    card: &Card,
    caps: Caps,
    body: &mut Map<String, Value>,
) -> Result<(), Fault> {
    let Some(effort) = effort_for(accent, want, card, caps)? else { return Ok(()) };
    match accent.effort_field {
        EffortField::Named => {
            body.insert("reasoning_effort".into(), effort.name().into());
        }
        EffortField::Template => {
            let kwargs = body.entry("chat_template_kwargs").or_insert_with(|| json!({}));
            if let Some(kwargs) = kwargs.as_object_mut() {
                kwargs.entry("enable_thinking").or_insert((effort != Effort::None).into());
                if effort != Effort::None {
                    kwargs.entry("reasoning_effort").or_insert(effort.name().into());
                }
            }
        }
    }
    Ok(())
}
