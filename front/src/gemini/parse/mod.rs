//! A `generateContent` request taken apart, for providers of another dialect.
//!
//! Only requests come here that somebody else can be told: the rest needs [`vocab::Caps::GEMINI_ONLY`].
//!
//! What is left out unsaid, because the answer is as good without it: labels, names of blobs, safety settings that block
//! nothing, schemas of what functions give back, seals on texts, and thoughts without a seal, which nobody takes back.

mod contents;
pub(super) mod effort;
pub(super) mod kinds;
mod schema;
#[cfg(test)]
mod tests;

use relay::BadInput;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vocab::{Chat, Format, RawChat, Tool, ToolChoice};

/// What a response schema is called where it has to have a name.
const SCHEMA_NAME: &str = "response";

/// All of a request that [`super::survey`] has accepted.
pub fn parse(raw: &RawChat) -> Result<Chat, BadInput> {
    let wire: Wire<'_> = serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let mut chat = Chat {
        max_output: raw.brief.max_output,
        effort: raw.brief.effort,
        stream: raw.brief.stream,
        ..Chat::default()
    };
    chat.messages = contents::messages(wire.system_instruction, wire.contents)?;
    tools(wire.tools.unwrap_or_default(), &mut chat);
    if let Some(calling) = wire.tool_config.and_then(|config| config.function_calling_config) {
        choose(calling, &mut chat)?;
    }
    if let Some(config) = wire.generation_config {
        generation(config, &mut chat);
    }
    // As chat completions name them.
    let tier = match wire.service_tier.as_deref() {
        Some("flex") => Some("flex"),
        Some("priority") => Some("priority"),
        Some("standard") => Some("default"),
        _ => None,
    };
    if let Some(tier) = tier {
        chat.extra.insert("service_tier".into(), tier.into());
    }
    Ok(chat)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    contents: Vec<contents::WireContent<'a>>,
    #[serde(borrow, alias = "system_instruction")]
    system_instruction: Option<contents::WireContent<'a>>,
    tools: Option<Vec<WireTool>>,
    #[serde(alias = "tool_config")]
    tool_config: Option<WireToolConfig>,
    #[serde(alias = "generation_config")]
    generation_config: Option<WireGeneration>,
    #[serde(alias = "service_tier")]
    service_tier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTool {
    #[serde(alias = "function_declarations")]
    function_declarations: Option<Vec<WireFunction>>,
    #[serde(alias = "google_search")]
    google_search: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    #[serde(alias = "parameters_json_schema")]
    parameters_json_schema: Option<Value>,
}

fn tools(list: Vec<WireTool>, chat: &mut Chat) {
    for tool in list {
        for function in tool.function_declarations.unwrap_or_default() {
            let WireFunction { name, description, parameters, parameters_json_schema } = function;
            let parameters = parameters.map(schema::from_subset).or(parameters_json_schema);
            chat.tools.push(Tool { name, description, parameters, strict: None });
        }
        if tool.google_search.is_some() {
            chat.extra.insert("web_search_options".into(), json!({}));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireToolConfig {
    #[serde(alias = "function_calling_config")]
    function_calling_config: Option<WireCalling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCalling {
    mode: Option<String>,
    #[serde(alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<String>>,
}

fn choose(calling: WireCalling, chat: &mut Chat) -> Result<(), BadInput> {
    let allowed = calling.allowed_function_names.unwrap_or_default();
    for (at, name) in allowed.iter().enumerate() {
        if !chat.tools.iter().any(|tool| tool.name == *name) {
            let path = format!("toolConfig.functionCallingConfig.allowedFunctionNames[{at}]");
            return Err(BadInput::at(
                path.clone(),
                format!("{path}: {:?} is not declared in `tools`", crate::json::shortened(name)),
            ));
        }
    }
    let mode = calling.mode.unwrap_or_default().to_ascii_uppercase();
    chat.tool_choice = match (mode.as_str(), allowed.as_slice()) {
        ("NONE", _) => ToolChoice::None,
        ("ANY", [only]) => ToolChoice::Function(only.clone()),
        ("ANY", []) => ToolChoice::Required,
        ("ANY", some) => {
            // One of several: the others are not shown, then any will do.
            chat.tools.retain(|tool| some.contains(&tool.name));
            ToolChoice::Required
        }
        _ => ToolChoice::Auto,
    };
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGeneration {
    temperature: Option<f64>,
    #[serde(alias = "top_p")]
    top_p: Option<f64>,
    seed: Option<i64>,
    #[serde(alias = "stop_sequences")]
    stop_sequences: Option<Vec<String>>,
    #[serde(alias = "candidate_count")]
    candidate_count: Option<u32>,
    #[serde(alias = "response_mime_type")]
    response_mime_type: Option<String>,
    #[serde(alias = "response_schema")]
    response_schema: Option<Value>,
    #[serde(alias = "response_json_schema")]
    response_json_schema: Option<Value>,
    #[serde(alias = "response_logprobs")]
    response_logprobs: Option<bool>,
    logprobs: Option<u32>,
    #[serde(alias = "presence_penalty")]
    presence_penalty: Option<f64>,
    #[serde(alias = "frequency_penalty")]
    frequency_penalty: Option<f64>,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<WireThinking>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireThinking {
    #[serde(alias = "include_thoughts")]
    include_thoughts: Option<bool>,
}

fn generation(config: WireGeneration, chat: &mut Chat) {
    chat.temperature = config.temperature;
    chat.top_p = config.top_p;
    chat.seed = config.seed;
    chat.stop = config.stop_sequences.unwrap_or_default();
    chat.n = config.candidate_count;
    chat.presence_penalty = config.presence_penalty;
    chat.frequency_penalty = config.frequency_penalty;
    // Shown only where it is asked for, so it has to be asked for.
    if config.thinking_config.and_then(|thinking| thinking.include_thoughts) == Some(true) {
        chat.summary = Some("auto".into());
    }
    if config.response_logprobs == Some(true) {
        chat.logprobs = Some(config.logprobs.unwrap_or(0));
    }
    let schema = match (config.response_schema, config.response_json_schema) {
        (Some(subset), _) => {
            let mut schema = schema::from_subset(subset);
            schema::closed(&mut schema);
            Some(schema)
        }
        (None, full) => full,
    };
    chat.format = match schema {
        Some(schema) => Format::JsonSchema {
            name: SCHEMA_NAME.into(),
            description: None,
            strict: schema::is_strict(&schema).then_some(true),
            schema,
        },
        None if config
            .response_mime_type
            .is_some_and(|mime| mime.eq_ignore_ascii_case("application/json")) =>
        {
            Format::JsonObject
        }
        None => Format::Text,
    };
}
