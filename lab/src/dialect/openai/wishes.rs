//! Tools, shapes of answers and reasoning in a chat completions request.

use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing};
use crate::dialect::json::{self, Object};
use crate::scenario::{Flavour, Model};
use serde_json::Value;
use vocab::{Caps, Effort};

use super::read::unsupported;

pub(super) fn tools(map: &Object, flavour: Flavour, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let offered = json::list(map, "tools")?.unwrap_or(&[]);
    if map.get("tools").is_some_and(|t| t.as_array().is_some_and(Vec::is_empty)) && flavour == Flavour::Openai
    {
        return Err(Refusal::coded(
            "empty_array",
            Some("tools"),
            "Invalid 'tools': empty array. Expected an array with minimum length 1.",
        ));
    }
    if offered.len() > 128 {
        return Err(Refusal::at(
            "tools",
            "Invalid 'tools': array too long. Expected an array with maximum length 128.",
        ));
    }
    if !offered.is_empty() && !caps.contains(Caps::TOOLS) {
        return Err(Refusal::at("tools", "tool calling is not supported with this model"));
    }
    for (i, tool) in offered.iter().enumerate() {
        let at = format!("tools[{i}]");
        match tool.get("type").and_then(Value::as_str) {
            Some("function") => {}
            // Offered and never used: the lab's models call functions only.
            Some("custom") if flavour == Flavour::Openai => continue,
            _ => {
                return Err(Refusal::at(&at, format!("Invalid value for '{at}.type': expected 'function'.")));
            }
        }
        let Some(function) = tool.get("function").and_then(Value::as_object) else {
            return Err(Refusal::coded(
                "missing_required_parameter",
                Some(&at),
                format!("Missing required parameter: '{at}.function'."),
            ));
        };
        let name = json::text(function, "name")?.unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = format!(
                "Invalid '{at}.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(Refusal::at(&at, message));
        }
        let schema = function.get("parameters").filter(|p| !p.is_null()).cloned();
        if schema.as_ref().is_some_and(|s| !s.is_object()) {
            return Err(Refusal::at(
                &at,
                format!("Invalid schema for function '{name}': schema must be a JSON Schema object."),
            ));
        }
        let schema = schema.unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}}));
        ask.tools.push(Offered { name: name.to_owned(), schema });
    }
    ask.parallel = json::flag(map, "parallel_tool_calls")?.unwrap_or(true) || flavour == Flavour::Vllm;
    let chosen = json::get(map, "tool_choice");
    if chosen.is_some()
        && offered.is_empty()
        && matches!(flavour, Flavour::Openai | Flavour::Groq)
        && chosen != Some(&"none".into())
    {
        return Err(Refusal::at("tool_choice", "'tool_choice' is only allowed when 'tools' are specified."));
    }
    ask.pick = match chosen {
        None => Pick::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Pick::Auto,
            "none" => Pick::Never,
            "required" => Pick::Any,
            other => {
                return Err(Refusal::coded(
                    "invalid_value",
                    Some("tool_choice"),
                    format!(
                        "Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."
                    ),
                ));
            }
        },
        Some(choice) => match choice
            .pointer("/function/name")
            .or_else(|| choice.pointer("/custom/name"))
            .and_then(Value::as_str)
        {
            Some(name) if choice.get("custom").is_none() && !ask.tools.iter().any(|t| t.name == name) => {
                return Err(Refusal::at(
                    "tool_choice",
                    format!("Tool choice '{name}' not found in 'tools' parameter."),
                ));
            }
            Some(name) => Pick::Named(name.to_owned()),
            None if choice.pointer("/allowed_tools/mode") == Some(&"required".into()) => Pick::Any,
            None if choice.get("allowed_tools").is_some() => Pick::Auto,
            None => {
                return Err(Refusal::at(
                    "tool_choice",
                    "Missing required parameter: 'tool_choice.function.name'.",
                ));
            }
        },
    };
    if flavour == Flavour::Ollama && ask.pick != Pick::Auto {
        // "tool_choice ignored".
        ask.pick = Pick::Auto;
    }
    Ok(())
}

pub(super) fn shape(map: &Object, flavour: Flavour, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let Some(format) = json::inner(map, "response_format")? else { return Ok(()) };
    ask.shape = match json::text(format, "type")? {
        Some("text") => Shape::Text,
        Some("json_object") => match format.get("schema") {
            // llama.cpp: "also {type:"json_object",schema}".
            Some(schema) if flavour.local() => Shape::Schema(schema.clone()),
            _ => Shape::Object,
        },
        Some("json_schema") => {
            let inner = json::inner(format, "json_schema")?;
            let schema = inner.and_then(|i| i.get("schema")).cloned();
            let Some(schema) = schema else {
                return Err(Refusal::coded(
                    "missing_required_parameter",
                    Some("response_format.json_schema"),
                    "Missing required parameter: 'response_format.json_schema.schema'.",
                ));
            };
            let named =
                inner.and_then(|i| i.get("name")).and_then(Value::as_str).is_some_and(|n| !n.is_empty());
            if !named && !flavour.local() {
                return Err(Refusal::coded(
                    "missing_required_parameter",
                    Some("response_format.json_schema.name"),
                    "Missing required parameter: 'response_format.json_schema.name'.",
                ));
            }
            let strict = inner.and_then(|i| i.get("strict")) == Some(&Value::Bool(true));
            if strict
                && flavour == Flavour::Openai
                && schema.get("additionalProperties") != Some(&Value::Bool(false))
            {
                return Err(Refusal::at(
                    "response_format",
                    "Invalid schema for response_format: In context=(), 'additionalProperties' is required to be supplied and to be false.",
                ));
            }
            Shape::Schema(schema)
        }
        other => {
            let got = other.unwrap_or("none");
            return Err(Refusal::coded(
                "invalid_value",
                Some("response_format.type"),
                format!(
                    "Invalid value: '{got}'. Supported values are: 'json_object', 'json_schema', and 'text'."
                ),
            ));
        }
    };
    let missing = match ask.shape {
        Shape::Text => false,
        Shape::Object => !caps.contains(Caps::JSON_OBJECT),
        Shape::Schema(_) => !caps.contains(Caps::JSON_SCHEMA),
    };
    if missing {
        return Err(Refusal::at(
            "response_format",
            "Invalid parameter: 'response_format' of this type is not supported with this model.",
        ));
    }
    if flavour == Flavour::Groq && matches!(ask.shape, Shape::Schema(_)) {
        if ask.stream && !caps.contains(Caps::SCHEMA_STREAM) {
            return Err(Refusal::at("response_format", "response_format does not support streaming"));
        }
        if !ask.tools.is_empty() && !caps.contains(Caps::SCHEMA_WITH_TOOLS) {
            return Err(Refusal::at(
                "response_format",
                "json mode cannot be combined with tool/function calling",
            ));
        }
    }
    Ok(())
}

pub(super) fn reasoning(
    map: &Object,
    flavour: Flavour,
    model: Option<&Model>,
    caps: Caps,
    ask: &mut Ask,
) -> Result<(), Refusal> {
    if let Some(word) = json::text(map, "reasoning_effort")? {
        let effort =
            Effort::named(word).or((word == "default" && flavour == Flavour::Groq).then_some(Effort::Medium));
        let Some(effort) = effort else {
            let message = format!(
                "Invalid value: '{word}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', and 'xhigh'."
            );
            return Err(Refusal::coded("invalid_value", Some("reasoning_effort"), message));
        };
        if !caps.contains(Caps::REASONING) && !flavour.local() {
            return Err(unsupported(
                "reasoning_effort",
                "Unsupported parameter: 'reasoning_effort' is not supported with this model.".into(),
            ));
        }
        let allowed = model.map_or(&[][..], |m| &m.efforts);
        if !allowed.is_empty() && !allowed.contains(&effort) && !flavour.local() {
            let names: Vec<String> = allowed.iter().map(|e| format!("'{}'", e.name())).collect();
            let message = format!(
                "Unsupported value: 'reasoning_effort' does not support '{word}' with this model. Supported values are: {}.",
                names.join(", ")
            );
            return Err(Refusal::coded("unsupported_value", Some("reasoning_effort"), message));
        }
        ask.effort = Some(effort);
    }
    ask.showing = if flavour == Flavour::Openai { Showing::Hidden } else { Showing::Apart };
    if flavour == Flavour::Groq {
        let format = json::text(map, "reasoning_format")?;
        let include = json::flag(map, "include_reasoning")?;
        if format.is_some() && include.is_some() {
            return Err(Refusal::bad("cannot specify both `reasoning_format` and `include_reasoning`"));
        }
        ask.showing = match (format, include) {
            (Some("hidden"), _) | (_, Some(false)) => Showing::Hidden,
            (Some("raw"), _) if ask.shape != Shape::Text || !ask.tools.is_empty() => {
                return Err(Refusal::at(
                    "reasoning_format",
                    "reasoning_format `raw` cannot be combined with tool calling or JSON mode",
                ));
            }
            (Some("raw"), _) => Showing::Inline,
            (None | Some("parsed"), _) => Showing::Apart,
            _ => {
                return Err(Refusal::at(
                    "reasoning_format",
                    "reasoning_format must be one of [hidden raw parsed]",
                ));
            }
        };
    }
    Ok(())
}
