//! A chat as a `generateContent` request.

use super::generation;
use super::history::{Content, history};
use crate::foreign::{harmless, nearest, unfit};
use serde::Serialize;
use serde_json::Value;
use vocab::{Call, Caps, Chat, Door, Effort, Fault, Format, ToolChoice};

/// "stopSequences (max 5)".
const STOPS_MAX: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Toolbox<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Generation::is_empty")]
    generation_config: Generation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Toolbox<'a> {
    FunctionDeclarations(Vec<Declaration<'a>>),
    GoogleSearch {},
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Full JSON Schema. The other field, `parameters`, takes a subset and refuses `additionalProperties`, `$ref`,
    /// `const`; both together are refused as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

impl Generation<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Level or budget, never both: "Sending both is a 400".
#[derive(PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    include_thoughts: bool,
}

pub(super) fn encode(chat: &Chat, door: &Door) -> Result<Call, Fault> {
    let extra = extra(chat, door)?;
    let generation_config = generation_config(chat, door)?;
    let history = history(chat, door)?;
    let mut tools = Vec::new();
    if !chat.tools.is_empty() {
        tools.push(Toolbox::FunctionDeclarations(
            chat.tools
                .iter()
                .map(|tool| Declaration {
                    name: &tool.name,
                    description: tool.description.as_deref(),
                    parameters_json_schema: tool.parameters.as_ref(),
                })
                .collect(),
        ));
    }
    if extra.search {
        tools.push(Toolbox::GoogleSearch {});
    }
    let body = Body {
        system_instruction: history.system,
        contents: history.contents,
        tools,
        tool_config: tool_config(chat)?,
        generation_config,
        service_tier: extra.tier,
    };
    let bytes =
        serde_json::to_vec(&body).map_err(|e| Fault::Unfit(format!("gemini: cannot be written: {e}")))?;
    Ok(Call {
        uri: if chat.stream { door.uri_stream.clone() } else { door.uri.clone() },
        headers: door.headers.clone(),
        body: bytes.into(),
        stream: chat.stream,
    })
}

fn tool_config(chat: &Chat) -> Result<Option<ToolConfig<'_>>, Fault> {
    if chat.tools.is_empty() {
        return match chat.tool_choice {
            ToolChoice::Auto | ToolChoice::None => Ok(None),
            ToolChoice::Required | ToolChoice::Function(_) => Err(Fault::Rejected {
                message: "tool_choice: there are no tools to choose from".to_owned(),
                param: Some("tool_choice".to_owned()),
                code: None,
            }),
        };
    }
    if chat.parallel_tools == Some(false) {
        return Err(unfit("gemini", "parallel_tool_calls", "cannot be told to call one tool at a time"));
    }
    let strict = chat.tools.iter().any(|tool| tool.strict == Some(true));
    let (mode, only) = match &chat.tool_choice {
        ToolChoice::Auto if strict => ("VALIDATED", None),
        ToolChoice::Auto => return Ok(None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Function(name) => ("ANY", Some([name.as_str()])),
    };
    Ok(Some(ToolConfig { function_calling_config: Calling { mode, allowed_function_names: only } }))
}

fn generation_config<'a>(chat: &'a Chat, door: &Door) -> Result<Generation<'a>, Fault> {
    let card = &door.card;
    let mut config = Generation {
        // More than the model has is refused, and the client means no more than all of it.
        max_output_tokens: chat.max_output.map(|want| card.max_output.map_or(want, |most| want.min(most))),
        stop_sequences: &chat.stop,
        thinking_config: thinking(chat, door)?,
        ..Generation::default()
    };
    if chat.stop.len() > STOPS_MAX {
        return Err(unfit("gemini", "stop", "takes at most 5 sequences"));
    }
    // "marked deprecated or ignored on Gemini 3 and later, recommended temperature 1.0"
    let samples = card.caps.contains(Caps::SAMPLING);
    for (field, asked, place) in
        [("temperature", chat.temperature, &mut config.temperature), ("top_p", chat.top_p, &mut config.top_p)]
    {
        match asked {
            Some(value) if samples => *place = Some(value),
            Some(value) if value != 1.0 => return Err(unfit("gemini", field, "takes only 1 for this model")),
            _ => {}
        }
    }
    for (field, asked, place) in [
        ("presence_penalty", chat.presence_penalty, &mut config.presence_penalty),
        ("frequency_penalty", chat.frequency_penalty, &mut config.frequency_penalty),
    ] {
        match asked.filter(|penalty| *penalty != 0.0) {
            Some(_) if !card.caps.contains(Caps::PENALTIES) => {
                return Err(unfit("gemini", field, "takes none for this model"));
            }
            asked => *place = asked,
        }
    }
    if let Some(seed) = chat.seed {
        let seed = i32::try_from(seed).map_err(|_| unfit("gemini", "seed", "takes 32 bits"))?;
        config.seed = Some(seed);
    }
    match chat.n {
        Some(n) if n > 1 && chat.stream => return Err(unfit("gemini", "n", "streams one choice only")),
        Some(n) if n > 1 => config.candidate_count = Some(n),
        _ => {}
    }
    if let Some(alternatives) = chat.logprobs {
        config.response_logprobs = Some(true);
        config.logprobs = (alternatives > 0).then_some(alternatives);
    }
    match &chat.format {
        Format::Text => {}
        _ if !chat.tools.is_empty() && !card.caps.contains(Caps::SCHEMA_WITH_TOOLS) => {
            return Err(unfit("gemini", "response_format", "takes no format beside tools for this model"));
        }
        Format::JsonObject => config.response_mime_type = Some("application/json"),
        Format::JsonSchema { schema, .. } => {
            config.response_mime_type = Some("application/json");
            config.response_json_schema = Some(schema);
        }
    }
    Ok(config)
}

/// From the third generation on a level; 2.5 takes a budget of tokens, for which Google's own OpenAI layer has low
/// 1K, medium 8K, high 24K and none 0, and which 2.5 Pro cannot set to 0.
fn thinking(chat: &Chat, door: &Door) -> Result<Option<Thinking>, Fault> {
    let Some(effort) = chat.effort else { return Ok(None) };
    let generation = generation(&door.model);
    if generation.is_some_and(|g| g < 3) {
        let pro = door.model.contains("pro");
        let budget = match effort {
            _ if !door.model.contains("2.5") && effort == Effort::None => return Ok(None),
            _ if !door.model.contains("2.5") => {
                return Err(unfit("gemini", "reasoning_effort", "does not reason with this model"));
            }
            Effort::None if pro || door.card.reasons_always => return Err(cannot_stop()),
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 8_192,
            Effort::High => 24_576,
            Effort::Xhigh | Effort::Max if pro => 32_768,
            Effort::Xhigh | Effort::Max => 24_576,
        };
        return Ok(Some(Thinking {
            thinking_level: None,
            thinking_budget: Some(budget),
            include_thoughts: budget > 0,
        }));
    }
    let level = match effort {
        Effort::None if door.card.reasons_always => return Err(cannot_stop()),
        // The least there is: this generation has no off.
        Effort::None => nearest(Effort::Minimal, &door.card.efforts),
        Effort::Xhigh | Effort::Max if door.card.efforts.is_empty() => Effort::High,
        asked => nearest(asked, &door.card.efforts),
    };
    Ok(Some(Thinking {
        thinking_level: Some(match level {
            Effort::None | Effort::Minimal => "MINIMAL",
            Effort::Low => "LOW",
            Effort::Medium => "MEDIUM",
            Effort::High => "HIGH",
            Effort::Xhigh | Effort::Max => "XHIGH",
        }),
        thinking_budget: None,
        include_thoughts: effort != Effort::None,
    }))
}

fn cannot_stop() -> Fault {
    unfit("gemini", "reasoning_effort", "cannot be told not to reason with this model")
}

struct Extra {
    tier: Option<&'static str>,
    search: bool,
}

fn extra(chat: &Chat, door: &Door) -> Result<Extra, Fault> {
    let mut out = Extra { tier: None, search: false };
    for (field, value) in
        chat.extra.iter().filter(|(field, value)| !value.is_null() && !harmless(field, value))
    {
        match (field.as_str(), value.as_str()) {
            ("service_tier", Some("auto")) => {}
            ("service_tier", Some("default")) => out.tier = Some("standard"),
            ("service_tier", Some("flex")) => out.tier = Some("flex"),
            ("service_tier", Some("priority")) => out.tier = Some("priority"),
            ("service_tier", _) => {
                return Err(unfit("gemini", "service_tier", "has flex, standard and priority"));
            }
            ("web_search_options", _) => {
                search(chat, door, value)?;
                out.search = true;
            }
            (field, _) => return Err(unfit("gemini", field, "has no such field")),
        }
    }
    Ok(out)
}

/// The size of the searched context is a hint; a place to search from is not.
fn search(chat: &Chat, door: &Door, options: &Value) -> Result<(), Fault> {
    let known = options.as_object().is_some_and(|o| o.keys().all(|key| key == "search_context_size"));
    if !known {
        return Err(unfit("gemini", "web_search_options", "searches without options"));
    }
    if !door.card.caps.contains(Caps::WEB_SEARCH) {
        return Err(unfit("gemini", "web_search_options", "does not search with this model"));
    }
    if !chat.tools.is_empty() {
        return Err(unfit("gemini", "web_search_options", "does not search beside other tools"));
    }
    Ok(())
}
