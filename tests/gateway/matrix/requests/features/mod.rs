//! What can be asked for, in the words of each protocol.

mod calls;
mod media;
mod own;
mod settings;
mod texts;

use super::super::words::{NOTHING, tools, with_tools};
use serde_json::{Value, json};

/// One thing that can be asked for.
pub struct Feature {
    pub name: &'static str,
    /// What is merged into a plain request, for each protocol; none where it has no words for it.
    pub words: [Option<Value>; 4],
    /// The same without the feature itself, where that is more than the plain request.
    pub without: [Option<Value>; 4],
    /// Texts that must be in whatever a provider is sent.
    pub traces: &'static [&'static str],
    /// It changes nothing that the client is told, so who has no words for it need not be told.
    pub hint: bool,
}

fn feature(
    name: &'static str,
    chat: Value,
    responses: Value,
    messages: Value,
    gemini: Value,
    traces: &'static [&'static str],
) -> Feature {
    let words = [chat, responses, messages, gemini].map(|v| (!v.is_null()).then_some(v));
    Feature { name, words, without: [None, None, None, None], traces, hint: false }
}

impl Feature {
    fn beside(mut self, without: [Value; 4]) -> Self {
        self.without = without.map(|v| (!v.is_null()).then_some(v));
        self
    }

    fn hint(mut self) -> Self {
        self.hint = true;
        self
    }
}

fn on_tools(name: &'static str, more: [Value; 4], traces: &'static [&'static str]) -> Feature {
    let [chat, responses, messages, gemini] = with_tools(more);
    feature(name, chat, responses, messages, gemini, traces).beside(tools())
}

/// What a user says, made of parts.
fn parts(parts: [Value; 4]) -> [Value; 4] {
    let [chat, responses, messages, gemini] = parts;
    let or = |part: Value, words: Value| if part.is_null() { Value::Null } else { words };
    [
        or(
            chat.clone(),
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "zq-question"}, chat]}]}),
        ),
        or(
            responses.clone(),
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "zq-question"}, responses]}]}),
        ),
        or(
            messages.clone(),
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "zq-question"}, messages]}]}),
        ),
        or(
            gemini.clone(),
            json!({"contents": [{"role": "user", "parts": [{"text": "zq-question"}, gemini]}]}),
        ),
    ]
}

fn said(name: &'static str, all: [Value; 4], traces: &'static [&'static str]) -> Feature {
    let [chat, responses, messages, gemini] = parts(all);
    feature(name, chat, responses, messages, gemini, traces)
}

/// Everything that is asked about, in the order in which people look for it.
pub fn all() -> Vec<Feature> {
    [texts::all(), settings::all(), settings::formats(), calls::all(), media::all(), own::all()]
        .into_iter()
        .flatten()
        .collect()
}
