//! What sound comes to where no answer says it: before it is heard, and where a provider told nothing.

use vocab::{Bucket, Card, Usage};

/// Tokens of a second of sound: gpt-4o-transcribe is told to cost "$0.006 / minute" at 6 USD for a million tokens, which are a
/// thousand in a minute.
const TOKENS_PER_MINUTE: u64 = 1_000;
/// Text is taken for a token in four bytes.
const BYTES_PER_TOKEN: u64 = 4;
/// Bytes of text that a second is worth at most: nobody speaks faster.
const BYTES_PER_SECOND: u64 = 40;

/// What so many milliseconds of sound and so many bytes of text come to, in the units that the model is priced in. Marked as an
/// estimate.
pub fn sound(card: &Card, millis: u64, text: u64) -> Usage {
    let rates = card.price.as_ref().map(|price| &price.rates);
    let usage = Usage { estimated: true, ..Usage::default() };
    if rates.is_some_and(|rates| rates.get(Bucket::AudioMillis).is_some()) {
        return usage.with(Bucket::AudioMillis, millis);
    }
    let tokens = millis.saturating_mul(TOKENS_PER_MINUTE).div_ceil(60_000);
    usage.with(Bucket::InputAudio, tokens).with(Bucket::Output, text.div_ceil(BYTES_PER_TOKEN))
}

/// The same before anything was heard. With `most` it errs upwards.
pub fn sound_ahead(card: &Card, millis: u64, most: bool) -> Usage {
    let text = millis.saturating_mul(BYTES_PER_SECOND) / 1_000;
    let twice = if most { 2 } else { 1 };
    let usage = sound(card, millis, text.saturating_mul(twice));
    let tokens = usage.get(Bucket::InputAudio).saturating_mul(twice);
    usage.with(Bucket::InputAudio, tokens)
}
