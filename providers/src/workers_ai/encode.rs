//! A chat as the inputs of `ai/run`, in words that both families of models take.

use crate::foreign::{harmless, nearest, unfit};
use crate::openai::{data_url_of, tool_json};
use serde_json::{Map, Value, json};
use vocab::{Call, Caps, Card, Chat, Door, Effort, Fault, Format, Media, Message, Part, Role, ToolChoice};

const NAME: &str = "Workers AI";

/// The limit that is sent where neither the client nor the catalogue knows one: the native default of 256 cuts
/// most answers short.
const MAX_TOKENS: u32 = 2_048;

pub(super) fn call(chat: &Chat, door: &Door, expresses: Caps) -> Result<Call, Fault> {
    // "JSON Schema mode is not supported with stream mode" (error 5023): asked for whole, and replayed.
    let stream = chat.stream && matches!(chat.format, Format::Text);
    let caps = door.card.caps & expresses;
    let body = body(chat, door, caps, stream)?;
    let bytes =
        serde_json::to_vec(&body).map_err(|e| Fault::Unfit(format!("the request cannot be written: {e}")))?;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    Ok(Call { uri: uri.clone(), headers: door.headers.clone(), body: bytes.into(), stream })
}

fn body(chat: &Chat, door: &Door, caps: Caps, stream: bool) -> Result<Value, Fault> {
    let card = &*door.card;
    let no = |field: &str, why: &str| unfit(NAME, field, why);
    for (field, value) in &chat.extra {
        let hint = match field.as_str() {
            "prediction" | "prompt_cache_options" | "store" => true,
            // There is one tier.
            "service_tier" => matches!(value.as_str(), Some("auto" | "default")),
            _ => false,
        };
        if !(value.is_null() || hint || harmless(field, value)) {
            return Err(no(field, "does not know it"));
        }
    }

    let mut body = Map::new();
    let messages: Vec<Value> = chat.messages.iter().map(|m| message(m, caps)).collect::<Result<_, _>>()?;
    body.insert("messages".into(), messages.into());
    body.insert("max_tokens".into(), limit(chat, card).into());
    if stream {
        body.insert("stream".into(), true.into());
    }
    tools(chat, caps, &mut body)?;
    format(chat, &door.model, caps, &mut body)?;

    for (field, value) in [("temperature", chat.temperature), ("top_p", chat.top_p)] {
        match value {
            Some(value) if caps.contains(Caps::SAMPLING) => body.insert(field.into(), value.into()),
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
        body.insert("stop".into(), chat.stop.clone().into());
    }
    if let Some(seed) = chat.seed {
        if !caps.contains(Caps::SEED) {
            return Err(no("seed", "takes none with this model"));
        }
        body.insert("seed".into(), seed.into());
    }
    if chat.n.is_some_and(|n| n != 1) {
        return Err(no("n", "gives only one choice"));
    }
    if chat.logprobs.is_some() {
        return Err(no("logprobs", "gives none"));
    }
    if let Some(want) = chat.effort {
        effort(want, card, caps, &mut body)?;
    }
    Ok(Value::Object(body))
}

/// Always said, because of [`MAX_TOKENS`]; never more than half the context where that is small, as room is needed for
/// the prompt.
fn limit(chat: &Chat, card: &Card) -> u32 {
    let most = card.max_output.or(card.context.map(|c| c / 2));
    match (chat.max_output, most) {
        (Some(want), most) => want.min(most.unwrap_or(u32::MAX)),
        (None, Some(most)) => most.min(card.context.map_or(u32::MAX, |c| c / 2)),
        (None, None) => MAX_TOKENS,
    }
}

fn message(message: &Message, caps: Caps) -> Result<Value, Fault> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    // Content is never null and never absent: "" where nothing was said (cloudflare/ai#393).
    let mut out = json!({ "role": role, "content": content(message, caps)? });
    if !message.tool_calls.is_empty() {
        out["tool_calls"] = message
            .tool_calls
            .iter()
            .map(|call| {
                let function = json!({ "name": call.name, "arguments": call.arguments });
                json!({ "id": short_id(&call.id), "type": "function", "function": function })
            })
            .collect();
    }
    if let Some(id) = &message.tool_call_id {
        out["tool_call_id"] = short_id(id).into();
    }
    Ok(out)
}

fn content(message: &Message, caps: Caps) -> Result<Value, Fault> {
    let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
    let mut texts: Vec<&str> = vec![];
    let mut parts = vec![];
    let mut plain = true;
    for part in &message.parts {
        match part {
            Part::Text(text) | Part::Refusal(text) => {
                texts.push(text);
                parts.push(json!({ "type": "text", "text": text }));
            }
            Part::Thinking { .. } => {}
            Part::Image { source, .. } => {
                if !caps.contains(Caps::VISION) {
                    return no("messages.content.image_url", "takes no images with this model");
                }
                if matches!(source, Media::Url(url) if !url.starts_with("data:")) {
                    return no("messages.content.image_url.url", "takes images inline only, not by address");
                }
                plain = false;
                parts.push(json!({ "type": "image_url", "image_url": { "url": data_url_of(source) } }));
            }
            Part::Audio { .. } => return no("messages.content.input_audio", "takes no audio with a chat"),
            Part::File { .. } => return no("messages.content.file", "takes no files with a chat"),
        }
    }
    Ok(if plain { texts.join("\n").into() } else { parts.into() })
}

/// The id as it is if it has nine letters or digits, else nine that stand for it. The binding makes longer ones, and
/// then some models take only these (cloudflare/ai#393). 64-bit FNV-1a (RFC 9923), written to base 62.
pub(super) fn short_id(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(9);
    for _ in 0..9 {
        let digit = usize::try_from(hash % 62).ok().and_then(|i| digits.get(i)).copied().unwrap_or(b'0');
        out.push(char::from(digit));
        hash /= 62;
    }
    out
}

fn tools(chat: &Chat, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    if chat.tools.is_empty() {
        return Ok(());
    }
    let no = |field: &str, why: &str| unfit(NAME, field, why);
    if !caps.contains(Caps::TOOLS) {
        return Err(no("tools", "takes none with this model"));
    }
    if chat.parallel_tools == Some(false) {
        return Err(no("parallel_tool_calls", "cannot be held to one call at a time"));
    }
    let choice = match &chat.tool_choice {
        ToolChoice::Auto => None,
        // Without the tools there is no call; the models mostly ignore the field.
        ToolChoice::None => return Ok(()),
        _ if !caps.contains(Caps::FORCED_TOOL) => {
            return Err(no("tool_choice", "cannot force a call with this model"));
        }
        ToolChoice::Required => Some(Value::from("required")),
        ToolChoice::Function(name) => Some(json!({ "type": "function", "function": { "name": name } })),
    };
    let tools: Vec<Value> = chat.tools.iter().map(tool_json).collect();
    body.insert("tools".into(), tools.into());
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice);
    }
    Ok(())
}

fn format(chat: &Chat, model: &str, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let no = |why: &str| unfit(NAME, "response_format", why);
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
        // Cloudflare's own models take the bare schema, partners' models what OpenAI takes (cloudflare/ai#559).
        Format::JsonSchema { schema, .. } if model.starts_with('@') => {
            json!({ "type": "json_schema", "json_schema": schema })
        }
        Format::JsonSchema { name, schema, strict, .. } => {
            let mut inner = json!({ "name": name, "schema": schema });
            if let Some(strict) = strict {
                inner["strict"] = (*strict).into();
            }
            json!({ "type": "json_schema", "json_schema": inner })
        }
    };
    body.insert("response_format".into(), format);
    Ok(())
}

/// Where thinking is a switch of the chat template rather than an effort.
fn switches(model: &str) -> bool {
    ["qwen3", "glm", "gemma"].iter().any(|family| model.contains(family))
}

fn effort(want: Effort, card: &Card, caps: Caps, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let no = |why: &str| unfit(NAME, "reasoning_effort", why);
    let reasons = caps.contains(Caps::REASONING);
    match want {
        Effort::None if !reasons => {}
        _ if !reasons => return Err(no("has none with this model")),
        Effort::None if card.reasons_always => return Err(no("cannot tell this model not to reason")),
        Effort::None => {
            if card.efforts.contains(&Effort::None) {
                body.insert("reasoning_effort".into(), "none".into());
            } else if !switches(&card.model) {
                return Err(no("cannot tell this model not to reason"));
            }
            if switches(&card.model) {
                body.insert("chat_template_kwargs".into(), json!({ "enable_thinking": false }));
            }
        }
        want => {
            body.insert("reasoning_effort".into(), nearest(want, &card.efforts).name().into());
        }
    }
    Ok(())
}
