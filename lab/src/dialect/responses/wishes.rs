//! Tools, shapes of answers and reasoning in a Responses request.

use super::read::{missing, unsupported};
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing};
use crate::dialect::json::{self, Object};
use crate::scenario::Model;
use serde_json::Value;
use vocab::{Caps, Effort};

pub(super) fn tools(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let offered = json::list(map, "tools")?.unwrap_or(&[]);
    if !offered.is_empty() && !caps.contains(Caps::TOOLS) {
        return Err(unsupported("tools"));
    }
    if offered.len() > 128 {
        let message = "Invalid 'tools': array too long. Expected an array with maximum length 128.";
        return Err(Refusal::coded("array_above_max_length", Some("tools"), message));
    }
    for (i, tool) in offered.iter().enumerate() {
        let at = format!("tools[{i}]");
        let tool = tool.as_object().ok_or_else(|| json::wrong_type(&at, "an object", tool))?;
        match json::text(tool, "type")? {
            Some("function") => ask.tools.push(function(tool, &at)?),
            // Offered and never used: the lab's models call functions only.
            Some("custom" | "web_search") => {}
            other => {
                let message = format!("Invalid value: '{}' in '{at}.type'.", other.unwrap_or("none"));
                return Err(Refusal::coded("invalid_value", Some(&at), message));
            }
        }
    }
    ask.parallel = json::flag(map, "parallel_tool_calls")?.unwrap_or(true);
    ask.pick = pick(map, ask, offered.is_empty())?;
    Ok(())
}

/// "If you omit strict, … Responses requests will attempt to normalize your schema into strict mode when possible, and will fall
/// back to non-strict" (function calling guide): only a schema that is said to be strict has to be closed already.
fn function(tool: &Object, at: &str) -> Result<Offered, Refusal> {
    let name = json::text(tool, "name")?.ok_or_else(|| missing(&format!("{at}.name")))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
        let message = format!(
            "Invalid '{at}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        );
        return Err(Refusal::coded("invalid_value", Some(&format!("{at}.name")), message));
    }
    if let Some(stranger) =
        json::stranger(tool, &["type", "name", "description", "parameters", "strict", "defer_loading"])
    {
        let param = format!("{at}.{stranger}");
        return Err(Refusal::coded(
            "unknown_parameter",
            Some(&param),
            format!("Unknown parameter: '{param}'."),
        ));
    }
    let strict = json::flag(tool, "strict")?.unwrap_or(false);
    let schema = json::get(tool, "parameters").cloned();
    let closed = |s: &Value| s.get("additionalProperties") == Some(&Value::Bool(false));
    if strict && !schema.as_ref().is_some_and(closed) {
        let message = format!(
            "Invalid schema for function '{name}': In context=(), 'additionalProperties' is required to be supplied and to be false."
        );
        return Err(Refusal::coded(
            "invalid_function_parameters",
            Some(&format!("{at}.parameters")),
            message,
        ));
    }
    let schema = schema.unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}}));
    if !schema.is_object() {
        return Err(json::wrong_type(&format!("{at}.parameters"), "an object", &schema));
    }
    Ok(Offered { name: name.to_owned(), schema })
}

fn pick(map: &Object, ask: &Ask, none_offered: bool) -> Result<Pick, Refusal> {
    let chosen = json::get(map, "tool_choice");
    if none_offered && !matches!(chosen.and_then(Value::as_str), None | Some("none" | "auto")) {
        let message = "Tool choice 'required' must be specified with 'tools' parameter.";
        return Err(Refusal::at("tool_choice", message));
    }
    let named = |choice: &Value| choice.get("name").and_then(Value::as_str).map(str::to_owned);
    match chosen {
        None => Ok(Pick::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(Pick::Auto),
            "none" => Ok(Pick::Never),
            "required" => Ok(Pick::Any),
            other => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."
                );
                Err(Refusal::coded("invalid_value", Some("tool_choice"), message))
            }
        },
        Some(choice) => match choice.get("type").and_then(Value::as_str) {
            Some("function") => {
                let name = named(choice).ok_or_else(|| missing("tool_choice.name"))?;
                if ask.tools.iter().any(|t| t.name == name) {
                    Ok(Pick::Named(name))
                } else {
                    let message = format!("Tool choice '{name}' not found in 'tools' parameter.");
                    Err(Refusal::at("tool_choice", message))
                }
            }
            Some("allowed_tools") if choice.get("mode") == Some(&"required".into()) => Ok(Pick::Any),
            Some("allowed_tools" | "custom") => Ok(Pick::Auto),
            _ => Err(missing("tool_choice.type")),
        },
    }
}

pub(super) fn shape(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let Some(text) = json::inner(map, "text")? else { return Ok(()) };
    if let Some(word) = json::text(text, "verbosity")?
        && !["low", "medium", "high"].contains(&word)
    {
        let message = format!("Invalid value: '{word}'. Supported values are: 'low', 'medium', and 'high'.");
        return Err(Refusal::coded("invalid_value", Some("text.verbosity"), message));
    }
    let Some(format) = json::inner(text, "format")? else { return Ok(()) };
    ask.shape = match json::text(format, "type")? {
        Some("text") => Shape::Text,
        Some("json_object") if caps.contains(Caps::JSON_OBJECT) => Shape::Object,
        Some("json_schema") if caps.contains(Caps::JSON_SCHEMA) => {
            if json::text(format, "name")?.is_none_or(str::is_empty) {
                return Err(missing("text.format.name"));
            }
            let schema = json::get(format, "schema").ok_or_else(|| missing("text.format.schema"))?;
            let strict = json::flag(format, "strict")?.unwrap_or(false);
            if strict && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(Refusal::at(
                    "text.format.schema",
                    "Invalid schema for response_format: In context=(), 'additionalProperties' is required to be supplied and to be false.",
                ));
            }
            Shape::Schema(schema.clone())
        }
        Some("json_object" | "json_schema") => return Err(unsupported("text.format")),
        other => {
            let got = other.unwrap_or("none");
            let message = format!(
                "Invalid value: '{got}'. Supported values are: 'json_object', 'json_schema', and 'text'."
            );
            return Err(Refusal::coded("invalid_value", Some("text.format.type"), message));
        }
    };
    Ok(())
}

pub(super) fn reasoning(
    map: &Object,
    model: Option<&Model>,
    caps: Caps,
    ask: &mut Ask,
) -> Result<(), Refusal> {
    ask.showing = Showing::Hidden;
    let Some(reasoning) = json::inner(map, "reasoning")? else { return Ok(()) };
    if let Some(word) = json::text(reasoning, "effort")? {
        let Some(effort) = Effort::named(word) else {
            let message = format!(
                "Invalid value: '{word}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' and 'max'."
            );
            return Err(Refusal::coded("invalid_value", Some("reasoning.effort"), message));
        };
        if !caps.contains(Caps::REASONING) {
            return Err(unsupported("reasoning.effort"));
        }
        let allowed = model.map_or(&[][..], |m| &m.efforts);
        if !allowed.is_empty() && !allowed.contains(&effort) {
            let message = format!("Unsupported value: '{word}' is not supported with this model.");
            return Err(Refusal::coded("unsupported_value", Some("reasoning.effort"), message));
        }
        ask.effort = Some(effort);
    }
    match json::text(reasoning, "summary")? {
        None => {}
        Some("auto" | "concise" | "detailed") if caps.contains(Caps::REASONING) => {
            ask.showing = Showing::Apart;
        }
        Some(_) => return Err(unsupported("reasoning.summary")),
    }
    Ok(())
}
