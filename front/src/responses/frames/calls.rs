//! Calls, of which several may be told at the same time.

use super::Frames;
use crate::openai::write::json;
use crate::responses::seal::Sealed;
use crate::responses::told::{Item, Said};
use crate::responses::write::Status;

impl Frames {
    /// A call begins; those that are whole end.
    pub(super) fn call(
        &mut self,
        (index, id, name): (u32, &str, &str),
        signature: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        self.close(out);
        self.overdue(out);
        if let Some(seal) = signature {
            self.sealed(&Sealed { seal: seal.to_owned(), text: String::new(), call: true }, out);
        }
        self.end_calls(false, Status::Completed, out);
        let (call_id, name) = (id.to_owned(), name.to_owned());
        self.add(Said::Call { index, call_id, name, arguments: String::new() }, out);
    }

    pub(super) fn arguments(&mut self, of: u32, fragment: &str, out: &mut Vec<u8>) {
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

    /// The arguments of a call are all there.
    pub(super) fn close_call(&mut self, place: usize, out: &mut Vec<u8>) {
        self.tell(out, "response.function_call_arguments.done", Some(place), |this, out| {
            if let Some(Item { said: Said::Call { name, arguments, .. }, .. }) = this.items.get(place) {
                out.extend_from_slice(br#","name":"#);
                json(out, name);
                out.extend_from_slice(br#","arguments":"#);
                json(out, arguments);
            }
        });
    }

    /// Ends the calls that are whole; at the end, all of them.
    pub(super) fn end_calls(&mut self, all: bool, status: Status, out: &mut Vec<u8>) {
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
}

/// Whether a text is one JSON object and whole.
fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && crate::json::check(text.as_bytes()).is_ok()
}
