//! The conversation in Anthropic's words: two roles, blocks that are never blank, results before words.

use crate::foreign::{arguments, data_url, unfit};
use crate::responses::is_sealed;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use vocab::{Caps, Chat, Door, Fault, Media, Message, Part, Role};

/// Stands where a conversation begins with the model's own words: the first message has to be the user's, and blank
/// blocks are refused.
const OPENING: &str = ".";

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    pub role: &'static str,
    pub content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

pub(super) struct History<'a> {
    pub system: Option<String>,
    pub turns: Vec<Turn<'a>>,
    /// The last words are the model's own, to be continued.
    pub prefill: bool,
    /// The current turn has calls whose reasoning is lost, as a client of OpenAI's format loses it.
    pub lost_thinking: bool,
}

pub(super) fn history<'a>(chat: &'a Chat, door: &Door) -> Result<History<'a>, Fault> {
    let mut system = String::new();
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for message in &chat.messages {
        match message.role {
            Role::System | Role::Developer => instruct(message, &mut system)?,
            Role::User => push(&mut turns, "user", blocks(&message.parts)?),
            Role::Assistant => {
                let mut content = blocks(&message.parts)?;
                content.extend(message.tool_calls.iter().map(|call| Block::ToolUse {
                    id: plain_id(&call.id),
                    name: &call.name,
                    input: arguments(&call.arguments),
                }));
                push(&mut turns, "assistant", content);
            }
            Role::Tool => push(&mut turns, "user", vec![result(message)?]),
        }
    }
    if turns.is_empty() && !system.is_empty() {
        // Nothing but instructions: somebody has to have said something.
        turns.push(Turn {
            role: "user",
            content: vec![Block::Text { text: std::mem::take(&mut system).into() }],
        });
    }
    if turns.first().is_some_and(|turn| turn.role == "assistant") {
        turns.insert(0, Turn { role: "user", content: vec![Block::Text { text: OPENING.into() }] });
    }
    let Some(last) = turns.last_mut() else {
        return Err(Fault::Rejected {
            message: "messages: there is nothing in them to answer".to_owned(),
            param: Some("messages".to_owned()),
            code: None,
        });
    };
    let prefill = last.role == "assistant";
    if prefill {
        if !door.card.caps.contains(Caps::PREFILL) {
            return Err(unfit(
                "anthropic",
                "messages",
                "cannot continue from a last message of the assistant",
            ));
        }
        // "final assistant content cannot end with trailing whitespace"
        if let Some(Block::Text { text: Cow::Borrowed(text) }) = last.content.last_mut() {
            *text = text.trim_end();
        }
    }
    let lost_thinking = lost_thinking(&chat.messages);
    Ok(History { system: (!system.is_empty()).then_some(system), turns, prefill, lost_thinking })
}

/// Puts a message behind its neighbour of the same role. Results of tools go before any words of their turn: "all
/// results of one turn in ONE user message, before any text".
fn push<'a>(turns: &mut Vec<Turn<'a>>, role: &'static str, mut content: Vec<Block<'a>>) {
    if content.is_empty() {
        return;
    }
    match turns.last_mut() {
        Some(turn) if turn.role == role => {
            let is_result = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
            let results = turn.content.iter().take_while(|block| is_result(block)).count();
            let at = if content.iter().all(is_result) { results } else { turn.content.len() };
            turn.content.splice(at..at, content.drain(..));
        }
        _ => turns.push(Turn { role, content }),
    }
}

/// "system, developer: top-level `system`; join with newlines", wherever they stand.
fn instruct(message: &Message, system: &mut String) -> Result<(), Fault> {
    for part in &message.parts {
        match part {
            Part::Text(text) if text.trim().is_empty() => {}
            Part::Text(text) => {
                if !system.is_empty() {
                    system.push('\n');
                }
                system.push_str(text);
            }
            _ => return Err(unfit("anthropic", "messages", "takes only text in system messages")),
        }
    }
    Ok(())
}

fn blocks(parts: &[Part]) -> Result<Vec<Block<'_>>, Fault> {
    let mut out = Vec::with_capacity(parts.len());
    for part in parts {
        out.push(match part {
            // "empty text blocks are refused", and blank ones are too.
            Part::Text(text) | Part::Refusal(text) if text.trim().is_empty() => continue,
            Part::Text(text) | Part::Refusal(text) => Block::Text { text: text.into() },
            Part::Thinking { text, signature: Some(signature) } if !is_sealed(signature) => {
                Block::Thinking { thinking: text, signature }
            }
            // Without a signature, or with one that only OpenAI can read.
            Part::Thinking { .. } => continue,
            Part::Image { source, .. } => Block::Image { source: image(source)? },
            Part::File { source, name } => {
                Block::Document { source: document(source)?, title: name.as_deref() }
            }
            Part::Audio { .. } => return Err(unfit("anthropic", "input_audio", "does not listen")),
        });
    }
    Ok(out)
}

fn result(message: &Message) -> Result<Block<'_>, Fault> {
    let Some(id) = message.tool_call_id.as_deref() else {
        return Err(Fault::Rejected {
            message: "messages: a tool message has no tool_call_id".to_owned(),
            param: Some("messages".to_owned()),
            code: None,
        });
    };
    Ok(Block::ToolResult { tool_use_id: plain_id(id), content: blocks(&message.parts)? })
}

fn image(source: &Media) -> Result<Source<'_>, Fault> {
    let (mime, data) = match source {
        Media::Inline { mime, data } => (mime.as_str(), data.as_str()),
        Media::Url(url) => match data_url(url) {
            Some(inline) => inline,
            None => return link(url, "image_url"),
        },
    };
    let media_type = match mime {
        "image/jpg" => "image/jpeg",
        "image/jpeg" | "image/png" | "image/gif" | "image/webp" => mime,
        _ => return Err(unfit("anthropic", "image_url", "takes JPEG, PNG, GIF and WebP")),
    };
    Ok(Source::Base64 { media_type, data })
}

fn document(source: &Media) -> Result<Source<'_>, Fault> {
    let (media_type, data) = match source {
        Media::Inline { mime, data } => (mime.as_str(), data.as_str()),
        Media::Url(url) => match data_url(url) {
            Some(inline) => inline,
            None => return link(url, "file"),
        },
    };
    if media_type != "application/pdf" {
        return Err(unfit("anthropic", "file", "takes PDF"));
    }
    Ok(Source::Base64 { media_type, data })
}

fn link<'a>(url: &'a str, field: &str) -> Result<Source<'a>, Fault> {
    if url.starts_with("https://") {
        Ok(Source::Url { url })
    } else {
        Err(unfit("anthropic", field, "takes https addresses or the data itself"))
    }
}

/// Ids may hold letters, digits, `_` and `-`; other providers' may hold more. Changed alike in call and result.
fn plain_id(id: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.is_empty() {
        Cow::Borrowed("_")
    } else if id.chars().all(plain) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(id.chars().map(|c| if plain(c) { c } else { '_' }).collect())
    }
}

fn is_signed(part: &Part) -> bool {
    matches!(part, Part::Thinking { signature: Some(signature), .. } if !is_sealed(signature))
}

/// Whether the current turn, which ends with results, has a call without signed reasoning before it.
fn lost_thinking(messages: &[Message]) -> bool {
    if messages.last().is_none_or(|last| last.role != Role::Tool) {
        return false;
    }
    let begins = messages.iter().rposition(|m| m.role == Role::User).map_or(0, |at| at + 1);
    messages.iter().skip(begins).filter(|m| !m.tool_calls.is_empty()).any(|m| !m.parts.iter().any(is_signed))
}
