//! What a model can do where the scenario does not say.

use super::{Flavour, Model, Provider};
use vocab::{Caps, Dialect};

pub(super) fn default_caps(provider: &Provider, model: &Model) -> Caps {
    if model.kind != vocab::Kind::Chat {
        return Caps::empty();
    }
    let common = Caps::TOOLS
        | Caps::PARALLEL_TOOLS
        | Caps::FORCED_TOOL
        | Caps::JSON_SCHEMA
        | Caps::VISION
        | Caps::STREAM;
    let mut caps = match (provider.dialect, provider.flavour) {
        (Dialect::Gemini, _) => {
            common
                | Caps::JSON_OBJECT
                | Caps::PDF
                | Caps::AUDIO_IN
                | Caps::MANY
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::PENALTIES
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
        }
        (Dialect::OpenaiResponses, _) => {
            common
                | Caps::JSON_OBJECT
                | Caps::IMAGE_URL
                | Caps::PDF
                | Caps::LOGPROBS
                | Caps::SAMPLING
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
                | Caps::SERIAL_TOOLS
                | Caps::OPENAI_ONLY
        }
        (Dialect::Anthropic, _) => {
            common
                | Caps::IMAGE_URL
                | Caps::PDF
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::SCHEMA_STREAM
                | Caps::SERIAL_TOOLS
        }
        (Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram, _) => Caps::empty(),
        (Dialect::WorkersAi, _) => {
            Caps::TOOLS | Caps::JSON_OBJECT | Caps::JSON_SCHEMA | Caps::SEED | Caps::STREAM | Caps::SAMPLING
        }
        (Dialect::OpenaiChat, Flavour::Openai) => {
            common
                | Caps::JSON_OBJECT
                | Caps::IMAGE_URL
                | Caps::PDF
                | Caps::MANY
                | Caps::SEED
                | Caps::STOP
                | Caps::LOGPROBS
                | Caps::LOGIT_BIAS
                | Caps::PENALTIES
                | Caps::SAMPLING
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
                | Caps::SERIAL_TOOLS
                | Caps::OPENAI_ONLY
        }
        (Dialect::OpenaiChat, Flavour::Groq) => {
            common
                | Caps::JSON_OBJECT
                | Caps::IMAGE_URL
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::SERIAL_TOOLS
        }
        (Dialect::OpenaiChat, Flavour::Llamacpp | Flavour::Ollama | Flavour::Vllm) => {
            common
                | Caps::JSON_OBJECT
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::PENALTIES
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
        }
    };
    if model.reasons_always || !model.efforts.is_empty() {
        caps |= Caps::REASONING;
    }
    if model.reasons_always {
        caps -= Caps::SAMPLING | Caps::LOGPROBS | Caps::STOP;
    }
    caps
}
