//! Items as messages.
//!
//! What the model said at one time is several items here and one message elsewhere: reasoning, words and calls that follow
//! each other are put together. Pictures in what a tool returned go to a message of their own after all results, since most
//! servers take only text there, with a word on whose they are.

use crate::responses::seal::{self, Sealed};
use serde::Deserialize;
use vocab::{Media, Message, Part, Role, ToolCall};

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WireInput {
    Text(String),
    Items(Vec<Item>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    role: Option<Role>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
    summary: Option<Vec<WirePart>>,
    encrypted_content: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<WirePart>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WirePart {
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<String>,
    detail: Option<String>,
    file_data: Option<String>,
    file_url: Option<String>,
    filename: Option<String>,
}

/// The whole conversation.
pub(super) fn messages(instructions: Option<String>, input: WireInput) -> Vec<Message> {
    let mut told = Told::default();
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        told.messages.push(Message::text(Role::System, instructions));
    }
    match input {
        WireInput::Text(text) => told.messages.push(Message::text(Role::User, text)),
        WireInput::Items(items) => items.into_iter().for_each(|item| told.item(item)),
    }
    told.turn_ends();
    told.results_end();
    told.messages
}

#[derive(Default)]
struct Told {
    messages: Vec<Message>,
    /// What the assistant is saying.
    turn: Option<Message>,
    /// A seal on the call that comes next.
    seal: Option<String>,
    /// What tools returned besides text.
    media: Vec<Part>,
}

impl Told {
    fn item(&mut self, item: Item) {
        match item.kind.as_deref() {
            Some("reasoning") => self.thought(item),
            Some("function_call") => {
                let signature = self.seal.take();
                let call = ToolCall {
                    id: item.call_id.unwrap_or_default(),
                    name: item.name.unwrap_or_default(),
                    arguments: item.arguments.unwrap_or_default(),
                    signature,
                };
                self.turn().tool_calls.push(call);
            }
            Some("function_call_output") => {
                self.turn_ends();
                self.result(item);
            }
            _ => {
                let role = item.role.unwrap_or(Role::User);
                let parts = item.content.map(parts).unwrap_or_default();
                if role == Role::Assistant {
                    self.turn().parts.extend(parts);
                } else {
                    self.turn_ends();
                    self.results_end();
                    self.messages.push(Message { parts, ..Message::text(role, "") });
                }
            }
        }
    }

    fn turn(&mut self) -> &mut Message {
        if self.turn.is_none() {
            self.results_end();
        }
        self.turn.get_or_insert_with(|| Message { parts: Vec::new(), ..Message::text(Role::Assistant, "") })
    }

    /// Nothing may be left of a turn: thoughts that nobody can take back.
    fn turn_ends(&mut self) {
        self.seal = None;
        let said = self.turn.take().filter(|turn| !turn.parts.is_empty() || !turn.tool_calls.is_empty());
        self.messages.extend(said);
    }

    fn results_end(&mut self) {
        if !self.media.is_empty() {
            let parts = std::mem::take(&mut self.media);
            self.messages.push(Message { parts, ..Message::text(Role::User, "") });
        }
    }

    fn thought(&mut self, item: Item) {
        let content = item.encrypted_content.unwrap_or_default();
        let sealed = seal::opened(item.id.as_deref().unwrap_or_default(), &content);
        if let Some(Sealed { seal, call: true, .. }) = sealed {
            self.seal = Some(seal);
            return;
        }
        let joined = |parts: Vec<WirePart>| {
            let texts: Vec<String> = parts.into_iter().filter_map(|part| part.text).collect();
            texts.join("\n\n")
        };
        let shown = item.summary.map(joined).unwrap_or_default();
        let (text, signature) = match sealed {
            Some(sealed) => (if sealed.text.is_empty() { shown } else { sealed.text }, Some(sealed.seal)),
            None => (shown, None),
        };
        if !text.is_empty() || signature.is_some() {
            self.turn().parts.push(Part::Thinking { text, signature });
        }
    }

    /// The message that a result is.
    fn result(&mut self, item: Item) {
        let id = item.call_id.unwrap_or_default();
        let all = item.output.map(parts).unwrap_or_default();
        let (mut parts, mut others): (Vec<Part>, Vec<Part>) =
            all.into_iter().partition(|part| matches!(part, Part::Text(_)));
        if !others.is_empty() {
            parts.push(Part::Text(
                "What this tool returned besides text is attached to the next message.".into(),
            ));
            self.media.push(Part::Text(format!("Returned by the tool call {id}:")));
            self.media.append(&mut others);
        }
        if parts.is_empty() {
            parts.push(Part::Text(String::new()));
        }
        self.messages.push(Message { parts, tool_call_id: Some(id), ..Message::text(Role::Tool, "") });
    }
}

fn parts(content: Content) -> Vec<Part> {
    match content {
        Content::Text(text) => vec![Part::Text(text)],
        Content::Parts(parts) => parts.into_iter().filter_map(part).collect(),
    }
}

/// None where it is not in the request itself.
fn part(wire: WirePart) -> Option<Part> {
    if let Some(text) = wire.text {
        return Some(Part::Text(text));
    }
    if let Some(refusal) = wire.refusal {
        return Some(Part::Refusal(refusal));
    }
    if let Some(url) = wire.image_url {
        return Some(Part::Image { source: media(url), detail: wire.detail });
    }
    if let Some(url) = wire.file_url {
        return Some(Part::File { source: Media::Url(url), name: wire.filename });
    }
    let source = match media(wire.file_data?) {
        // Plain base64 is what some SDKs send; the survey let it through as a document.
        Media::Url(data) => Media::Inline { mime: "application/pdf".into(), data },
        inline => inline,
    };
    Some(Part::File { source, name: wire.filename })
}

fn media(url: String) -> Media {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((mime, data)) => Media::Inline { mime: mime.into(), data: data.into() },
        None => Media::Url(url),
    }
}
