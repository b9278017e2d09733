//! A streamed answer: `response.created`, items with their parts and pieces, and one of the events that end it.

mod calls;
mod tell;
mod thoughts;
mod words;

use super::echo;
use super::told::{Item, Said};
use super::write::{Status, logprobs};
use crate::openai::Label;
use bytes::Bytes;
use vocab::{Event, Finish, Usage};

/// Everything is said again at the end, so it is kept up to here; what goes beyond is not told, and the answer is one that
/// was stopped for its length. No model says as much.
const KEPT_MAX: usize = 16 << 20;

/// Writes events as frames. Calls may be told at the same time, as every piece says which item it belongs to.
#[derive(Debug)]
pub struct Frames {
    /// The client's body, until it is known whether anything of it is to be said again.
    request: Option<Bytes>,
    /// That, as fields of the response.
    echo: Vec<u8>,
    label: Label,
    /// What all ids of items have in common.
    mark: u64,
    summary: bool,
    /// Only the whole is wanted.
    quiet: bool,
    id: String,
    model: String,
    /// The number of the next frame.
    sequence: u64,
    begun: bool,
    ended: bool,
    items: Vec<Item>,
    /// The message or the thought that grows.
    open: Option<usize>,
    /// What is thought and not shown, until it is sealed.
    hidden: String,
    /// A seal that came within a text. It is told before the next thought or call; at the end of an answer nobody wants it.
    pending: String,
    kept: usize,
    /// Characters of text so far.
    chars: u32,
    usage: Usage,
    finish: Option<Finish>,
}

impl Frames {
    /// `request` is the client's body, of which a response says much again; `summary`, whether the client asked to see
    /// what is thought.
    pub fn new(label: Label, request: Bytes, summary: bool) -> Self {
        // FNV-1a, 64 bits (draft-eastlake-fnv): ids of items are short, those of requests may be long.
        let mark = label.id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self {
            request: Some(request),
            echo: Vec::new(),
            label,
            mark,
            summary,
            quiet: false,
            id: String::new(),
            model: String::new(),
            sequence: 0,
            begun: false,
            ended: false,
            items: Vec::new(),
            open: None,
            hidden: String::new(),
            pending: String::new(),
            kept: 0,
            chars: 0,
            usage: Usage::default(),
            finish: None,
        }
    }

    /// For a whole answer.
    pub(super) fn quiet(label: Label, request: Bytes, summary: bool) -> Self {
        Self { quiet: true, ..Self::new(label, request, summary) }
    }

    pub(super) fn whole(mut self, events: &[Event]) -> Vec<u8> {
        let mut out = Vec::new();
        for event in events {
            self.event(event, &mut out);
        }
        self.end(&mut out);
        self.response(&mut out, Status::of(self.finish));
        out
    }

    /// The number of the next frame, for those that are not the protocol's own.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Frames of a Responses provider go by. Only their numbers matter.
    pub fn passed(&mut self, bytes: &[u8]) {
        const NUMBER: &[u8] = b"\"sequence_number\":";
        self.request = None;
        let Some(at) = memchr::memmem::rfind(bytes, NUMBER) else { return };
        let digits = bytes.get(at + NUMBER.len()..).unwrap_or_default().trim_ascii_start();
        // One that ends with the piece may go on in the next.
        let Some(length) = digits.iter().position(|byte| !byte.is_ascii_digit()) else { return };
        let text = std::str::from_utf8(digits.get(..length).unwrap_or_default());
        if let Some(last) = text.ok().and_then(|text| text.parse::<u64>().ok()) {
            self.sequence = self.sequence.max(last.saturating_add(1));
        }
    }

    /// Appends the frames of one event, none for some.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { choice: 0, text, logprobs: list } => {
                let list = list.as_ref().map(logprobs).unwrap_or_default();
                self.words(false, text, list, out);
            }
            Event::Refusal { choice: 0, text } => self.words(true, text, vec![], out),
            Event::Reasoning { choice: 0, text } if !text.is_empty() => self.think(text, out),
            Event::Signature { choice: 0, signature } if !signature.is_empty() => self.sign(signature, out),
            Event::ToolStart { choice: 0, index, id, name, signature } => {
                self.call((*index, id, name), signature.as_deref(), out);
            }
            Event::ToolArgs { choice: 0, index, fragment } if !fragment.is_empty() => {
                self.arguments(*index, fragment, out);
            }
            Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
            Event::Citation(cited) if cited.choice == 0 => self.cite(cited, out),
            Event::Usage(usage) => self.usage = *usage,
            Event::End => self.end(out),
            _ => {}
        }
    }

    /// Whether there is room for more.
    fn keeps(&mut self, more: usize) -> bool {
        self.kept = self.kept.saturating_add(more);
        self.kept <= KEPT_MAX
    }

    /// Begins an item; its place.
    fn add(&mut self, said: Said, out: &mut Vec<u8>) -> usize {
        self.begin(out);
        let place = self.items.len();
        let id = format!("{}_{:016x}{place:04x}", said.prefix(), self.mark);
        self.items.push(Item { id, said, done: false });
        self.tell(out, "response.output_item.added", None, |this, out| {
            this.item(out, place, Status::InProgress)
        });
        place
    }

    /// Ends the message or the thought that grows.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.close_as(Status::Completed, out);
    }

    fn close_as(&mut self, status: Status, out: &mut Vec<u8>) {
        if let Some(place) = self.open.take() {
            self.done(place, status, out);
        }
    }

    /// Ends an item.
    fn done(&mut self, place: usize, status: Status, out: &mut Vec<u8>) {
        match self.items.get_mut(place) {
            Some(item) if !item.done => item.done = true,
            _ => return,
        }
        self.close_part(place, out);
        match self.items.get(place).map(|item| &item.said) {
            Some(Said::Thought { summary, .. }) if !summary.is_empty() => self.close_summary(place, out),
            Some(Said::Call { .. }) => self.close_call(place, out),
            _ => {}
        }
        self.tell(out, "response.output_item.done", None, |this, out| this.item(out, place, status));
    }

    /// The opening, once.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        self.echo = self.request.take().map(|request| echo::of(&request)).unwrap_or_default();
        for kind in ["response.created", "response.in_progress"] {
            self.tell(out, kind, None, |this, out| {
                out.extend_from_slice(br#","response":"#);
                this.response(out, Status::InProgress);
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if self.kept > KEPT_MAX {
            self.finish = Some(Finish::Length);
        }
        self.begin(out);
        let status = Status::of(self.finish);
        self.close_as(status, out);
        self.end_calls(true, status, out);
        let kind = if status == Status::Incomplete { "response.incomplete" } else { "response.completed" };
        self.tell(out, kind, None, |this, out| {
            out.extend_from_slice(br#","response":"#);
            this.response(out, status);
        });
    }
}
