//! The conversation in a generateContent request.

use super::say;
use crate::ask::{Ask, Refusal, Turn};
use crate::prose::hash;
use crate::scenario::Provider;
use crate::tokens::{Tally, result_text};
use serde_json::Value;

fn parts(content: &Value) -> impl Iterator<Item = &Value> {
    content.get("parts").and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn read_content(content: &Value, i: usize, ask: &mut Ask) -> Result<(), Refusal> {
    let role = content.get("role").and_then(Value::as_str).unwrap_or("user");
    if !matches!(role, "user" | "model" | "function") {
        return Err(Refusal::bad("Please use a valid role: user, model."));
    }
    let mut tally = Tally::default();
    let mut text = String::new();
    let mut results = String::new();
    let mut any = false;
    for part in parts(content) {
        any = true;
        if let Some(said) = part.get("text").and_then(Value::as_str) {
            // An empty text may carry a signature; alone it is refused.
            if said.is_empty() && part.get("thoughtSignature").is_none() {
                return Err(Refusal::bad(format!(
                    "* GenerateContentRequest.contents[{i}].parts: empty text parameter"
                )));
            }
            tally.text(said);
            text.push_str(said);
        } else if let Some(call) = part.get("functionCall") {
            if call.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(Refusal::bad(format!(
                    "* GenerateContentRequest.contents[{i}].parts.function_call.name: Name cannot be empty."
                )));
            }
            if call.get("args").is_some_and(|a| !a.is_object() && !a.is_null()) {
                return Err(Refusal::bad(format!(
                    "Invalid value at 'contents[{i}].parts.function_call.args' (type.googleapis.com/google.protobuf.Struct)"
                )));
            }
            tally.flat();
        } else if let Some(response) = part.get("functionResponse") {
            if response.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(Refusal::bad(format!(
                    "* GenerateContentRequest.contents[{i}].parts.function_response.name: Name cannot be empty."
                )));
            }
            let Some(value) = response.get("response").filter(|r| r.is_object()) else {
                return Err(Refusal::bad(format!(
                    "Invalid value at 'contents[{i}].parts.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
                )));
            };
            let said = result_text(value);
            tally.text(&said);
            tally.flat();
            if !results.is_empty() {
                results.push('\n');
            }
            results.push_str(&said);
        } else if part.get("inlineData").or_else(|| part.get("fileData")).is_some() {
            tally.media();
        } else {
            return Err(Refusal::bad(format!(
                "* GenerateContentRequest.contents[{i}].parts: required oneof field 'data' must have one initialized field"
            )));
        }
    }
    if !any {
        return Err(Refusal::bad(format!(
            "* GenerateContentRequest.contents[{i}].parts: contents.parts must not be empty."
        )));
    }
    ask.results = (!results.is_empty()).then_some(results);
    if role == "user" && !text.is_empty() {
        ask.last_user = text;
    }
    ask.turns.push(Turn { tally, hash: hash(&[content.to_string().as_bytes()]) });
    Ok(())
}

fn count(content: &Value, what: &str) -> usize {
    parts(content).filter(|p| p.get(what).is_some()).count()
}

/// Calls stand after a turn of the user, and as many responses follow as there were calls.
pub(super) fn pairs(contents: &[Value]) -> Result<(), Refusal> {
    for (i, content) in contents.iter().enumerate() {
        let calls = count(content, "functionCall");
        if calls == 0 {
            continue;
        }
        let model_before = i
            .checked_sub(1)
            .and_then(|b| contents.get(b))
            .is_none_or(|c| c.get("role") == Some(&"model".into()));
        if model_before {
            return Err(Refusal::bad(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            ));
        }
        let responses = contents.get(i + 1).map_or(0, |c| count(c, "functionResponse"));
        if responses != calls {
            return Err(Refusal::bad(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
    }
    Ok(())
}

/// "Only the current turn is validated (everything after the last user text message)"; of parallel calls only the
/// first carries a signature.
pub(super) fn signatures(contents: &[Value], provider: &Provider, model: &str) -> Result<(), Refusal> {
    let is_text = |c: &Value| c.get("role") != Some(&"model".into()) && count(c, "text") > 0;
    let from = contents.iter().rposition(is_text).map_or(0, |at| at + 1);
    for (i, content) in contents.iter().enumerate().skip(from) {
        let Some(first) = parts(content).find(|p| p.get("functionCall").is_some()) else { continue };
        let name = first.pointer("/functionCall/name").and_then(Value::as_str).unwrap_or_default();
        match first.get("thoughtSignature").and_then(Value::as_str) {
            None => {
                return Err(Refusal::bad(format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `{name}` , position {}.",
                    i + 1
                )));
            }
            Some(signature) if !say::accepts(provider, model, signature) => {
                return Err(Refusal::bad("Thought signature is not valid."));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
