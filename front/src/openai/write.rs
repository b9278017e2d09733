//! Pieces of JSON that several writers share.

use serde::Serialize;
use vocab::{Bucket, Usage};

/// Appends a value as JSON. Writing to memory cannot fail, and our values have no keys that are not strings.
pub(crate) fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The usage object of chat completions.
pub(crate) fn usage(out: &mut Vec<u8>, usage: &Usage) {
    let (input, output) = (usage.tokens_in(), usage.tokens_out());
    let written = usage.get(Bucket::CacheWrite).saturating_add(usage.get(Bucket::CacheWriteLong));
    for (text, count) in [
        (r#"{"prompt_tokens":"#, input),
        (r#","completion_tokens":"#, output),
        (r#","total_tokens":"#, input.saturating_add(output)),
        (r#","prompt_tokens_details":{"cached_tokens":"#, usage.get(Bucket::CacheRead)),
        (r#","cache_write_tokens":"#, written),
        (r#","audio_tokens":"#, usage.get(Bucket::InputAudio)),
        (r#"},"completion_tokens_details":{"reasoning_tokens":"#, usage.get(Bucket::Reasoning)),
        (r#","audio_tokens":"#, usage.get(Bucket::OutputAudio)),
    ] {
        out.extend_from_slice(text.as_bytes());
        number(out, count);
    }
    out.extend_from_slice(br#","accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#);
}
