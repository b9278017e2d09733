//! A streamed answer: `message_start`, blocks one after the other, `message_delta`, `message_stop`.

use super::seal;
use super::write::{citation, heading, is_object, stop_reason, stopped, usage};
use crate::openai::Label;
use crate::openai::write::{json, number};
use std::collections::VecDeque;
use vocab::{Citation, Event, Finish, Usage};

/// Writes events as frames. One block is open at a time, so what a provider tells of several calls at once waits until
/// it is its turn.
#[derive(Debug)]
pub struct Frames {
    label: Label,
    id: String,
    model: String,
    /// Until the provider has counted: our estimate of the input.
    usage: Usage,
    begun: bool,
    /// Blocks begun so far.
    blocks: u64,
    open: Open,
    /// A seal that came within a text. It is told before the next thought or call; at the end of an answer
    /// nobody wants it.
    pending: String,
    /// Calls that wait for the open one to be whole.
    waiting: VecDeque<Call>,
    /// The number of each call begun, and its block.
    places: Vec<(u32, u64)>,
    finish: Option<Finish>,
    refused: bool,
    ended: bool,
}

#[derive(Debug)]
enum Open {
    None,
    Text {
        /// It is said what it rests on, so what else is said is another block.
        cited: bool,
    },
    Thinking {
        signed: bool,
    },
    /// Its number and its arguments so far.
    Call(u32, String),
}

#[derive(Debug)]
struct Call {
    index: u32,
    id: String,
    name: String,
    seal: Option<String>,
    arguments: String,
}

impl Frames {
    /// `tokens_in` is what the request was estimated at.
    pub fn new(label: Label, tokens_in: u32) -> Self {
        let usage =
            Usage { estimated: true, ..Usage::default() }.with(vocab::Bucket::Input, u64::from(tokens_in));
        Self {
            label,
            id: String::new(),
            model: String::new(),
            usage,
            begun: false,
            blocks: 0,
            open: Open::None,
            pending: String::new(),
            waiting: VecDeque::new(),
            places: Vec::new(),
            finish: None,
            refused: false,
            ended: false,
        }
    }

    /// Appends the frames of one event, none for some.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { choice: 0, text, .. } => self.text(text, out),
            Event::Refusal { choice: 0, text } => {
                self.refused |= !text.is_empty();
                self.text(text, out);
            }
            Event::Reasoning { choice: 0, text } if !text.is_empty() => {
                if !matches!(self.open, Open::Thinking { signed: false }) {
                    self.think(out);
                }
                self.delta(out, "thinking_delta", "thinking", text);
            }
            Event::Signature { choice: 0, signature } if !signature.is_empty() => match self.open {
                Open::Text { .. } => self.pending.push_str(signature),
                Open::Thinking { signed: false } => self.sign(signature, out),
                _ => {
                    self.think(out);
                    self.sign(signature, out);
                }
            },
            Event::ToolStart { choice: 0, index, id, name, signature } => {
                let call = Call {
                    index: *index,
                    id: id.clone(),
                    name: name.clone(),
                    seal: signature.clone(),
                    arguments: String::new(),
                };
                let busy = matches!(&self.open, Open::Call(_, arguments) if !is_object(arguments));
                if busy || !self.waiting.is_empty() {
                    self.waiting.push_back(call);
                } else {
                    self.call(call, out);
                }
            }
            Event::ToolArgs { choice: 0, index, fragment } if !fragment.is_empty() => {
                self.arguments(*index, fragment, out);
            }
            Event::Citation(cited) if cited.choice == 0 => self.cite(cited, out),
            Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
            Event::Usage(usage) => self.usage = *usage,
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Open::Text { cited: false }) {
            self.flush(out);
            self.start(out, br#"{"type":"text","text":""}"#);
            self.open = Open::Text { cited: false };
        }
        self.delta(out, "text_delta", "text", text);
    }

    /// Stands on the block that is open: its text is out, so all of it is said to rest on this. With none open there is no
    /// place for it, as a block without text is refused when it comes back.
    fn cite(&mut self, cited: &Citation, out: &mut Vec<u8>) {
        if let (Open::Text { cited: said }, Some(url)) = (&mut self.open, &cited.url) {
            *said = true;
            begin_piece(out, self.blocks.saturating_sub(1), "citations_delta", "citation");
            citation(out, url, cited);
            out.extend_from_slice(b"}}\n\n");
        }
    }

    fn think(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        self.overdue(out);
        self.begin_thought(out);
    }

    /// A seal on nothing that is said: what was thought is not shown.
    fn overdue(&mut self, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            let signature = std::mem::take(&mut self.pending);
            self.close(out);
            self.begin_thought(out);
            self.sign(&signature, out);
            self.close(out);
        }
    }

    fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
        self.delta(out, "signature_delta", "signature", &seal::sealed(signature));
        self.open = Open::Thinking { signed: true };
    }

    fn begin_thought(&mut self, out: &mut Vec<u8>) {
        self.start(out, br#"{"type":"thinking","thinking":"","signature":""}"#);
        self.open = Open::Thinking { signed: false };
    }

    fn call(&mut self, call: Call, out: &mut Vec<u8>) {
        self.close(out);
        self.overdue(out);
        let mut block = Vec::with_capacity(96 + call.name.len());
        block.extend_from_slice(br#"{"type":"tool_use","id":"#);
        json(&mut block, &call.id);
        block.extend_from_slice(br#","name":"#);
        json(&mut block, &call.name);
        block.extend_from_slice(br#","input":{}"#);
        seal::on_call(&mut block, call.seal.as_deref());
        block.push(b'}');
        self.places.push((call.index, self.blocks));
        self.start(out, &block);
        self.open = Open::Call(call.index, String::new());
        if !call.arguments.is_empty() {
            self.arguments(call.index, &call.arguments, out);
        }
    }

    fn arguments(&mut self, of: u32, fragment: &str, out: &mut Vec<u8>) {
        if let Some(call) = self.waiting.iter_mut().rfind(|call| call.index == of) {
            call.arguments.push_str(fragment);
            return;
        }
        let Some((_, place)) = self.places.iter().rfind(|(index, _)| *index == of).copied() else { return };
        piece(out, place, "input_json_delta", "partial_json", fragment);
        if let Open::Call(index, arguments) = &mut self.open
            && *index == of
        {
            arguments.push_str(fragment);
        }
        // As soon as one is whole the next may be told.
        while !self.waiting.is_empty()
            && matches!(&self.open, Open::Call(_, arguments) if is_object(arguments))
            && let Some(next) = self.waiting.pop_front()
        {
            self.call(next, out);
        }
    }

    /// Ends whatever is open and tells all that waits.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while let Some(call) = self.waiting.pop_front() {
            self.call(call, out);
        }
        self.close(out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !matches!(std::mem::replace(&mut self.open, Open::None), Open::None) {
            out.extend_from_slice(
                b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
            );
            number(out, self.blocks.saturating_sub(1));
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn start(&mut self, out: &mut Vec<u8>, block: &[u8]) {
        self.begin(out);
        out.extend_from_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        number(out, self.blocks);
        out.extend_from_slice(br#","content_block":"#);
        out.extend_from_slice(block);
        out.extend_from_slice(b"}\n\n");
        self.blocks += 1;
    }

    fn delta(&self, out: &mut Vec<u8>, kind: &str, field: &str, text: &str) {
        piece(out, self.blocks.saturating_sub(1), kind, field, text);
    }

    /// The opening, once.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
        heading(out, &self.id, &self.model, &self.label);
        out.extend_from_slice(br#"],"stop_reason":null,"stop_sequence":null,"usage":"#);
        usage(out, &self.usage);
        out.extend_from_slice(b"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.begin(out);
        self.flush(out);
        out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
        stopped(out, stop_reason(self.finish, !self.places.is_empty(), self.refused));
        out.extend_from_slice(br#"},"usage":"#);
        usage(out, &self.usage);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

fn piece(out: &mut Vec<u8>, place: u64, kind: &str, field: &str, text: &str) {
    begin_piece(out, place, kind, field);
    json(out, text);
    out.extend_from_slice(b"}}\n\n");
}

/// A delta up to the value of its field.
fn begin_piece(out: &mut Vec<u8>, place: u64, kind: &str, field: &str) {
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    number(out, place);
    out.extend_from_slice(br#","delta":{"type":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"",""#);
    out.extend_from_slice(field.as_bytes());
    out.extend_from_slice(br#"":"#);
}

/// The last event of a whole stream, for a caller who asked for it. Like every event here it says its type twice.
pub(crate) fn trailer(out: &mut Vec<u8>, request_id: &str, weir: &[u8]) {
    out.extend_from_slice(b"event: weir\ndata: {\"type\":\"weir\",\"id\":");
    json(out, request_id);
    out.push(b',');
    out.extend_from_slice(weir);
    out.extend_from_slice(b"}\n\n");
}

/// The last frame of a stream that was cut: an error, and no `message_stop`. `weir` holds the fields of the bill for a
/// caller who asked for them.
pub(crate) fn broken(out: &mut Vec<u8>, error: &[u8], weir: Option<&[u8]>) {
    out.extend_from_slice(b"event: error\ndata: ");
    match weir {
        None => out.extend_from_slice(error),
        Some(fields) => {
            out.extend_from_slice(error.strip_suffix(b"}").unwrap_or(error));
            out.extend_from_slice(br#","weir":{"#);
            out.extend_from_slice(fields);
            out.extend_from_slice(b"}}");
        }
    }
    out.extend_from_slice(b"\n\n");
}
