//! What an answer says, in no protocol's words: what a provider said and what a client was told can be held against each
//! other.

use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// It came to its protocol's own end.
    pub ended: bool,
    /// The protocol's word for what went wrong, where it is told in the protocol's shape.
    pub error: Option<String>,
    pub id: Option<String>,
    pub model: Option<String>,
    pub request_id: Option<String>,
    pub choices: Vec<Choice>,
    pub usage: Used,
    /// The model's turn as a client sends it back.
    pub turn: Value,
}

#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub text: String,
    pub reasoning: String,
    pub refusal: String,
    pub calls: Vec<Called>,
    pub seals: Vec<String>,
    /// `stop`, `length`, `tool_calls`, `content_filter`.
    pub finish: Option<&'static str>,
    /// The sequence that stopped it.
    pub sequence: Option<String>,
    /// Token, its log probability, and the same of the likeliest.
    pub logprobs: Vec<Value>,
    /// Pages that it rests on, and what of it rests on them.
    pub cited: Vec<(String, String)>,
    /// Base64.
    pub pictures: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Called {
    pub id: String,
    pub name: String,
    /// As JSON where they are any.
    pub arguments: Value,
}

/// Tokens. Cached and written ones are input too, reasoning is output too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub input: u64,
    pub cached: u64,
    pub written: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Heard {
    pub fn first(&self) -> Choice {
        self.choices.first().cloned().unwrap_or_default()
    }
}

impl Choice {
    pub fn call(&mut self, id: &Value, name: &Value, arguments: &Value) {
        let arguments = match arguments {
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            other => other.clone(),
        };
        self.calls.push(Called { id: text(id), name: text(name), arguments });
    }

    pub fn seal(&mut self, seal: &Value) {
        self.seals.extend(seal.as_str().filter(|s| !s.is_empty()).map(str::to_owned));
    }
}

/// Characters of a text from the first index to the one before the second.
pub fn chars(of: &str, start: &Value, end: &Value) -> String {
    let (start, end) = (number(start) as usize, number(end) as usize);
    of.chars().skip(start).take(end - start).collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Adds a text to a text field that may not be there yet.
pub fn grow(to: &mut Value, key: &str, more: &Value) {
    if let Some(more) = more.as_str().filter(|m| !m.is_empty()) {
        to[key] = (text(&to[key]) + more).into();
    }
}

/// Adds a list to a list field that may not be there yet.
pub fn extend(to: &mut Value, key: &str, more: &Value) {
    if !list(more).is_empty() {
        to[key] = [list(&to[key]), list(more)].concat().into();
    }
}
