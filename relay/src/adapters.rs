//! Which adapter speaks to which kind of provider. A new provider is one line here.

use crate::config::ProviderKind;
use providers::openai::{COMPATIBLE, GROQ, LOCAL_LLAMACPP, OLLAMA, OPENAI, OpenAi, VLLM};
use providers::{Adapter, Anthropic, Gemini, WorkersAi};

pub fn of(kind: ProviderKind) -> &'static dyn Adapter {
    match kind {
        ProviderKind::Openai => &OpenAi(&OPENAI),
        ProviderKind::Groq => &OpenAi(&GROQ),
        ProviderKind::Ollama => &OpenAi(&OLLAMA),
        ProviderKind::Llamacpp => &OpenAi(&LOCAL_LLAMACPP),
        ProviderKind::Vllm => &OpenAi(&VLLM),
        ProviderKind::Compatible => &OpenAi(&COMPATIBLE),
        ProviderKind::Gemini => &Gemini,
        ProviderKind::Anthropic => &Anthropic,
        ProviderKind::WorkersAi => &WorkersAi,
    }
}
