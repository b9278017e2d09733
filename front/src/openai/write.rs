//! Pieces of JSON that several writers share.

use serde::Serialize;
use std::ops::Range;
use vocab::{Bucket, Citation, Usage};

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

/// The fields of OpenAI's citation of a page. Indices are characters, the end one behind the last; both are 0 where it is
/// not said which passage rests on it, as they may not be missing.
pub(crate) fn citation(out: &mut Vec<u8>, url: &str, title: &str, passage: &Range<u32>) {
    out.extend_from_slice(br#""start_index":"#);
    number(out, passage.start.into());
    out.extend_from_slice(br#","end_index":"#);
    number(out, passage.end.into());
    out.extend_from_slice(br#","title":"#);
    json(out, title);
    out.extend_from_slice(br#","url":"#);
    json(out, url);
}

/// An annotation of chat completions. Only pages have a place here, so there is none for what has no address.
pub(super) fn annotation(out: &mut Vec<u8>, url: &str, cited: &Citation) {
    out.extend_from_slice(br#"{"type":"url_citation","url_citation":{"#);
    let passage = cited.passage.clone().unwrap_or_default();
    citation(out, url, cited.title.as_deref().unwrap_or_default(), &passage);
    out.extend_from_slice(b"}}");
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
