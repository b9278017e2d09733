//! From file and environment to a configuration.

use crate::postgres::Address;
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

/// Nodes say that they are there every five seconds, and one sign of life may get lost.
const SILENT_LEAST: u64 = 15_000;

/// Where the shared ledger is, where one is configured.
pub fn postgres(config: &Config) -> Result<Option<Address>, Misconfigured> {
    let Some(name) = &config.store.postgres else { return Ok(None) };
    if config.store.silent_ms < SILENT_LEAST {
        let least =
            format!("store.silent_ms: expected {SILENT_LEAST} or more, as nodes are heard of every 5 s");
        return Err(Misconfigured::one(least));
    }
    let bad = |why: String| Misconfigured::one(format!("store.postgres: {why}"));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        // What stands there may be the address, and that is not repeated.
        return Err(bad("expected the name of the environment variable that holds the address".into()));
    }
    let url = variable(name).ok_or_else(|| bad(format!("the environment variable {name} is not set")))?;
    Address::parse(&url).map(Some).map_err(|error| bad(error.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_written_where_its_name_belongs_is_not_repeated() {
        let mut config = Config::default();
        assert!(postgres(&config).unwrap().is_none());
        config.store.postgres = Some("postgres://weir:hunter2@db/books".into());
        let told = postgres(&config).unwrap_err().to_string();
        assert!(told.contains("the name of the environment variable") && !told.contains("hunter2"), "{told}");
        config.store.postgres = Some("not_set_anywhere".into());
        let told = postgres(&config).unwrap_err().to_string();
        assert!(told.contains("not_set_anywhere is not set"), "{told}");
        config.store.silent_ms = 5_000;
        assert!(postgres(&config).unwrap_err().to_string().contains("store.silent_ms"));
    }
}
