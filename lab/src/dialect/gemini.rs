//! The Gemini API as a server reads it.

use super::json::{self, Object};
use super::{Incoming, Page, Route, Told, Tongue, gemini_say, header};
use crate::ask::{Ask, Offered, Pick, Refusal, Shape, Showing, Turn, Why};
use crate::prose::hash;
use crate::scenario::{Model, Provider};
use crate::tokens::{Tally, result_text};
use crate::wire::{Framing, Piece};
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Caps, Effort};

pub(crate) struct Gemini;

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

impl Tongue for Gemini {
    fn route(&self, _provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        let rest = path.strip_prefix("/v1beta").or_else(|| path.strip_prefix("/v1")).unwrap_or(path);
        if (method, rest) == ("GET", "/models") {
            return Route::Models;
        }
        let Some(rest) = rest.strip_prefix("/models/") else { return Route::Unknown };
        let sse = query.split('&').any(|pair| pair == "alt=sse");
        match (method, rest.rsplit_once(':')) {
            ("POST", Some((model, "generateContent"))) => {
                Route::Chat { model: Some(model.to_owned()), stream: Some(false), sse }
            }
            ("POST", Some((model, "streamGenerateContent"))) => {
                Route::Chat { model: Some(model.to_owned()), stream: Some(true), sse }
            }
            ("POST", Some((model, "countTokens"))) => Route::Count { model: Some(model.to_owned()) },
            ("GET", None) => Route::ModelCard(rest.to_owned()),
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, query: &str) -> Option<String> {
        let in_query = || query.split('&').find_map(|pair| pair.strip_prefix("key=")).map(str::to_owned);
        header(headers, "x-goog-api-key").or_else(in_query)
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        read(incoming)
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        refuse(refusal)
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        gemini_say::whole(told)
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        gemini_say::frames(told)
    }

    fn framing(&self, ask: &Ask, _crlf: bool) -> Framing {
        // "frames end with CRLF CRLF in captures".
        if ask.sse { Framing::Sse { crlf: true } } else { Framing::Array }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        Piece::json(crate::wire::Part::Close, refuse(&Refusal::of(Why::Server(503))).body, 0)
    }

    fn models(&self, provider: &Provider) -> Value {
        json!({"models": provider.models.iter().map(|m| self.model_card(provider, m)).collect::<Vec<_>>()})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"name": format!("models/{}", model.name), "displayName": model.name, "version": "1",
            "inputTokenLimit": model.context, "outputTokenLimit": model.max_output,
            "supportedGenerationMethods": ["generateContent", "countTokens"]})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"totalTokens": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({})
    }

    fn headers(&self, _provider: &Provider, _told: &Told<'_>) -> Vec<(&'static str, String)> {
        // "No rate-limit headers exist."
        vec![]
    }
}

fn refuse(refusal: &Refusal) -> Page {
    let (status, name) = match &refusal.why {
        Why::Bad { .. } | Why::TooLong { .. } | Why::BadKey | Why::TooLarge | Why::Filtered => {
            (400, "INVALID_ARGUMENT")
        }
        Why::NoKey | Why::Forbidden => (403, "PERMISSION_DENIED"),
        Why::Payment => (400, "FAILED_PRECONDITION"),
        Why::Quota | Why::Busy { .. } => (429, "RESOURCE_EXHAUSTED"),
        Why::NoModel(_) | Why::NoRoute => (404, "NOT_FOUND"),
        Why::Server(503) => (503, "UNAVAILABLE"),
        Why::Server(504) => (504, "DEADLINE_EXCEEDED"),
        Why::Server(status) => (*status, "INTERNAL"),
    };
    let violation = |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
    let delay =
        |text: String| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text});
    let (message, details) = match &refusal.why {
        Why::BadKey => (
            "API key not valid. Please pass a valid API key.".to_owned(),
            vec![json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}})],
        ),
        Why::NoKey => (
            "Method doesn't allow unregistered callers (callers without established identity).".into(),
            vec![],
        ),
        Why::NoModel(model) => (
            format!(
                "models/{model} is not found for API version v1beta, or is not supported for generateContent."
            ),
            vec![],
        ),
        Why::TooLong { tokens, limit } => (
            format!(
                "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
            ),
            vec![],
        ),
        Why::Quota => (
            "You exceeded your current quota, please check your plan and billing details.".into(),
            // A short delay beside a daily quota: it must not be obeyed.
            vec![violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), delay("34s".into())],
        ),
        Why::Busy { retry_after: Some(secs) } => (
            format!("You exceeded your current quota. Please retry in {secs}.07s."),
            vec![violation("GenerateRequestsPerMinutePerProjectPerModel"), delay(format!("{secs}.07s"))],
        ),
        Why::Busy { retry_after: None } => ("Resource has been exhausted (e.g. check quota).".into(), vec![]),
        Why::Server(503) => ("The model is overloaded. Please try again later.".into(), vec![]),
        _ => (refusal.message.clone(), vec![]),
    };
    let mut error = json!({"code": status, "message": message, "status": name});
    if !details.is_empty() {
        error["details"] = details.into();
    }
    Page::new(status, json!({"error": error}))
}

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

fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
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
        read_content(content, i, &mut ask)?;
    }
    history(contents)?;
    if caps.contains(Caps::REASONING) {
        signatures(contents, incoming.provider, &ask.model)?;
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

fn parts(content: &Value) -> impl Iterator<Item = &Value> {
    content.get("parts").and_then(Value::as_array).into_iter().flatten()
}

fn read_content(content: &Value, i: usize, ask: &mut Ask) -> Result<(), Refusal> {
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
fn history(contents: &[Value]) -> Result<(), Refusal> {
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
fn signatures(contents: &[Value], provider: &Provider, model: &str) -> Result<(), Refusal> {
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
            Some(signature) if !gemini_say::accepts(provider, model, signature) => {
                return Err(Refusal::bad("Thought signature is not valid."));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
