//! What is thought: shown as a summary, or kept under its seal.

use super::Frames;
use crate::openai::write::json;
use crate::responses::seal::Sealed;
use crate::responses::told::{Item, Said};
use crate::responses::write::{Status, summary_part};

impl Frames {
    pub(super) fn think(&mut self, text: &str, out: &mut Vec<u8>) {
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

    pub(super) fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
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
    pub(super) fn sealed(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        let place = self.add(Said::Thought { summary: String::new(), sealed: Some(sealed.wrapped()) }, out);
        self.done(place, Status::Completed, out);
    }

    pub(super) fn overdue(&mut self, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            let (seal, text) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.hidden));
            self.sealed(&Sealed { seal, text, call: false }, out);
        }
    }

    /// A summary is all there.
    pub(super) fn close_summary(&mut self, place: usize, out: &mut Vec<u8>) {
        for kind in ["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"] {
            self.tell(out, kind, Some(place), |this, out| {
                let Some(Item { said: Said::Thought { summary, .. }, .. }) = this.items.get(place) else {
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
}
