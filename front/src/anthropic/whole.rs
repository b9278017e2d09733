//! A whole answer: one message.

use super::write::{heading, input, stop_reason, stopped, usage};
use super::{cited, seal};
use crate::openai::Label;
use crate::openai::write::json;
use vocab::{Citation, Event, Finish, Usage};

/// A block as it grows.
enum Block {
    /// With the character of all the text that it begins with.
    Text(String, u32),
    Thinking {
        text: String,
        seal: Option<String>,
    },
    Call {
        index: u32,
        id: String,
        name: String,
        arguments: String,
        seal: Option<String>,
    },
}

/// What the events add up to, in the order they came. There is one choice in this API.
#[derive(Default)]
struct Told {
    id: String,
    model: String,
    blocks: Vec<Block>,
    /// A seal that came within a text. It is told before the next thought or call; at the end of an answer
    /// nobody wants it.
    pending: String,
    finish: Option<Finish>,
    refused: bool,
    /// Characters of text so far.
    chars: u32,
    cited: Vec<Citation>,
    usage: Usage,
}

impl Told {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { choice: 0, text, .. } => {
                self.text(text);
                let more = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                self.chars = self.chars.saturating_add(more);
            }
            Event::Refusal { choice: 0, text } => {
                self.refused |= !text.is_empty();
                self.text(text);
            }
            Event::Reasoning { choice: 0, text } if !text.is_empty() => match self.blocks.last_mut() {
                Some(Block::Thinking { text: so_far, seal: None }) => so_far.push_str(text),
                _ => {
                    self.overdue();
                    self.blocks.push(Block::Thinking { text: text.clone(), seal: None });
                }
            },
            Event::Signature { choice: 0, signature } if !signature.is_empty() => {
                let sealed = Some(seal::sealed(signature));
                match self.blocks.last_mut() {
                    Some(Block::Text(..)) => self.pending.push_str(signature),
                    Some(Block::Thinking { seal: seal @ None, .. }) => *seal = sealed,
                    _ => self.blocks.push(Block::Thinking { text: String::new(), seal: sealed }),
                }
            }
            Event::ToolStart { choice: 0, index, id, name, signature } => {
                self.overdue();
                self.blocks.push(Block::Call {
                    index: *index,
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    seal: signature.clone(),
                });
            }
            Event::ToolArgs { choice: 0, index: of, fragment } => {
                let call = |block: &'_ &mut Block| matches!(block, Block::Call { index, .. } if index == of);
                if let Some(Block::Call { arguments, .. }) = self.blocks.iter_mut().rev().find(call) {
                    arguments.push_str(fragment);
                }
            }
            // Only pages have a place here.
            Event::Citation(cited) if cited.choice == 0 && cited.url.is_some() => {
                self.cited.push(Citation::clone(cited));
            }
            Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
            Event::Usage(usage) => self.usage = *usage,
            _ => {}
        }
    }

    /// A seal on nothing that is said: what was thought is not shown.
    fn overdue(&mut self) {
        if !self.pending.is_empty() {
            let seal = Some(seal::sealed(&std::mem::take(&mut self.pending)));
            self.blocks.push(Block::Thinking { text: String::new(), seal });
        }
    }

    fn text(&mut self, text: &str) {
        match self.blocks.last_mut() {
            _ if text.is_empty() => {}
            Some(Block::Text(so_far, _)) => so_far.push_str(text),
            _ => self.blocks.push(Block::Text(text.to_owned(), self.chars)),
        }
    }
}

/// The message that these events add up to.
pub fn whole(events: &[Event], label: &Label) -> Vec<u8> {
    let mut told = Told::default();
    for event in events {
        told.add(event);
    }
    let mut out = Vec::with_capacity(1_024);
    heading(&mut out, &told.id, &told.model, label);
    let last = told.blocks.iter().rposition(|block| matches!(block, Block::Text(..)));
    for (at, block) in told.blocks.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match block {
            Block::Text(text, from) => cited::write(&mut out, text, *from, &told.cited, Some(at) == last),
            other => write_block(&mut out, other),
        }
    }
    out.extend_from_slice(b"],");
    let called = told.blocks.iter().any(|block| matches!(block, Block::Call { .. }));
    stopped(&mut out, stop_reason(told.finish, called, told.refused));
    out.extend_from_slice(br#","usage":"#);
    usage(&mut out, &told.usage);
    out.push(b'}');
    out
}

fn write_block(out: &mut Vec<u8>, block: &Block) {
    match block {
        Block::Text(text, _) => return cited::block(out, text, &[]),
        Block::Thinking { text, seal } => {
            out.extend_from_slice(br#"{"type":"thinking","thinking":"#);
            json(out, text);
            out.extend_from_slice(br#","signature":"#);
            json(out, seal.as_deref().unwrap_or_default());
        }
        Block::Call { id, name, arguments, seal, .. } => {
            out.extend_from_slice(br#"{"type":"tool_use","id":"#);
            json(out, id);
            out.extend_from_slice(br#","name":"#);
            json(out, name);
            out.extend_from_slice(br#","input":"#);
            input(out, arguments);
            seal::on_call(out, seal.as_deref());
        }
    }
    out.push(b'}');
}
