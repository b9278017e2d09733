//! Reading what others wrote: figures that may be absurd, sentences that may hold a secret, arguments that may not
//! be JSON. Objects are read by path (`value["a"]["b"]` is null where there is none), so unknown fields cannot hurt.

use http::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Duration;
use vocab::{Effort, Fault};

/// The longest sentence of a provider that is passed on, in bytes.
const MESSAGE_MAX: usize = 500;

/// Beginnings of credentials: Google API keys (old and new), Google OAuth tokens, Groq's, the `sk-` family, and the `sk_`
/// of ElevenLabs and Cartesia.
const SECRETS: [&str; 6] = ["AIza", "AQ.", "ya29.", "gsk_", "sk-", "sk_"];

/// A count as JSON may hold it: a number, or a string as proto3 writes 64-bit integers. None where there is none; a
/// negative one is 0 and an anomaly.
pub(crate) fn count(value: &Value, anomaly: &mut bool) -> Option<u64> {
    match value {
        Value::Number(n) => match n.as_u64() {
            Some(n) => Some(n),
            // Below zero, beyond u64 or broken: counts are whole, so the digits before the point are the count.
            None => match n.to_string().split(['.', 'e', 'E']).next().map(str::parse) {
                Some(Ok(whole)) if n.as_f64().is_some_and(|f| f < 1e15) => Some(whole),
                _ => {
                    *anomaly = true;
                    Some(0)
                }
            },
        },
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A provider's sentence, fit to be logged and shown: one line, bounded, without credentials.
pub(crate) fn said(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(MESSAGE_MAX + 8));
    let mut rest = message;
    let mut boundary = true;
    while let Some(next) = rest.chars().next() {
        if out.len() >= MESSAGE_MAX {
            out.push('…');
            break;
        }
        if boundary && let Some((prefix, length)) = secret(rest) {
            out.push_str(prefix);
            out.push('…');
            rest = rest.get(length..).unwrap_or_default();
            boundary = false;
            continue;
        }
        boundary = !next.is_ascii_alphanumeric();
        out.push(if next.is_control() { ' ' } else { next });
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    out
}

/// An answer that is no JSON, as a sentence. A page of a gateway in between says nothing that its status does not.
pub(crate) fn plain_text(status: u16, body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body.get(..body.len().min(2_000)).unwrap_or_default());
    match text.trim() {
        "" => Cow::Owned(format!("status {status} without a body")),
        page if page.starts_with('<') => Cow::Owned(format!("status {status} with an HTML page")),
        text => Cow::Owned(text.to_owned()),
    }
}

/// The kind and the length of the credential that `text` begins with.
fn secret(text: &str) -> Option<(&'static str, usize)> {
    let prefix = SECRETS.into_iter().find(|prefix| text.starts_with(prefix))?;
    // OpenAI echoes a refused key with stars in its middle.
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-_.*".contains(b)).count();
    (length >= prefix.len() + 8).then_some((prefix, length))
}

/// `Retry-After` in seconds, whole or not. A date is not understood: none of these providers sends one.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    seconds(headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim())
}

/// Seconds written as a decimal number, at most a year of them.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    if !(0.0..=31_536_000.0).contains(&seconds) {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// A tool call's arguments as the JSON object that both dialects insist on. An object goes as it was written, byte
/// for byte; nothing at all means none; what is no object is kept under one key, so that the model sees what it did.
pub(crate) fn arguments(text: &str) -> Cow<'_, RawValue> {
    object(text).unwrap_or_else(|| wrapped("arguments", text))
}

/// The object that `text` is, or None. Blank text is the empty object.
pub(crate) fn object(text: &str) -> Option<Cow<'_, RawValue>> {
    let text = text.trim();
    let text = if text.is_empty() { "{}" } else { text };
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str::<&RawValue>(text).ok().map(Cow::Borrowed)
}

/// `{"key": "text"}`.
pub(crate) fn wrapped(key: &str, text: &str) -> Cow<'static, RawValue> {
    let object = serde_json::json!({ key: text });
    match serde_json::value::to_raw_value(&object) {
        Ok(raw) => Cow::Owned(raw),
        // A map with one string always serialises.
        Err(_) => Cow::Borrowed(RawValue::NULL),
    }
}

/// `data:mime;base64,…` taken apart, for URLs that hold what they point to.
pub(crate) fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or(mime), data))
}

/// The effort a model takes that is nearest to the one asked for: the highest not above it, else the lowest. `takes`
/// empty is unknown: ask as asked. Thinking is never turned off by this.
pub(crate) fn nearest(want: Effort, takes: &[Effort]) -> Effort {
    let takes = || takes.iter().copied().filter(|e| *e != Effort::None);
    takes().filter(|e| *e <= want).max().or_else(|| takes().min()).unwrap_or(want)
}

/// What a provider cannot be told, by the name the client knows the field by.
pub(crate) fn unfit(provider: &str, field: &str, why: &str) -> Fault {
    Fault::Unfit(format!("{field}: {provider} {why}"))
}

/// Whether a field that has no counterpart may be left out unsaid, because the answer would be as good without it:
/// hints for bookkeeping and caches, and values that ask for what happens anyway.
///
/// `verbosity` asks for a style: only `medium`, the default, is nothing. `store: true` asks for a record to be kept.
pub(crate) fn harmless(field: &str, value: &Value) -> bool {
    match field {
        "metadata"
        | "user"
        | "prompt_cache_key"
        | "prompt_cache_options"
        | "prompt_cache_retention"
        | "safety_identifier"
        | "stream_options" => true,
        "store" => *value == Value::Bool(false),
        "verbosity" => value == "medium",
        "modalities" => *value == serde_json::json!(["text"]),
        "logit_bias" => value.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_never_negative_and_never_lost() {
        for (value, want, odd) in [
            (json!(12), Some(12), false),
            (json!("12"), Some(12), false),
            (json!(12.0), Some(12), false),
            (json!(-3), Some(0), true),
            (json!(-0.5), Some(0), true),
            (json!(1e300), Some(0), true),
            (json!(null), None, false),
            (json!([]), None, false),
            (json!("many"), None, false),
        ] {
            let mut anomaly = false;
            assert_eq!((count(&value, &mut anomaly), anomaly), (want, odd), "{value}");
        }
    }

    #[test]
    fn messages_are_short_and_hold_no_keys() {
        let key = "AIzaSyA1234567890abcdefghijklmnopqrstuv";
        assert_eq!(said(&format!("bad key api_key:{key}.")), "bad key api_key:AIza…");
        assert_eq!(said("invalid x-api-key sk-ant-api03-abc_DEF-123"), "invalid x-api-key sk-…");
        assert_eq!(said("Invalid API key sk_car_0123456789abcdef"), "Invalid API key sk_…");
        assert_eq!(said("a task-oriented risk-assessment"), "a task-oriented risk-assessment");
        assert_eq!(said("two\nlines\0"), "two lines ");
        let long = said(&"ä".repeat(5_000));
        assert!(long.len() < MESSAGE_MAX + 8 && long.ends_with('…'));
    }

    #[test]
    fn arguments_are_an_object_whatever_the_model_wrote() {
        for (text, want) in [
            (r#"{"b":1.10,"a":12345678901234567890123}"#, r#"{"b":1.10,"a":12345678901234567890123}"#),
            ("", "{}"),
            ("  \n", "{}"),
            (r#"{"city": "#, r#"{"arguments":"{\"city\": "}"#),
            ("[1]", r#"{"arguments":"[1]"}"#),
            ("null", r#"{"arguments":"null"}"#),
        ] {
            assert_eq!(arguments(text).get(), want);
        }
    }

    #[test]
    fn the_nearest_effort_is_the_next_one_down() {
        use Effort::{High, Low, Max, Medium, Minimal, Xhigh};
        assert_eq!(nearest(Max, &[Low, Medium, High]), High);
        assert_eq!(nearest(Minimal, &[Effort::None, Low, High]), Low);
        assert_eq!(nearest(Medium, &[Low, High]), Low);
        assert_eq!(nearest(Xhigh, &[]), Xhigh);
    }

    #[test]
    fn waits_are_sane() {
        assert_eq!(seconds("34.07"), Some(Duration::from_millis(34_070)));
        for bad in ["-1", "NaN", "inf", "1e300", "soon", ""] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
