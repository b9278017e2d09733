//! Which adapter speaks to which kind of provider. A new provider is one line here.

use crate::config::{Api, ProviderConfig, ProviderKind};
use providers::openai::{COMPATIBLE, GROQ, LOCAL_LLAMACPP, OLLAMA, OPENAI, OpenAi, VLLM};
use providers::{Adapter, Anthropic, Cartesia, Deepgram, Elevenlabs, Gemini, Responses, WorkersAi};

/// # Errors
/// What the configuration asks for and the provider does not speak.
pub fn of(config: &ProviderConfig) -> Result<&'static dyn Adapter, String> {
    if config.api == Api::Responses && config.kind != ProviderKind::Openai {
        return Err(format!("api: responses is spoken to kind openai only, not to {}", config.kind.name()));
    }
    Ok(match config.kind {
        ProviderKind::Openai if config.api == Api::Responses => &Responses,
        ProviderKind::Openai => &OpenAi(&OPENAI),
        ProviderKind::Groq => &OpenAi(&GROQ),
        ProviderKind::Ollama => &OpenAi(&OLLAMA),
        ProviderKind::Llamacpp => &OpenAi(&LOCAL_LLAMACPP),
        ProviderKind::Vllm => &OpenAi(&VLLM),
        ProviderKind::Compatible => &OpenAi(&COMPATIBLE),
        ProviderKind::Gemini => &Gemini,
        ProviderKind::Anthropic => &Anthropic,
        ProviderKind::WorkersAi => &WorkersAi,
        ProviderKind::Elevenlabs => &Elevenlabs,
        ProviderKind::Cartesia => &Cartesia,
        ProviderKind::Deepgram => &Deepgram,
    })
}
