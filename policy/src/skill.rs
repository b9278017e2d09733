//! What an SI caller can ask the voice to be like.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A way to answer: the system prompt, and what it prefers where the request does not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Skill {
    pub system: String,
    /// A policy like `cheap` or one of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The most output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

impl Skill {
    fn saying(system: &str) -> Self {
        Self { system: system.into(), ..Self::default() }
    }
}

/// The skills that are there without any configuration. A skill of the same name in the file replaces one.
pub fn default_skills() -> BTreeMap<String, Skill> {
    [
        ("default", include_str!("skills/default.txt")),
        ("supportive", include_str!("skills/supportive.txt")),
        ("tough_love", include_str!("skills/tough_love.txt")),
        ("analytical", include_str!("skills/analytical.txt")),
        ("motivational", include_str!("skills/motivational.txt")),
    ]
    .into_iter()
    .map(|(name, system)| (name.to_owned(), Skill::saying(system.trim_end())))
    .collect()
}
