//! From file, environment and what answers on this machine to a configuration.

use policy::{Digest, Settings};
use relay::config::{Config, ProviderConfig, ProviderKind};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Providers that a key in the environment is enough for: kind, key, address variable, usual address.
const KEYED: [(ProviderKind, &str, &str, &str); 4] = [
    (ProviderKind::Openai, "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1"),
    (ProviderKind::Groq, "GROQ_API_KEY", "GROQ_BASE_URL", "https://api.groq.com/openai/v1"),
    (
        ProviderKind::Gemini,
        "GEMINI_API_KEY",
        "GEMINI_BASE_URL",
        "https://generativelanguage.googleapis.com/v1beta",
    ),
    (ProviderKind::Anthropic, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1"),
];

/// Local servers that are looked for: kind, address variable, usual address.
pub const LOCAL: [(ProviderKind, &str, &str); 3] = [
    (ProviderKind::Ollama, "OLLAMA_BASE_URL", "http://127.0.0.1:11434/v1"),
    (ProviderKind::Llamacpp, "LLAMACPP_BASE_URL", "http://127.0.0.1:8080/v1"),
    (ProviderKind::Vllm, "VLLM_BASE_URL", "http://127.0.0.1:8000/v1"),
];

/// A configuration that cannot be used: all that is wrong with it.
#[derive(Debug)]
pub struct Misconfigured(pub Vec<String>);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Misconfigured {}

impl Misconfigured {
    pub fn one(problem: impl fmt::Display) -> Self {
        Self(vec![problem.to_string()])
    }
}

pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// The file, or nothing where none was named and the usual one is not there.
pub fn file(named: Option<&Path>) -> Result<Option<(PathBuf, Config)>, Misconfigured> {
    let path = match named {
        Some(path) => path.to_owned(),
        None if Path::new("weir.toml").exists() => PathBuf::from("weir.toml"),
        None => return Ok(None),
    };
    let text =
        std::fs::read_to_string(&path).map_err(|e| Misconfigured::one(format!("{}: {e}", path.display())))?;
    let config = toml::from_str(&text).map_err(|e| Misconfigured::one(format!("{}: {e}", path.display())))?;
    Ok(Some((path, config)))
}

/// Providers whose keys are in the environment.
pub fn from_environment() -> Config {
    let mut providers = BTreeMap::new();
    for (kind, key, address, usual) in KEYED {
        if variable(key).is_some() {
            let base_url = variable(address).unwrap_or_else(|| usual.into());
            providers.insert(kind.name().into(), provider(kind, base_url, vec![key.into()], vec![]));
        }
    }
    if let (Some(account), Some(_)) = (variable("CLOUDFLARE_ACCOUNT_ID"), variable("CLOUDFLARE_API_TOKEN")) {
        let usual = || format!("https://api.cloudflare.com/client/v4/accounts/{account}");
        let base_url = variable("WORKERS_AI_BASE_URL").unwrap_or_else(usual);
        let keys = vec!["CLOUDFLARE_API_TOKEN".into()];
        providers.insert("workers-ai".into(), provider(ProviderKind::WorkersAi, base_url, keys, vec![]));
    }
    Config { providers, ..Config::default() }
}

pub fn provider(
    kind: ProviderKind,
    base_url: String,
    keys: Vec<String>,
    models: Vec<String>,
) -> ProviderConfig {
    let headers = BTreeMap::new();
    ProviderConfig { kind, base_url, keys, models, domain: None, headers, catalogue: None, fake: false }
}

/// What the environment says of the service itself.
pub fn service_from_environment(settings: &mut Settings) {
    if let Some(key) = variable("WEIR_ADMIN_KEY") {
        settings.admin_key_sha256 = Some(Digest::of(&key));
    }
}
