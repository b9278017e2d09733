//! Errors of ElevenLabs: a word says what is wrong; the status of a spent quota is that of a bad key.

use crate::foreign::{plain_text, said};
use crate::spoken::no_sound;
use serde_json::Value;
use std::borrow::Cow;
use vocab::Fault;

pub(super) fn of(status: u16, body: &[u8]) -> Fault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = match &tree["detail"] {
        Value::Null => &tree,
        detail => detail,
    };
    match detail {
        Value::Array(invalid) if (400..500).contains(&status) && tree.is_object() => {
            return rejected(invalid);
        }
        Value::String(text) => return classify(status, "", text),
        _ => {}
    }
    // Newer replies add type and code; the word that all have is `status`.
    let word =
        ["status", "code", "type"].into_iter().find_map(|field| detail[field].as_str()).unwrap_or_default();
    let text = match detail["message"].as_str() {
        Some(text) => Cow::Borrowed(text),
        None if word.is_empty() => plain_text(status, body),
        None => Cow::Borrowed(word),
    };
    classify(status, word, &text)
}

/// `[{"loc": ["body", "text"], "msg": "…", "type": "…"}]`.
fn rejected(invalid: &[Value]) -> Fault {
    let first = invalid.first().unwrap_or(&Value::Null);
    let place = first["loc"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let place: Vec<&str> = place.filter(|part| *part != "body" && *part != "query").collect();
    Fault::Rejected {
        message: said(first["msg"].as_str().unwrap_or("the request is not valid")),
        param: (!place.is_empty()).then(|| said(&place.join("."))),
        code: first["type"].as_str().map(said),
    }
}

fn classify(status: u16, word: &str, text: &str) -> Fault {
    let message = said(text);
    match word {
        // 401, as a key that is not valid: the key is, and there is nothing left on it.
        "quota_exceeded" => return Fault::Spent { retry_after: None, message },
        "max_character_limit_exceeded" => return Fault::TooLong(message),
        "invalid_api_key" | "needs_authorization" | "detected_unusual_activity" | "missing_permissions" => {
            return Fault::Denied(message);
        }
        // Whoever asked for it by a name of weir's is served by another.
        "voice_not_found" => return Fault::Unfit(message),
        // A field that this one model does not take.
        "unsupported_model" => return Fault::Unfit(message),
        "model_not_found" => return Fault::Gone(message),
        "too_many_concurrent_requests" | "system_busy" => {
            return Fault::Busy { retry_after: None, message };
        }
        // Of the format, the voice or the model, which this plan has not; the key is as good as it was.
        plan if plan.starts_with("only_for_") => return Fault::Unfit(message),
        _ => {}
    }
    match status {
        401 | 403 => Fault::Denied(message),
        402 => Fault::Spent { retry_after: None, message },
        404 | 410 => Fault::Gone(message),
        413 => Fault::TooLong(message),
        408 | 504 => Fault::Silent(message),
        409 | 425 | 429 => Fault::Busy { retry_after: None, message },
        400..=499 => Fault::Rejected { message, param: None, code: (!word.is_empty()).then(|| said(word)) },
        200..=299 if word.is_empty() => no_sound(),
        _ => Fault::Down(message),
    }
}
