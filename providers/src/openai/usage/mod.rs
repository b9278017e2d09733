//! What was used, out of the many shapes that OpenAI and its kin report it in.
//!
//! In all of them the details lie *inside* the totals: cached, written and audio tokens are part of the prompt,
//! reasoning and audio tokens part of the completion. They are taken out here, so that buckets never overlap.

mod formats;
mod plain;

pub use formats::read;
pub(super) use plain::plain;

use crate::foreign::count;
use serde_json::Value;
use vocab::{Bucket, Modifiers, Usage};

/// The usage object of chat completions, of embeddings and of the Responses API, or None where it counts no tokens
/// (absent, null, or another thing under the same name).
pub fn chat(usage: &Value) -> Option<Usage> {
    tokens(usage, Bucket::Output)
}

/// The usage object of embeddings and of images: what is made and not split is a picture.
pub(super) fn task(usage: &Value) -> Option<Usage> {
    tokens(usage, Bucket::OutputImage)
}

/// The usage of a whole reply or a frame: of the compound's parts where it has any (Groq bills by them), else its own,
/// else that in `x_groq`; with what the reply says of its service tier.
pub fn of_reply(body: &Value) -> Option<Usage> {
    let parts = body["usage_breakdown"]["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    let parts = parts.iter().filter_map(|part| chat(&part["usage"])).reduce(|sum, part| sum.plus(&part));
    let mut usage = parts.or_else(|| chat(&body["usage"])).or_else(|| chat(&body["x_groq"]["usage"]))?;
    usage.modifiers |= modifiers(body);
    Some(usage)
}

/// What the reply says of its service tier; what was asked for does not decide.
pub fn modifiers(body: &Value) -> Modifiers {
    body["service_tier"].as_str().map_or_else(Modifiers::empty, modifier)
}

/// What a service tier's name means for the price.
pub(super) fn modifier(tier: &str) -> Modifiers {
    match tier {
        "flex" => Modifiers::FLEX,
        "priority" => Modifiers::PRIORITY,
        "fast" => Modifiers::FAST,
        "batch" => Modifiers::BATCH,
        _ => Modifiers::empty(),
    }
}

/// Token counts under either set of names. What is left of the output once its parts are taken out goes to `rest`.
fn tokens(usage: &Value, rest: Bucket) -> Option<Usage> {
    let mut odd = false;
    let mut first = |fields: [&str; 2]| fields.into_iter().find_map(|f| count(&usage[f], &mut odd));
    let input = first(["prompt_tokens", "input_tokens"]);
    let output = first(["completion_tokens", "output_tokens"]);
    if input.is_none() && output.is_none() {
        return None;
    }
    let within = ["prompt_tokens_details", "input_tokens_details", "input_token_details"];
    let within = within.into_iter().map(|f| &usage[f]).find(|d| d.is_object()).unwrap_or(&Value::Null);
    let without = ["completion_tokens_details", "output_tokens_details", "output_token_details"];
    let without = without.into_iter().map(|f| &usage[f]).find(|d| d.is_object()).unwrap_or(&Value::Null);

    let mut out = Usage::default();
    let mut left = Left { total: input.unwrap_or(0), odd };
    out.set(Bucket::CacheRead, left.take(&within["cached_tokens"]));
    let written = left.take(&within["cache_write_tokens"]);
    // A part of what was written; where the split is absent, all of it is short-lived.
    let mut of_written = Left { total: written, odd: false };
    let long = of_written.take(&within["cache_write_tokens_details"]["ttl_12h_tokens"]);
    out.set(Bucket::CacheWriteLong, long);
    out.set(Bucket::CacheWrite, of_written.total);
    left.odd |= of_written.odd;
    out.set(Bucket::InputAudio, left.take(&within["audio_tokens"]));
    out.set(Bucket::InputImage, left.take(&within["image_tokens"]));
    out.set(Bucket::Input, left.total);

    let mut spoken = Left { total: output.unwrap_or(0), odd: left.odd };
    out.set(Bucket::Reasoning, spoken.take(&without["reasoning_tokens"]));
    out.set(Bucket::OutputAudio, spoken.take(&without["audio_tokens"]));
    out.set(Bucket::OutputImage, spoken.take(&without["image_tokens"]));
    let rest_is_text = rest != Bucket::Output && without["text_tokens"].is_number();
    if rest_is_text {
        out.set(Bucket::Output, spoken.take(&without["text_tokens"]));
    }
    out.set(rest, out.get(rest).saturating_add(spoken.total));
    out.anomaly = spoken.odd;
    Some(out)
}

/// A total that parts are taken out of, never more than there is.
struct Left {
    total: u64,
    /// A part was negative or larger than what is left.
    odd: bool,
}

impl Left {
    fn take(&mut self, part: &Value) -> u64 {
        let part = count(part, &mut self.odd).unwrap_or(0);
        let taken = part.min(self.total);
        self.odd |= taken < part;
        self.total -= taken;
        taken
    }
}

#[cfg(test)]
mod tests;
