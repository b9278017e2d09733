//! Messages in OpenAI's shape.

use super::Accent;
use crate::foreign::unfit;
use serde_json::{Map, Value, json};
use vocab::{Caps, Chat, Fault, Media, Message, Part, Role, ToolCall};

/// Every message, or the field that cannot be told.
pub(super) fn all(accent: &Accent, chat: &Chat, caps: Caps) -> Result<Vec<Value>, Fault> {
    chat.messages.iter().map(|message| one(accent, message, caps)).collect()
}

fn one(accent: &Accent, message: &Message, caps: Caps) -> Result<Value, Fault> {
    let role = match message.role {
        Role::Developer if accent.developer => "developer",
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut out = Map::new();
    out.insert("role".into(), role.into());
    let content = content(accent, message, caps)?;
    // An assistant that only called tools said nothing: no null, which stricter servers refuse.
    if message.role != Role::Assistant || message.tool_calls.is_empty() || content != "" {
        out.insert("content".into(), content);
    }
    if accent.untidy
        && let Some(name) = &message.name
    {
        out.insert("name".into(), name.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        out.insert("tool_calls".into(), message.tool_calls.iter().map(call).collect());
    }
    if let Some(id) = &message.tool_call_id {
        out.insert("tool_call_id".into(), id.as_str().into());
    }
    Ok(Value::Object(out))
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

/// A string wherever the message is nothing but one text (or the server wants no lists of them), else parts.
fn content(accent: &Accent, message: &Message, caps: Caps) -> Result<Value, Fault> {
    let mut texts: Vec<&str> = vec![];
    let mut plain = true;
    for part in &message.parts {
        match part {
            Part::Text(text) => texts.push(text),
            Part::Refusal(text) if !accent.untidy => texts.push(text),
            // Reasoning is not sent back in chat completions.
            Part::Thinking { .. } => {}
            _ => plain = false,
        }
    }
    if plain && (texts.len() <= 1 || !accent.untidy) {
        return Ok(texts.join("\n").into());
    }
    let parts = message.parts.iter().filter(|p| !matches!(p, Part::Thinking { .. }));
    parts.map(|p| part(accent, p, caps)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn part(accent: &Accent, part: &Part, caps: Caps) -> Result<Value, Fault> {
    let refuse = |cap: Caps, field: &str, why: &str| {
        if caps.contains(cap) { Ok(()) } else { Err(unfit(accent.name, field, why)) }
    };
    Ok(match part {
        Part::Text(text) | Part::Thinking { text, .. } => json!({ "type": "text", "text": text }),
        Part::Refusal(text) if accent.untidy => json!({ "type": "refusal", "refusal": text }),
        Part::Refusal(text) => json!({ "type": "text", "text": text }),
        Part::Image { source, detail } => {
            refuse(Caps::VISION, "messages.content.image_url", "takes no images with this model")?;
            if matches!(source, Media::Url(url) if !url.starts_with("data:")) {
                refuse(
                    Caps::IMAGE_URL,
                    "messages.content.image_url.url",
                    "takes images inline only, not by address",
                )?;
            }
            let mut image = json!({ "url": data_url_of(source) });
            if let Some(detail) = detail {
                image["detail"] = detail.as_str().into();
            }
            json!({ "type": "image_url", "image_url": image })
        }
        Part::Audio { format, data } => {
            refuse(Caps::AUDIO_IN, "messages.content.input_audio", "takes no audio with this model")?;
            json!({ "type": "input_audio", "input_audio": { "format": format, "data": data } })
        }
        Part::File { source, name } => {
            refuse(Caps::PDF, "messages.content.file", "takes no files with this model")?;
            let mut file = match source {
                Media::Url(url) if url.contains("://") => {
                    return Err(unfit(
                        accent.name,
                        "messages.content.file",
                        "takes files inline or by file_id, not by address",
                    ));
                }
                Media::Url(id) if !id.starts_with("data:") => json!({ "file_id": id }),
                inline => json!({ "file_data": data_url_of(inline) }),
            };
            if let (Some(name), None) = (name, file.get("file_id")) {
                file["filename"] = name.as_str().into();
            }
            json!({ "type": "file", "file": file })
        }
    })
}

/// As one URL, inline data as `data:`.
pub(crate) fn data_url_of(source: &Media) -> String {
    match source {
        Media::Url(url) => url.clone(),
        Media::Inline { mime, data } => format!("data:{mime};base64,{data}"),
    }
}
