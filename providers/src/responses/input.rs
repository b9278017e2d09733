//! The conversation as input items.
//!
//! System messages stay where they stand rather than becoming `instructions`: those are not input, and a JSON mode asks
//! that the word "JSON" stands in the input.

use super::seal;
use crate::foreign::unfit;
use crate::openai::{call_id, data_url_of};
use serde_json::{Value, json};
use std::borrow::Cow;
use vocab::{Caps, Chat, Fault, Media, Message, Part, Role, ToolCall};

const NAME: &str = "OpenAI";
/// "string too long. Expected a string with maximum length 64" (`call_id`).
const ID_MAX: usize = 64;

/// Every item, or the field that cannot be told.
pub(super) fn items(chat: &Chat, caps: Caps) -> Result<Vec<Value>, Fault> {
    let mut out = Vec::with_capacity(chat.messages.len());
    for message in &chat.messages {
        match message.role {
            Role::System => said("system", message, caps, &mut out)?,
            Role::Developer => said("developer", message, caps, &mut out)?,
            Role::User => said("user", message, caps, &mut out)?,
            Role::Assistant => answered(message, caps, &mut out)?,
            Role::Tool => out.push(result(message, caps)?),
        }
    }
    if out.is_empty() {
        return Err(rejected("there is nothing in them to answer"));
    }
    Ok(out)
}

fn rejected(why: &str) -> Fault {
    Fault::Rejected { message: format!("messages: {why}"), param: Some("messages".into()), code: None }
}

fn said(role: &str, message: &Message, caps: Caps, out: &mut Vec<Value>) -> Result<(), Fault> {
    let content = match message.parts.as_slice() {
        [] => "".into(),
        [Part::Text(text) | Part::Refusal(text)] => text.as_str().into(),
        parts => parts.iter().filter_map(|p| part(p, caps).transpose()).collect::<Result<Value, _>>()?,
    };
    out.push(json!({ "type": "message", "role": role, "content": content }));
    Ok(())
}

/// What the assistant said: reasoning before what it led to, calls last.
fn answered(message: &Message, caps: Caps, out: &mut Vec<Value>) -> Result<(), Fault> {
    // Words between one reasoning and the next are one message.
    let mut words: Vec<Value> = vec![];
    for part in &message.parts {
        match part {
            Part::Text(text) | Part::Refusal(text) if text.is_empty() => {}
            Part::Text(text) => words.push(json!({ "type": "output_text", "text": text })),
            Part::Refusal(text) => words.push(json!({ "type": "refusal", "refusal": text })),
            Part::Thinking { text, signature } => {
                speak(&mut words, out);
                think(text, signature.as_deref().unwrap_or_default(), caps, out);
            }
            Part::Image { .. } | Part::Audio { .. } | Part::File { .. } => {
                return Err(unfit(NAME, "messages.content", "takes only text of the assistant"));
            }
        }
    }
    speak(&mut words, out);
    out.extend(message.tool_calls.iter().map(call));
    // "Item 'rs_…' of type 'reasoning' was provided without its required following item."
    while out.last().is_some_and(|item| item["type"] == "reasoning") {
        out.pop();
    }
    Ok(())
}

fn speak(words: &mut Vec<Value>, out: &mut Vec<Value>) {
    let content = match words.as_mut_slice() {
        [] => return,
        [only] if only["type"] == "output_text" => only["text"].take(),
        _ => std::mem::take(words).into(),
    };
    words.clear();
    out.push(json!({ "type": "message", "role": "assistant", "content": content }));
}

/// The items that the reasoning was, each as it came; all its words are the last one's summary.
fn think(text: &str, signature: &str, caps: Caps, out: &mut Vec<Value>) {
    if !caps.contains(Caps::REASONING) {
        return;
    }
    let begin = out.len();
    out.extend(seal::opened(signature).into_iter().map(|seal| {
        json!({ "type": "reasoning", "id": seal.id, "encrypted_content": seal.encrypted_content, "summary": [] })
    }));
    if let Some(last) = out.get_mut(begin..).and_then(<[Value]>::last_mut)
        && !text.is_empty()
    {
        last["summary"] = json!([{ "type": "summary_text", "text": text }]);
    }
}

fn call(call: &ToolCall) -> Value {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    json!({ "type": "function_call", "call_id": fitting(&call.id), "name": call.name, "arguments": arguments })
}

fn result(message: &Message, caps: Caps) -> Result<Value, Fault> {
    let Some(id) = message.tool_call_id.as_deref() else {
        return Err(rejected("a tool message has no tool_call_id"));
    };
    let output = match message.parts.as_slice() {
        [] => "".into(),
        [Part::Text(text)] => text.as_str().into(),
        parts => parts.iter().filter_map(|p| part(p, caps).transpose()).collect::<Result<Value, _>>()?,
    };
    Ok(json!({ "type": "function_call_output", "call_id": fitting(id), "output": output }))
}

/// Other providers' ids may be longer than is taken here. Changed alike in call and result.
fn fitting(id: &str) -> Cow<'_, str> {
    if (1..=ID_MAX).contains(&id.chars().count()) { Cow::Borrowed(id) } else { Cow::Owned(call_id(&[id])) }
}

/// A part of what anybody but the assistant said; None where there is nothing to say.
fn part(part: &Part, caps: Caps) -> Result<Option<Value>, Fault> {
    let refuse = |cap: Caps, field: &str, why: &str| {
        if caps.contains(cap) { Ok(()) } else { Err(unfit(NAME, field, why)) }
    };
    Ok(Some(match part {
        Part::Text(text) | Part::Refusal(text) => json!({ "type": "input_text", "text": text }),
        Part::Thinking { .. } => return Ok(None),
        Part::Image { source, detail } => {
            refuse(Caps::VISION, "messages.content.image_url", "takes no images with this model")?;
            if matches!(source, Media::Url(url) if !url.starts_with("data:")) {
                let why = "takes images inline only, not by address";
                refuse(Caps::IMAGE_URL, "messages.content.image_url.url", why)?;
            }
            let detail = detail.as_deref().unwrap_or("auto");
            json!({ "type": "input_image", "image_url": data_url_of(source), "detail": detail })
        }
        Part::File { source, name } => {
            refuse(Caps::PDF, "messages.content.file", "takes no files with this model")?;
            match source {
                Media::Url(url) if url.contains("://") => json!({ "type": "input_file", "file_url": url }),
                Media::Url(id) if !id.starts_with("data:") => json!({ "type": "input_file", "file_id": id }),
                // Data without a name is refused.
                inline => json!({
                    "type": "input_file",
                    "filename": name.as_deref().unwrap_or("document.pdf"),
                    "file_data": data_url_of(inline),
                }),
            }
        }
        Part::Audio { .. } => {
            return Err(unfit(NAME, "messages.content.input_audio", "does not listen in this API"));
        }
    }))
}
