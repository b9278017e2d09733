//! Errors of Deepgram, in their three shapes: `{err_code, err_msg}`, `{category, message, details}`, and plain text.

use crate::foreign::{plain_text, said};
use crate::spoken::no_sound;
use serde_json::Value;
use std::borrow::Cow;
use vocab::Fault;

pub(super) fn of(status: u16, body: &[u8]) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let field =
        |names: &[&str]| names.iter().find_map(|name| tree[*name].as_str().filter(|text| !text.is_empty()));
    let code = field(&["err_code", "category"]);
    let text = match field(&["err_msg", "message", "details"]).or(code) {
        Some(text) => Cow::Borrowed(text),
        None => plain_text(status, body),
    };
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let message = said(&text);
    match code.unwrap_or_default() {
        "INVALID_AUTH" => return Fault::Denied(message),
        "ASR_PAYMENT_REQUIRED" => return Fault::Spent { retry_after: None, message },
        "TOO_MANY_REQUESTS" => return Fault::Busy { retry_after: None, message },
        _ => {}
    }
    match status {
        // A model that the plan has not: the key is as good as it was.
        403 if lower.contains("model") => Fault::Gone(message),
        401 | 403 => Fault::Denied(message),
        402 => Fault::Spent { retry_after: None, message },
        413 | 414 => Fault::TooLong(message),
        400 if says(&["character", "text"]) && says(&["exceed", "too long", "limit", "maximum"]) => {
            Fault::TooLong(message)
        }
        // The voice is part of the model's name, and how it sounds is asked for by weir: neither is the client's doing.
        400 | 404
            if says(&[
                "model",
                "voice",
                "language",
                "encoding",
                "container",
                "sample",
                "bit_rate",
                "bit rate",
            ]) =>
        {
            Fault::Unfit(message)
        }
        404 | 410 => Fault::Gone(message),
        408 | 504 => Fault::Silent(message),
        409 | 425 | 429 => Fault::Busy { retry_after: None, message },
        400..=499 => Fault::Rejected { message, param: None, code: code.map(said) },
        200..=299 if code.is_none() => no_sound(),
        _ => Fault::Down(message),
    }
}
