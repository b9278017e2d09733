//! The usage of nearly every reply: chat completions' own names, plain counts, parts that fit into their totals.
//! Anything else is refused here and read by the long way, so that both ways agree.

use crate::watch::look::once;
use json::Walk;
use vocab::{Bucket, Usage};

/// The bucket of a part of the prompt.
fn within(part: &str) -> Option<Bucket> {
    match part {
        "cached_tokens" => Some(Bucket::CacheRead),
        "audio_tokens" => Some(Bucket::InputAudio),
        "cache_write_tokens" => Some(Bucket::CacheWrite),
        "image_tokens" => Some(Bucket::InputImage),
        _ => None,
    }
}

/// The bucket of a part of the completion.
fn without(part: &str) -> Option<Bucket> {
    match part {
        "reasoning_tokens" => Some(Bucket::Reasoning),
        "audio_tokens" => Some(Bucket::OutputAudio),
        "image_tokens" => Some(Bucket::OutputImage),
        _ => None,
    }
}

/// The usage object that begins here. None where a part is larger than what it is a part of, and for anything unusual.
pub(in crate::openai) fn plain(walk: &mut Walk<'_>) -> Option<Usage> {
    let mut usage = Usage::default();
    let (mut input, mut output) = (None, None);
    let (mut of_input, mut of_output) = (None, None);
    walk.object(|walk, key| match key {
        "prompt_tokens" => once(&mut input, walk.count()?),
        "completion_tokens" => once(&mut output, walk.count()?),
        "prompt_tokens_details" => once(&mut of_input, parts(walk, within, &mut usage)?),
        "completion_tokens_details" => once(&mut of_output, parts(walk, without, &mut usage)?),
        // The other names of the same.
        "input_tokens_details" | "input_token_details" | "output_tokens_details" | "output_token_details" => {
            None
        }
        _ => walk.skip(),
    })?;
    usage.set(Bucket::Input, input?.checked_sub(of_input.unwrap_or(0))?);
    usage.set(Bucket::Output, output?.checked_sub(of_output.unwrap_or(0))?);
    Some(usage)
}

/// Puts the parts of a total into their buckets, and says what they come to.
fn parts(walk: &mut Walk<'_>, bucket: fn(&str) -> Option<Bucket>, usage: &mut Usage) -> Option<u64> {
    let (mut sum, mut taken) = (0_u64, 0_u32);
    walk.object(|walk, key| match bucket(key) {
        Some(bucket) => {
            let bit = 1 << bucket as u32;
            let fresh = taken & bit == 0;
            taken |= bit;
            let count = walk.count()?;
            usage.set(bucket, count);
            sum = sum.checked_add(count)?;
            fresh.then_some(())
        }
        // Tells how long what was written lives: read by the long way.
        None if key == "cache_write_tokens_details" => None,
        None => walk.skip(),
    })?;
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::openai::usage::chat;
    use json::Walk;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn count() -> impl Strategy<Value = Value> {
        prop_oneof![
            6 => (0u64..40).prop_map(Value::from),
            1 => Just(Value::Null),
            1 => Just(json!(-3)),
            1 => Just(json!(2.5)),
            1 => Just(json!("7")),
            1 => Just(json!({"ttl_12h_tokens": 2})),
        ]
    }

    fn details(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let fields = prop::collection::vec((prop::sample::select(names), count()), 0..4);
        let object =
            fields.prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.into(), v)).collect()));
        prop_oneof![6 => object, 1 => Just(Value::Null), 1 => Just(json!([1, 2, 3]))]
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_long_way_says(
            input in count(), output in count(),
            within in details(&["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "cache_write_tokens_details"]),
            without in details(&["reasoning_tokens", "audio_tokens", "image_tokens", "text_tokens", "rejected_prediction_tokens"]),
        ) {
            let usage = json!({
                "prompt_tokens": input, "completion_tokens": output, "total_tokens": 9,
                "prompt_tokens_details": within, "completion_tokens_details": without,
            });
            let text = usage.to_string();
            let short = plain(&mut Walk::along(&text));
            if let Some(short) = short {
                prop_assert_eq!(Some(short), chat(&usage));
            }
        }
    }
}
