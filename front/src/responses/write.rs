//! Pieces of JSON: items, parts, usage.

use super::told::{Item, Page, Said, Segment};
use crate::openai::write::{citation, json, number};
use serde_json::{Value, json as value};
use vocab::{Bucket, Finish, Modifiers, Usage};

/// Where an item, or a response, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }

    pub const fn of(finish: Option<Finish>) -> Self {
        match finish {
            Some(Finish::Length | Finish::ContentFilter) => Self::Incomplete,
            Some(Finish::Stop | Finish::ToolCalls) | None => Self::Completed,
        }
    }
}

/// An item of the output. One that has only begun is told empty.
pub(super) fn item(out: &mut Vec<u8>, item: &Item, status: Status) {
    let begun = status == Status::InProgress;
    out.extend_from_slice(br#"{"id":"#);
    json(out, &item.id);
    match &item.said {
        Said::Words(parts) => {
            state(out, "message", status);
            out.extend_from_slice(br#","role":"assistant","content":["#);
            for (at, segment) in parts.iter().enumerate().filter(|_| !begun) {
                if at > 0 {
                    out.push(b',');
                }
                part(out, segment, false);
            }
            out.push(b']');
        }
        Said::Thought { summary, sealed } => {
            out.extend_from_slice(br#","type":"reasoning","summary":["#);
            if !begun && !summary.is_empty() {
                summary_part(out, summary);
            }
            out.extend_from_slice(br#"],"encrypted_content":"#);
            json(out, sealed);
        }
        Said::Call { call_id, name, arguments, .. } => {
            state(out, "function_call", status);
            out.extend_from_slice(br#","arguments":"#);
            json(out, if begun { "" } else { arguments });
            out.extend_from_slice(br#","call_id":"#);
            json(out, call_id);
            out.extend_from_slice(br#","name":"#);
            json(out, name);
        }
    }
    out.push(b'}');
}

fn state(out: &mut Vec<u8>, kind: &str, status: Status) {
    out.extend_from_slice(br#","type":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","status":""#);
    out.extend_from_slice(status.name().as_bytes());
    out.push(b'"');
}

pub(super) fn summary_part(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(br#"{"type":"summary_text","text":"#);
    json(out, text);
    out.push(b'}');
}

/// A part of a message; `begun` tells it empty.
pub(super) fn part(out: &mut Vec<u8>, segment: &Segment, begun: bool) {
    let text = if begun { "" } else { segment.text.as_str() };
    if segment.refusal {
        out.extend_from_slice(br#"{"type":"refusal","refusal":"#);
        json(out, text);
    } else {
        out.extend_from_slice(br#"{"type":"output_text","text":"#);
        json(out, text);
        out.extend_from_slice(br#","annotations":["#);
        for (at, page) in segment.cited.iter().enumerate().filter(|_| !begun) {
            if at > 0 {
                out.push(b',');
            }
            annotation(out, page);
        }
        out.extend_from_slice(br#"],"logprobs":"#);
        let logprobs = if begun { &[][..] } else { segment.logprobs.as_slice() };
        json(out, logprobs);
    }
    out.push(b'}');
}

pub(super) fn annotation(out: &mut Vec<u8>, page: &Page) {
    out.extend_from_slice(br#"{"type":"url_citation","#);
    citation(out, &page.url, &page.title, &page.passage);
    out.push(b'}');
}

/// Log probabilities in the shape of chat completions, as they are told here.
pub(super) fn logprobs(of: &Value) -> Vec<Value> {
    let one = |token: &Value| {
        let text = token["token"].as_str().unwrap_or_default();
        let bytes = if token["bytes"].is_array() { token["bytes"].clone() } else { text.as_bytes().into() };
        value!({ "token": text, "logprob": token["logprob"], "bytes": bytes })
    };
    let full = |token: &Value| {
        let likeliest: Vec<Value> = token["top_logprobs"].as_array().into_iter().flatten().map(one).collect();
        let mut told = one(token);
        told["top_logprobs"] = likeliest.into();
        told
    };
    of["content"].as_array().into_iter().flatten().map(full).collect()
}

pub(super) fn usage(out: &mut Vec<u8>, usage: &Usage) {
    let (input, output) = (usage.tokens_in(), usage.tokens_out());
    let written = usage.get(Bucket::CacheWrite).saturating_add(usage.get(Bucket::CacheWriteLong));
    for (text, count) in [
        (r#"{"input_tokens":"#, input),
        (r#","input_tokens_details":{"cached_tokens":"#, usage.get(Bucket::CacheRead)),
        (r#","cache_write_tokens":"#, written),
        (r#"},"output_tokens":"#, output),
        (r#","output_tokens_details":{"reasoning_tokens":"#, usage.get(Bucket::Reasoning)),
        (r#"},"total_tokens":"#, input.saturating_add(output)),
    ] {
        out.extend_from_slice(text.as_bytes());
        number(out, count);
    }
    out.push(b'}');
}

/// The tier that was charged, as far as anybody says.
pub(super) const fn tier(usage: &Usage) -> &'static str {
    if usage.modifiers.intersects(Modifiers::PRIORITY.union(Modifiers::FAST)) {
        "priority"
    } else if usage.modifiers.contains(Modifiers::FLEX) {
        "flex"
    } else {
        "default"
    }
}
