//! A chat completions request as a server reads it: strictly.

use super::{history, wishes};
use crate::ask::{Ask, Refusal};
use crate::dialect::json::{self, Object};
use crate::scenario::{Flavour, Model, Provider};
use serde_json::Value;
use vocab::Caps;

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
    wishes::tools(map, flavour, caps, &mut ask)?;
    wishes::shape(map, flavour, caps, &mut ask)?;
    wishes::reasoning(map, flavour, model, caps, &mut ask)?;
    history::messages(map, provider, flavour, caps, &mut ask)?;
    Ok(ask)
}

pub(super) fn unsupported(param: &str, message: String) -> Refusal {
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
