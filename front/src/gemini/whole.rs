//! A whole answer: one `GenerateContentResponse`.

use super::seal;
use super::write::{self, Segment};
use crate::openai::write::{json, number};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use vocab::{Citation, Event, Finish, Ruler, ToolCall, Usage};

/// What names an answer where its provider does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub id: String,
    pub model: String,
}

impl Label {
    /// Takes the names the provider gives, where it gives them.
    pub(super) fn named(&mut self, id: &str, model: &str) {
        if !id.is_empty() {
            id.clone_into(&mut self.id);
        }
        if !model.is_empty() {
            model.clone_into(&mut self.model);
        }
    }
}

/// A part as it is told.
enum Part {
    /// The text, whether it was thought, and the seal on it.
    Text(String, bool, Option<String>),
    Call(ToolCall, u32),
}

#[derive(Default)]
struct Candidate {
    parts: Vec<Part>,
    finish: Option<Finish>,
    refused: bool,
    logprobs: Option<Value>,
    cited: Vec<Citation>,
    /// The last thing was a thought that is not shown: its seal is not either.
    hidden: bool,
}

/// The answer that these events add up to. `thoughts`: the client wants to see what the model thought.
pub fn whole(events: &[Event], mut label: Label, thoughts: bool) -> Vec<u8> {
    let mut candidates: BTreeMap<u32, Candidate> = BTreeMap::new();
    let mut used: Option<Usage> = None;
    for event in events {
        match event {
            Event::Start { id, model } => label.named(id, model),
            Event::Usage(usage) => used = Some(*usage),
            Event::End => {}
            Event::Citation(cited) => {
                candidates.entry(cited.choice).or_default().cited.push(Citation::clone(cited));
            }
            Event::Text { choice, .. }
            | Event::Reasoning { choice, .. }
            | Event::Signature { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::ToolStart { choice, .. }
            | Event::ToolArgs { choice, .. }
            | Event::Finish { choice, .. } => {
                candidates.entry(*choice).or_default().add(event, thoughts);
            }
        }
    }
    if candidates.is_empty() {
        candidates.insert(0, Candidate::default());
    }
    let mut out = Vec::with_capacity(1_024);
    let blocked = candidates.len() == 1
        && candidates.values().all(Candidate::is_blocked)
        && used.is_none_or(|used| used.tokens_out() == 0);
    if blocked {
        out.extend_from_slice(BLOCKED);
    } else {
        out.extend_from_slice(br#"{"candidates":["#);
        for (at, (index, candidate)) in candidates.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            candidate.write(&mut out, *index);
        }
        out.push(b']');
    }
    if let Some(used) = &used {
        write::usage(&mut out, used);
    }
    write::tail(&mut out, &label.model, &label.id);
    out
}

/// A prompt that nothing was said to. Why is not known here.
pub(super) const BLOCKED: &[u8] = br#"{"promptFeedback":{"blockReason":"OTHER"}"#;

impl Candidate {
    fn is_blocked(&self) -> bool {
        self.finish == Some(Finish::ContentFilter) && self.parts.is_empty()
    }

    fn add(&mut self, event: &Event, thoughts: bool) {
        if !matches!(event, Event::Signature { .. }) {
            self.hidden = false;
        }
        match event {
            Event::Text { text, logprobs, .. } => {
                self.text(text, false);
                if let Some(more) = logprobs {
                    grown(&mut self.logprobs, more);
                }
            }
            Event::Refusal { text, .. } => {
                self.refused |= !text.is_empty();
                self.text(text, false);
            }
            Event::Reasoning { text, .. } => {
                self.hidden = !thoughts;
                if thoughts {
                    self.text(text, true);
                }
            }
            Event::Signature { signature, .. } if !self.hidden => self.seal(signature),
            Event::ToolStart { index, id, name, signature, .. } => {
                let call = ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    signature: signature.clone(),
                };
                self.parts.push(Part::Call(call, *index));
            }
            Event::ToolArgs { index, fragment, .. } => {
                let call = self.parts.iter_mut().rev().find_map(|part| match part {
                    Part::Call(call, own) if own == index => Some(call),
                    _ => None,
                });
                if let Some(call) = call {
                    call.arguments.push_str(fragment);
                }
            }
            Event::Finish { reason, .. } => self.finish = Some(*reason),
            _ => {}
        }
    }

    fn text(&mut self, more: &str, thought: bool) {
        if more.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Text(text, same, None)) if *same == thought => text.push_str(more),
            _ => self.parts.push(Part::Text(more.to_owned(), thought, None)),
        }
    }

    /// What was thought is sealed by whom it came from, what was said only by Gemini.
    fn seal(&mut self, signature: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(_, thought, seal @ None)) => {
                *seal = Some(if *thought { seal::wrapped(signature) } else { seal::on_call(signature) });
            }
            _ => self.parts.push(Part::Text(String::new(), false, Some(seal::on_call(signature)))),
        }
    }

    fn write(&self, out: &mut Vec<u8>, index: u32) {
        out.extend_from_slice(br#"{"content":{"#);
        if !self.parts.is_empty() {
            out.extend_from_slice(br#""parts":["#);
            for (at, part) in self.parts.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                match part {
                    Part::Text(text, thought, seal) => {
                        write::text_part(out, text, *thought, seal.as_deref());
                    }
                    Part::Call(call, _) => write::call_part(out, call),
                }
            }
            out.extend_from_slice(b"],");
        }
        out.extend_from_slice(br#""role":"model"},"finishReason":"#);
        json(out, write::finish(self.finish.unwrap_or(Finish::Stop), self.refused));
        out.extend_from_slice(br#","index":"#);
        number(out, u64::from(index));
        if let Some(logprobs) = &self.logprobs {
            write::logprobs(out, logprobs);
        }
        if !self.cited.is_empty() {
            let texts = self.texts();
            write::grounding(out, &self.cited, |passage| segment(&texts, passage));
        }
        out.push(b'}');
    }

    /// What was said: each part with its place, where it begins in all the text, and a ruler along it.
    fn texts(&self) -> Vec<(usize, u32, Ruler, &str)> {
        let mut from = 0;
        let mut texts = Vec::new();
        for (place, part) in self.parts.iter().enumerate() {
            if let Part::Text(text, false, _) = part {
                let mut ruler = Ruler::default();
                ruler.add(text);
                let chars = ruler.chars();
                texts.push((place, from, ruler, text.as_str()));
                from = chars.saturating_add(from);
            }
        }
        texts
    }
}

/// Where a passage of all the text is. One that goes on in another part ends with the first.
fn segment<'t>(texts: &[(usize, u32, Ruler, &'t str)], passage: &Range<u32>) -> Option<Segment<'t>> {
    let behind = texts.partition_point(|(_, from, _, _)| *from <= passage.start);
    let (part, from, ruler, text) = texts.get(behind.checked_sub(1)?)?;
    let bytes = ruler.bytes_of(passage.start - from..passage.end.saturating_sub(*from))?;
    let text = text.get(bytes.start as usize..bytes.end as usize);
    Some(Segment { part: *part, bytes, text })
}

/// Log probabilities of several pieces are one list.
fn grown(sum: &mut Option<Value>, more: &Value) {
    let tokens = |value: &Value| value["content"].as_array().cloned().unwrap_or_default();
    let mut all = sum.as_ref().map(tokens).unwrap_or_default();
    all.extend(tokens(more));
    *sum = Some(serde_json::json!({ "content": all }));
}
