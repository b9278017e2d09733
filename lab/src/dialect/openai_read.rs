//! A chat completions request as a server reads it: strictly.

use super::json::{self, Object};
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing, Turn};
use crate::prose::hash;
use crate::scenario::{Flavour, Model, Provider};
use crate::tokens::Tally;
use serde_json::Value;
use std::collections::BTreeSet;
use vocab::{Caps, Dialect, Effort};

const OPENAI_FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "stop",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "modalities",
    "audio",
    "prediction",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "user",
    "moderation",
    "web_search_options",
    "stream",
    "stream_options",
    "store",
    "metadata",
    "functions",
    "function_call",
];

const GROQ_FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "stop",
    "seed",
    "reasoning_effort",
    "reasoning_format",
    "include_reasoning",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "service_tier",
    "user",
    "stream",
    "stream_options",
    "citation_options",
    "compound_custom",
    "documents",
    "search_settings",
    "disable_tool_validation",
    "functions",
    "function_call",
];

pub(crate) fn read(provider: &Provider, body: &[u8]) -> Result<Ask, Refusal> {
    let map = json::object(body)?;
    let name = json::text(&map, "model")?;
    let name = match (name, provider.flavour, provider.models.first()) {
        (Some(name), _, _) => name.to_owned(),
        // "The model field is ignored by a single-model server".
        (None, Flavour::Llamacpp, Some(only)) => only.name.clone(),
        _ => return Err(Refusal::at("model", "you must provide a model parameter")),
    };
    let mut ask = read_as(provider, provider.flavour, &map, &name)?;
    if provider.flavour == Flavour::Llamacpp && provider.models.len() == 1 {
        provider.models.iter().for_each(|m| ask.model.clone_from(&m.name));
    }
    Ok(ask)
}

/// Reads a request for the model called `name`; where there is none of that name, only what any model would refuse.
pub(crate) fn read_as(
    provider: &Provider,
    flavour: Flavour,
    map: &Object,
    name: &str,
) -> Result<Ask, Refusal> {
    let known = match flavour {
        Flavour::Openai => OPENAI_FIELDS,
        Flavour::Groq => GROQ_FIELDS,
        _ => &[],
    };
    if !known.is_empty()
        && let Some(stranger) = json::stranger(map, known)
    {
        return Err(match flavour {
            Flavour::Groq => Refusal::bad(format!("property '{stranger}' is unsupported")),
            _ => Refusal::bad(format!("Unrecognized request argument supplied: {stranger}")),
        });
    }
    let model = provider.model(name);
    let caps = model.map_or(Caps::all(), |m| m.caps(provider));
    let mut ask = Ask { model: name.to_owned(), n: 1, parallel: true, sse: true, ..Ask::default() };

    ask.stream = json::flag(map, "stream")?.unwrap_or(false);
    let options = json::inner(map, "stream_options")?;
    if options.is_some() && !ask.stream && flavour == Flavour::Openai {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::at("stream_options", message));
    }
    ask.include_usage =
        options.map(|o| json::flag(o, "include_usage")).transpose()?.flatten().unwrap_or(false);

    limits(map, flavour, model, &mut ask)?;
    sampling(map, flavour, model, caps, &mut ask)?;
    tools(map, flavour, caps, &mut ask)?;
    shape(map, flavour, caps, &mut ask)?;
    reasoning(map, flavour, model, caps, &mut ask)?;
    messages(map, provider, flavour, caps, &mut ask)?;
    Ok(ask)
}

fn unsupported(param: &str, message: String) -> Refusal {
    Refusal::coded("unsupported_parameter", Some(param), message)
}

fn limits(map: &Object, flavour: Flavour, model: Option<&Model>, ask: &mut Ask) -> Result<(), Refusal> {
    let least = if flavour.local() { 0 } else { 1 };
    let old = json::count(map, "max_tokens", least, u32::MAX)?;
    let new = json::count(map, "max_completion_tokens", least, u32::MAX)?;
    if flavour == Flavour::Openai && old.is_some() {
        if new.is_some() {
            let message =
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
            return Err(Refusal::coded("invalid_parameter_combination", Some("max_tokens"), message));
        }
        if model.is_some_and(|m| m.reasons_always) {
            return Err(unsupported("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.".into()));
        }
    }
    ask.max_tokens = new.or(old);
    if let (Some(asked), Some(model), false) = (ask.max_tokens, model, flavour.local())
        && asked > model.max_output
    {
        let param = if new.is_some() { "max_completion_tokens" } else { "max_tokens" };
        let most = model.max_output;
        return Err(match flavour {
            Flavour::Groq => Refusal::at(
                param,
                format!(
                    "`{param}` must be less than or equal to `{most}`, the maximum value for `{param}` is less than the `context_window` for this model"
                ),
            ),
            _ => Refusal::coded(
                "invalid_value",
                Some(param),
                format!(
                    "{param} is too large: {asked}. This model supports at most {most} completion tokens, whereas you provided {asked}."
                ),
            ),
        });
    }
    Ok(())
}

fn sampling(
    map: &Object,
    flavour: Flavour,
    model: Option<&Model>,
    caps: Caps,
    ask: &mut Ask,
) -> Result<(), Refusal> {
    let temperature = json::real(map, "temperature", 0.0, 2.0)?;
    let top_p = json::real(map, "top_p", 0.0, 1.0)?;
    json::real(map, "frequency_penalty", -2.0, 2.0)?;
    json::real(map, "presence_penalty", -2.0, 2.0)?;
    let thinks = map.get("reasoning_effort").and_then(Value::as_str) != Some("none");
    if flavour == Flavour::Openai && model.is_some_and(|m| m.reasons_always) && thinks {
        for (name, value) in [("temperature", temperature), ("top_p", top_p)] {
            if let Some(value) = value.filter(|v| (v - 1.0).abs() > f64::EPSILON) {
                let message = format!(
                    "Unsupported value: '{name}' does not support {value} with this model. Only the default (1) value is supported."
                );
                return Err(Refusal::coded("unsupported_value", Some(name), message));
            }
        }
    }
    ask.n = json::count(map, "n", 1, 128)?.unwrap_or(1);
    if ask.n > 1 {
        match flavour {
            Flavour::Groq => return Err(Refusal::at("n", "'n' : number must be at most 1")),
            // "Ignored or absent: … n".
            Flavour::Ollama | Flavour::Llamacpp => ask.n = 1,
            _ if !caps.contains(Caps::MANY) && flavour == Flavour::Openai => {
                return Err(unsupported(
                    "n",
                    "Unsupported parameter: 'n' is not supported with this model.".into(),
                ));
            }
            _ => {}
        }
    }
    let stops = match json::get(map, "stop") {
        None => vec![],
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(other) => return Err(json::wrong_type("stop", "a string or an array of strings", other)),
    };
    if stops.len() > 4 && !flavour.local() {
        return Err(Refusal::at(
            "stop",
            "Invalid 'stop': array too long. Expected an array with maximum length 4.",
        ));
    }
    if !stops.is_empty() && flavour == Flavour::Openai && !caps.contains(Caps::STOP) {
        return Err(unsupported(
            "stop",
            "Unsupported parameter: 'stop' is not supported with this model.".into(),
        ));
    }
    ask.stop = stops;
    ask.seed = json::number(map, "seed", i64::MIN, i64::MAX)?;

    let wanted = json::flag(map, "logprobs")?.unwrap_or(false);
    let top = json::count(map, "top_logprobs", 0, 20)?;
    if flavour == Flavour::Groq {
        for name in ["logprobs", "top_logprobs", "logit_bias"] {
            if map.contains_key(name) {
                return Err(Refusal::bad(format!("property '{name}' is unsupported")));
            }
        }
    }
    if top.is_some() && !wanted && flavour == Flavour::Openai {
        return Err(Refusal::at(
            "top_logprobs",
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        ));
    }
    if wanted && flavour == Flavour::Openai {
        if !caps.contains(Caps::LOGPROBS) {
            return Err(unsupported(
                "logprobs",
                "Unsupported parameter: 'logprobs' is not supported with this model.".into(),
            ));
        }
        ask.logprobs = Some(top.unwrap_or(0));
    }
    Ok(())
}

fn tools(map: &Object, flavour: Flavour, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
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

fn shape(map: &Object, flavour: Flavour, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
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

fn reasoning(
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

fn messages(
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
