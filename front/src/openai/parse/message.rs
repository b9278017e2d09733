//! Messages, parts and calls.

use serde::Deserialize;
use serde::de::Error;
use vocab::{Media, Message, Part, Role, ToolCall};

#[derive(Deserialize)]
pub(super) struct WireMessage {
    role: Role,
    content: Option<WireContent>,
    name: Option<String>,
    refusal: Option<String>,
    audio: Option<serde::de::IgnoredAny>,
    tool_calls: Option<Vec<WireCall>>,
    tool_call_id: Option<String>,
    /// What our own answers carry, given back: reasoning and the provider's seal on it.
    reasoning_content: Option<serde_json::Value>,
    reasoning_signature: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireContent {
    Text(String),
    Parts(Vec<WirePart>),
}

#[derive(Deserialize)]
struct WirePart {
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<WireImage>,
    input_audio: Option<WireAudio>,
    file: Option<WireFile>,
}

#[derive(Deserialize)]
struct WireImage {
    url: String,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct WireAudio {
    data: String,
    format: String,
}

#[derive(Deserialize)]
struct WireFile {
    file_data: Option<String>,
    filename: Option<String>,
}

#[derive(Deserialize)]
struct WireCall {
    id: String,
    function: Option<WireCalled>,
    extra_content: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireCalled {
    name: String,
    arguments: String,
}

pub(super) fn messages<E: Error>(list: Vec<WireMessage>) -> Result<Vec<Message>, E> {
    list.into_iter().enumerate().map(|(at, m)| message(at, m)).collect()
}

fn message<E: Error>(at: usize, wire: WireMessage) -> Result<Message, E> {
    let untold = |what: &str| {
        E::custom(format_args!("messages[{at}]: {what} can only go to OpenAI's own servers as they came"))
    };
    if wire.audio.is_some() {
        return Err(untold("references to earlier audio"));
    }
    let mut parts = Vec::new();
    // Without its seal, a provider that wants its reasoning back would refuse it. The words may be under the seal too.
    if let Some(serde_json::Value::String(signature)) = wire.reasoning_signature {
        let text = wire.reasoning_content.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        parts.push(Part::Thinking { text: text.to_owned(), signature: Some(signature) });
    }
    match wire.content {
        Some(WireContent::Text(text)) => parts.push(Part::Text(text)),
        Some(WireContent::Parts(list)) => {
            for wire in list {
                parts.push(part(wire).ok_or_else(|| untold("files by id"))?);
            }
        }
        None => {}
    }
    parts.extend(wire.refusal.map(Part::Refusal));
    let mut tool_calls = Vec::new();
    for call in wire.tool_calls.unwrap_or_default() {
        let called = call.function.ok_or_else(|| untold("calls of custom tools"))?;
        let signature = call
            .extra_content
            .as_ref()
            .and_then(|extra| extra.pointer("/google/thought_signature"))
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned);
        tool_calls.push(ToolCall { id: call.id, name: called.name, arguments: called.arguments, signature });
    }
    Ok(Message { role: wire.role, parts, name: wire.name, tool_calls, tool_call_id: wire.tool_call_id })
}

/// None where it is not in the request itself.
fn part(wire: WirePart) -> Option<Part> {
    if let Some(text) = wire.text {
        return Some(Part::Text(text));
    }
    if let Some(WireImage { url, detail }) = wire.image_url {
        return Some(Part::Image { source: media(url), detail });
    }
    if let Some(WireAudio { data, format }) = wire.input_audio {
        return Some(Part::Audio { format, data });
    }
    if let Some(refusal) = wire.refusal {
        return Some(Part::Refusal(refusal));
    }
    let WireFile { file_data, filename } = wire.file?;
    let source = match media(file_data?) {
        // Plain base64 is what some SDKs send; the survey let it through as a document.
        Media::Url(data) => Media::Inline { mime: "application/pdf".into(), data },
        inline => inline,
    };
    Some(Part::File { source, name: filename })
}

fn media(url: String) -> Media {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((mime, data)) => Media::Inline { mime: mime.into(), data: data.into() },
        None => Media::Url(url),
    }
}
