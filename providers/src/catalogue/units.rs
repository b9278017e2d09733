//! The units prices are written in, and the buckets they price.

use vocab::{Bucket, Pico, Rate};

/// A unit with a price for each of several buckets of tokens.
pub(super) const BY_TOKEN: [(&str, u32); 2] = [("per_1m_tokens", 1_000_000), ("per_token", 1)];

/// A unit that belongs to one bucket. Where a bucket has several, the one to write comes first.
pub(super) const SINGLE: [(&str, Bucket, u32); 12] = [
    ("per_1m_characters", Bucket::Characters, 1_000_000),
    ("per_character", Bucket::Characters, 1),
    ("per_minute", Bucket::AudioMillis, 60_000),
    ("per_hour", Bucket::AudioMillis, 3_600_000),
    ("per_second", Bucket::AudioMillis, 1_000),
    ("per_image", Bucket::Images, 1),
    ("per_tile", Bucket::Tiles, 1),
    ("per_step", Bucket::Steps, 1),
    ("per_1k_searches", Bucket::Searches, 1_000),
    ("per_search", Bucket::Searches, 1),
    ("per_request", Bucket::Requests, 1),
    ("per_1k_requests", Bucket::Requests, 1_000),
];

pub(super) const fn is_token(bucket: Bucket) -> bool {
    use Bucket::{
        CacheRead, CacheWrite, CacheWriteLong, Input, InputAudio, InputImage, Output, OutputAudio,
        OutputImage, Reasoning,
    };
    matches!(
        bucket,
        Input
            | CacheRead
            | CacheWrite
            | CacheWriteLong
            | InputAudio
            | InputImage
            | Output
            | Reasoning
            | OutputAudio
            | OutputImage
    )
}

/// The unit and amount to write a rate in: the first unit in which it is a decimal number.
pub(super) fn written(bucket: Bucket, rate: Rate) -> Option<(&'static str, String)> {
    let fits = |units: u32| {
        let pico = u128::from(rate.pico) * u128::from(units);
        let per = u128::from(rate.per.max(1));
        pico.is_multiple_of(per).then(|| i128::try_from(pico / per).ok()).flatten().map(|p| plain(Pico(p)))
    };
    let units = BY_TOKEN.iter().filter(|_| is_token(bucket)).copied();
    let single = SINGLE.iter().filter(|(_, b, _)| *b == bucket).map(|(name, _, units)| (*name, *units));
    units.chain(single).find_map(|(name, units)| fits(units).map(|text| (name, text)))
}

/// A unit's name for people: `per_1m_tokens` is `per 1M tokens`.
pub(super) fn spoken(unit: &str) -> String {
    unit.replace('_', " ").replace("1m ", "1M ").replace("1k ", "1,000 ")
}

/// A decimal number without zeros at its end.
pub(super) fn plain(amount: Pico) -> String {
    let text = amount.to_string();
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}
