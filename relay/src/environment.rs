//! What the environment says where no file does: variables and secrets by name, the same for both shells.

use crate::config::{Config, ProviderConfig, ProviderKind};
use policy::{Digest, Settings};
use std::collections::BTreeMap;

/// Looks a variable or secret up by its name; an empty one is none.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Providers that a key in the environment is enough for: kind, key, address variable, usual address.
const KEYED: [(ProviderKind, &str, &str, &str); 7] = [
    (ProviderKind::Openai, "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1"),
    (ProviderKind::Groq, "GROQ_API_KEY", "GROQ_BASE_URL", "https://api.groq.com/openai/v1"),
    (
        ProviderKind::Gemini,
        "GEMINI_API_KEY",
        "GEMINI_BASE_URL",
        "https://generativelanguage.googleapis.com/v1beta",
    ),
    (ProviderKind::Anthropic, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1"),
    (ProviderKind::Elevenlabs, "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL", "https://api.elevenlabs.io"),
    (ProviderKind::Cartesia, "CARTESIA_API_KEY", "CARTESIA_BASE_URL", "https://api.cartesia.ai"),
    (ProviderKind::Deepgram, "DEEPGRAM_API_KEY", "DEEPGRAM_BASE_URL", "https://api.deepgram.com"),
];

/// Providers whose keys are there.
pub fn providers(variable: Variables<'_>) -> BTreeMap<String, ProviderConfig> {
    let mut providers = BTreeMap::new();
    for (kind, key, address, usual) in KEYED {
        if variable(key).is_some() {
            let base_url = variable(address).unwrap_or_else(|| usual.into());
            let keys = vec![key.into()];
            providers
                .insert(kind.name().into(), ProviderConfig { keys, ..ProviderConfig::at(kind, base_url) });
        }
    }
    if let (Some(account), Some(_)) = (variable("CLOUDFLARE_ACCOUNT_ID"), variable("CLOUDFLARE_API_TOKEN")) {
        let usual = || format!("https://api.cloudflare.com/client/v4/accounts/{account}");
        let base_url = variable("WORKERS_AI_BASE_URL").unwrap_or_else(usual);
        let keys = vec!["CLOUDFLARE_API_TOKEN".into()];
        let config = ProviderConfig { keys, ..ProviderConfig::at(ProviderKind::WorkersAi, base_url) };
        providers.insert("workers-ai".into(), config);
    }
    providers
}

/// A configuration without a file.
pub fn config(variable: Variables<'_>) -> Config {
    Config { providers: providers(variable), ..Config::default() }
}

/// What the environment says of the service itself.
pub fn service(settings: &mut Settings, variable: Variables<'_>) {
    if let Some(key) = variable("WEIR_ADMIN_KEY") {
        settings.admin_key_sha256 = Some(Digest::of(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| list.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn a_key_is_enough() {
        let there = of(&[
            ("GROQ_API_KEY", "gsk"),
            ("GROQ_BASE_URL", "http://127.0.0.1:1/v1"),
            ("OPENAI_BASE_URL", "x"),
        ]);
        let found = providers(&there);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["groq"]);
        assert_eq!(found["groq"].base_url, "http://127.0.0.1:1/v1");
        assert_eq!(found["groq"].keys, ["GROQ_API_KEY"]);
        assert!(providers(&of(&[])).is_empty());
        let speech = of(&[("ELEVENLABS_API_KEY", "k"), ("CARTESIA_API_KEY", "k"), ("DEEPGRAM_API_KEY", "k")]);
        let found: Vec<_> = providers(&speech).into_values().map(|config| config.base_url).collect();
        assert_eq!(
            found,
            ["https://api.cartesia.ai", "https://api.deepgram.com", "https://api.elevenlabs.io"]
        );
    }

    #[test]
    fn workers_ai_takes_two() {
        assert!(providers(&of(&[("CLOUDFLARE_API_TOKEN", "t")])).is_empty());
        let found = providers(&of(&[("CLOUDFLARE_API_TOKEN", "t"), ("CLOUDFLARE_ACCOUNT_ID", "abc")]));
        assert_eq!(found["workers-ai"].base_url, "https://api.cloudflare.com/client/v4/accounts/abc");
    }

    #[test]
    fn the_operators_key_is_kept_as_its_digest() {
        let mut settings = Settings::default();
        service(&mut settings, &of(&[]));
        assert!(settings.admin_key_sha256.is_none());
        service(&mut settings, &of(&[("WEIR_ADMIN_KEY", "secret")]));
        assert_eq!(settings.admin_key_sha256, Some(Digest::of("secret")));
    }
}
