//! What is said: messages, their parts, and what those rest on.

use super::Frames;
use crate::openai::write::{json, number};
use crate::responses::told::{Item, Page, Said, Segment};
use crate::responses::write::{annotation, part};
use serde_json::Value;
use std::ops::Range;
use vocab::Citation;

impl Frames {
    pub(super) fn words(&mut self, refusal: bool, text: &str, list: Vec<Value>, out: &mut Vec<u8>) {
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
            parts.push(Segment { refusal, at: self.chars, ..Segment::default() });
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
            if !refusal {
                let more = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                self.chars = self.chars.saturating_add(more);
            }
        }
    }

    /// What a passage rests on, told with the part that it is in. Only pages have a place here.
    pub(super) fn cite(&mut self, cited: &Citation, out: &mut Vec<u8>) {
        let Some(url) = &cited.url else { return };
        let start = cited.passage.as_ref().map_or(u32::MAX, |passage| passage.start);
        let texts = self.items.iter().enumerate().flat_map(|(place, item)| {
            let parts = if let Said::Words(parts) = &item.said { &parts[..] } else { &[] };
            let texts = parts.iter().enumerate().filter(|(_, part)| !part.refusal);
            texts.map(move |(index, part)| (place, index, part.at))
        });
        let Some((place, index, at)) = texts.rev().find(|(_, _, at)| *at <= start) else { return };
        if !self.keeps(cited.len()) {
            return;
        }
        let within = |of: &Range<u32>| of.start.saturating_sub(at)..of.end.saturating_sub(at);
        let page = Page {
            url: url.clone(),
            title: cited.title.clone().unwrap_or_default(),
            passage: cited.passage.as_ref().map(within).unwrap_or_default(),
        };
        let parts = match self.items.get_mut(place).map(|item| &mut item.said) {
            Some(Said::Words(parts)) => parts,
            _ => return,
        };
        let Some(part) = parts.get_mut(index) else { return };
        let count = part.cited.len();
        part.cited.push(page);
        // Of what is over only the whole response tells at the end.
        let open = self.open == Some(place) && index + 1 == parts.len();
        if !open {
            return;
        }
        self.tell(out, "response.output_text.annotation.added", Some(place), |this, out| {
            out.extend_from_slice(br#","content_index":"#);
            number(out, index as u64);
            out.extend_from_slice(br#","annotation_index":"#);
            number(out, count as u64);
            out.extend_from_slice(br#","annotation":"#);
            if let Some(Said::Words(parts)) = this.items.get(place).map(|item| &item.said)
                && let Some(page) = parts.get(index).and_then(|part| part.cited.get(count))
            {
                annotation(out, page);
            }
        });
    }

    pub(super) fn segment(&self, place: usize) -> Option<&Segment> {
        match &self.items.get(place)?.said {
            Said::Words(parts) => parts.last(),
            _ => None,
        }
    }

    pub(super) fn content_index(&self, out: &mut Vec<u8>, place: usize) {
        let parts = match self.items.get(place).map(|item| &item.said) {
            Some(Said::Words(parts)) => parts.len(),
            _ => 0,
        };
        out.extend_from_slice(br#","content_index":"#);
        number(out, parts.saturating_sub(1) as u64);
    }

    pub(super) fn close_part(&mut self, place: usize, out: &mut Vec<u8>) {
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
}
