//! A whole SI answer.

use crate::answer::Told;
use crate::openai::write::json;
use crate::report;
use billing::Credits;
use relay::{Bill, Served};
use serde::Serialize;
use vocab::Event;

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    arguments: &'a str,
}

/// `{id, text, …, finish_reason, usage, route, cost, advice?}`.
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
        out.extend_from_slice(br#","finish_reason":"#);
        json(&mut out, choice.finish().name());
    }
    out.push(b',');
    report::fields(&mut out, served, bill, credits);
    out.push(b'}');
    out
}
