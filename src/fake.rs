//! The built-in lab: fake providers on a port of this process, clearly named as such.

use crate::configure::Misconfigured;
use lab::{Flavour, Lab, Model, Scenario};
use providers::catalogue::Catalogue;
use relay::config::{Api, Config, ProviderConfig, ProviderKind};
use std::net::SocketAddr;
use std::sync::Arc;
use vocab::{Dialect, Kind};

/// Under this name the lab's key is looked up. The lab takes any key; real variables never have this name.
pub const KEY_NAME: &str = "the lab's key";
pub const KEY: &str = "fake";
/// Stands before every fake provider's name, so that no answer can be taken for a real one.
const PREFIX: &str = "lab-";

/// A lab that is being served. It lives as long as the process.
pub struct Running {
    pub lab: Arc<Lab>,
    pub address: SocketAddr,
}

pub fn calm() -> Result<Scenario, Misconfigured> {
    named("calm")
}

pub fn named(name: &str) -> Result<Scenario, Misconfigured> {
    lab::scenario(name).ok_or_else(|| {
        Misconfigured::one(format!(
            "there is no scenario {name:?}; built in are {}",
            lab::SCENARIOS.join(", ")
        ))
    })
}

/// Serves the scenario on a free port of loopback, on a thread of its own.
pub fn start(scenario: Scenario) -> Result<Running, Misconfigured> {
    let lab = Arc::new(Lab::new(scenario).map_err(Misconfigured::one)?);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(Misconfigured::one)?;
    let address = listener.local_addr().map_err(Misconfigured::one)?;
    let served = lab.clone();
    std::thread::Builder::new()
        .name("lab".into())
        .spawn(move || {
            if let Err(error) = serve(listener, served) {
                tracing::error!(%error, "the lab ended");
            }
        })
        .map_err(Misconfigured::one)?;
    Ok(Running { lab, address })
}

/// Serves a lab on this thread, for ever.
pub fn serve(listener: std::net::TcpListener, lab: Arc<Lab>) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    crate::node::block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        lab::serve(listener, lab, lab::Limits::default(), std::future::pending()).await
    })?
}

impl Running {
    /// Adds its providers to a configuration.
    pub fn configure(&self, config: &mut Config) {
        let origin = format!("http://{}", self.address);
        for fake in &self.lab.scenario().providers {
            let Some(base_url) = self.lab.base_url(&fake.name, &origin) else { continue };
            let name = format!("{PREFIX}{}", fake.name);
            let provider = ProviderConfig {
                api: match fake.dialect {
                    Dialect::OpenaiResponses => Api::Responses,
                    _ => Api::default(),
                },
                keys: if fake.wants_key() { vec![KEY_NAME.into()] } else { vec![] },
                models: fake.models.iter().map(|m| m.name.clone()).collect(),
                catalogue: Some(fake.name.clone()),
                fake: true,
                ..ProviderConfig::at(kind(fake.dialect, fake.flavour), base_url)
            };
            // Deepgram's have their real names.
            let named = |model: &&Model| model.kind == Kind::Tts && fake.dialect != Dialect::Deepgram;
            for model in fake.models.iter().filter(named) {
                voices(config, &name, model, fake.dialect);
            }
            config.providers.insert(name, provider);
        }
    }

    /// What the catalogue says of its models.
    pub fn catalogue(&self) -> Result<Catalogue, Misconfigured> {
        Catalogue::parse(&lab::catalogue_overlay(self.lab.scenario()))
            .map_err(|problems| Misconfigured(problems.iter().map(ToString::to_string).collect()))
    }
}

/// What the built-in voices are called by a fake model. Its names of models are not those of the table.
fn voices(config: &mut Config, provider: &str, model: &Model, dialect: Dialect) {
    let speaks_one = dialect == Dialect::WorkersAi && model.name.contains("melotts");
    for (at, logical) in ["calm", "energetic", "professional", "neutral"].into_iter().enumerate() {
        let id = match model.voices.get(at % model.voices.len().max(1)) {
            Some(id) => id.clone(),
            None if speaks_one => String::new(),
            None => format!("lab-{logical}"),
        };
        let ids = &mut config.voice.voices.entry(logical.into()).or_default().ids;
        ids.entry(format!("{provider}/{}", model.name)).or_insert(id);
    }
}

const fn kind(dialect: Dialect, flavour: Flavour) -> ProviderKind {
    match (dialect, flavour) {
        (Dialect::OpenaiChat, Flavour::Openai) | (Dialect::OpenaiResponses, _) => ProviderKind::Openai,
        (Dialect::OpenaiChat, Flavour::Groq) => ProviderKind::Groq,
        (Dialect::OpenaiChat, Flavour::Llamacpp) => ProviderKind::Llamacpp,
        (Dialect::OpenaiChat, Flavour::Ollama) => ProviderKind::Ollama,
        (Dialect::OpenaiChat, Flavour::Vllm) => ProviderKind::Vllm,
        (Dialect::Gemini, _) => ProviderKind::Gemini,
        (Dialect::Anthropic, _) => ProviderKind::Anthropic,
        (Dialect::WorkersAi, _) => ProviderKind::WorkersAi,
        (Dialect::Elevenlabs, _) => ProviderKind::Elevenlabs,
        (Dialect::Cartesia, _) => ProviderKind::Cartesia,
        (Dialect::Deepgram, _) => ProviderKind::Deepgram,
    }
}
