//! Anthropic Messages as a server reads and writes it.

use super::json::{self, Object};
use super::{Incoming, Page, Route, Told, Tongue, anthropic_say, bearer, header};
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing, Turn, Why};
use crate::prose::hash;
use crate::scenario::{Model, Provider};
use crate::tokens::Tally;
use crate::wire::{Framing, Piece};
use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vocab::{Caps, Effort};

pub(crate) struct Anthropic;

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

impl Tongue for Anthropic {
    fn route(&self, _provider: &Provider, method: &str, path: &str, _query: &str) -> Route {
        let rest = path.strip_prefix("/v1").unwrap_or(path);
        match (method, rest) {
            ("POST", "/messages") => Route::chat(),
            ("POST", "/messages/count_tokens") => Route::Count { model: None },
            ("GET", "/models") => Route::Models,
            ("GET", other) => match other.strip_prefix("/models/") {
                Some(model) => Route::ModelCard(model.to_owned()),
                None => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        header(headers, "x-api-key").or_else(|| bearer(headers))
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        if header(incoming.headers, "anthropic-version").is_none() {
            return Err(Refusal::bad("anthropic-version: header is required"));
        }
        let counting = matches!(incoming.route, Route::Count { .. });
        read(incoming.provider, &json::object(incoming.body)?, counting)
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let (status, kind) = match &refusal.why {
            Why::Bad { .. } | Why::TooLong { .. } | Why::Quota | Why::Filtered => {
                (400, "invalid_request_error")
            }
            Why::NoKey | Why::BadKey => (401, "authentication_error"),
            Why::Payment => (402, "billing_error"),
            Why::Forbidden => (403, "permission_error"),
            Why::NoModel(_) | Why::NoRoute => (404, "not_found_error"),
            Why::TooLarge => (413, "request_too_large"),
            Why::Busy { .. } => (429, "rate_limit_error"),
            Why::Server(529) => (529, "overloaded_error"),
            Why::Server(504) => (504, "timeout_error"),
            Why::Server(status) => (*status, "api_error"),
        };
        let message = match &refusal.why {
            Why::NoKey => "x-api-key header is required".into(),
            Why::BadKey => "invalid x-api-key".into(),
            Why::NoModel(model) => format!("model: {model}"),
            Why::TooLong { tokens, limit } => format!("prompt is too long: {tokens} tokens > {limit} maximum"),
            Why::Quota => "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.".into(),
            Why::Busy { .. } => "This request would exceed your organization's rate limit.".into(),
            _ => refusal.message.clone(),
        };
        let body =
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_lab"});
        let mut page = Page::new(status, body);
        page.headers.push(("request-id", "req_lab".into()));
        if let Why::Busy { retry_after: Some(secs) } = refusal.why {
            page.headers.push(("retry-after", secs.to_string()));
        }
        page
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        anthropic_say::whole(told)
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        anthropic_say::frames(told)
    }

    fn framing(&self, _ask: &Ask, crlf: bool) -> Framing {
        Framing::Sse { crlf }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        let data = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        Piece::json(crate::wire::Part::Close, data, 0).named("error")
    }

    fn models(&self, provider: &Provider) -> Value {
        let data: Vec<Value> = provider.models.iter().map(|m| self.model_card(provider, m)).collect();
        let id = |m: Option<&Model>| m.map(|m| m.name.clone());
        json!({"data": data, "has_more": false, "first_id": id(provider.models.first()), "last_id": id(provider.models.last())})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"type": "model", "id": model.name, "display_name": model.name, "created_at": "2026-01-31T00:00:00Z",
            "max_input_tokens": model.context, "max_tokens": model.max_output})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"input_tokens": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        vec![
            ("request-id", format!("req_{}", told.id())),
            ("anthropic-ratelimit-requests-limit", "1000".into()),
            ("anthropic-ratelimit-requests-remaining", "999".into()),
            ("anthropic-ratelimit-requests-reset", "2026-01-31T00:00:00Z".into()),
        ]
    }
}

fn read(provider: &Provider, map: &Object, counting: bool) -> Result<Ask, Refusal> {
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
        read_message(message, i, &mut ask)?;
        note_cache(message, &mut ask, &mut cached_until);
    }
    pairs(messages)?;
    let forced_thinking = map.get("thinking").and_then(|t| t.get("type")) == Some(&"enabled".into());
    if forced_thinking {
        thinking_first(messages)?;
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

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message.get("content").and_then(Value::as_array).into_iter().flatten()
}

fn kind(block: &Value) -> &str {
    block.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn read_message(message: &Value, i: usize, ask: &mut Ask) -> Result<(), Refusal> {
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
                        if !anthropic_say::accepts(signature) {
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
fn pairs(messages: &[Value]) -> Result<(), Refusal> {
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
fn thinking_first(messages: &[Value]) -> Result<(), Refusal> {
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
