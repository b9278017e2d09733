//! A Messages request taken apart, for providers of another dialect.
//!
//! Only requests come here that somebody else can be told: the rest needs [`vocab::Caps::ANTHROPIC_ONLY`].

mod content;

use content::{Content, system};
use relay::BadInput;
use serde::Deserialize;
use serde_json::Value;
use vocab::{Caps, Chat, Effort, Format, Message, RawChat, Role, Tool, ToolChoice};

/// The name of a response's schema, which others ask for.
const SCHEMA_NAME: &str = "answer";

/// All of a request that [`super::survey`] has accepted.
pub fn parse(raw: &RawChat) -> Result<Chat, BadInput> {
    if raw.brief.needs.contains(Caps::ANTHROPIC_ONLY) {
        return Err(BadInput::new(
            "This conversation has thinking blocks of another provider's model, and the request has fields that only \
             Anthropic knows: leave one or the other out.",
        ));
    }
    let wire: Wire = serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let mut messages = Vec::with_capacity(wire.messages.len() + 1);
    if let Some(parts) = wire.system.map(system) {
        messages.push(Message { parts, ..Message::text(Role::System, "") });
    }
    for message in wire.messages {
        content::message(message, &mut messages);
    }
    let config = wire.output_config.unwrap_or_default();
    let format = config.format.or(wire.output_format);
    let off = wire.thinking.as_ref().is_some_and(|thinking| thinking.kind == "disabled");
    // Only where it is said: elsewhere not every account may see it.
    let shown = wire.thinking.is_some_and(|thinking| thinking.display.as_deref() == Some("summarized"));
    let (tool_choice, serial) = choice(wire.tool_choice);
    // As chat completions name it. The other tier, `auto`, leaves the choice to whoever answers.
    let plain = (wire.service_tier.as_deref() == Some("standard_only"))
        .then(|| ("service_tier".into(), "default".into()));
    Ok(Chat {
        messages,
        tools: wire.tools.unwrap_or_default().into_iter().map(tool).collect(),
        tool_choice,
        parallel_tools: serial.then_some(false),
        format: format.map_or(Format::Text, |WireFormat { schema }| Format::JsonSchema {
            name: SCHEMA_NAME.into(),
            description: None,
            schema,
            strict: Some(true),
        }),
        max_output: raw.brief.max_output,
        temperature: wire.temperature,
        top_p: wire.top_p,
        stop: wire.stop_sequences.unwrap_or_default(),
        effort: if off { Some(Effort::None) } else { raw.brief.effort },
        summary: shown.then(|| "auto".into()),
        user: wire.metadata.and_then(|m| m.user_id),
        stream: raw.brief.stream,
        extra: plain.into_iter().collect(),
        ..Chat::default()
    })
}

#[derive(Deserialize)]
struct Wire {
    messages: Vec<content::WireMessage>,
    system: Option<Content>,
    tools: Option<Vec<WireTool>>,
    tool_choice: Option<WireChoice>,
    output_config: Option<WireConfig>,
    output_format: Option<WireFormat>,
    stop_sequences: Option<Vec<String>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    metadata: Option<WireMetadata>,
    thinking: Option<WireThinking>,
    service_tier: Option<String>,
}

#[derive(Deserialize)]
struct WireTool {
    name: String,
    description: Option<String>,
    input_schema: Option<Value>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct WireChoice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Default, Deserialize)]
struct WireConfig {
    format: Option<WireFormat>,
}

#[derive(Deserialize)]
struct WireFormat {
    schema: Value,
}

#[derive(Deserialize)]
struct WireThinking {
    #[serde(rename = "type")]
    kind: String,
    display: Option<String>,
}

#[derive(Deserialize)]
struct WireMetadata {
    user_id: Option<String>,
}

fn tool(WireTool { name, description, input_schema, strict }: WireTool) -> Tool {
    Tool { name, description, parameters: input_schema, strict }
}

/// What is chosen, and whether one call at a time is to be made.
fn choice(choice: Option<WireChoice>) -> (ToolChoice, bool) {
    let Some(WireChoice { kind, name, disable_parallel_tool_use }) = choice else {
        return (ToolChoice::Auto, false);
    };
    let choice = match (kind.as_str(), name) {
        ("any", _) => ToolChoice::Required,
        ("none", _) => ToolChoice::None,
        ("tool", Some(name)) => ToolChoice::Function(name),
        _ => ToolChoice::Auto,
    };
    (choice, disable_parallel_tool_use == Some(true))
}
