//! From file and environment to a configuration.

use relay::config::{Config, ProviderKind};
use std::fmt;
use std::path::{Path, PathBuf};

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
