//! A streamed SI answer: named events.
//!
//! `delta` {text}, `reasoning` {text}, `refusal` {text}, `tool_call` {index, id, name} and then {index, arguments} in
//! pieces, `citation` {passage, url, title, quote}, `finish` {finish_reason}, and at the end `weir` with what it came to. A stream that was cut ends with
//! `error`, which carries the bill; then there is no `weir`.

use super::answer::Source;
use crate::openai::write::{json, number};
use crate::report;
use billing::Credits;
use relay::{Bill, Served};
use vocab::Event;

/// Writes events as frames. SI answers have one choice.
#[derive(Debug, Default)]
pub struct Frames {
    calls: Vec<u32>,
}

impl Frames {
    /// Appends the frame of one event, none for some.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice: 0, text, .. } => said(out, "delta", text),
            Event::Reasoning { choice: 0, text } => said(out, "reasoning", text),
            Event::Refusal { choice: 0, text } => said(out, "refusal", text),
            Event::ToolStart { choice: 0, index, id, name, .. } => {
                call(out, self.calls.len());
                self.calls.push(*index);
                out.extend_from_slice(br#","id":"#);
                json(out, id);
                out.extend_from_slice(br#","name":"#);
                json(out, name);
                out.extend_from_slice(b"}\n\n");
            }
            Event::ToolArgs { choice: 0, index, fragment } if !fragment.is_empty() => {
                let Some(place) = self.calls.iter().rposition(|i| i == index) else { return };
                call(out, place);
                out.extend_from_slice(br#","arguments":"#);
                json(out, fragment);
                out.extend_from_slice(b"}\n\n");
            }
            Event::Citation(cited) if cited.choice == 0 => {
                out.extend_from_slice(b"event: citation\ndata: ");
                json(out, &Source::of(cited));
                out.extend_from_slice(b"\n\n");
            }
            Event::Finish { choice: 0, reason } => {
                out.extend_from_slice(b"event: finish\ndata: {\"finish_reason\":");
                json(out, reason.name());
                out.extend_from_slice(b"}\n\n");
            }
            _ => {}
        }
    }
}

/// The last event of a whole stream, for SI and for every protocol's caller who asked for it.
pub fn weir(out: &mut Vec<u8>, request_id: &str, served: &Served, bill: &Bill, credits: &Credits) {
    out.extend_from_slice(b"event: weir\ndata: {\"id\":");
    json(out, request_id);
    out.push(b',');
    report::fields(out, served, bill, credits);
    out.extend_from_slice(b"}\n\n");
}

/// The last event of a stream that was cut. `weir` holds the fields of its bill, where there is one.
pub fn broken(out: &mut Vec<u8>, error: &[u8], weir: Option<&[u8]>) {
    out.extend_from_slice(b"event: error\ndata: ");
    match weir {
        None => out.extend_from_slice(error),
        Some(fields) => {
            out.extend_from_slice(error.strip_suffix(b"}").unwrap_or(error));
            out.push(b',');
            out.extend_from_slice(fields);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"\n\n");
}

fn said(out: &mut Vec<u8>, event: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\ndata: {\"text\":");
    json(out, text);
    out.extend_from_slice(b"}\n\n");
}

fn call(out: &mut Vec<u8>, place: usize) {
    out.extend_from_slice(b"event: tool_call\ndata: {\"index\":");
    number(out, place as u64);
}
