//! The usage of nearly every reply: chat completions' own names, plain counts, parts that fit into their totals.
//! Anything else is refused here and read by the long way, so that both ways agree.

use serde::Deserialize;
use vocab::{Bucket, Usage};

#[derive(Deserialize)]
pub(in crate::openai) struct Plain {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(default, rename = "prompt_tokens_details", deserialize_with = "object")]
    within: Within,
    #[serde(default, rename = "completion_tokens_details", deserialize_with = "object")]
    without: Without,
}

/// Parts of the prompt.
#[derive(Default, Deserialize)]
struct Within {
    #[serde(default)]
    cached_tokens: u64,
    #[serde(default)]
    cache_write_tokens: u64,
    #[serde(default)]
    audio_tokens: u64,
    #[serde(default)]
    image_tokens: u64,
    /// Tells how long what was written lives: read by the long way.
    #[serde(default, rename = "cache_write_tokens_details")]
    _lives: Never,
}

/// Parts of the completion.
#[derive(Default, Deserialize)]
struct Without {
    #[serde(default)]
    reasoning_tokens: u64,
    #[serde(default)]
    audio_tokens: u64,
    #[serde(default)]
    image_tokens: u64,
}

/// A field that must not be there.
#[derive(Default)]
struct Never;

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("out of the ordinary"))
    }
}

/// An object, never the list that a derived struct would be read from as well.
fn object<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    crate::openai::glance::Object::deserialize(deserializer).map(|object| object.0)
}

impl Plain {
    /// None where a part is larger than what it is a part of.
    pub fn usage(&self) -> Option<Usage> {
        use Bucket::{
            CacheRead, CacheWrite, Input, InputAudio, InputImage, Output, OutputAudio, OutputImage, Reasoning,
        };
        let Within { cached_tokens, cache_write_tokens, audio_tokens, image_tokens, .. } = self.within;
        let input = [cached_tokens, cache_write_tokens, audio_tokens, image_tokens]
            .into_iter()
            .try_fold(self.prompt_tokens, u64::checked_sub)?;
        let spoken = &self.without;
        let output = [spoken.reasoning_tokens, spoken.audio_tokens, spoken.image_tokens]
            .into_iter()
            .try_fold(self.completion_tokens, u64::checked_sub)?;
        let counts = [
            (Input, input),
            (CacheRead, cached_tokens),
            (CacheWrite, cache_write_tokens),
            (InputAudio, audio_tokens),
            (InputImage, image_tokens),
            (Output, output),
            (Reasoning, spoken.reasoning_tokens),
            (OutputAudio, spoken.audio_tokens),
            (OutputImage, spoken.image_tokens),
        ];
        Some(counts.into_iter().fold(Usage::default(), |usage, (bucket, count)| usage.with(bucket, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;
    use crate::openai::usage::chat;
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
            let short = serde_json::from_str::<Plain>(&usage.to_string()).ok().and_then(|plain| plain.usage());
            if let Some(short) = short {
                prop_assert_eq!(Some(short), chat(&usage));
            }
        }
    }
}
