//! The conversation in a Messages request.

use super::say;
use crate::ask::{Ask, Refusal, Turn};
use crate::prose::hash;
use crate::tokens::Tally;
use serde_json::Value;
use std::collections::BTreeSet;

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message.get("content").and_then(Value::as_array).into_iter().flatten()
}

fn kind(block: &Value) -> &str {
    block.get("type").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn read_message(message: &Value, i: usize, ask: &mut Ask) -> Result<(), Refusal> {
    let bad = |what: &str| Refusal::bad(format!("messages.{i}{what}"));
    let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
    match role {
        "user" | "assistant" => {}
        "system" => {
            return Err(Refusal::bad(
                "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.",
            ));
        }
        _ => return Err(bad(".role: Input should be 'user' or 'assistant'")),
    }
    if i == 0 && role != "user" {
        return Err(Refusal::bad("messages: first message must use the \"user\" role"));
    }
    let mut tally = Tally::default();
    let mut text = String::new();
    let mut results: Option<String> = None;
    match message.get("content") {
        Some(Value::String(said)) if !said.is_empty() => {
            tally.text(said);
            text.clone_from(said);
        }
        Some(Value::Array(all)) if !all.is_empty() => {
            for block in all {
                match kind(block) {
                    "text" => {
                        let said = block.get("text").and_then(Value::as_str).unwrap_or_default();
                        if said.is_empty() {
                            return Err(Refusal::bad("messages: text content blocks must be non-empty"));
                        }
                        tally.text(said);
                        text.push_str(said);
                    }
                    "image" | "document" if role == "user" => tally.media(),
                    "tool_use" if role == "assistant" => {
                        if !block.get("input").is_some_and(Value::is_object) {
                            return Err(bad(".content.tool_use.input: Input should be a valid dictionary"));
                        }
                        tally.flat();
                    }
                    "tool_result" if role == "user" => {
                        if !text.is_empty() {
                            return Err(bad(": `tool_result` blocks must come before any text"));
                        }
                        let said = result(block.get("content"));
                        tally.text(&said);
                        tally.flat();
                        let all = results.get_or_insert_default();
                        if !all.is_empty() {
                            all.push('\n');
                        }
                        all.push_str(&said);
                    }
                    "thinking" if role == "assistant" => {
                        let signature = block.get("signature").and_then(Value::as_str).unwrap_or_default();
                        if !say::accepts(signature) {
                            return Err(bad(": Invalid `signature` in `thinking` block"));
                        }
                    }
                    "redacted_thinking" if role == "assistant" => {}
                    other => {
                        return Err(bad(&format!(
                            ".content: Input tag '{other}' found using 'type' does not match any of the expected tags"
                        )));
                    }
                }
            }
        }
        Some(Value::String(_) | Value::Array(_)) if role == "user" => {
            return Err(bad(": user messages must have non-empty content"));
        }
        Some(Value::String(_) | Value::Array(_)) => {
            return Err(Refusal::bad("messages: text content blocks must be non-empty"));
        }
        _ => return Err(bad(".content: Field required")),
    }
    if role == "user" && !text.is_empty() {
        ask.last_user = text;
    }
    ask.results = results;
    ask.turns.push(Turn { tally, hash: hash(&[message.to_string().as_bytes()]) });
    Ok(())
}

fn result(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().filter_map(|b| b.get("text").and_then(Value::as_str)).collect(),
        _ => String::new(),
    }
}

/// Every use is answered in the very next message, and nothing is answered that was not used.
pub(super) fn pairs(messages: &[Value]) -> Result<(), Refusal> {
    let ids = |m: &Value, what: &str, field: &str| -> BTreeSet<String> {
        blocks(m)
            .filter(|b| kind(b) == what)
            .filter_map(|b| b.get(field).and_then(Value::as_str))
            .map(str::to_owned)
            .collect()
    };
    let mut used = BTreeSet::new();
    for (i, message) in messages.iter().enumerate() {
        let answered = ids(message, "tool_result", "tool_use_id");
        if let Some(id) = answered.difference(&used).next() {
            return Err(Refusal::bad(format!(
                "messages.{i}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )));
        }
        if let Some(id) = used.difference(&answered).next() {
            return Err(Refusal::bad(format!(
                "messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )));
        }
        used = ids(message, "tool_use", "id");
    }
    match used.first() {
        Some(id) => Err(Refusal::bad(format!(
            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: {id}."
        ))),
        None => Ok(()),
    }
}

/// With thinking on, the turn that is being continued begins with its thinking block.
pub(super) fn thinking_first(messages: &[Value]) -> Result<(), Refusal> {
    let results = |m: &Value| blocks(m).any(|b| kind(b) == "tool_result");
    let from = messages
        .iter()
        .rposition(|m| m.get("role") == Some(&"user".into()) && !results(m))
        .map_or(0, |at| at + 1);
    for (i, message) in messages.iter().enumerate().skip(from) {
        let uses = blocks(message).any(|b| kind(b) == "tool_use");
        let first = blocks(message).next().map(kind).unwrap_or_default();
        if uses && !matches!(first, "thinking" | "redacted_thinking") {
            return Err(Refusal::bad(format!(
                "messages.{i}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
            )));
        }
    }
    Ok(())
}
