//! Messages and blocks.
//!
//! Where this API says in one message what others say in several, it is said in the same order: results of tools first,
//! each in a message of its own, then everything else. Pictures in a result go to what follows it, since most servers take
//! only text there, with a word on whose they are.

use crate::anthropic::seal;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use vocab::{Media, Message, Part, Role, ToolCall};

#[derive(Deserialize)]
pub(super) struct WireMessage {
    role: Role,
    content: Content,
}

/// A string, or blocks. By hand, because serde's untagged enums cannot hold a call's input as it was written.
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of blocks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Content, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(Content::Blocks)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Content {
    fn blocks(self) -> Vec<Block> {
        match self {
            Self::Text(text) => vec![Block { kind: "text".into(), text: Some(text), ..Block::default() }],
            Self::Blocks(blocks) => blocks,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    source: Option<Source>,
    title: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Box<RawValue>>,
    #[serde(rename = "weir_signature")]
    sealed: Option<String>,
    tool_use_id: Option<String>,
    content: Option<Content>,
    is_error: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
}

/// The parts of a system prompt.
pub(super) fn system(content: Content) -> Vec<Part> {
    content.blocks().into_iter().filter_map(part).collect()
}

/// One message as those that say the same.
pub(super) fn message(WireMessage { role, content }: WireMessage, out: &mut Vec<Message>) {
    let (mut results, mut parts, mut tool_calls) = (Vec::new(), Vec::new(), Vec::new());
    for block in content.blocks() {
        match block.kind.as_str() {
            "tool_use" => tool_calls.push(call(block)),
            "tool_result" => results.push(result(block, &mut parts)),
            _ => parts.extend(part(block)),
        }
    }
    out.extend(results);
    // Nothing may be left of it: thoughts that nobody else can read.
    if !parts.is_empty() || !tool_calls.is_empty() {
        out.push(Message { parts, tool_calls, ..Message::text(role, "") });
    }
}

fn call(block: Block) -> ToolCall {
    ToolCall {
        id: block.id.unwrap_or_default(),
        name: block.name.unwrap_or_default(),
        arguments: block.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
        signature: block.sealed,
    }
}

/// The message that a result is. What is not text in it goes to `media`.
fn result(block: Block, media: &mut Vec<Part>) -> Message {
    let id = block.tool_use_id.unwrap_or_default();
    let (mut parts, mut others) = (Vec::new(), Vec::new());
    for part in block.content.map(Content::blocks).unwrap_or_default().into_iter().filter_map(part) {
        if matches!(part, Part::Text(_)) { parts.push(part) } else { others.push(part) }
    }
    // Others have no field for it, and a model has to be told.
    if block.is_error == Some(true) {
        parts.insert(0, Part::Text("The tool failed.".into()));
    }
    if !others.is_empty() {
        parts
            .push(Part::Text("What this tool returned besides text is attached to the next message.".into()));
        media.push(Part::Text(format!("Returned by the tool call {id}:")));
        media.append(&mut others);
    }
    if parts.is_empty() {
        parts.push(Part::Text(String::new()));
    }
    Message { parts, tool_call_id: Some(id), ..Message::text(Role::Tool, "") }
}

/// A block that is no call and no result; None where others could make nothing of it.
fn part(block: Block) -> Option<Part> {
    match block.kind.as_str() {
        "text" => Some(Part::Text(block.text?)),
        "thinking" => {
            let signature = seal::opened(&block.signature?).map(str::to_owned);
            Some(Part::Thinking { text: block.thinking?, signature })
        }
        "image" => Some(Part::Image { source: media(block.source?)?, detail: None }),
        "document" => {
            let source = block.source?;
            if source.kind == "text" {
                let text = source.data?;
                return Some(Part::Text(match block.title {
                    Some(title) => format!("{title}\n\n{text}"),
                    None => text,
                }));
            }
            Some(Part::File { source: media(source)?, name: block.title })
        }
        _ => None,
    }
}

fn media(source: Source) -> Option<Media> {
    match source.kind.as_str() {
        "url" => source.url.map(Media::Url),
        _ => Some(Media::Inline { mime: source.media_type?, data: source.data? }),
    }
}
