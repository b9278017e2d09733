//! A Responses request taken apart, for providers of another dialect.
//!
//! Only requests come here that somebody else can be told: the rest needs [`vocab::Caps::RESPONSES_ONLY`].

mod items;

use items::WireInput;
use relay::BadInput;
use serde::Deserialize;
use serde_json::Value;
use vocab::{Caps, Chat, Format, RawChat, Tool, ToolChoice};

/// All of a request that [`super::survey`] has accepted.
pub fn parse(raw: &RawChat) -> Result<Chat, BadInput> {
    if raw.brief.needs.contains(Caps::RESPONSES_ONLY) {
        let why = if raw.untidy {
            "this conversation has reasoning that such a provider cannot take back (another provider's, or without \
             `encrypted_content`)"
        } else {
            "asks for an effort that the model has not"
        };
        return Err(BadInput::new(format!(
            "The request has fields that only a provider of the Responses API knows, and {why}: leave one or the other out."
        )));
    }
    let wire: Wire = serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let text = wire.text.unwrap_or_default();
    let mut chat = Chat {
        messages: items::messages(wire.instructions, wire.input),
        tools: wire.tools.unwrap_or_default().into_iter().map(tool).collect(),
        parallel_tools: wire.parallel_tool_calls,
        format: text.format.map_or(Format::Text, format),
        max_output: raw.brief.max_output,
        temperature: wire.temperature,
        top_p: wire.top_p,
        logprobs: raw.brief.needs.contains(Caps::LOGPROBS).then(|| wire.top_logprobs.unwrap_or(0)),
        effort: raw.brief.effort,
        summary: wire.reasoning.and_then(|reasoning| reasoning.summary.or(reasoning.generate_summary)),
        user: wire.user,
        stream: raw.brief.stream,
        ..Chat::default()
    };
    for (name, value) in [
        // The defaults need not be asked for.
        ("service_tier", wire.service_tier.filter(|tier| tier != "auto")),
        ("verbosity", text.verbosity.filter(|verbosity| verbosity != "medium").map(Value::from)),
        ("safety_identifier", wire.safety_identifier),
        ("prompt_cache_key", wire.prompt_cache_key),
        ("prompt_cache_retention", wire.prompt_cache_retention),
        ("prompt_cache_options", wire.prompt_cache_options),
    ] {
        if let Some(value) = value {
            chat.extra.insert(name.into(), value);
        }
    }
    choose(wire.tool_choice, &mut chat)?;
    Ok(chat)
}

#[derive(Deserialize)]
struct Wire {
    input: WireInput,
    instructions: Option<String>,
    tools: Option<Vec<WireTool>>,
    tool_choice: Option<WireChoice>,
    parallel_tool_calls: Option<bool>,
    text: Option<WireText>,
    reasoning: Option<WireReasoning>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_logprobs: Option<u32>,
    user: Option<String>,
    service_tier: Option<Value>,
    safety_identifier: Option<Value>,
    prompt_cache_key: Option<Value>,
    prompt_cache_retention: Option<Value>,
    prompt_cache_options: Option<Value>,
}

#[derive(Deserialize)]
struct WireTool {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireChoice {
    Word(String),
    Object { name: Option<String>, mode: Option<String>, tools: Option<Vec<Named>> },
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
struct WireText {
    format: Option<WireFormat>,
    verbosity: Option<String>,
}

#[derive(Deserialize)]
struct WireFormat {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    schema: Option<Value>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct WireReasoning {
    summary: Option<String>,
    generate_summary: Option<String>,
}

/// Strict or not as it is asked in so many words. The default is to be strict where that can be done, which whoever
/// answers decides.
fn tool(WireTool { name, description, parameters, strict }: WireTool) -> Tool {
    Tool { name, description, parameters, strict }
}

fn format(format: WireFormat) -> Format {
    match (format.kind.as_str(), format.name, format.schema) {
        ("json_object", ..) => Format::JsonObject,
        ("json_schema", Some(name), Some(schema)) => {
            Format::JsonSchema { name, description: format.description, schema, strict: format.strict }
        }
        _ => Format::Text,
    }
}

/// A choice among some of the tools leaves the others out: that is what it means, and everybody can be told.
fn choose(choice: Option<WireChoice>, chat: &mut Chat) -> Result<(), BadInput> {
    let word = |word: &str| match word {
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        _ => ToolChoice::Auto,
    };
    chat.tool_choice = match choice {
        None => ToolChoice::Auto,
        Some(WireChoice::Word(said)) => word(&said),
        Some(WireChoice::Object { tools: Some(allowed), mode, .. }) => {
            let stranger = allowed.iter().find(|one| !chat.tools.iter().any(|tool| tool.name == one.name));
            if let Some(Named { name }) = stranger {
                let name = crate::json::shortened(name);
                let message = format!("tool_choice.tools: {name:?} is none of the `tools`");
                return Err(BadInput::at("tool_choice.tools", message));
            }
            chat.tools.retain(|tool| allowed.iter().any(|one| one.name == tool.name));
            word(mode.as_deref().unwrap_or_default())
        }
        Some(WireChoice::Object { name, .. }) => name.map_or(ToolChoice::Auto, ToolChoice::Function),
    };
    Ok(())
}
