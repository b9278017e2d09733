//! What a call used, in disjoint buckets.

use bitflags::bitflags;
use serde::{Deserialize, Serialize};

/// One kind of thing that is counted. Buckets never overlap: a cached token is not also a fresh one, a reasoning
/// token is not also a text one. The adapter that knows the provider makes them so; after it, everything only adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Input tokens read afresh.
    Input,
    CacheRead,
    /// Written to a short-lived cache (5 minutes at Anthropic, 30 at OpenAI).
    CacheWrite,
    /// Written to a long-lived cache (1 hour at Anthropic, 12 at OpenAI).
    CacheWriteLong,
    InputAudio,
    InputImage,
    Output,
    Reasoning,
    OutputAudio,
    OutputImage,
    Characters,
    AudioMillis,
    Images,
    /// 512 × 512 pixel tiles of a made image.
    Tiles,
    Steps,
    Searches,
    Requests,
}

impl Bucket {
    pub const COUNT: usize = 17;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWriteLong,
        Self::InputAudio,
        Self::InputImage,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
        Self::OutputImage,
        Self::Characters,
        Self::AudioMillis,
        Self::Images,
        Self::Tiles,
        Self::Steps,
        Self::Searches,
        Self::Requests,
    ];

    /// The stable name used in ledger entries, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWriteLong => "cache_write_long",
            Self::InputAudio => "input_audio",
            Self::InputImage => "input_image",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::OutputAudio => "output_audio",
            Self::OutputImage => "output_image",
            Self::Characters => "characters",
            Self::AudioMillis => "audio_millis",
            Self::Images => "images",
            Self::Tiles => "tiles",
            Self::Steps => "steps",
            Self::Searches => "searches",
            Self::Requests => "requests",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.name() == name)
    }
}

bitflags! {
    /// Circumstances that multiply a price, as the *reply* states them (what was asked for does not decide).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Modifiers: u8 {
        const BATCH = 1;
        const FLEX = 1 << 1;
        const PRIORITY = 1 << 2;
        const FAST = 1 << 3;
        const REGIONAL = 1 << 4;
    }
}

/// What one upstream call used. One value serves the bill, the headers, the metrics and the display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By bucket, in the order of [`Bucket::ALL`]; [`Usage::get`] and [`Usage::set`] name them.
    pub counts: [u64; Bucket::COUNT],
    /// The provider reported nothing (or not all), so that counts are our estimate.
    pub estimated: bool,
    /// The call broke off: these are the last figures known.
    pub partial: bool,
    /// A figure was impossible (negative, cached above total) and was clamped.
    pub anomaly: bool,
    pub modifiers: Modifiers,
}

impl Usage {
    pub const fn get(&self, bucket: Bucket) -> u64 {
        self.counts[bucket as usize]
    }

    pub const fn set(&mut self, bucket: Bucket, count: u64) {
        self.counts[bucket as usize] = count;
    }

    #[must_use]
    pub const fn with(mut self, bucket: Bucket, count: u64) -> Self {
        self.set(bucket, count);
        self
    }

    /// The buckets that are not zero.
    pub fn counted(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        // Nearly all of them are zero: a bit for each that is not, and then from bit to bit.
        let mut left = self.counts.iter().rev().fold(0u32, |bits, count| bits << 1 | u32::from(*count > 0));
        std::iter::from_fn(move || {
            let bucket = *Bucket::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some((bucket, self.get(bucket)))
        })
    }

    /// Every input token, whatever its price: what price tiers are chosen by, and `prompt_tokens` for clients.
    pub fn tokens_in(&self) -> u64 {
        use Bucket::{CacheRead, CacheWrite, CacheWriteLong, Input, InputAudio, InputImage};
        [Input, CacheRead, CacheWrite, CacheWriteLong, InputAudio, InputImage]
            .into_iter()
            .fold(0, |sum, b| sum.saturating_add(self.get(b)))
    }

    /// Every output token, reasoning included: `completion_tokens` for clients.
    pub fn tokens_out(&self) -> u64 {
        use Bucket::{Output, OutputAudio, OutputImage, Reasoning};
        [Output, Reasoning, OutputAudio, OutputImage]
            .into_iter()
            .fold(0, |sum, b| sum.saturating_add(self.get(b)))
    }

    /// Both added up, for totals over several calls. Flags are kept if either has them.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
        self.estimated |= other.estimated;
        self.partial |= other.partial;
        self.anomaly |= other.anomaly;
        self.modifiers |= other.modifiers;
        self
    }
}

/// As an object of the buckets that are not zero, plus the flags that are set.
impl Serialize for Usage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (bucket, count) in self.counted() {
            map.serialize_entry(bucket.name(), &count)?;
        }
        for (flag, set) in
            [("estimated", self.estimated), ("partial", self.partial), ("anomaly", self.anomaly)]
        {
            if set {
                map.serialize_entry(flag, &true)?;
            }
        }
        if !self.modifiers.is_empty() {
            map.serialize_entry("modifiers", &self.modifiers.bits())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let map = std::collections::BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let mut usage = Self::default();
        for (key, value) in map {
            let wrong = || D::Error::custom(format!("usage.{key}: unexpected {value}"));
            match (key.as_str(), &value) {
                ("estimated", serde_json::Value::Bool(b)) => usage.estimated = *b,
                ("partial", serde_json::Value::Bool(b)) => usage.partial = *b,
                ("anomaly", serde_json::Value::Bool(b)) => usage.anomaly = *b,
                ("modifiers", v) => {
                    let bits = v.as_u64().and_then(|n| u8::try_from(n).ok()).ok_or_else(wrong)?;
                    usage.modifiers = Modifiers::from_bits(bits).ok_or_else(wrong)?;
                }
                (name, v) => {
                    usage.set(Bucket::named(name).ok_or_else(wrong)?, v.as_u64().ok_or_else(wrong)?);
                }
            }
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_goes_there_and_back() {
        let usage = Usage { partial: true, modifiers: Modifiers::FLEX, ..Usage::default() }
            .with(Bucket::Input, 12)
            .with(Bucket::Reasoning, 3);
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(text, r#"{"input":12,"reasoning":3,"partial":true,"modifiers":2}"#);
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
        assert!(serde_json::from_str::<Usage>(r#"{"tokens":1}"#).is_err());
        assert!(serde_json::from_str::<Usage>(r#"{"input":-1}"#).is_err());
        assert_eq!(usage.tokens_in(), 12);
        assert_eq!(usage.tokens_out(), 3);
    }

    #[test]
    fn what_was_counted_is_told_in_order() {
        let all = Bucket::ALL.into_iter().fold(Usage::default(), |usage, b| usage.with(b, b as u64 + 1));
        assert!(all.counted().eq(Bucket::ALL.into_iter().map(|b| (b, b as u64 + 1))));
        assert_eq!(Usage::default().counted().next(), None);
        let ends = Usage::default().with(Bucket::Input, u64::MAX).with(Bucket::Requests, 1);
        assert!(ends.counted().eq([(Bucket::Input, u64::MAX), (Bucket::Requests, 1)]));
    }

    #[test]
    fn every_bucket_has_its_own_name_and_place() {
        for (place, bucket) in Bucket::ALL.into_iter().enumerate() {
            assert_eq!(bucket as usize, place);
            assert_eq!(Bucket::named(bucket.name()), Some(bucket));
        }
    }
}
