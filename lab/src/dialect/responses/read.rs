//! A Responses request as the server reads it: strictly.

use super::{items, wishes};
use crate::ask::{Ask, Refusal};
use crate::dialect::json::{self, Object};
use crate::scenario::{Model, Provider};
use vocab::Caps;

const FIELDS: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

pub(super) fn unsupported(param: &str) -> Refusal {
    let message = format!("Unsupported parameter: '{param}' is not supported with this model.");
    Refusal::coded("unsupported_parameter", Some(param), message)
}

pub(super) fn missing(param: &str) -> Refusal {
    let message = format!("Missing required parameter: '{param}'.");
    Refusal::coded("missing_required_parameter", Some(param), message)
}

pub(super) fn read(provider: &Provider, map: &Object) -> Result<Ask, Refusal> {
    if let Some(stranger) = json::stranger(map, FIELDS) {
        let message = format!("Unknown parameter: '{stranger}'.");
        return Err(Refusal::coded("unknown_parameter", Some(stranger), message));
    }
    let name = json::text(map, "model")?.ok_or_else(|| missing("model"))?;
    let model = provider.model(name);
    let caps = model.map_or(Caps::all(), |m| m.caps(provider));
    let mut ask = Ask { model: name.to_owned(), n: 1, parallel: true, sse: true, ..Ask::default() };
    ask.include_usage = true;
    ask.stream = json::flag(map, "stream")?.unwrap_or(false);
    if json::inner(map, "stream_options")?.is_some() && !ask.stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::at("stream_options", message));
    }
    json::flag(map, "store")?;
    if json::flag(map, "background")?.unwrap_or(false) && !json::flag(map, "store")?.unwrap_or(true) {
        return Err(Refusal::at("background", "Background mode requires 'store' to be true."));
    }
    if let Some(id) = json::text(map, "previous_response_id")? {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(Refusal::coded("previous_response_not_found", Some("previous_response_id"), message));
    }
    limits(map, model, &mut ask)?;
    wishes::tools(map, caps, &mut ask)?;
    wishes::shape(map, caps, &mut ask)?;
    wishes::reasoning(map, model, caps, &mut ask)?;
    sampling(map, model, &mut ask)?;
    includes(map, caps, &mut ask)?;
    items::input(map, caps, &mut ask)?;
    Ok(ask)
}

fn limits(map: &Object, model: Option<&Model>, ask: &mut Ask) -> Result<(), Refusal> {
    ask.max_tokens = json::count(map, "max_output_tokens", 0, u32::MAX)?;
    let Some(asked) = ask.max_tokens else { return Ok(()) };
    if asked < 16 {
        let message = format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {asked} instead."
        );
        return Err(Refusal::coded("integer_below_min_value", Some("max_output_tokens"), message));
    }
    if let Some(most) = model.map(|m| m.max_output).filter(|most| asked > *most) {
        let message = format!(
            "max_output_tokens is too large: {asked}. This model supports at most {most} output tokens, whereas you provided {asked}."
        );
        return Err(Refusal::coded("invalid_value", Some("max_output_tokens"), message));
    }
    Ok(())
}

fn sampling(map: &Object, model: Option<&Model>, ask: &mut Ask) -> Result<(), Refusal> {
    let temperature = json::real(map, "temperature", 0.0, 2.0)?;
    let top_p = json::real(map, "top_p", 0.0, 1.0)?;
    let thinks = ask.effort != Some(vocab::Effort::None);
    if model.is_some_and(|m| m.reasons_always) && thinks {
        for (name, value) in [("temperature", temperature), ("top_p", top_p)] {
            if value.is_some() {
                return Err(unsupported(name));
            }
        }
    }
    Ok(())
}

/// What else is to be told: sealed reasoning, log probabilities.
fn includes(map: &Object, caps: Caps, ask: &mut Ask) -> Result<(), Refusal> {
    let top = json::count(map, "top_logprobs", 0, 20)?;
    let mut wants_logprobs = false;
    for value in json::list(map, "include")?.unwrap_or(&[]) {
        match value.as_str() {
            Some("reasoning.encrypted_content") if caps.contains(Caps::REASONING) => ask.sealed = true,
            Some("reasoning.encrypted_content") => {
                return Err(Refusal::at("include", "Encrypted content is not supported with this model."));
            }
            Some("message.output_text.logprobs") => wants_logprobs = true,
            Some(
                "web_search_call.action.sources"
                | "code_interpreter_call.outputs"
                | "computer_call_output.output.image_url"
                | "file_search_call.results"
                | "message.input_image.image_url",
            ) => {}
            _ => {
                let message =
                    format!("Invalid value: {value}. It is none of the supported values of 'include'.");
                return Err(Refusal::coded("invalid_value", Some("include"), message));
            }
        }
    }
    if (wants_logprobs || top.is_some()) && !caps.contains(Caps::LOGPROBS) {
        return Err(Refusal::at("include", "logprobs are not supported with reasoning models."));
    }
    ask.logprobs = wants_logprobs.then(|| top.unwrap_or(0));
    Ok(())
}
