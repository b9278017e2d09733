//! Anthropic's usage in disjoint buckets.
//!
//! Fresh, read and written input are apart already; thinking is inside the output. In a stream the figures are
//! cumulative and later ones may leave some out: of every field the last value that is not null wins, nothing is
//! added up.

use crate::foreign::count;
use serde_json::Value;
use vocab::{Bucket, Modifiers, Usage};

/// A usage as the Messages API reports it: `anthropic.messages` (the `usage` object, or a message that holds it),
/// `anthropic.messages.stream` (`frames`, in order of arrival). None for another format, or where there is none.
pub fn read(format: &str, usage: &Value) -> Option<Usage> {
    match format {
        "anthropic.messages" => {
            let usage = if usage["usage"].is_object() { &usage["usage"] } else { usage };
            usage.is_object().then(|| after(&Usage::default(), usage))
        }
        "anthropic.messages.stream" => usage["frames"].as_array()?.iter().fold(None, |last, frame| {
            let said = in_frame(frame);
            if said.is_object() { Some(after(&last.unwrap_or_default(), said)) } else { last }
        }),
        _ => None,
    }
}

/// Where an event of a stream holds usage; null where it holds none.
pub(super) fn in_frame(frame: &Value) -> &Value {
    match frame["type"].as_str() {
        Some("message_start") => &frame["message"]["usage"],
        _ => &frame["usage"],
    }
}

/// What is known after `said`, where `before` was known.
pub(super) fn after(before: &Usage, said: &Value) -> Usage {
    let mut anomaly = before.anomaly;
    let mut figure = |value: &Value, known: u64| count(value, &mut anomaly).unwrap_or(known);

    let input = figure(&said["input_tokens"], before.get(Bucket::Input));
    let read = figure(&said["cache_read_input_tokens"], before.get(Bucket::CacheRead));

    // "If cache_creation (5m/1h split) is absent, treat all creation tokens as 5m."
    let (short, long) = (before.get(Bucket::CacheWrite), before.get(Bucket::CacheWriteLong));
    let split = &said["cache_creation"];
    let (written, long) = if split.is_object() {
        let long = figure(&split["ephemeral_1h_input_tokens"], long);
        let sum = figure(&split["ephemeral_5m_input_tokens"], short).saturating_add(long);
        (figure(&said["cache_creation_input_tokens"], sum).max(sum), long)
    } else {
        (figure(&said["cache_creation_input_tokens"], short.saturating_add(long)), long)
    };
    let long = long.min(written);

    let known = before.get(Bucket::Output).saturating_add(before.get(Bucket::Reasoning));
    let output = figure(&said["output_tokens"], known);
    let thinking = figure(&said["output_tokens_details"]["thinking_tokens"], before.get(Bucket::Reasoning));
    let searches = figure(&said["server_tool_use"]["web_search_requests"], before.get(Bucket::Searches));
    anomaly |= thinking > output;
    let thinking = thinking.min(output);

    let mut usage = Usage::default()
        .with(Bucket::Input, input)
        .with(Bucket::CacheRead, read)
        .with(Bucket::CacheWrite, written - long)
        .with(Bucket::CacheWriteLong, long)
        .with(Bucket::Output, output - thinking)
        .with(Bucket::Reasoning, thinking)
        .with(Bucket::Searches, searches);
    usage.anomaly = anomaly;
    usage.modifiers = modifiers(before.modifiers, said);
    usage
}

fn modifiers(mut known: Modifiers, said: &Value) -> Modifiers {
    if let Some(speed) = said["speed"].as_str() {
        known.set(Modifiers::FAST, speed == "fast");
    }
    if let Some(place) = said["inference_geo"].as_str() {
        known.set(Modifiers::REGIONAL, place == "us");
    }
    if let Some(tier) = said["service_tier"].as_str() {
        known.set(Modifiers::BATCH, tier == "batch");
        known.set(Modifiers::PRIORITY, tier == "priority");
    }
    known
}
