//! A streamed answer: `response.created`, items with their parts and pieces, and one of the events that end it.

use super::echo;
use super::seal::Sealed;
use super::told::{Item, Said, Segment};
use super::write::{Status, item, logprobs, part, summary_part, tier, usage};
use crate::openai::Label;
use crate::openai::write::{json, number};
use bytes::Bytes;
use serde_json::Value;
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
                self.close(out);
                self.overdue(out);
                if let Some(seal) = signature {
                    self.sealed(&Sealed { seal: seal.clone(), text: String::new(), call: true }, out);
                }
                self.end_calls(false, Status::Completed, out);
                let (call_id, name) = (id.clone(), name.clone());
                let said = Said::Call { index: *index, call_id, name, arguments: String::new() };
                self.add(said, out);
            }
            Event::ToolArgs { choice: 0, index, fragment } if !fragment.is_empty() => {
                self.arguments(*index, fragment, out);
            }
            Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
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

    fn words(&mut self, refusal: bool, text: &str, list: Vec<Value>, out: &mut Vec<u8>) {
        if (text.is_empty() && list.is_empty()) || !self.keeps(text.len() + list.len() * size_of::<Value>()) {
            return;
        }
        let place = match self.open {
            Some(place) if matches!(self.items.get(place), Some(Item { said: Said::Words(_), .. })) => place,
            _ => {
                self.close(out);
                let place = self.add(Said::Words(vec![]), out);
                self.open = Some(place);
                place
            }
        };
        if self.segment(place).is_none_or(|last| last.refusal != refusal) {
            self.close_part(place, out);
            let Some(Item { said: Said::Words(parts), .. }) = self.items.get_mut(place) else { return };
            parts.push(Segment { refusal, ..Segment::default() });
            self.tell(out, "response.content_part.added", Some(place), |this, out| {
                this.content_index(out, place);
                out.extend_from_slice(br#","part":"#);
                if let Some(segment) = this.segment(place) {
                    part(out, segment, true);
                }
            });
        }
        let kind = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        self.tell(out, kind, Some(place), |this, out| {
            this.content_index(out, place);
            out.extend_from_slice(br#","delta":"#);
            json(out, text);
            if !refusal {
                out.extend_from_slice(br#","logprobs":"#);
                json(out, &list);
            }
        });
        if let Some(Item { said: Said::Words(parts), .. }) = self.items.get_mut(place)
            && let Some(last) = parts.last_mut()
        {
            last.text.push_str(text);
            last.logprobs.extend(list);
        }
    }

    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if !self.keeps(text.len()) {
            return;
        }
        if !self.summary {
            // There is nothing to show, but the client need not wait in silence.
            self.begin(out);
            self.hidden.push_str(text);
            return;
        }
        let place = match self.open {
            Some(place) if matches!(self.items.get(place), Some(Item { said: Said::Thought { .. }, .. })) => {
                place
            }
            _ => {
                self.close(out);
                self.overdue(out);
                let place = self.add(Said::Thought { summary: String::new(), sealed: None }, out);
                self.open = Some(place);
                self.tell(out, "response.reasoning_summary_part.added", Some(place), |_, out| {
                    out.extend_from_slice(br#","summary_index":0,"part":"#);
                    summary_part(out, "");
                });
                place
            }
        };
        self.tell(out, "response.reasoning_summary_text.delta", Some(place), |_, out| {
            out.extend_from_slice(br#","summary_index":0,"delta":"#);
            json(out, text);
        });
        if let Some(Item { said: Said::Thought { summary, .. }, .. }) = self.items.get_mut(place) {
            summary.push_str(text);
        }
    }

    fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
        if !self.keeps(signature.len()) {
            return;
        }
        match self.open.and_then(|place| self.items.get_mut(place)).map(|item| &mut item.said) {
            Some(Said::Words(_)) => self.pending.push_str(signature),
            Some(Said::Thought { sealed, .. }) => {
                // What is shown need not be under it as well.
                *sealed = Some(Sealed { seal: signature.to_owned(), ..Sealed::default() }.wrapped());
                self.close(out);
            }
            _ => {
                let text = std::mem::take(&mut self.hidden);
                self.sealed(&Sealed { seal: signature.to_owned(), text, call: false }, out);
            }
        }
    }

    /// A seal on nothing that is shown.
    fn sealed(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        let place = self.add(Said::Thought { summary: String::new(), sealed: Some(sealed.wrapped()) }, out);
        self.done(place, Status::Completed, out);
    }

    fn overdue(&mut self, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            let (seal, text) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.hidden));
            self.sealed(&Sealed { seal, text, call: false }, out);
        }
    }

    fn arguments(&mut self, of: u32, fragment: &str, out: &mut Vec<u8>) {
        let is = |item: &Item| matches!(item.said, Said::Call { index, .. } if index == of) && !item.done;
        let Some(place) = self.items.iter().rposition(is) else { return };
        if !self.keeps(fragment.len()) {
            return;
        }
        self.tell(out, "response.function_call_arguments.delta", Some(place), |_, out| {
            out.extend_from_slice(br#","delta":"#);
            json(out, fragment);
        });
        if let Some(Item { said: Said::Call { arguments, .. }, .. }) = self.items.get_mut(place) {
            arguments.push_str(fragment);
        }
    }

    fn segment(&self, place: usize) -> Option<&Segment> {
        match &self.items.get(place)?.said {
            Said::Words(parts) => parts.last(),
            _ => None,
        }
    }

    fn content_index(&self, out: &mut Vec<u8>, place: usize) {
        let parts = match self.items.get(place).map(|item| &item.said) {
            Some(Said::Words(parts)) => parts.len(),
            _ => 0,
        };
        out.extend_from_slice(br#","content_index":"#);
        number(out, parts.saturating_sub(1) as u64);
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

    fn close_part(&mut self, place: usize, out: &mut Vec<u8>) {
        let Some(refusal) = self.segment(place).map(|last| last.refusal) else { return };
        let kind = if refusal { "response.refusal.done" } else { "response.output_text.done" };
        self.tell(out, kind, Some(place), |this, out| {
            this.content_index(out, place);
            let Some(last) = this.segment(place) else { return };
            out.extend_from_slice(if refusal { br#","refusal":"#.as_slice() } else { br#","text":"# });
            json(out, &last.text);
            if !refusal {
                out.extend_from_slice(br#","logprobs":"#);
                json(out, &last.logprobs);
            }
        });
        self.tell(out, "response.content_part.done", Some(place), |this, out| {
            this.content_index(out, place);
            out.extend_from_slice(br#","part":"#);
            if let Some(last) = this.segment(place) {
                part(out, last, false);
            }
        });
    }

    /// Ends an item.
    fn done(&mut self, place: usize, status: Status, out: &mut Vec<u8>) {
        match self.items.get_mut(place) {
            Some(item) if !item.done => item.done = true,
            _ => return,
        }
        self.close_part(place, out);
        match self.items.get(place).map(|item| &item.said) {
            Some(Said::Thought { summary, .. }) if !summary.is_empty() => {
                for kind in ["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"] {
                    self.tell(out, kind, Some(place), |this, out| {
                        let Some(Item { said: Said::Thought { summary, .. }, .. }) = this.items.get(place)
                        else {
                            return;
                        };
                        out.extend_from_slice(br#","summary_index":0,"#);
                        if kind.ends_with("part.done") {
                            out.extend_from_slice(br#""part":"#);
                            summary_part(out, summary);
                        } else {
                            out.extend_from_slice(br#""text":"#);
                            json(out, summary);
                        }
                    });
                }
            }
            Some(Said::Call { .. }) => {
                self.tell(out, "response.function_call_arguments.done", Some(place), |this, out| {
                    if let Some(Item { said: Said::Call { name, arguments, .. }, .. }) = this.items.get(place)
                    {
                        out.extend_from_slice(br#","name":"#);
                        json(out, name);
                        out.extend_from_slice(br#","arguments":"#);
                        json(out, arguments);
                    }
                });
            }
            _ => {}
        }
        self.tell(out, "response.output_item.done", None, |this, out| this.item(out, place, status));
    }

    /// Ends the calls that are whole; at the end, all of them.
    fn end_calls(&mut self, all: bool, status: Status, out: &mut Vec<u8>) {
        let last = self.items.len().saturating_sub(1);
        for place in 0..self.items.len() {
            let ends = match self.items.get(place) {
                Some(Item { said: Said::Call { arguments, .. }, done: false, .. }) => {
                    all || is_object(arguments)
                }
                _ => false,
            };
            if ends {
                self.done(place, if place == last { status } else { Status::Completed }, out);
            }
        }
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

    /// One frame: its type, its number, the item it is about, and what else there is to say.
    fn tell(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        about: Option<usize>,
        rest: impl FnOnce(&Self, &mut Vec<u8>),
    ) {
        if self.quiet {
            return;
        }
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        number(out, self.sequence);
        self.sequence += 1;
        if let Some(place) = about
            && let Some(item) = self.items.get(place)
        {
            out.extend_from_slice(br#","item_id":"#);
            json(out, &item.id);
            out.extend_from_slice(br#","output_index":"#);
            number(out, place as u64);
        }
        rest(self, out);
        out.extend_from_slice(b"}\n\n");
    }

    fn item(&self, out: &mut Vec<u8>, place: usize, status: Status) {
        out.extend_from_slice(br#","output_index":"#);
        number(out, place as u64);
        out.extend_from_slice(br#","item":"#);
        if let Some(of) = self.items.get(place) {
            item(out, of, status);
        }
    }

    /// The response object. Before its end there is nothing in it.
    fn response(&self, out: &mut Vec<u8>, status: Status) {
        let over = status != Status::InProgress;
        out.extend_from_slice(br#"{"id":"#);
        json(out, if self.id.starts_with("resp_") { &self.id } else { &self.label.id });
        out.extend_from_slice(br#","object":"response","created_at":"#);
        number(out, self.label.created);
        out.extend_from_slice(br#","status":""#);
        out.extend_from_slice(status.name().as_bytes());
        out.extend_from_slice(br#"","background":false,"error":null,"incomplete_details":"#);
        out.extend_from_slice(match self.finish.filter(|_| over) {
            Some(Finish::Length) => br#"{"reason":"max_output_tokens"}"#,
            Some(Finish::ContentFilter) => br#"{"reason":"content_filter"}"#,
            Some(Finish::Stop | Finish::ToolCalls) | None => b"null",
        });
        out.extend_from_slice(br#","model":"#);
        json(out, if self.model.is_empty() { &self.label.model } else { &self.model });
        out.extend_from_slice(br#","output":["#);
        let last = self.items.len().saturating_sub(1);
        for (place, of) in self.items.iter().enumerate().filter(|_| over) {
            if place > 0 {
                out.push(b',');
            }
            item(out, of, if place == last { status } else { Status::Completed });
        }
        out.extend_from_slice(br#"],"previous_response_id":null,"service_tier":""#);
        out.extend_from_slice(if over { tier(&self.usage).as_bytes() } else { b"auto" });
        out.extend_from_slice(br#"","store":false,"truncation":"disabled""#);
        out.extend_from_slice(&self.echo);
        if over {
            out.extend_from_slice(br#","usage":"#);
            usage(out, &self.usage);
        }
        out.push(b'}');
    }
}

/// Whether a text is one JSON object and whole.
fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && crate::json::check(text.as_bytes()).is_ok()
}
