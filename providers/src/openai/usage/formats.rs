//! Usage by the name of its format, as recorded meterings name them.

use super::{chat, of_reply, tokens};
use crate::elevenlabs::characters_of;
use crate::foreign::count;
use serde_json::Value;
use vocab::{Bucket, Usage};

/// The usage that `usage` holds in the format of that name; None where the format is not one of these or nothing was
/// counted. What no reply tells (`request-derived`) is counted from what was sent: characters are Unicode code points.
pub fn read(format: &str, usage: &Value, model: &str) -> Option<Usage> {
    match format {
        "openai.chat" | "openai.responses" | "openai.embeddings" | "groq.chat" => chat(usage),
        "openai.chat.stream" | "groq.chat.stream" => last(usage),
        "openai.images" => tokens(usage, Bucket::OutputImage),
        "openai.speech.sse" => tokens(usage, Bucket::OutputAudio),
        "openai.transcription" if usage["type"] == "duration" => audio(&usage["seconds"]),
        "openai.transcription" => chat(usage),
        "workers-ai.native" => chat(usage)
            .or_else(|| audio(&usage["transcription_info"]["duration"]))
            .or_else(|| requested(usage)),
        "request-derived" => requested(usage),
        "elevenlabs.header" => requested(usage).or_else(|| elevenlabs(usage, model)),
        "deepgram.header" => {
            requested(usage).or_else(|| characters(&usage["response_headers"]["dg-char-count"]))
        }
        _ => None,
    }
}

/// The last figures of a stream; never a sum.
fn last(usage: &Value) -> Option<Usage> {
    usage["frames"].as_array()?.iter().filter_map(of_reply).next_back()
}

fn one(bucket: Bucket, value: &Value) -> Option<Usage> {
    let mut odd = false;
    let count = count(value, &mut odd)?;
    let mut usage = Usage::default().with(bucket, count);
    usage.anomaly = odd;
    Some(usage)
}

fn characters(value: &Value) -> Option<Usage> {
    one(Bucket::Characters, value)
}

/// Seconds, whole or not, as milliseconds; a part of one counts as one.
fn audio(seconds: &Value) -> Option<Usage> {
    let text = match seconds {
        Value::Number(n) => n.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let negative = whole.starts_with('-');
    let whole: u64 = whole.trim_start_matches('-').parse().ok()?;
    if !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (thousandths, finer) = part.split_at(part.len().min(3));
    let thousandths: u64 = format!("{thousandths:0<3}").parse().ok()?;
    let up = u64::from(finer.bytes().any(|b| b != b'0'));
    let millis = whole.saturating_mul(1_000).saturating_add(thousandths).saturating_add(up);
    let mut usage = Usage::default().with(Bucket::AudioMillis, if negative { 0 } else { millis });
    usage.anomaly = negative;
    Some(usage)
}

/// What was sent, where the reply is silent.
fn requested(usage: &Value) -> Option<Usage> {
    if let Some(used) = characters(&usage["request_characters"]) {
        return Some(used);
    }
    if let Some(used) = audio(&usage["request_audio_seconds"]) {
        return Some(used);
    }
    if let Some(mut used) = one(Bucket::Input, &usage["request_tokens_estimate"]) {
        used.estimated = true;
        return Some(used);
    }
    let request = usage["request"].as_object()?;
    let side = |field: &str| request.get(field)?.as_u64().map(|pixels| pixels.div_ceil(512));
    let tiles = side("width")?.saturating_mul(side("height")?);
    let steps = request.get("steps").and_then(Value::as_u64).unwrap_or(0);
    Some(Usage::default().with(Bucket::Tiles, tiles).with(Bucket::Steps, steps))
}

/// The header counts credits.
fn elevenlabs(usage: &Value, model: &str) -> Option<Usage> {
    let credits = usage["response_headers"]["character-cost"].as_str()?;
    Some(Usage::default().with(Bucket::Characters, characters_of(credits, model)?))
}
