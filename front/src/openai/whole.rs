//! A whole answer: one `chat.completion` object.

use super::write::{annotation, json, number, usage};
use crate::answer::{Choice, Told};
use vocab::Event;

/// What names an answer where its provider does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Used where the provider gave no id.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Used where the provider did not name its model.
    pub model: String,
}

/// The answer that these events add up to.
pub fn whole(events: &[Event], label: &Label) -> Vec<u8> {
    let told = Told::fold(events);
    let mut out = Vec::with_capacity(512 + told.text_bytes());
    out.extend_from_slice(br#"{"id":"#);
    json(&mut out, told.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&label.id));
    out.extend_from_slice(br#","object":"chat.completion","created":"#);
    number(&mut out, label.created);
    out.extend_from_slice(br#","model":"#);
    json(&mut out, told.model.as_deref().filter(|model| !model.is_empty()).unwrap_or(&label.model));
    out.extend_from_slice(br#","choices":["#);
    for (at, (index, choice)) in told.choices.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_choice(&mut out, *index, choice);
    }
    out.push(b']');
    if let Some(used) = &told.usage {
        out.extend_from_slice(br#","usage":"#);
        usage(&mut out, used);
    }
    out.extend_from_slice(br#","system_fingerprint":null}"#);
    out
}

fn write_choice(out: &mut Vec<u8>, index: u32, choice: &Choice) {
    out.extend_from_slice(br#"{"index":"#);
    number(out, u64::from(index));
    out.extend_from_slice(br#","message":{"role":"assistant","content":"#);
    // Null, where there are only calls or a refusal: an empty string would be an answer.
    if choice.text.is_empty() && (!choice.calls.is_empty() || !choice.refusal.is_empty()) {
        out.extend_from_slice(b"null");
    } else {
        json(out, &choice.text);
    }
    out.extend_from_slice(br#","refusal":"#);
    json(out, &(!choice.refusal.is_empty()).then_some(&choice.refusal));
    let pages = choice.cited.iter().filter_map(|cited| Some((cited.url.as_deref()?, cited)));
    for (at, (url, cited)) in pages.enumerate() {
        out.extend_from_slice(if at == 0 { br#","annotations":["#.as_slice() } else { b"," });
        annotation(out, url, cited);
    }
    if choice.cited.iter().any(|cited| cited.url.is_some()) {
        out.push(b']');
    }
    if !choice.reasoning.is_empty() {
        out.extend_from_slice(br#","reasoning_content":"#);
        json(out, &choice.reasoning);
    }
    if let Some(signature) = &choice.signature {
        out.extend_from_slice(br#","reasoning_signature":"#);
        json(out, signature);
    }
    if !choice.calls.is_empty() {
        out.extend_from_slice(br#","tool_calls":["#);
        for (at, call) in choice.calls.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(br#"{"id":"#);
            json(out, &call.id);
            out.extend_from_slice(br#","type":"function","function":{"name":"#);
            json(out, &call.name);
            out.extend_from_slice(br#","arguments":"#);
            json(out, &call.arguments);
            out.push(b'}');
            sealed(out, call.signature.as_deref());
            out.push(b'}');
        }
        out.push(b']');
    }
    out.extend_from_slice(br#"},"logprobs":"#);
    json(out, &choice.logprobs);
    out.extend_from_slice(br#","finish_reason":"#);
    json(out, choice.finish().name());
    out.push(b'}');
}

/// A call's signature, where Google's own OpenAI-compatible surface puts it and looks for it.
pub(super) fn sealed(out: &mut Vec<u8>, signature: Option<&str>) {
    if let Some(signature) = signature {
        out.extend_from_slice(br#","extra_content":{"google":{"thought_signature":"#);
        json(out, signature);
        out.extend_from_slice(b"}}");
    }
}
