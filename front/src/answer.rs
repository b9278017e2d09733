//! An answer added up from its events, for the protocols that tell it in one piece.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use vocab::{Citation, Event, Finish, ToolCall, Usage};

/// What the model said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub id: Option<String>,
    pub model: Option<String>,
    pub choices: BTreeMap<u32, Choice>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Choice {
    pub text: String,
    pub reasoning: String,
    pub signature: Option<String>,
    pub refusal: String,
    pub calls: Vec<ToolCall>,
    /// The event's own number of each call, in the order of `calls`.
    indexes: Vec<u32>,
    pub logprobs: Option<Value>,
    pub cited: Vec<Citation>,
    finish: Option<Finish>,
}

impl Told {
    pub fn fold(events: &[Event]) -> Self {
        let mut told = Self::default();
        for event in events {
            told.add(event);
        }
        if told.choices.is_empty() {
            told.choices.insert(0, Choice::default());
        }
        told
    }

    fn at(&mut self, choice: u32) -> &mut Choice {
        self.choices.entry(choice).or_default()
    }

    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => {
                self.id = Some(id.clone());
                self.model = Some(model.clone());
            }
            Event::Text { choice, text, logprobs } => {
                let choice = self.at(*choice);
                choice.text.push_str(text);
                if let Some(more) = logprobs {
                    choice.add_logprobs(more);
                }
            }
            Event::Reasoning { choice, text } => self.at(*choice).reasoning.push_str(text),
            Event::Signature { choice, signature } => {
                // All of them, as in a stream: a Responses provider seals each thought for itself.
                self.at(*choice).signature.get_or_insert_default().push_str(signature);
            }
            Event::Refusal { choice, text } => self.at(*choice).refusal.push_str(text),
            Event::ToolStart { choice, index, id, name, signature } => {
                let choice = self.at(*choice);
                choice.indexes.push(*index);
                choice.calls.push(ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    signature: signature.clone(),
                });
            }
            Event::ToolArgs { choice, index, fragment } => {
                let choice = self.at(*choice);
                let place = choice.indexes.iter().rposition(|i| i == index);
                if let Some(call) = place.and_then(|p| choice.calls.get_mut(p)) {
                    call.arguments.push_str(fragment);
                }
            }
            Event::Citation(cited) => self.at(cited.choice).cited.push(Citation::clone(cited)),
            Event::Finish { choice, reason } => self.at(*choice).finish = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => {}
        }
    }

    pub fn text_bytes(&self) -> usize {
        self.choices.values().map(|c| c.text.len() + c.reasoning.len() + c.refusal.len() + 64).sum()
    }
}

impl Choice {
    /// As the provider said; where it did not, from what there is.
    pub fn finish(&self) -> Finish {
        self.finish.unwrap_or(if self.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls })
    }

    /// OpenAI's object of arrays: the arrays grow.
    fn add_logprobs(&mut self, more: &Value) {
        let Value::Object(more) = more else { return };
        let sum = self.logprobs.get_or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(sum) = sum else { return };
        for (key, value) in more {
            match (sum.get_mut(key), value) {
                (Some(Value::Array(all)), Value::Array(new)) => all.extend(new.iter().cloned()),
                (Some(known), _) if !known.is_null() => {}
                _ => {
                    sum.insert(key.clone(), value.clone());
                }
            }
        }
    }
}
