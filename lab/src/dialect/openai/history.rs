//! The messages of a chat completions request.

use crate::ask::{Ask, Refusal, Shape, Turn};
use crate::dialect::json::{self, Object};
use crate::prose::hash;
use crate::scenario::{Flavour, Provider};
use crate::tokens::Tally;
use serde_json::Value;
use std::collections::BTreeSet;
use vocab::{Caps, Dialect};

pub(super) fn messages(
    map: &Object,
    provider: &Provider,
    flavour: Flavour,
    caps: Caps,
    ask: &mut Ask,
) -> Result<(), Refusal> {
    let Some(messages) = json::list(map, "messages")? else {
        return Err(Refusal::coded(
            "missing_required_parameter",
            Some("messages"),
            "Missing required parameter: 'messages'.",
        ));
    };
    if messages.is_empty() {
        return Err(Refusal::coded(
            "empty_array",
            Some("messages"),
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        ));
    }
    let strict = matches!(flavour, Flavour::Openai | Flavour::Groq);
    // Calls of the last assistant message that have no result yet.
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (i, message) in messages.iter().enumerate() {
        let at = format!("messages.[{i}]");
        let Some(message) = message.as_object() else {
            return Err(json::wrong_type(&at, "an object", message));
        };
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let mut tally = Tally::default();
        if role != "tool" && strict && !open.is_empty() {
            let ids: Vec<&str> = open.iter().map(String::as_str).collect();
            return Err(Refusal::at(
                &at,
                format!(
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                    ids.join(", ")
                ),
            ));
        }
        if flavour == Flavour::Groq {
            groq_message(message, i, role)?;
        }
        let content = message.get("content");
        // Cloudflare: "content null: refused; send """.
        if content.is_some_and(Value::is_null) && provider.dialect == Dialect::WorkersAi {
            return Err(Refusal::bad(format!(
                "Bad input: messages.{i}.content: type mismatch, 'string' expected, got null"
            )));
        }
        images(content, flavour, caps, &at)?;
        let text = json::content(content, &format!("{at}.content"), &mut tally)?;
        let present = content.is_some_and(|c| !c.is_null());
        match role {
            "system" | "developer" | "user" if present => {
                if role == "user" {
                    ask.last_user.clone_from(&text);
                }
                ask.results = None;
            }
            "assistant" => {
                open = calls(message, &at, flavour, &mut tally)?;
                if !present && open.is_empty() {
                    return Err(Refusal::at(
                        &format!("{at}.content"),
                        format!("Invalid value for 'content': expected a string, got null. ({at})"),
                    ));
                }
                ask.results = None;
            }
            "tool" => {
                let id = json::text(message, "tool_call_id")?;
                let Some(id) = id else {
                    return Err(Refusal::coded(
                        "missing_required_parameter",
                        Some(&at),
                        format!("Missing required parameter: '{at}.tool_call_id'."),
                    ));
                };
                if !present {
                    return Err(Refusal::at(
                        &format!("{at}.content"),
                        format!("Missing required parameter: '{at}.content'."),
                    ));
                }
                if !open.remove(id) && strict {
                    return Err(Refusal::at(
                        &at,
                        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    ));
                }
                tally.flat();
                let results = ask.results.get_or_insert_default();
                if !results.is_empty() {
                    results.push('\n');
                }
                results.push_str(&text);
            }
            "function" if flavour == Flavour::Openai && present => tally.flat(),
            "system" | "developer" | "user" => {
                return Err(Refusal::at(
                    &format!("{at}.content"),
                    format!("Invalid value for 'content': expected a string, got null. ({at})"),
                ));
            }
            other => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'. ({at})"
                );
                return Err(Refusal::coded("invalid_value", Some(&format!("{at}.role")), message));
            }
        }
        let written = Value::Object(message.clone()).to_string();
        ask.turns.push(Turn { tally, hash: hash(&[written.as_bytes()]) });
    }
    if strict && !open.is_empty() {
        return Err(Refusal::at(
            "messages",
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
        ));
    }
    if ask.shape == Shape::Object
        && flavour == Flavour::Openai
        && !Value::from(messages).to_string().to_lowercase().contains("json")
    {
        return Err(Refusal::at(
            "messages",
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        ));
    }
    Ok(())
}

/// "messages[].name: refused", "Null fields inside assistant messages are refused". A null content beside tool calls
/// is what every SDK sends, and is taken.
fn groq_message(message: &Object, i: usize, role: &str) -> Result<(), Refusal> {
    let whole = |what: &str| {
        Refusal::bad(format!(
            "'messages.{i}' : for 'role:{role}' the following must be satisfied[('messages.{i}' : {what})]"
        ))
    };
    if message.contains_key("name") {
        return Err(whole("property 'name' is unsupported"));
    }
    for (key, value) in message {
        let usual = key == "content" && role == "assistant" && message.contains_key("tool_calls");
        if value.is_null() && !usual {
            return Err(whole(&format!("'{key}' : value must not be null")));
        }
    }
    Ok(())
}

fn images(content: Option<&Value>, flavour: Flavour, caps: Caps, at: &str) -> Result<(), Refusal> {
    let parts = content.and_then(Value::as_array).into_iter().flatten();
    for part in parts.filter(|p| p.get("type").and_then(Value::as_str) == Some("image_url")) {
        if !caps.contains(Caps::VISION) {
            return Err(Refusal::at(
                at,
                "Invalid content type. image_url is only supported by certain models.",
            ));
        }
        let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
        // "Images: base64 data URLs only; https URLs are refused."
        let allowed = url.starts_with("data:") || (url.starts_with("https://") && flavour != Flavour::Ollama);
        if !allowed {
            return Err(Refusal::coded("invalid_image_url", Some(at), "invalid image input"));
        }
    }
    Ok(())
}

fn calls(
    message: &Object,
    at: &str,
    flavour: Flavour,
    tally: &mut Tally,
) -> Result<BTreeSet<String>, Refusal> {
    let mut open = BTreeSet::new();
    let Some(calls) = json::list(message, "tool_calls")? else { return Ok(open) };
    if calls.is_empty() && flavour == Flavour::Openai {
        return Err(Refusal::coded(
            "empty_array",
            Some(at),
            format!(
                "Invalid '{at}.tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead."
            ),
        ));
    }
    for call in calls {
        let id = call.get("id").and_then(Value::as_str);
        let name =
            call.pointer("/function/name").or_else(|| call.pointer("/custom/name")).and_then(Value::as_str);
        let arguments = call.pointer("/function/arguments").or_else(|| call.pointer("/custom/input"));
        let (Some(id), Some(_), Some(Value::String(_))) = (id, name, arguments) else {
            return Err(Refusal::coded(
                "missing_required_parameter",
                Some(at),
                format!(
                    "Missing required parameter in '{at}.tool_calls': id, function.name and function.arguments (a string) are required."
                ),
            ));
        };
        open.insert(id.to_owned());
        tally.flat();
    }
    Ok(open)
}
