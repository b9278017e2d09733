//! What is played, and for whom there is no answer.

use crate::answer::Answer;
use crate::ask::{Ask, Refusal, Why};
use crate::dialect::{Told, Tongue, listening};
use crate::scenario::{Flavour, Model, Provider};
use crate::task::Task;
use crate::trouble::{Kind, Trouble, Troubles};
use crate::wire::{self, Pace, Played};
use serde_json::Value;
use vocab::Dialect;

/// Gemini and Anthropic refuse a prompt for its content with status 200: that is an answer of theirs.
pub(crate) fn refusing(provider: &Provider, troubles: &Troubles) -> Option<Trouble> {
    let polite = matches!(provider.dialect, Dialect::Gemini | Dialect::Anthropic);
    troubles.refusal().filter(|t| !(polite && t.kind == Kind::ContentFilter))
}

/// Whether the prompt, and where the provider looks at it the longest answer, fit the model.
pub(crate) fn fits(provider: &Provider, model: &Model, ask: &Ask) -> Result<(), Refusal> {
    let flavour = (provider.dialect == Dialect::OpenaiChat).then_some(provider.flavour);
    let (tokens, limit) = (ask.input_tokens(), model.context);
    let reserved = match flavour {
        Some(Flavour::Ollama) => return Ok(()),
        Some(Flavour::Openai | Flavour::Vllm) => u64::from(ask.max_tokens.unwrap_or(0)),
        _ => 0,
    };
    if tokens.saturating_add(reserved) > u64::from(limit) {
        return Err(Refusal::of(Why::TooLong { tokens: tokens.saturating_add(reserved), limit }));
    }
    Ok(())
}

pub(crate) fn streamed_body(tongue: &dyn Tongue, told: &Told<'_>, pace: Pace) -> Played {
    let framing = tongue.framing(told.ask, told.troubles.has(Kind::Crlf));
    let oops = tongue.error_frame(told.provider);
    wire::stream(tongue.frames(told), framing, oops, told.troubles, pace)
}

fn said(tongue: &dyn Tongue, told: &Told<'_>) -> Value {
    match &told.ask.task {
        Some(Task::Script(script)) => listening::whole(told, script),
        _ => tongue.whole(told),
    }
}

pub(crate) fn whole_body(tongue: &dyn Tongue, told: &Told<'_>, pace: Pace) -> Played {
    let body = match tongue.bytes(told) {
        Some(bytes) => bytes,
        None => wire::sprinkled(said(tongue, told), told.troubles).to_string().into_bytes(),
    };
    let Answer { figures, .. } = told.answer;
    // An error in the place of an answer reports nothing, nor does this provider of what it spoke.
    let mute = told.provider.dialect == Dialect::WorkersAi && matches!(told.ask.task, Some(Task::Speech(_)));
    let reported = told.figures().filter(|_| !told.troubles.has(Kind::ErrorFrame) && !mute);
    let made = if figures.audio_ms > 0 { figures.audio_ms } else { figures.output + figures.reasoning };
    wire::whole_body(body, reported, made, told.troubles, pace)
}
