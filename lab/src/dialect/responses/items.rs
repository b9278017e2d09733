//! The input of a Responses request: a text, or items.

use super::read::missing;
use super::say;
use crate::ask::{Ask, Refusal, Shape, Turn};
use crate::dialect::json::{self, Object};
use crate::prose::hash;
use crate::tokens::Tally;
use serde_json::Value;
use std::collections::BTreeSet;
use vocab::Caps;

const CALL_ID_MAX: usize = 64;

pub(super) fn input(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    if let Some(text) = json::text(map, "instructions")? {
        let mut tally = Tally::default();
        tally.text(text);
        ask.turns.push(Turn { tally, hash: hash(&[text.as_bytes()]) });
    }
    let said = match json::get(map, "input") {
        None => return Err(missing("input")),
        Some(Value::String(text)) => {
            let mut tally = Tally::default();
            tally.text(text);
            ask.turns.push(Turn { tally, hash: hash(&[text.as_bytes()]) });
            ask.last_user.clone_from(text);
            text.to_lowercase()
        }
        Some(Value::Array(items)) if items.is_empty() => {
            return Err(Refusal::coded(
                "empty_array",
                Some("input"),
                "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            ));
        }
        Some(Value::Array(items)) => {
            follows(items)?;
            let mut open = BTreeSet::new();
            for (i, item) in items.iter().enumerate() {
                let at = format!("input[{i}]");
                let item = item.as_object().ok_or_else(|| json::wrong_type(&at, "an object", item))?;
                read_item(item, &at, caps, &mut open, ask)?;
            }
            if let Some(id) = open.first() {
                let message = format!("No tool output found for function call {id}.");
                return Err(Refusal::at("input", message));
            }
            Value::from(items.as_slice()).to_string().to_lowercase()
        }
        Some(other) => return Err(json::wrong_type("input", "a string or an array", other)),
    };
    // The instructions do not count.
    if ask.shape == Shape::Object && !said.contains("json") {
        return Err(Refusal::at(
            "input",
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
        ));
    }
    Ok(())
}

/// Reasoning comes right before what it led to.
fn follows(items: &[Value]) -> Result<(), Refusal> {
    let kind = |item: &Value| item.get("type").and_then(Value::as_str).map(str::to_owned);
    for (i, item) in items.iter().enumerate().filter(|(_, item)| kind(item).as_deref() == Some("reasoning")) {
        let next = items.iter().skip(i + 1).find(|item| kind(item).as_deref() != Some("reasoning"));
        let led = next.is_some_and(|next| {
            kind(next).as_deref() == Some("function_call") || next.get("role") == Some(&"assistant".into())
        });
        if !led {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            let message =
                format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
            return Err(Refusal::at("input", message));
        }
    }
    Ok(())
}

fn read_item(
    item: &Object,
    at: &str,
    caps: Caps,
    open: &mut BTreeSet<String>,
    ask: &mut Ask,
) -> Result<(), Refusal> {
    let mut tally = Tally::default();
    let need = |key: &str| {
        let found = json::get(item, key).and_then(Value::as_str);
        found.ok_or_else(|| missing(&format!("{at}.{key}")))
    };
    let kind = json::text(item, "type")?.unwrap_or("message");
    match kind {
        "message" => {
            let role = need("role")?;
            let text = content(item, role, at, caps, &mut tally)?;
            if role == "user" {
                ask.last_user = text;
            }
            ask.results = None;
        }
        "function_call" => {
            let id = call_id(need("call_id")?, at)?;
            need("name")?;
            need("arguments")?;
            open.insert(id);
            tally.flat();
            ask.results = None;
        }
        "function_call_output" => {
            let id = call_id(need("call_id")?, at)?;
            if !open.remove(&id) {
                let message = format!("No tool call found for function call output with call_id {id}.");
                return Err(Refusal::at("input", message));
            }
            let text = match json::get(item, "output") {
                Some(Value::String(text)) => {
                    tally.text(text);
                    text.clone()
                }
                Some(Value::Array(parts)) => read_parts(parts, "user", at, caps, &mut tally)?,
                _ => return Err(missing(&format!("{at}.output"))),
            };
            tally.flat();
            let results = ask.results.get_or_insert_default();
            if !results.is_empty() {
                results.push('\n');
            }
            results.push_str(&text);
        }
        "reasoning" => {
            let id = need("id")?;
            if !item.get("summary").is_some_and(Value::is_array) {
                return Err(missing(&format!("{at}.summary")));
            }
            match json::text(item, "encrypted_content")? {
                Some(sealed) if say::accepts(sealed) => {}
                Some(_) => {
                    return Err(Refusal::coded(
                        "invalid_encrypted_content",
                        Some("input"),
                        format!("The encrypted content for item {id} could not be verified."),
                    ));
                }
                None => {
                    let message = format!(
                        "Item with id '{id}' not found. Items are not persisted when `store` is set to false."
                    );
                    return Err(Refusal::coded("item_not_found", Some("input"), message));
                }
            }
        }
        other => {
            let message = format!("Invalid value: '{other}' in '{at}.type'.");
            return Err(Refusal::coded("invalid_value", Some(at), message));
        }
    }
    let written = Value::Object(item.clone()).to_string();
    ask.turns.push(Turn { tally, hash: hash(&[written.as_bytes()]) });
    Ok(())
}

fn call_id(id: &str, at: &str) -> Result<String, Refusal> {
    let length = id.chars().count();
    if (1..=CALL_ID_MAX).contains(&length) {
        return Ok(id.to_owned());
    }
    let message = format!(
        "Invalid '{at}.call_id': string too long. Expected a string with maximum length {CALL_ID_MAX}, but got a string with length {length} instead."
    );
    Err(Refusal::coded("string_above_max_length", Some(&format!("{at}.call_id")), message))
}

fn content(item: &Object, role: &str, at: &str, caps: Caps, tally: &mut Tally) -> Result<String, Refusal> {
    if !["user", "assistant", "system", "developer"].contains(&role) {
        let message = format!(
            "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
        );
        return Err(Refusal::coded("invalid_value", Some(&format!("{at}.role")), message));
    }
    match json::get(item, "content") {
        Some(Value::String(text)) => {
            tally.text(text);
            Ok(text.clone())
        }
        Some(Value::Array(parts)) => read_parts(parts, role, at, caps, tally),
        _ => Err(missing(&format!("{at}.content"))),
    }
}

/// The assistant's parts are `output_text` and `refusal`, everybody else's begin with `input_`.
fn read_parts(
    parts: &[Value],
    role: &str,
    at: &str,
    caps: Caps,
    tally: &mut Tally,
) -> Result<String, Refusal> {
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        let at = format!("{at}.content[{i}]");
        let field = |key: &str| part.get(key).and_then(Value::as_str);
        let text = |key: &str| field(key).ok_or_else(|| missing(&format!("{at}.{key}")));
        match (field("type").unwrap_or("none"), role) {
            ("output_text", "assistant") => out.push_str(text("text")?),
            ("refusal", "assistant") => out.push_str(text("refusal")?),
            ("input_text", "user" | "system" | "developer") => out.push_str(text("text")?),
            ("input_image", "user" | "system" | "developer") => {
                if !caps.contains(Caps::VISION) {
                    return Err(Refusal::at(&at, "This model does not support image inputs."));
                }
                let url = text("image_url")?;
                if !url.starts_with("data:image/") && !url.starts_with("https://") {
                    return Err(Refusal::coded("invalid_image_url", Some(&at), "Invalid 'image_url'."));
                }
                tally.media();
            }
            ("input_file", "user" | "system" | "developer") => {
                if field("file_data").is_some() {
                    text("filename")?;
                } else if field("file_url").is_none() && field("file_id").is_none() {
                    return Err(missing(&format!("{at}.file_data")));
                }
                tally.media();
            }
            (kind, "assistant") => {
                let message =
                    format!("Invalid value: '{kind}'. Supported values are: 'output_text' and 'refusal'.");
                return Err(Refusal::coded("invalid_value", Some(&at), message));
            }
            (kind, _) => {
                let message = format!(
                    "Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image', and 'input_file'."
                );
                return Err(Refusal::coded("invalid_value", Some(&at), message));
            }
        }
    }
    tally.text(&out);
    Ok(out)
}
