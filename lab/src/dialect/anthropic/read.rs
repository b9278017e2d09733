//! A Messages request as the server reads it: everything but the conversation.

use super::history;
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing, Turn};
use crate::dialect::json::{self, Object};
use crate::prose::hash;
use crate::scenario::Provider;
use crate::tokens::Tally;
use serde_json::Value;
use vocab::{Caps, Effort};

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "service_tier",
    "output_config",
    "cache_control",
    "container",
    "context_management",
    "mcp_servers",
    "inference_geo",
    "speed",
    "diagnostics",
];

pub(super) fn read(provider: &Provider, map: &Object, counting: bool) -> Result<Ask, Refusal> {
    if let Some(stranger) = json::stranger(map, FIELDS) {
        return Err(Refusal::bad(format!("{stranger}: Extra inputs are not permitted")));
    }
    let name = json::text(map, "model")?.ok_or_else(|| Refusal::bad("model: Field required"))?;
    let model = provider.model(name);
    let caps = model.map_or(Caps::all(), |m| m.caps(provider));
    let mut ask =
        Ask { model: name.to_owned(), n: 1, parallel: true, cache_turns: Some(0), ..Ask::default() };
    ask.stream = json::flag(map, "stream")?.unwrap_or(false);
    let max_tokens = json::count(map, "max_tokens", 1, u32::MAX)?;
    if max_tokens.is_none() && !counting {
        return Err(Refusal::bad("max_tokens: Field required"));
    }
    if let (Some(asked), Some(model)) = (max_tokens, model)
        && asked > model.max_output
    {
        let most = model.max_output;
        return Err(Refusal::bad(format!(
            "max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens for {name}"
        )));
    }
    ask.max_tokens = max_tokens;
    sampling(map, caps, &mut ask)?;
    tools(map, caps, &mut ask)?;
    thinking(map, caps, &mut ask)?;

    let mut cached_until = None;
    if let Some(system) = json::get(map, "system") {
        let mut tally = Tally::default();
        match system {
            Value::String(text) => tally.text(text),
            Value::Array(blocks) => {
                for block in blocks {
                    let text = block.get("text").and_then(Value::as_str).unwrap_or_default();
                    if text.is_empty() {
                        return Err(Refusal::bad("system: text content blocks must be non-empty"));
                    }
                    tally.text(text);
                }
            }
            _ => return Err(Refusal::bad("system: Input should be a valid string or list")),
        }
        ask.turns.push(Turn { tally, hash: hash(&[system.to_string().as_bytes()]) });
        note_cache(system, &mut ask, &mut cached_until);
    }
    let messages = json::list(map, "messages")?.filter(|m| !m.is_empty());
    let Some(messages) = messages else {
        return Err(Refusal::bad("messages: at least one message is required"));
    };
    for (i, message) in messages.iter().enumerate() {
        history::read_message(message, i, &mut ask)?;
        note_cache(message, &mut ask, &mut cached_until);
    }
    history::pairs(messages)?;
    let forced_thinking = map.get("thinking").and_then(|t| t.get("type")) == Some(&"enabled".into());
    if forced_thinking {
        history::thinking_first(messages)?;
    }
    if messages.last().and_then(|m| m.get("role")) == Some(&"assistant".into())
        && !caps.contains(Caps::PREFILL)
    {
        return Err(Refusal::bad(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    if json::get(map, "cache_control").is_some() {
        cached_until = Some(ask.turns.len());
    }
    // Where nothing is marked, nothing is cached.
    ask.cache_turns = Some(cached_until.unwrap_or(0));
    Ok(ask)
}

fn sampling(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let temperature = json::real(map, "temperature", 0.0, 1.0)?;
    let top_p = json::real(map, "top_p", 0.0, 1.0)?;
    for (name, value) in [("temperature", temperature), ("top_p", top_p)] {
        if value.is_some() && !caps.contains(Caps::SAMPLING) {
            return Err(Refusal::bad(format!("`{name}` is not supported for this model.")));
        }
    }
    if temperature.is_some() && top_p.is_some() {
        return Err(Refusal::bad(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    let stops = json::list(map, "stop_sequences")?.unwrap_or(&[]);
    for stop in stops {
        let text = stop.as_str().unwrap_or_default();
        if text.trim().is_empty() {
            return Err(Refusal::bad("stop_sequences: each stop sequence must contain non-whitespace"));
        }
        ask.stop.push(text.to_owned());
    }
    Ok(())
}

fn tools(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    for (i, tool) in json::list(map, "tools")?.unwrap_or(&[]).iter().enumerate() {
        // The server's own: offered and never used, unless a marker says so.
        if tool.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("web_search_")) {
            continue;
        }
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(Refusal::bad(format!(
                "tools.{i}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        let Some(schema) = tool.get("input_schema").filter(|s| s.is_object()) else {
            return Err(Refusal::bad(format!("tools.{i}.custom.input_schema: Field required")));
        };
        if schema.get("type") != Some(&"object".into()) {
            return Err(Refusal::bad(format!(
                "tools.{i}.custom.input_schema.type: Input should be 'object'"
            )));
        }
        ask.tools.push(Offered { name: name.to_owned(), schema: schema.clone() });
    }
    if !ask.tools.is_empty() && !caps.contains(Caps::TOOLS) {
        return Err(Refusal::bad("tools: not supported for this model"));
    }
    let Some(choice) = json::inner(map, "tool_choice")? else { return Ok(()) };
    let kind = json::text(choice, "type")?.unwrap_or_default();
    if ask.tools.is_empty() && kind != "none" {
        return Err(Refusal::bad("tool_choice may only be specified while providing tools."));
    }
    ask.parallel = !json::flag(choice, "disable_parallel_tool_use")?.unwrap_or(false);
    ask.pick = match kind {
        "auto" => Pick::Auto,
        "any" => Pick::Any,
        "none" => Pick::Never,
        "tool" => {
            let name = json::text(choice, "name")?.unwrap_or_default();
            if !ask.tools.iter().any(|t| t.name == name) {
                return Err(Refusal::bad(format!(
                    "tool_choice.name: Tool '{name}' not found in provided tools"
                )));
            }
            Pick::Named(name.to_owned())
        }
        other => {
            return Err(Refusal::bad(format!(
                "tool_choice: Input tag '{other}' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
            )));
        }
    };
    Ok(())
}

fn thinking(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let output = json::inner(map, "output_config")?;
    let mut effort = None;
    if let Some(output) = output {
        if let Some(word) = json::text(output, "effort")? {
            effort = Effort::named(word).filter(|e| *e >= Effort::Low);
            if effort.is_none() {
                return Err(Refusal::bad(
                    "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
                ));
            }
            if !caps.contains(Caps::REASONING) {
                return Err(Refusal::bad("This model does not support the effort parameter."));
            }
        }
        if let Some(format) = json::inner(output, "format")? {
            let schema = format.get("schema").filter(|_| format.get("type") == Some(&"json_schema".into()));
            let Some(schema) = schema else {
                return Err(Refusal::bad("output_config.format: Input should be a json_schema format"));
            };
            if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(Refusal::bad(
                    "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
                ));
            }
            ask.shape = Shape::Schema(schema.clone());
        }
    }
    let Some(thinking) = json::inner(map, "thinking")? else { return Ok(()) };
    let kind = json::text(thinking, "type")?.unwrap_or_default();
    if kind != "disabled" && !caps.contains(Caps::REASONING) {
        return Err(Refusal::bad("thinking: not supported for this model"));
    }
    ask.effort = match kind {
        "enabled" => {
            let budget = json::count(thinking, "budget_tokens", 0, u32::MAX)?;
            let budget =
                budget.ok_or_else(|| Refusal::bad("thinking.enabled.budget_tokens: Field required"))?;
            if budget < 1_024 {
                return Err(Refusal::bad(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                ));
            }
            if ask.max_tokens.is_some_and(|most| budget >= most) {
                return Err(Refusal::bad("`max_tokens` must be greater than `thinking.budget_tokens`."));
            }
            effort.or(Some(Effort::Medium))
        }
        "adaptive" | "between_tools" => effort.or(Some(Effort::Medium)),
        "disabled" => Some(Effort::None),
        other => {
            return Err(Refusal::bad(format!(
                "thinking: Input tag '{other}' does not match any of the expected tags"
            )));
        }
    };
    if kind == "enabled" && matches!(ask.pick, Pick::Any | Pick::Named(_)) {
        return Err(Refusal::bad("Thinking may not be enabled when tool_choice forces tool use."));
    }
    if thinking.get("display") == Some(&"omitted".into()) {
        ask.showing = Showing::Hidden;
    }
    Ok(())
}

/// Remembers up to where the last cache mark reaches, and how long it is to be kept.
fn note_cache(value: &Value, ask: &mut Ask, until: &mut Option<usize>) {
    let marks = |v: &Value| v.get("cache_control").filter(|c| !c.is_null()).cloned();
    let blocks = value.as_array().or_else(|| value.get("content").and_then(Value::as_array));
    for mark in blocks.into_iter().flatten().filter_map(marks) {
        *until = Some(ask.turns.len());
        ask.cache_long = mark.get("ttl") == Some(&"1h".into());
    }
}
