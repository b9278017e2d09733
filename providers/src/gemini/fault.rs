//! What an error of Gemini's means. The body knows more than the status: 400 for a key that is not valid, 429 for a
//! minute and for a day alike.

use super::pacific::next_midnight;
use crate::foreign::{retry_after, said, seconds};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use vocab::{Fault, Instant};

/// For a status other than 2xx.
pub(super) fn fault(status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    told(status, retry_after(headers), &body, Some(now))
}

/// For an error inside a reply that came with status 200.
pub(super) fn within(body: &Value) -> Fault {
    told(500, None, body, None)
}

fn told(http: u16, header: Option<Duration>, body: &Value, now: Option<Instant>) -> Fault {
    // The layer that speaks OpenAI's format wraps its errors into an array.
    let body = if body.is_array() { &body[0] } else { body };
    let error = if body["error"].is_object() { &body["error"] } else { body };
    let http = error["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .filter(|c| *c >= 400)
        .unwrap_or(http);
    let status = error["status"].as_str().filter(|s| !s.is_empty()).unwrap_or_else(|| usual_status(http));
    let text = error["message"].as_str().or(body["error"].as_str()).unwrap_or_default();
    let message =
        if text.is_empty() { format!("gemini: status {http} {}", said(status)) } else { said(text) };
    let lower = text.to_ascii_lowercase();
    let says = |any: &[&str]| any.iter().any(|phrase| lower.contains(phrase));

    if reasons(error).any(|reason| reason.starts_with("API_KEY_"))
        || says(&["api key not valid", "api key expired"])
    {
        return Fault::Denied(message);
    }
    match status {
        "RESOURCE_EXHAUSTED" => exhausted(error, &lower, header, now, message),
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => Fault::Denied(message),
        // "billing or region": of the account behind the credential, whatever is asked.
        "FAILED_PRECONDITION" => Fault::Denied(message),
        "NOT_FOUND" => Fault::Gone(message),
        "UNAVAILABLE" if header.is_some() || says(&["overloaded", "high demand", "capacity"]) => {
            Fault::Busy { retry_after: header.or_else(|| wait_in_details(error)), message }
        }
        "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "ABORTED" | "CANCELLED" | "UNKNOWN"
        | "DATA_LOSS" => Fault::Down(message),
        "UNIMPLEMENTED" => Fault::Unfit(message),
        _ if http == 413 || (says(&["token count"]) && says(&["exceeds the maximum"])) => {
            Fault::TooLong(message)
        }
        // A signature that another model, key or route made; only this provider minds.
        _ if says(&["thought_signature", "thought signature"]) => Fault::Unfit(message),
        // What a model of this provider cannot do, and the catalogue did not know.
        _ if says(&[
            "not supported",
            "unsupported",
            "does not support",
            "not enabled for",
            "is not available",
        ]) =>
        {
            Fault::Unfit(message)
        }
        _ if (400..=499).contains(&http) => Fault::Rejected {
            message,
            param: violations(error).find_map(|v| v["field"].as_str()).map(said),
            code: Some(said(status)),
        },
        _ => Fault::Down(message),
    }
}

/// A minute's limit is waited for, a day's is not: "A quotaId with PerDay means dead until midnight Pacific time:
/// take the key out, do not obey the short retryDelay".
fn exhausted(
    error: &Value,
    lower: &str,
    header: Option<Duration>,
    now: Option<Instant>,
    message: String,
) -> Fault {
    let per_day = violations(error).any(|v| v["quotaId"].as_str().is_some_and(|id| id.contains("PerDay")));
    if per_day {
        return Fault::Spent { retry_after: now.map(|now| next_midnight(now).since(now)), message };
    }
    if lower.contains("credits are depleted") || lower.contains("spending cap") {
        return Fault::Spent { retry_after: None, message };
    }
    let retry_after = wait_in_details(error).or_else(|| wait_in_words(lower)).or(header);
    Fault::Busy { retry_after, message }
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn reasons(error: &Value) -> impl Iterator<Item = &str> {
    details(error).filter_map(|detail| detail["reason"].as_str())
}

/// Of a quota (`violations`) or of a field (`fieldViolations`).
fn violations(error: &Value) -> impl Iterator<Item = &Value> {
    details(error).flat_map(|detail| {
        ["violations", "fieldViolations"]
            .into_iter()
            .flat_map(|list| detail[list].as_array().map_or(&[][..], Vec::as_slice))
    })
}

/// `RetryInfo.retryDelay`: a decimal number of seconds and an s, as proto3 writes durations.
fn wait_in_details(error: &Value) -> Option<Duration> {
    details(error).find_map(|detail| duration(detail["retryDelay"].as_str()?))
}

/// "Please retry in 47.434392449s."
fn wait_in_words(lower: &str) -> Option<Duration> {
    let (_, after) = lower.split_once("retry in ")?;
    duration(after.split_whitespace().next()?.trim_end_matches(['.', ',']))
}

/// `34s`, `34.07s`, `500ms`, `1h2m3.5s`.
fn duration(mut text: &str) -> Option<Duration> {
    let mut sum = None::<Duration>;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at_checked(digits)?;
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at_checked(letters)?;
        let number = seconds(number)?;
        let part = match unit {
            "h" => number.saturating_mul(3_600),
            "m" => number.saturating_mul(60),
            "s" => number,
            "ms" => number / 1_000,
            _ => return None,
        };
        sum = Some(sum.unwrap_or_default().saturating_add(part));
        text = rest;
    }
    sum
}

/// The status that goes with an HTTP status where the body is silent (google.rpc.Code).
fn usual_status(http: u16) -> &'static str {
    match http {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 | 410 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}
