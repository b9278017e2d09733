//! Pieces of JSON that several writers share.

use super::seal;
use crate::openai::Label;
use crate::openai::write::{json, number};
use vocab::{Bucket, Citation, Finish, Usage};

/// The word for why it stopped. Where it called a tool, or refused in words, its provider need not have said so.
pub(super) fn stop_reason(finish: Option<Finish>, called: bool, refused: bool) -> &'static str {
    match finish {
        Some(Finish::Length) => "max_tokens",
        Some(Finish::ContentFilter) => "refusal",
        Some(Finish::ToolCalls) => "tool_use",
        Some(Finish::Stop) | None if called => "tool_use",
        Some(Finish::Stop) | None if refused => "refusal",
        Some(Finish::Stop) | None => "end_turn",
    }
}

/// A message up to the inside of its content. Ids of other providers are not shown: they look like none of this API's.
pub(super) fn heading(out: &mut Vec<u8>, id: &str, model: &str, label: &Label) {
    out.extend_from_slice(br#"{"id":"#);
    json(out, if id.starts_with("msg_") { id } else { label.id.as_str() });
    out.extend_from_slice(br#","type":"message","role":"assistant","model":"#);
    json(out, if model.is_empty() { label.model.as_str() } else { model });
    out.extend_from_slice(br#","content":["#);
}

/// A call's arguments as the object that they have to be. What is none is kept under one key, so that nobody takes the
/// half of an object for a whole one.
pub(super) fn input(out: &mut Vec<u8>, arguments: &str) {
    let text = arguments.trim();
    if text.is_empty() {
        out.extend_from_slice(b"{}");
    } else if is_object(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(br#"{"arguments":"#);
        json(out, arguments);
        out.push(b'}');
    }
}

/// Whether a text is one JSON object and whole.
pub(super) fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && crate::json::check(text.as_bytes()).is_ok()
}

/// What a block of text rests on. Only pages have a place here: for anything else it would have to be said which of the
/// client's documents that is.
pub(super) fn citation(out: &mut Vec<u8>, url: &str, cited: &Citation) {
    out.extend_from_slice(br#"{"type":"web_search_result_location","cited_text":"#);
    json(out, cited.quote.as_deref().unwrap_or_default());
    out.extend_from_slice(br#","encrypted_index":"#);
    json(out, seal::OURS);
    out.extend_from_slice(br#","title":"#);
    json(out, &cited.title);
    out.extend_from_slice(br#","url":"#);
    json(out, url);
    out.push(b'}');
}

/// The usage object: of a message, and cumulative at the end of a stream.
pub(super) fn usage(out: &mut Vec<u8>, usage: &Usage) {
    let (short, long) = (usage.get(Bucket::CacheWrite), usage.get(Bucket::CacheWriteLong));
    let read = usage.get(Bucket::CacheRead);
    let fresh = usage.tokens_in().saturating_sub(read).saturating_sub(short).saturating_sub(long);
    for (text, count) in [
        (r#"{"input_tokens":"#, fresh),
        (r#","cache_creation_input_tokens":"#, short.saturating_add(long)),
        (r#","cache_read_input_tokens":"#, read),
        (r#","cache_creation":{"ephemeral_5m_input_tokens":"#, short),
        (r#","ephemeral_1h_input_tokens":"#, long),
        (r#"},"output_tokens":"#, usage.tokens_out()),
        (r#","output_tokens_details":{"thinking_tokens":"#, usage.get(Bucket::Reasoning)),
    ] {
        out.extend_from_slice(text.as_bytes());
        number(out, count);
    }
    out.extend_from_slice(br#"},"server_tool_use":"#);
    match usage.get(Bucket::Searches) {
        0 => out.extend_from_slice(b"null"),
        searches => {
            out.extend_from_slice(br#"{"web_fetch_requests":0,"web_search_requests":"#);
            number(out, searches);
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// `"stop_reason":…,"stop_sequence":null`, and what was refused why, as far as anybody says.
pub(super) fn stopped(out: &mut Vec<u8>, reason: &str) {
    out.extend_from_slice(br#""stop_reason":"#);
    json(out, reason);
    out.extend_from_slice(br#","stop_sequence":null"#);
    if reason == "refusal" {
        out.extend_from_slice(br#","stop_details":{"type":"refusal","category":null,"explanation":null}"#);
    }
}
