//! A whole SI answer.

use crate::answer::Told;
use crate::openai::write::json;
use crate::report;
use billing::Credits;
use relay::{Bill, Served};
use serde::Serialize;
use vocab::{Citation, Event};

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    arguments: &'a str,
}

/// What a passage of the answer rests on.
#[derive(Serialize)]
pub(super) struct Source<'a> {
    /// `[start, end]` in characters of the text, the end one behind the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    passage: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'a str>,
}

impl<'a> Source<'a> {
    pub fn of(cited: &'a Citation) -> Self {
        Self {
            passage: cited.passage.as_ref().map(|passage| [passage.start, passage.end]),
            url: cited.url.as_deref(),
            title: cited.title.as_deref(),
            quote: cited.quote.as_deref(),
        }
    }
}

/// `{id, text, …, citations?, finish_reason, usage, route, cost, advice?}`.
pub fn whole(events: &[Event], request_id: &str, served: &Served, bill: &Bill, credits: &Credits) -> Vec<u8> {
    let told = Told::fold(events);
    let mut out = Vec::with_capacity(1_024 + told.text_bytes());
    out.extend_from_slice(br#"{"id":"#);
    json(&mut out, request_id);
    if let Some(choice) = told.choices.values().next() {
        out.extend_from_slice(br#","text":"#);
        json(&mut out, &choice.text);
        for (name, text) in [("reasoning", &choice.reasoning), ("refusal", &choice.refusal)] {
            if !text.is_empty() {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                json(&mut out, text);
            }
        }
        if !choice.calls.is_empty() {
            let calls: Vec<_> = choice
                .calls
                .iter()
                .map(|c| Call { id: &c.id, name: &c.name, arguments: &c.arguments })
                .collect();
            out.extend_from_slice(br#","tool_calls":"#);
            json(&mut out, &calls);
        }
        if !choice.cited.is_empty() {
            out.extend_from_slice(br#","citations":"#);
            json(&mut out, &choice.cited.iter().map(Source::of).collect::<Vec<_>>());
        }
        out.extend_from_slice(br#","finish_reason":"#);
        json(&mut out, choice.finish().name());
    }
    out.push(b',');
    report::fields(&mut out, served, bill, credits);
    out.push(b'}');
    out
}
