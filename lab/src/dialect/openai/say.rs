//! Chat completions as a server writes them.

use crate::answer::{Choice, Cited, Finish, Made};
use crate::ask::Showing;
use crate::dialect::Told;
use crate::scenario::Flavour;
use crate::seen::Figures;
use crate::tokens::pieces;
use crate::trouble::Kind;
use serde_json::{Value, json};

/// Whose accent. Cloudflare's second family of text models speaks this dialect too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Openai,
    Groq,
    Llamacpp,
    Ollama,
    Vllm,
    Workers,
}

impl From<Flavour> for Voice {
    fn from(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Openai => Self::Openai,
            Flavour::Groq => Self::Groq,
            Flavour::Llamacpp => Self::Llamacpp,
            Flavour::Ollama => Self::Ollama,
            Flavour::Vllm => Self::Vllm,
        }
    }
}

impl Voice {
    pub(super) const fn reasoning_field(self) -> &'static str {
        match self {
            Self::Llamacpp | Self::Workers => "reasoning_content",
            _ => "reasoning",
        }
    }

    /// A tool call comes in one piece rather than in fragments.
    pub(super) const fn whole_calls(self) -> bool {
        matches!(self, Self::Groq | Self::Ollama)
    }

    pub(super) const fn fingerprint(self) -> Option<&'static str> {
        match self {
            Self::Ollama => Some("fp_ollama"),
            Self::Groq => Some("fp_lab"),
            Self::Llamacpp => Some("b6000-lab"),
            _ => None,
        }
    }

    pub(super) fn call_id(self, call: &Made) -> String {
        match self {
            Self::Openai => format!("call_{:016x}{:08x}", call.id, call.id >> 32),
            Self::Workers => format!("chatcmpl-tool-{:016x}", call.id),
            _ => format!("call_{:08x}", call.id >> 32),
        }
    }
}

pub(super) const fn finish_name(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) => "stop",
        Finish::Length => "length",
        Finish::Calls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

/// The usage object of a voice. `completion_tokens` always includes reasoning.
pub(crate) fn usage(figures: Figures, voice: Voice) -> Value {
    let completion = figures.output + figures.reasoning;
    let mut usage = json!({
        "prompt_tokens": figures.input,
        "completion_tokens": completion,
        "total_tokens": figures.input + completion,
    });
    let cached = json!({"cached_tokens": figures.cached});
    match voice {
        Voice::Openai => {
            usage["prompt_tokens_details"] = json!({"cached_tokens": figures.cached, "cache_write_tokens": figures.written, "audio_tokens": 0});
            usage["completion_tokens_details"] = json!({"reasoning_tokens": figures.reasoning, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0});
        }
        Voice::Groq => {
            for (name, secs) in [
                ("queue_time", 0.011),
                ("prompt_time", 0.004),
                ("completion_time", 0.04),
                ("total_time", 0.044),
            ] {
                usage[name] = secs.into();
            }
            usage["prompt_tokens_details"] = cached;
            usage["completion_tokens_details"] = json!({"reasoning_tokens": figures.reasoning});
        }
        Voice::Llamacpp | Voice::Workers if figures.cached > 0 => usage["prompt_tokens_details"] = cached,
        _ => {}
    }
    usage
}

pub(super) fn tier(told: &Told<'_>, voice: Voice) -> Option<&'static str> {
    let other = told.troubles.has(Kind::OtherTier);
    match voice {
        Voice::Openai => Some(if other { "priority" } else { "default" }),
        Voice::Groq => Some(if other { "performance" } else { "on_demand" }),
        _ => None,
    }
}

pub(super) fn call_value(call: &Made, voice: Voice) -> Value {
    json!({"id": voice.call_id(call), "type": "function", "function": {"name": call.name, "arguments": call.text}})
}

fn shown_text(told: &Told<'_>, choice: &Choice) -> String {
    if told.ask.showing == Showing::Inline && !choice.reasoning.is_empty() {
        return format!("<think>{}</think>{}", choice.reasoning, choice.text);
    }
    choice.text.clone()
}

pub(crate) fn whole(told: &Told<'_>, voice: Voice) -> Value {
    if told.troubles.has(Kind::ErrorFrame) {
        return json!({"error": {"message": "The server had an error while processing your request.",
            "type": "server_error", "param": null, "code": null}});
    }
    let choices: Vec<Value> =
        told.answer.choices.iter().enumerate().map(|(i, c)| whole_choice(told, voice, i, c)).collect();
    let mut body = json!({
        "id": format!("chatcmpl-{}", told.id()),
        "object": "chat.completion",
        "created": told.created,
        "model": told.model.name,
        "choices": choices,
    });
    if let Some(figures) = told.figures() {
        body["usage"] = usage(figures, voice);
        if voice == Voice::Llamacpp {
            body["timings"] = timings(figures);
        }
    }
    if let Some(tier) = tier(told, voice) {
        body["service_tier"] = tier.into();
    }
    if voice != Voice::Vllm {
        body["system_fingerprint"] = voice.fingerprint().into();
    }
    if voice == Voice::Groq {
        body["x_groq"] = json!({"id": format!("req_{}", told.id())});
    }
    body
}

fn whole_choice(told: &Told<'_>, voice: Voice, index: usize, choice: &Choice) -> Value {
    let text = shown_text(told, choice);
    let mut message = json!({"role": "assistant", "content": text});
    if !choice.calls.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = choice.calls.iter().map(|c| call_value(c, voice)).collect();
    }
    if voice == Voice::Openai {
        message["refusal"] = Value::Null;
        message["annotations"] = json!([]);
    }
    if refuses(voice, choice) {
        message["refusal"] = message["content"].take();
    }
    if let Some(cited) = cited(voice, choice) {
        message["annotations"] = json!([cited]);
    }
    if told.ask.showing == Showing::Apart && !choice.reasoning.is_empty() {
        message[voice.reasoning_field()] = choice.reasoning.clone().into();
    }
    let logprobs = told.ask.logprobs.map(|top| {
        json!({"content": pieces(&choice.text, 1).iter().map(|t| logprob(t, top)).collect::<Vec<_>>(), "refusal": null})
    });
    let mut out = json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish_name(&choice.finish)});
    if let (Voice::Vllm, Finish::Sequence(sequence)) = (voice, &choice.finish) {
        out["stop_reason"] = sequence.clone().into();
    }
    out
}

/// "refusal (string) replaces content"; local servers know of no such thing.
pub(super) fn refuses(voice: Voice, choice: &Choice) -> bool {
    choice.refuses && voice == Voice::Openai
}

/// What a passage rests on; local servers know of no such thing.
pub(super) fn cited(voice: Voice, choice: &Choice) -> Option<Value> {
    let Cited { url, before, passage } = choice.cited().filter(|_| voice == Voice::Openai)?;
    let start = before.chars().count();
    let end = start + passage.chars().count();
    let page = json!({"url": url, "title": "A page", "start_index": start, "end_index": end});
    Some(json!({"type": "url_citation", "url_citation": page}))
}

pub(super) fn logprob(token: &str, top: u32) -> Value {
    let one = json!({"token": token, "logprob": -0.125, "bytes": token.as_bytes()});
    let mut out = one.clone();
    out["top_logprobs"] = (0..top.min(1)).map(|_| one.clone()).collect();
    out
}

/// llama.cpp: "exact local latency for the router".
pub(super) fn timings(figures: Figures) -> Value {
    let made = figures.output + figures.reasoning;
    json!({"cache_n": figures.cached, "prompt_n": figures.input.saturating_sub(figures.cached), "prompt_ms": 12.5,
        "prompt_per_second": 1000.0, "predicted_n": made, "predicted_ms": 100.0, "predicted_per_second": 40.0})
}
