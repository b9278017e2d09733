//! What an error means: the body first, the status second.

use super::{Accent, wait};
use crate::foreign::{plain_text, said};
use http::HeaderMap;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;
use vocab::{Fault, Instant};

pub(crate) fn of(accent: &Accent, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = object(&tree).unwrap_or_else(|| Error::plain(status, body));
    let waits = (wait::wait(headers, &error.message, now), wait::explicit(headers, now));
    let fault = classify(accent, status, &error, waits);
    match fault {
        // The official SDK obeys this header before the status: the server takes the blame.
        Fault::Rejected { message, .. } if headers.get("x-should-retry").is_some_and(|v| v == "true") => {
            Fault::Down(message)
        }
        fault => fault,
    }
}

/// The error that an answer with status 200 holds.
pub(crate) fn within(accent: &Accent, body: &Value) -> Option<Fault> {
    let groq = &body["x_groq"]["error"];
    if let Some(message) = groq.as_str().filter(|m| !m.is_empty()) {
        return Some(Fault::Down(said(message)));
    }
    if !(has_error(body) || groq.is_object()) {
        return None;
    }
    let error = object(body).or_else(|| object(&body["x_groq"]))?;
    Some(of_error(accent, &error))
}

fn has_error(body: &Value) -> bool {
    match &body["error"] {
        Value::Null | Value::Bool(false) => body["object"] == "error",
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

/// An error without a status of its own: that in `code`, where it holds one.
fn of_error(accent: &Accent, error: &Error<'_>) -> Fault {
    let status = error.code.parse().ok().filter(|s| (400..600).contains(s)).unwrap_or(200);
    classify(accent, status, error, (wait::wait(&HeaderMap::new(), &error.message, Instant::ZERO), None))
}

/// The fields of an error, wherever they stand.
struct Error<'a> {
    message: Cow<'a, str>,
    kind: &'a str,
    code: Cow<'a, str>,
    param: Option<&'a str>,
}

impl<'a> Error<'a> {
    fn plain(status: u16, body: &'a [u8]) -> Self {
        Self { message: plain_text(status, body), kind: "", code: Cow::Borrowed(""), param: None }
    }
}

/// `{"error": {…}}`, `{"error": "text"}`, the same within a list, or the fields at the top as old vLLM has them.
fn object(body: &Value) -> Option<Error<'_>> {
    let body = body.as_array().and_then(|all| all.first()).unwrap_or(body);
    let error = match &body["error"] {
        Value::String(message) => {
            return Some(Error { message: message.into(), kind: "", code: "".into(), param: None });
        }
        error @ Value::Object(_) => error,
        _ => body,
    };
    let message = ["message", "detail", "msg"].into_iter().find_map(|f| error[f].as_str());
    let code = match &error["code"] {
        Value::String(code) => Cow::Borrowed(code.as_str()),
        Value::Number(code) => Cow::Owned(code.to_string()),
        _ => Cow::Borrowed(""),
    };
    let kind = error["type"].as_str().unwrap_or_default();
    if message.is_none() && code.is_empty() && kind.is_empty() {
        return if std::ptr::eq(error, body) {
            None
        } else {
            Some(Error { message: error.to_string().into(), kind, code, param: None })
        };
    }
    let message = message.map_or_else(|| Cow::Owned(format!("{kind} {code}")), Cow::Borrowed);
    Some(Error { message, kind, code, param: error["param"].as_str() })
}

fn classify(
    accent: &Accent,
    status: u16,
    error: &Error<'_>,
    waits: (Option<Duration>, Option<Duration>),
) -> Fault {
    let message = said(&error.message);
    let lower = error.message.to_lowercase();
    let is = |words: &[&str]| words.contains(&&*error.code) || words.contains(&error.kind);
    let says = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let (retry_after, told) = waits;
    let asked = matches!(status, 200..=299 | 400 | 404 | 413 | 422 | 429 | 500 | 501);

    if is(SPENT) {
        return Fault::Spent { retry_after: told, message };
    }
    // llama.cpp sends this with statuses from 400 to 500: never a fault of the server.
    if is(TOO_LONG) || (asked && says(SAYS_TOO_LONG)) {
        return Fault::TooLong(message);
    }
    if is(FILTERED) || error.code.ends_with("_policy_violation") {
        return Fault::Filtered(message);
    }
    if is(GONE) || (matches!(status, 200 | 400 | 404) && lower.contains("model") && says(SAYS_GONE)) {
        return Fault::Gone(message);
    }
    // The model's own output broke the rules it was given: another try, or another model, may do.
    if is(&["tool_use_failed", "json_validate_failed"]) {
        return Fault::Garbled(message);
    }
    if is(DENIED) {
        return Fault::Denied(message);
    }
    if is(BUSY) || (matches!(status, 200 | 500 | 503) && says(SAYS_BUSY)) {
        return Fault::Busy { retry_after, message };
    }
    if is(UNFIT) || (matches!(status, 200 | 400 | 422 | 500 | 501) && says(SAYS_UNFIT)) {
        return Fault::Unfit(message);
    }
    match status {
        401..=403 => Fault::Denied(message),
        404 | 410 => Fault::Gone(message),
        413 if accent.too_large_is_too_long => Fault::TooLong(message),
        408 | 504 => Fault::Silent(message),
        // 409 is a conflict that passes, 498 is Groq's "flex tier capacity exceeded", 529 others' "overloaded".
        409 | 425 | 429 | 498 | 529 => Fault::Busy { retry_after, message },
        503 if told.is_some() => Fault::Busy { retry_after, message },
        400..=498 => {
            let code =
                [&*error.code, error.kind].into_iter().find(|c| !c.is_empty() && c.parse::<u32>().is_err());
            Fault::Rejected { message, param: error.param.map(said), code: code.map(said) }
        }
        200..=299 if error.kind == "invalid_request_error" => {
            let code = (!error.code.is_empty()).then(|| said(&error.code));
            Fault::Rejected { message, param: error.param.map(said), code }
        }
        _ => Fault::Down(message),
    }
}

const SPENT: &[&str] =
    &["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"];
const TOO_LONG: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];
const SAYS_TOO_LONG: &[&str] = &[
    "maximum context length",
    "context length exceeded",
    "exceeds the available context size",
    "exceed context",
    "reduce the length of the messages",
    // A request that is by itself above the tokens per minute can never be served there.
    "request too large",
];
const FILTERED: &[&str] =
    &["content_policy_violation", "content_filter", "invalid_prompt", "moderation_blocked", "bio_policy"];
const GONE: &[&str] = &["model_not_found", "model_decommissioned", "model_deprecated", "not_found_error"];
const SAYS_GONE: &[&str] = &["does not exist", "not found", "decommissioned", "no longer supported"];
const DENIED: &[&str] = &[
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "unsupported_country_region_territory",
    "account_deactivated",
];
const BUSY: &[&str] = &[
    "rate_limit_exceeded",
    "capacity_exceeded",
    "unavailable_error",
    "overloaded_error",
    "engine_overloaded",
    "slow_down",
];
const SAYS_BUSY: &[&str] =
    &["overloaded", "loading model", "over capacity", "server busy", "maximum pending requests"];
const UNFIT: &[&str] = &["unsupported_parameter", "unsupported_value", "not_supported_error"];
const SAYS_UNFIT: &[&str] = &["does not support", "not supported", "is unsupported", "requires --"];
