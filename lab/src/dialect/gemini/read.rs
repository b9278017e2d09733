//! A generateContent request as the server reads it: everything but the conversation.

use super::history;
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing, Turn, Why};
use crate::dialect::json::{self, Object};
use crate::dialect::{Incoming, Route};
use crate::prose::hash;
use crate::scenario::Model;
use crate::tokens::Tally;
use serde_json::{Value, json};
use vocab::{Caps, Effort};

const FIELDS: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "serviceTier",
    "labels",
    "model",
    "store",
];

const CONFIG_FIELDS: &[&str] = &[
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "stopSequences",
    "candidateCount",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "thinkingConfig",
    "responseModalities",
    "speechConfig",
    "imageConfig",
    "mediaResolution",
    "enableEnhancedCivicAnswers",
];

/// Keywords of JSON Schema outside the subset that `parameters` and `responseSchema` take.
const NOT_IN_SUBSET: &[&str] = &[
    "$schema",
    "$ref",
    "$defs",
    "additionalProperties",
    "const",
    "oneOf",
    "exclusiveMinimum",
    "exclusiveMaximum",
];

fn unknown(name: &str, at: &str) -> Refusal {
    Refusal::bad(format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."))
}

/// "JSON names are camelCase; snake_case is accepted on input." What is the client's own is left alone.
fn camel(value: Value) -> Value {
    const OWN: &[&str] =
        &["args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"];
    match value {
        Value::Array(all) => all.into_iter().map(camel).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, inner)| {
                let mut name = String::with_capacity(key.len());
                let mut upper = false;
                for c in key.chars() {
                    if c == '_' {
                        upper = true;
                    } else {
                        name.push(if upper { c.to_ascii_uppercase() } else { c });
                        upper = false;
                    }
                }
                let inner = if OWN.contains(&name.as_str()) { inner } else { camel(inner) };
                (name, inner)
            })
            .collect(),
        other => other,
    }
}

pub(super) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    let mut map = match camel(Value::Object(json::object(incoming.body)?)) {
        Value::Object(map) => map,
        _ => Object::new(),
    };
    let (name, stream, sse) = match incoming.route {
        Route::Chat { model: Some(name), stream, sse } => (name.clone(), stream.unwrap_or(false), *sse),
        Route::Count { model: Some(name) } => (name.clone(), false, false),
        _ => return Err(Refusal::of(Why::NoRoute)),
    };
    // countTokens may wrap a whole request.
    if let Some(Value::Object(inner)) = map.remove("generateContentRequest") {
        map = inner;
    }
    if let Some(stranger) = json::stranger(&map, FIELDS) {
        return Err(unknown(stranger, ""));
    }
    let model = incoming.provider.model(&name);
    let caps = model.map_or(Caps::all(), |m| m.caps(incoming.provider));
    let mut ask =
        Ask { model: name, n: 1, parallel: true, stream, sse, showing: Showing::Hidden, ..Ask::default() };
    if let Some(config) = json::inner(&map, "generationConfig")? {
        configure(config, model, caps, &mut ask)?;
    }
    tools(&map, caps, &mut ask)?;
    if let Some(system) = json::inner(&map, "systemInstruction")? {
        let mut tally = Tally::default();
        for part in json::list(system, "parts")?.unwrap_or(&[]) {
            tally.text(part.get("text").and_then(Value::as_str).unwrap_or_default());
        }
        let written = Value::Object(system.clone()).to_string();
        ask.turns.push(Turn { tally, hash: hash(&[written.as_bytes()]) });
    }
    let contents = json::list(&map, "contents")?.filter(|c| !c.is_empty());
    let Some(contents) = contents else {
        return Err(Refusal::bad("* GenerateContentRequest.contents: contents is not specified"));
    };
    for (i, content) in contents.iter().enumerate() {
        history::read_content(content, i, &mut ask)?;
    }
    history::pairs(contents)?;
    if caps.contains(Caps::REASONING) {
        history::signatures(contents, incoming.provider, &ask.model)?;
    }
    Ok(ask)
}

fn configure(config: &Object, model: Option<&Model>, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    if let Some(stranger) = json::stranger(config, CONFIG_FIELDS) {
        return Err(unknown(stranger, " at 'generation_config'"));
    }
    ask.max_tokens = json::count(config, "maxOutputTokens", 1, u32::MAX)?;
    if let (Some(asked), Some(model)) = (ask.max_tokens, model)
        && asked > model.max_output
    {
        let most = model.max_output + 1;
        return Err(Refusal::bad(format!(
            "Unable to submit request because it has a maxOutputTokens value of {asked} but the supported range is from 1 (inclusive) to {most} (exclusive)."
        )));
    }
    json::real(config, "temperature", 0.0, 2.0)?;
    json::real(config, "topP", 0.0, 1.0)?;
    ask.seed = json::number(config, "seed", i64::from(i32::MIN), i64::from(i32::MAX))?;
    let stops = json::list(config, "stopSequences")?.unwrap_or(&[]);
    if stops.len() > 5 {
        return Err(Refusal::bad("The number of stop sequences must not be greater than 5."));
    }
    ask.stop = stops.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    ask.n = json::count(config, "candidateCount", 1, 8)?.unwrap_or(1);
    if ask.n > 1 && (ask.stream || !caps.contains(Caps::MANY)) {
        return Err(Refusal::bad("Multiple candidates is not enabled for this model"));
    }
    let penalised = config.contains_key("presencePenalty") || config.contains_key("frequencyPenalty");
    if penalised && !caps.contains(Caps::PENALTIES) {
        return Err(Refusal::bad("Penalty is not enabled for this model"));
    }
    if json::flag(config, "responseLogprobs")?.unwrap_or(false) {
        if !caps.contains(Caps::LOGPROBS) {
            return Err(Refusal::bad("Logprobs is not enabled for this model"));
        }
        ask.logprobs = Some(json::count(config, "logprobs", 0, 20)?.unwrap_or(0));
    }
    let mime = json::text(config, "responseMimeType")?.unwrap_or("text/plain");
    let schema = json::get(config, "responseJsonSchema").or_else(|| json::get(config, "responseSchema"));
    if let Some(subset) = json::get(config, "responseSchema") {
        in_subset(subset, "generation_config.response_schema")?;
    }
    ask.shape = match (mime, schema) {
        ("application/json", Some(schema)) => Shape::Schema(schema.clone()),
        ("application/json", None) => Shape::Object,
        (_, Some(_)) => {
            return Err(Refusal::bad(
                "response_mime_type must be application/json when a response schema is set.",
            ));
        }
        _ => Shape::Text,
    };
    if let Some(thinking) = json::inner(config, "thinkingConfig")? {
        if thinking.contains_key("thinkingLevel") && thinking.contains_key("thinkingBudget") {
            return Err(Refusal::bad("You can only set one of thinking budget and thinking level."));
        }
        if !caps.contains(Caps::REASONING) {
            return Err(Refusal::bad("Thinking is not supported by this model"));
        }
        ask.effort = match (
            json::text(thinking, "thinkingLevel")?,
            json::number(thinking, "thinkingBudget", -1, 1 << 20)?,
        ) {
            (Some(word), _) => match Effort::named(&word.to_ascii_lowercase()) {
                Some(effort) if effort != Effort::None && effort != Effort::Max => Some(effort),
                _ => {
                    return Err(Refusal::bad(format!(
                        "Invalid value at 'generation_config.thinking_config.thinking_level': \"{word}\""
                    )));
                }
            },
            (None, Some(0)) if model.is_some_and(|m| m.reasons_always) => {
                return Err(Refusal::bad("Budget 0 is invalid. This model only works in thinking mode."));
            }
            (None, Some(0)) => Some(Effort::None),
            (None, Some(1..=1024)) => Some(Effort::Low),
            (None, Some(4097..)) => Some(Effort::High),
            _ => Some(Effort::Medium),
        };
        if json::flag(thinking, "includeThoughts")?.unwrap_or(false) {
            ask.showing = Showing::Apart;
        }
    }
    Ok(())
}

fn in_subset(schema: &Value, at: &str) -> Result<(), Refusal> {
    match schema {
        Value::Object(map) => {
            for (key, inner) in map {
                if NOT_IN_SUBSET.contains(&key.as_str()) {
                    return Err(unknown(key, &format!(" at '{at}'")));
                }
                if key == "properties" {
                    for property in inner.as_object().into_iter().flatten() {
                        in_subset(property.1, at)?;
                    }
                } else if matches!(key.as_str(), "items" | "anyOf") {
                    in_subset(inner, at)?;
                }
            }
            Ok(())
        }
        Value::Array(all) => all.iter().try_for_each(|inner| in_subset(inner, at)),
        _ => Ok(()),
    }
}

fn tools(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    for (i, tool) in json::list(map, "tools")?.unwrap_or(&[]).iter().enumerate() {
        for declared in tool.get("functionDeclarations").and_then(Value::as_array).into_iter().flatten() {
            let name = declared.get("name").and_then(Value::as_str).unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                return Err(Refusal::bad(format!(
                    "Invalid function name at tools[{i}]. Must start with a letter or an underscore."
                )));
            }
            let subset = declared.get("parameters").filter(|p| !p.is_null());
            let full = declared.get("parametersJsonSchema").filter(|p| !p.is_null());
            if subset.is_some() && full.is_some() {
                return Err(Refusal::bad("parameters and parameters_json_schema are mutually exclusive"));
            }
            if let Some(subset) = subset {
                in_subset(subset, &format!("tools[{i}].function_declarations[0].parameters"))?;
            }
            let schema = subset.or(full).cloned().unwrap_or_else(|| json!({"type": "object"}));
            ask.tools.push(Offered { name: name.to_owned(), schema });
        }
    }
    if !ask.tools.is_empty() && !caps.contains(Caps::TOOLS) {
        return Err(Refusal::bad("Function calling is not enabled for this model"));
    }
    let config = map.get("toolConfig").and_then(|t| t.get("functionCallingConfig"));
    let Some(config) = config else { return Ok(()) };
    let allowed: Vec<&str> = config
        .get("allowedFunctionNames")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let Some(name) = allowed.iter().find(|name| !ask.tools.iter().any(|t| t.name == **name)) {
        return Err(Refusal::bad(format!(
            "allowed_function_names contains \"{name}\", which is not declared"
        )));
    }
    ask.pick = match (config.get("mode").and_then(Value::as_str), allowed.as_slice()) {
        (Some("ANY"), [only]) => Pick::Named((*only).to_owned()),
        (Some("ANY"), _) => Pick::Any,
        (Some("NONE"), _) => Pick::Never,
        (Some("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED") | None, []) => Pick::Auto,
        (Some("VALIDATED"), _) => Pick::Auto,
        (Some(other), []) => {
            return Err(Refusal::bad(format!(
                "Invalid value at 'tool_config.function_calling_config.mode': \"{other}\""
            )));
        }
        _ => return Err(Refusal::bad("allowed_function_names should only be set when mode is ANY.")),
    };
    Ok(())
}
