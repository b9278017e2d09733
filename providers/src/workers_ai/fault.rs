//! Errors of Workers AI: a number says what is wrong; two very different limits share status 429.

use crate::foreign::{plain_text, retry_after, said};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use vocab::{Fault, Instant};

pub(super) fn of(status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let wait = retry_after(headers);
    match error(&tree) {
        Some((code, message)) => classify(code, status, &message, wait, Some(now)),
        None => {
            let message = plain_text(status, body);
            if let Some((code, message)) = numbered(&message) {
                return classify(Some(code), status, message, wait, Some(now));
            }
            classify(None, status, &message, wait, Some(now))
        }
    }
}

/// The error that an answer with status 200 holds.
pub(super) fn within(body: &Value) -> Option<Fault> {
    let failed = body["success"] == false || body["errors"].as_array().is_some_and(|all| !all.is_empty());
    let failed = failed || matches!(&body["error"], Value::String(_) | Value::Object(_));
    if !failed {
        return None;
    }
    let (code, message) = error(body).unwrap_or((None, "the call failed and no error says why".into()));
    Some(classify(code, 200, &message, None, None))
}

/// The error that a binding throws: text such as `3040: Capacity temporarily exceeded, please try again.`, with or
/// without `AiError: ` before it.
pub fn fault_from_text(text: &str) -> Fault {
    match numbered(text) {
        Some((code, message)) => classify(Some(code), 0, message, None, None),
        None => classify(None, 0, text.trim(), None, None),
    }
}

/// Digits before a colon at the beginning, after names of errors with a colon each.
fn numbered(text: &str) -> Option<(u64, &str)> {
    let mut rest = text.trim();
    for _ in 0..4 {
        let (head, tail) = rest.split_once(':')?;
        if let Ok(code) = head.trim().parse() {
            return Some((code, tail.trim()));
        }
        if head.is_empty() || !head.bytes().all(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        rest = tail.trim_start();
    }
    None
}

/// Code and message, from `errors[0]` of the envelope, an OpenAI-shaped `error`, or the text of one.
fn error(body: &Value) -> Option<(Option<u64>, String)> {
    let error = match body["errors"].as_array().and_then(|all| all.first()) {
        Some(error) => error,
        None => &body["error"],
    };
    if let Some(text) = error.as_str() {
        return Some(
            numbered(text).map_or_else(|| (None, text.to_owned()), |(c, m)| (Some(c), m.to_owned())),
        );
    }
    let message = error["message"].as_str()?;
    let code = error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok());
    Some(match (code, numbered(message)) {
        (_, Some((code, message))) => (Some(code), message.to_owned()),
        (code, None) => (code, message.to_owned()),
    })
}

fn classify(
    code: Option<u64>,
    status: u16,
    message: &str,
    wait: Option<Duration>,
    now: Option<Instant>,
) -> Fault {
    let lower = message.to_lowercase();
    let message = said(&code.map_or_else(|| message.to_owned(), |code| format!("{code}: {message}")));
    let rejected = |message| Fault::Rejected { message, param: None, code: code.map(|c| c.to_string()) };
    if ["context window", "context length", "maximum context", "too many tokens"]
        .iter()
        .any(|w| lower.contains(w))
    {
        return Fault::TooLong(message);
    }
    match code {
        // No such model, by name or by id; and models that were switched off.
        Some(5007 | 3042 | 5028) => Fault::Gone(message),
        _ if lower.contains("model") && (lower.contains("deprecated") || lower.contains("no such model")) => {
            Fault::Gone(message)
        }
        Some(5023) => Fault::Unfit(message),
        Some(5004 | 3003 | 3039 | 5019 | 5005) => rejected(message),
        // Not allowed, account limited or blocked; 10000 is the API's own "Authentication error".
        Some(5016 | 5018 | 3023 | 3041 | 10000) => Fault::Denied(message),
        Some(3006) => Fault::TooLong(message),
        Some(3007 | 3008) => Fault::Silent(message),
        // The daily free allocation: nothing before 00:00 UTC.
        Some(3036) => Fault::Spent { retry_after: wait.or_else(|| now.and_then(until_midnight)), message },
        Some(3040) => Fault::Busy { retry_after: wait, message },
        _ => match status {
            401..=403 => Fault::Denied(message),
            404 | 410 => Fault::Gone(message),
            413 => Fault::TooLong(message),
            408 | 504 => Fault::Silent(message),
            409 | 425 | 429 => Fault::Busy { retry_after: wait, message },
            400..=499 => rejected(message),
            _ if lower.contains("capacity") || lower.contains("rate limit") => {
                Fault::Busy { retry_after: wait, message }
            }
            _ => Fault::Down(message),
        },
    }
}

fn until_midnight(now: Instant) -> Option<Duration> {
    const DAY: u64 = 86_400_000_000;
    let gone = now.as_micros() % DAY;
    (now > Instant::ZERO).then(|| Duration::from_micros(DAY - gone))
}
