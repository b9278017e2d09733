//! A chat as a Messages request.

use super::history::{History, Turn, history};
use super::schema;
use crate::foreign::{harmless, nearest, unfit};
use serde::Serialize;
use serde_json::Value;
use vocab::{Call, Caps, Chat, Door, Effort, Fault, Format, ToolChoice};

/// `max_tokens` is required: this where neither the client nor the card names one.
const OUTPUT_DEFAULT: u32 = 4_096;
/// "budget_tokens >=1024 and < max_tokens"
const BUDGET_MIN: u32 = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Declared<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct Declared<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct Choice<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

#[derive(Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<OutputFormat>,
}

#[derive(Serialize)]
struct OutputFormat {
    r#type: &'static str,
    schema: Value,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Thinking {
    Adaptive,
    Enabled { budget_tokens: u32 },
    Disabled,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

pub(super) fn encode(chat: &Chat, door: &Door) -> Result<Call, Fault> {
    unsayable(chat)?;
    let service_tier = extra(chat)?;
    let format = format(chat)?;
    let card = &door.card;
    let history = history(chat, door)?;
    let max_tokens = match (chat.max_output, card.max_output) {
        // More than the model has is refused, and the client means no more than all of it.
        (Some(want), Some(most)) => want.min(most),
        (want, most) => want.or(most).unwrap_or(OUTPUT_DEFAULT),
    };
    let forced = matches!(chat.tool_choice, ToolChoice::Required | ToolChoice::Function(_));
    if forced && card.reasons_always {
        return Err(unfit("anthropic", "tool_choice", "cannot be forced to call a tool with this model"));
    }
    let (effort, thinking) = thinking(chat, door, &history, forced, max_tokens)?;
    let thinks = matches!(thinking, Some(Thinking::Adaptive | Thinking::Enabled { .. }));
    let (temperature, top_p) = sampling(chat, door, thinks)?;
    let output_config = (effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format });
    let body = Body {
        model: &door.model,
        max_tokens,
        tools: tools(chat)?,
        tool_choice: tool_choice(chat)?,
        stop_sequences: &chat.stop,
        temperature,
        top_p,
        output_config,
        thinking,
        metadata: chat.user.as_deref().map(|user_id| Metadata { user_id }),
        service_tier,
        stream: chat.stream,
        system: history.system,
        messages: history.turns,
    };
    let bytes =
        serde_json::to_vec(&body).map_err(|e| Fault::Unfit(format!("anthropic: cannot be written: {e}")))?;
    Ok(Call {
        uri: if chat.stream { door.uri_stream.clone() } else { door.uri.clone() },
        headers: door.headers.clone(),
        body: bytes.into(),
        stream: chat.stream,
    })
}

/// "n, seed, logprobs, logit_bias, penalties: none"
fn unsayable(chat: &Chat) -> Result<(), Fault> {
    let asked = |penalty: Option<f64>| penalty.is_some_and(|p| p != 0.0);
    for (field, asked) in [
        ("n", chat.n.is_some_and(|n| n > 1)),
        ("seed", chat.seed.is_some()),
        ("logprobs", chat.logprobs.is_some()),
        ("frequency_penalty", asked(chat.frequency_penalty)),
        ("presence_penalty", asked(chat.presence_penalty)),
    ] {
        if asked {
            return Err(unfit("anthropic", field, "has no such field"));
        }
    }
    if chat.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(unfit("anthropic", "stop", "cannot stop at white space"));
    }
    Ok(())
}

fn extra(chat: &Chat) -> Result<Option<&'static str>, Fault> {
    let mut tier = None;
    for (field, value) in
        chat.extra.iter().filter(|(field, value)| !value.is_null() && !harmless(field, value))
    {
        match (field.as_str(), value.as_str()) {
            ("service_tier", Some("auto")) => tier = Some("auto"),
            ("service_tier", Some("default" | "standard_only")) => tier = Some("standard_only"),
            ("service_tier", _) => return Err(unfit("anthropic", "service_tier", "has auto and default")),
            (field, _) => return Err(unfit("anthropic", field, "has no such field")),
        }
    }
    Ok(tier)
}

fn format(chat: &Chat) -> Result<Option<OutputFormat>, Fault> {
    match &chat.format {
        Format::Text => Ok(None),
        Format::JsonObject => {
            Err(unfit("anthropic", "response_format", "knows json_schema, not json_object"))
        }
        Format::JsonSchema { schema, .. } => match schema::closed(schema) {
            Ok(schema) => Ok(Some(OutputFormat { r#type: "json_schema", schema })),
            Err(()) => Err(dictionary("response_format")),
        },
    }
}

fn dictionary(field: &str) -> Fault {
    unfit("anthropic", field, "takes no schema with described additionalProperties")
}

fn tools(chat: &Chat) -> Result<Vec<Declared<'_>>, Fault> {
    chat.tools
        .iter()
        .map(|tool| {
            let strict = tool.strict == Some(true);
            Ok(Declared {
                name: &tool.name,
                description: tool.description.as_deref(),
                input_schema: schema::of_tool(tool.parameters.as_ref(), strict)
                    .map_err(|()| dictionary("tools"))?,
                strict,
            })
        })
        .collect()
}

fn tool_choice(chat: &Chat) -> Result<Option<Choice<'_>>, Fault> {
    let (kind, name) = match &chat.tool_choice {
        ToolChoice::Required | ToolChoice::Function(_) if chat.tools.is_empty() => {
            return Err(Fault::Rejected {
                message: "tool_choice: there are no tools to choose from".to_owned(),
                param: Some("tool_choice".to_owned()),
                code: None,
            });
        }
        _ if chat.tools.is_empty() => return Ok(None),
        ToolChoice::None => {
            return Ok(Some(Choice { r#type: "none", name: None, disable_parallel_tool_use: false }));
        }
        ToolChoice::Auto if chat.parallel_tools != Some(false) => return Ok(None),
        ToolChoice::Auto => ("auto", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::Function(name) => ("tool", Some(name.as_str())),
    };
    Ok(Some(Choice { r#type: kind, name, disable_parallel_tool_use: chat.parallel_tools == Some(false) }))
}

/// Newer models take an effort and think as they see fit; older ones (whose card lists no efforts) take a budget,
/// after Google's convention of low 1K, medium 8K, high 24K, so that one word means one thing everywhere.
///
/// Not asked for, nothing is said. Where thinking cannot be (a forced tool, a prefill, calls of this turn whose
/// reasoning the client has lost: "keep them by tool call id or disable thinking in that turn"), it is off.
fn thinking(
    chat: &Chat,
    door: &Door,
    history: &History<'_>,
    forced: bool,
    max_tokens: u32,
) -> Result<(Option<&'static str>, Option<Thinking>), Fault> {
    let card = &door.card;
    let Some(effort) = chat.effort else {
        // Some think unasked, and would miss what is lost.
        let off = history.lost_thinking && !card.reasons_always && !card.efforts.is_empty();
        return Ok((None, off.then_some(Thinking::Disabled)));
    };
    if effort == Effort::None {
        if card.reasons_always {
            return Err(unfit(
                "anthropic",
                "reasoning_effort",
                "cannot be told not to reason with this model",
            ));
        }
        return Ok((None, Some(Thinking::Disabled)));
    }
    let impossible = forced || history.prefill || history.lost_thinking;
    if card.efforts.is_empty() {
        let budget = match effort {
            Effort::None | Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 8_192,
            Effort::High | Effort::Xhigh | Effort::Max => 24_576,
        };
        // Below the least budget there is no room to think: the answer comes first.
        let budget = budget.min(max_tokens.saturating_sub(1));
        let fits = budget >= BUDGET_MIN && !impossible;
        return Ok((None, fits.then_some(Thinking::Enabled { budget_tokens: budget })));
    }
    let word = match nearest(effort, &card.efforts) {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    };
    let thinking = match (impossible, card.reasons_always) {
        (false, _) => Some(Thinking::Adaptive),
        (true, false) => Some(Thinking::Disabled),
        (true, true) => None,
    };
    Ok((Some(word), thinking))
}

/// "newer models (5.x) refuse sampling parameters; send only to older models (0..1 scale, not both)". A default is
/// nothing to say. Above 1 is 1, as Anthropic's own OpenAI layer has it: "Values greater than 1 are capped at 1."
fn sampling(chat: &Chat, door: &Door, thinks: bool) -> Result<(Option<f64>, Option<f64>), Fault> {
    let said = |value: Option<f64>| value.filter(|value| *value != 1.0);
    let (temperature, top_p) = (said(chat.temperature), said(chat.top_p));
    for (field, value) in [("temperature", temperature), ("top_p", top_p)] {
        if value.is_some() && !door.card.caps.contains(Caps::SAMPLING) {
            return Err(unfit("anthropic", field, "takes none for this model"));
        }
        if value.is_some() && thinks {
            return Err(unfit("anthropic", field, "takes none while the model reasons"));
        }
    }
    if temperature.is_some() && top_p.is_some() {
        return Err(unfit("anthropic", "top_p", "takes a temperature or a top_p, not both"));
    }
    Ok((temperature.map(|t| t.min(1.0)), top_p))
}
