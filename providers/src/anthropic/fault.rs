//! What an error of Anthropic's means: its `type` first, which also comes inside a stream that began with 200, and
//! the status where there is none (413 and 529 may be answered by the edge).

use crate::foreign::{retry_after, said};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use vocab::{Fault, Instant};

/// For a status other than 2xx.
pub(super) fn fault(status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let wait = retry_after(headers).or_else(|| until_reset(headers, now));
    told(status, wait, &body, Some(now))
}

/// For an error that came with status 200.
pub(super) fn within(body: &Value) -> Fault {
    told(500, None, body, None)
}

fn told(status: u16, wait: Option<Duration>, body: &Value, now: Option<Instant>) -> Fault {
    let error = &body["error"];
    let kind = error["type"].as_str().filter(|kind| known(kind)).unwrap_or_else(|| usual_kind(status));
    let text = error["message"].as_str().or(error.as_str()).unwrap_or_default();
    let message = if text.is_empty() { format!("anthropic: status {status} {kind}") } else { said(text) };
    let lower = text.to_ascii_lowercase();
    let says = |any: &[&str]| any.iter().any(|phrase| lower.contains(phrase));

    // A limit the account's owner has set: "You will regain access on 2026-12-01 at 00:00 UTC."
    if says(&["specified api usage limits"]) {
        return Fault::Spent { retry_after: now.and_then(|now| until_date(&lower, now)), message };
    }
    match kind {
        "authentication_error" | "permission_error" => Fault::Denied(message),
        "billing_error" => Fault::Spent { retry_after: None, message },
        "not_found_error" => Fault::Gone(message),
        "request_too_large" => Fault::TooLong(message),
        "rate_limit_error" | "overloaded_error" => Fault::Busy { retry_after: wait, message },
        "api_error" | "timeout_error" | "conflict_error" => Fault::Down(message),
        _ if says(&["prompt is too long", "context limit", "context window"]) => Fault::TooLong(message),
        _ if says(&["credit balance is too low"]) => Fault::Spent { retry_after: None, message },
        _ if says(&["organization has been disabled"]) => Fault::Denied(message),
        _ if says(&["content filtering policy"]) => Fault::Filtered(message),
        // What a model of this provider cannot do, and the catalogue did not know; and signatures of another's.
        _ if says(&[
            "not supported",
            "unsupported",
            "does not support",
            "deprecated for this model",
            "signature",
        ]) =>
        {
            Fault::Unfit(message)
        }
        _ => Fault::Rejected { message, param: param(text), code: Some(said(kind)) },
    }
}

fn known(kind: &str) -> bool {
    matches!(
        kind,
        "invalid_request_error"
            | "authentication_error"
            | "billing_error"
            | "permission_error"
            | "not_found_error"
            | "conflict_error"
            | "request_too_large"
            | "rate_limit_error"
            | "api_error"
            | "timeout_error"
            | "overloaded_error"
    )
}

fn usual_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 | 410 => "not_found_error",
        408 | 504 => "timeout_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The field that a message begins with: "messages.0.content: Field required".
fn param(message: &str) -> Option<String> {
    let (field, _) = message.split_once(": ")?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._[]".contains(&c);
    (!field.is_empty() && field.len() <= 80 && field.bytes().all(plain)).then(|| field.to_owned())
}

/// Until the last of the limits that are used up begins anew, where the reply does not name the wait itself.
fn until_reset(headers: &HeaderMap, now: Instant) -> Option<Duration> {
    let read = |name: String| headers.get(name)?.to_str().ok();
    ["requests", "tokens", "input-tokens", "output-tokens"]
        .into_iter()
        .filter(|limit| read(format!("anthropic-ratelimit-{limit}-remaining")) == Some("0"))
        .filter_map(|limit| moment(read(format!("anthropic-ratelimit-{limit}-reset"))?))
        .max()
        .map(|reset| reset.since(now))
}

/// RFC 3339 in UTC, to the second.
fn moment(text: &str) -> Option<Instant> {
    let (date, time) = text.split_once('T')?;
    let mut parts = time.strip_suffix('Z')?.splitn(3, ':');
    let mut next = || parts.next()?.split('.').next()?.parse::<u64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let day = Instant::parse_date(date)?.as_secs();
    Some(Instant::from_secs(day + hours * 3_600 + minutes * 60 + seconds))
}

fn until_date(message: &str, now: Instant) -> Option<Duration> {
    let (_, after) = message.split_once("access on ")?;
    Some(Instant::parse_date(after.get(..10)?)?.since(now))
}
