//! Errors of Cartesia: JSON since version 2026-03-01, a line of text before.

use crate::foreign::{plain_text, said};
use crate::spoken::no_sound;
use serde_json::Value;
use std::borrow::Cow;
use vocab::Fault;

pub(super) fn of(status: u16, body: &[u8]) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = tree["error_code"].as_str().unwrap_or_default();
    // An error that came with status 200 says its own.
    let status = tree["status_code"]
        .as_u64()
        .and_then(|s| u16::try_from(s).ok())
        .filter(|s| *s >= 400)
        .unwrap_or(status);
    let text = ["message", "title", "error", "error_code"].into_iter().find_map(|field| tree[field].as_str());
    let text = text.map_or_else(|| plain_text(status, body), Cow::Borrowed);
    let lower = text.to_lowercase();
    let message = said(&text);
    match status {
        _ if code == "concurrency_limited" => Fault::Busy { retry_after: None, message },
        401 | 403 => Fault::Denied(message),
        402 => Fault::Spent { retry_after: None, message },
        413 => Fault::TooLong(message),
        408 | 504 => Fault::Silent(message),
        409 | 425 | 429 => Fault::Busy { retry_after: None, message },
        // Only this provider minds a text without words, or has not that voice, or not in that language.
        400 | 404 | 422 if ["transcript", "voice", "language"].iter().any(|word| lower.contains(word)) => {
            Fault::Unfit(message)
        }
        404 | 410 => Fault::Gone(message),
        400..=499 => Fault::Rejected { message, param: None, code: (!code.is_empty()).then(|| said(code)) },
        200..=299 if code.is_empty() && tree["type"] != "error" => no_sound(),
        _ => Fault::Down(message),
    }
}
