//! The conversation in Gemini's words: two roles, parts that are never empty, and every call with its signature.

use super::generation;
use crate::foreign::{arguments, data_url, object, unfit, wrapped};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use vocab::{Caps, Chat, Door, Fault, Media, Message, Part, Role, ToolCall};

/// Base64 of `skip_thought_signature_validator`: the documented value for calls whose signature is lost.
pub(super) const BYPASS: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// Stands where a conversation begins with the model's own words: the first content has to be the user's, and empty
/// parts are refused.
const OPENING: &str = ".";

#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    pub parts: Vec<Piece<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(flatten)]
    pub what: What<'a>,
    /// A sibling of the call, not inside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<&'a str>,
}

/// Newtypes all: only those are written straight through `flatten`, raw JSON inside them included.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum What<'a> {
    Text(Cow<'a, str>),
    InlineData(Blob<'a>),
    FileData(Link<'a>),
    FunctionCall(Called<'a>),
    FunctionResponse(Answered<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: &'a str,
}

#[derive(Serialize)]
pub(super) struct Called<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

#[derive(Serialize)]
pub(super) struct Answered<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    name: &'a str,
    response: Cow<'a, RawValue>,
}

impl<'a> From<What<'a>> for Piece<'a> {
    fn from(what: What<'a>) -> Self {
        Self { what, thought_signature: None }
    }
}

/// What the system says, and what was said.
pub(super) struct History<'a> {
    pub system: Option<Content<'a>>,
    pub contents: Vec<Content<'a>>,
}

/// Joins system messages, wherever they stand (they have no place inside contents), and merges neighbours of one
/// role. Results of parallel calls share one content, apart from a user's words after them: what follows the last
/// user text is the current turn, and a text among the results would move that border.
pub(super) fn history<'a>(chat: &'a Chat, door: &Door) -> Result<History<'a>, Fault> {
    let mut system: Vec<Piece<'a>> = Vec::new();
    let mut turns: Vec<(Role, Vec<Piece<'a>>)> = Vec::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let turn_begins =
        chat.messages.iter().rposition(|m| m.role == Role::User && !m.parts.is_empty()).unwrap_or(0);
    // Generations before the third know no signatures.
    let signs = generation(&door.model).is_none_or(|g| g >= 3) && door.model.contains("gemini");

    for (at, message) in chat.messages.iter().enumerate() {
        let mut pieces = Vec::new();
        match message.role {
            Role::System | Role::Developer => {
                for part in &message.parts {
                    match part {
                        Part::Text(text) if text.is_empty() => {}
                        Part::Text(text) => system.push(What::Text(text.into()).into()),
                        _ => return Err(unfit("gemini", "messages", "takes only text in system messages")),
                    }
                }
                continue;
            }
            Role::User => media(&message.parts, door, &mut pieces)?,
            Role::Assistant => {
                media(&message.parts, door, &mut pieces)?;
                calls(&message.tool_calls, signs && at >= turn_begins, &mut pieces);
                names.extend(message.tool_calls.iter().map(|call| (call.id.as_str(), call.name.as_str())));
            }
            Role::Tool => pieces.push(result(message, &names)?),
        }
        if pieces.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some((role, last)) if *role == message.role => last.append(&mut pieces),
            _ => turns.push((message.role, pieces)),
        }
    }

    let mut contents = Vec::with_capacity(turns.len() + 1);
    if turns.is_empty() && !system.is_empty() {
        // Nothing but instructions: somebody has to have said something.
        contents.push(Content { role: Some("user"), parts: std::mem::take(&mut system) });
    }
    if turns.first().is_some_and(|(role, _)| *role == Role::Assistant) {
        contents.push(Content { role: Some("user"), parts: vec![What::Text(OPENING.into()).into()] });
    }
    contents.extend(turns.into_iter().map(|(role, parts)| Content {
        role: Some(if role == Role::Assistant { "model" } else { "user" }),
        parts,
    }));
    match contents.last() {
        None => {
            return Err(Fault::Rejected {
                message: "messages: there is nothing in them to answer".to_owned(),
                param: Some("messages".to_owned()),
                code: None,
            });
        }
        Some(Content { role: Some("model"), .. }) if !door.card.caps.contains(Caps::PREFILL) => {
            return Err(unfit("gemini", "messages", "cannot continue from a last message of the assistant"));
        }
        Some(_) => {}
    }
    let system = (!system.is_empty()).then_some(Content { role: None, parts: system });
    Ok(History { system, contents })
}

fn calls<'a>(calls: &'a [ToolCall], current_turn: bool, out: &mut Vec<Piece<'a>>) {
    for (index, call) in calls.iter().enumerate() {
        let lost = current_turn && index == 0;
        out.push(Piece {
            what: What::FunctionCall(Called {
                id: &call.id,
                name: &call.name,
                args: arguments(&call.arguments),
            }),
            // Of parallel calls only the first is signed; a missing one there is refused in the current turn.
            thought_signature: call.signature.as_deref().or(lost.then_some(BYPASS)),
        });
    }
}

fn result<'a>(message: &'a Message, names: &BTreeMap<&'a str, &'a str>) -> Result<Piece<'a>, Fault> {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    let Some(name) = names.get(id).copied().or(message.name.as_deref()) else {
        return Err(Fault::Rejected {
            message: "messages: a tool message answers a tool_call_id that no earlier message has".to_owned(),
            param: Some("messages".to_owned()),
            code: None,
        });
    };
    let text: Cow<'a, str> = match message.parts.as_slice() {
        [Part::Text(only)] => only.into(),
        parts if parts.iter().all(|part| matches!(part, Part::Text(_))) => message.plain_text().into(),
        _ => return Err(unfit("gemini", "messages", "takes only text as the result of a tool")),
    };
    // An object is the response itself; anything else is wrapped, as the response has to be an object.
    let response = match &text {
        Cow::Borrowed(text) if !text.trim().is_empty() => object(text),
        _ => None,
    };
    let response = response.unwrap_or_else(|| wrapped("result", &text));
    Ok(What::FunctionResponse(Answered { id, name, response }).into())
}

fn media<'a>(parts: &'a [Part], door: &Door, out: &mut Vec<Piece<'a>>) -> Result<(), Fault> {
    for part in parts {
        let what = match part {
            // "Empty text parts and empty contents are refused."
            Part::Text(text) | Part::Refusal(text) if text.is_empty() => continue,
            Part::Text(text) | Part::Refusal(text) => What::Text(text.into()),
            Part::Thinking { .. } => continue,
            Part::Image { source, .. } => file(source, "image_url", door)?,
            Part::File { source, .. } => file(source, "file", door)?,
            Part::Audio { format, data } => match format.as_str() {
                "wav" => What::InlineData(Blob { mime_type: "audio/wav", data }),
                "mp3" => What::InlineData(Blob { mime_type: "audio/mp3", data }),
                _ => return Err(unfit("gemini", "input_audio.format", "takes wav and mp3")),
            },
        };
        out.push(what.into());
    }
    Ok(())
}

fn file<'a>(source: &'a Media, field: &str, door: &Door) -> Result<What<'a>, Fault> {
    match source {
        Media::Inline { mime, data } => Ok(What::InlineData(Blob { mime_type: mime, data })),
        Media::Url(url) => {
            if let Some((mime_type, data)) = data_url(url) {
                Ok(What::InlineData(Blob { mime_type, data }))
            } else if !url.starts_with("https://") {
                Err(unfit("gemini", field, "takes https addresses or the data itself"))
            } else if !door.card.caps.contains(Caps::IMAGE_URL) {
                Err(unfit("gemini", field, "fetches no addresses for this model; send the data itself"))
            } else {
                Ok(What::FileData(Link { mime_type: mime(url), file_uri: url }))
            }
        }
    }
}

/// By the ending of the address's path; None where it does not tell, and the server looks for itself.
fn mime(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('/')?.1.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        _ => return None,
    })
}
