//! One frame, and what stands in it: an item, or the response as it is by then.

use super::Frames;
use crate::openai::write::{json, number};
use crate::responses::write::{Status, item, tier, usage};
use vocab::Finish;

impl Frames {
    /// One frame: its type, its number, the item it is about, and what else there is to say.
    pub(super) fn tell(
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

    pub(super) fn item(&self, out: &mut Vec<u8>, place: usize, status: Status) {
        out.extend_from_slice(br#","output_index":"#);
        number(out, place as u64);
        out.extend_from_slice(br#","item":"#);
        if let Some(of) = self.items.get(place) {
            item(out, of, status);
        }
    }

    /// The response object. Before its end there is nothing in it.
    pub(super) fn response(&self, out: &mut Vec<u8>, status: Status) {
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
