//! Looking into a request with an eye for what is wrong with it.

use crate::ask::Refusal;
use crate::tokens::Tally;
use serde_json::{Map, Value};

pub(crate) type Object = Map<String, Value>;

/// The body as an object; duplicate keys keep the last, as most servers do.
pub(crate) fn object(body: &[u8]) -> Result<Object, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Refusal::bad("The request body must be a JSON object.")),
        Err(e) => Err(Refusal::bad(format!("We could not parse the JSON body of your request: {e}"))),
    }
}

/// Present and not null.
pub(crate) fn get<'v>(map: &'v Object, key: &str) -> Option<&'v Value> {
    map.get(key).filter(|v| !v.is_null())
}

pub(crate) fn text<'v>(map: &'v Object, key: &str) -> Result<Option<&'v str>, Refusal> {
    match get(map, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(key, "a string", other)),
    }
}

pub(crate) fn flag(map: &Object, key: &str) -> Result<Option<bool>, Refusal> {
    match get(map, key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(wrong_type(key, "a boolean", other)),
    }
}

/// A whole number between the two, both included.
pub(crate) fn number(map: &Object, key: &str, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
    let Some(value) = get(map, key) else { return Ok(None) };
    let number = value.as_i64().ok_or_else(|| wrong_type(key, "an integer", value))?;
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    let message =
        format!("Invalid '{key}': expected a value between {least} and {most}, but got {number} instead.");
    Err(Refusal::coded("invalid_value", Some(key), message))
}

pub(crate) fn count(map: &Object, key: &str, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
    Ok(number(map, key, i64::from(least), i64::from(most))?.and_then(|n| u32::try_from(n).ok()))
}

/// A number with a fraction, within bounds.
pub(crate) fn real(map: &Object, key: &str, least: f64, most: f64) -> Result<Option<f64>, Refusal> {
    let Some(value) = get(map, key) else { return Ok(None) };
    let number = value.as_f64().ok_or_else(|| wrong_type(key, "a number", value))?;
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    let message =
        format!("Invalid '{key}': expected a value between {least} and {most}, but got {number} instead.");
    Err(Refusal::coded("invalid_value", Some(key), message))
}

/// A list, or none; anything else is refused.
pub(crate) fn list<'v>(map: &'v Object, key: &str) -> Result<Option<&'v [Value]>, Refusal> {
    match get(map, key) {
        None => Ok(None),
        Some(Value::Array(all)) => Ok(Some(all)),
        Some(other) => Err(wrong_type(key, "an array", other)),
    }
}

/// A field that must be an object.
pub(crate) fn inner<'v>(map: &'v Object, key: &str) -> Result<Option<&'v Object>, Refusal> {
    match get(map, key) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(other) => Err(wrong_type(key, "an object", other)),
    }
}

pub(crate) fn wrong_type(key: &str, expected: &str, got: &Value) -> Refusal {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("Invalid type for '{key}': expected {expected}, but got {got} instead.");
    Refusal::coded("invalid_type", Some(key), message)
}

/// The first field that is not in the list.
pub(crate) fn stranger<'v>(map: &'v Object, known: &[&str]) -> Option<&'v str> {
    map.keys().map(String::as_str).find(|key| !known.contains(key))
}

/// A text or a list of parts, counted; the plain text comes back.
pub(crate) fn content(value: Option<&Value>, at: &str, tally: &mut Tally) -> Result<String, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => {
            tally.text(text);
            Ok(text.clone())
        }
        Some(Value::Array(parts)) => {
            let mut out = String::new();
            for part in parts {
                match part.get("type").and_then(Value::as_str) {
                    Some("text" | "refusal") => {
                        let text = part.get("text").or_else(|| part.get("refusal")).and_then(Value::as_str);
                        let text = text.ok_or_else(|| {
                            Refusal::at(at, format!("Missing required parameter: '{at}.text'."))
                        })?;
                        tally.text(text);
                        out.push_str(text);
                    }
                    Some("image_url" | "input_audio" | "file") => tally.media(),
                    other => {
                        let named = other.unwrap_or("none");
                        let message = format!(
                            "Invalid value: '{named}' in '{at}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'."
                        );
                        return Err(Refusal::coded("invalid_value", Some(at), message));
                    }
                }
            }
            Ok(out)
        }
        Some(other) => Err(wrong_type(at, "a string or a list of parts", other)),
    }
}
