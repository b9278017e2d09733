//! Voices by names that belong to no provider: what `calm` is called where.
//!
//! The data is `providers/voices.json`, compiled in. ElevenLabs and Cartesia are not in it: their voices have ids that are an
//! account's own matter, and nobody publishes a list that would last. Nor is Deepgram's Flux, of whose voices one is known by
//! name and none by its sound. Those are named in the configuration.

use crate::spoken::same_language;
use serde::Deserialize;
use std::collections::BTreeMap;

const EMBEDDED: &str = include_str!("../voices.json");
const SCHEMA_VERSION: u64 = 1;
/// Whose voices can be told by name: the catalogue's names of providers.
const PROVIDERS: [&str; 8] =
    ["openai", "groq", "gemini", "workers-ai", "elevenlabs", "cartesia", "deepgram", "compatible"];
const GENDERS: [&str; 3] = ["feminine", "masculine", "neutral"];
const PACES: [&str; 3] = ["slow", "medium", "fast"];

/// OpenAI's own (API reference, "Create speech", `voice`). Its clients know no others, whoever serves them.
pub const OPENAI: [&str; 13] = [
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin",
    "cedar",
];

/// Every voice that has a name here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voices {
    schema_version: u64,
    /// The day the table was made, like `2026-11-21`.
    pub as_of: String,
    pub sources: BTreeMap<String, Source>,
    voices: BTreeMap<String, Logical>,
}

/// Where a part of the table comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub name: String,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, as exact as it is known.
    pub date: String,
}

/// One voice that several providers have, as far as two voices are one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logical {
    /// What it is for, in a sentence.
    pub about: String,
    /// `feminine`, `masculine` or `neutral`.
    pub gender: String,
    /// `slow`, `medium` or `fast`.
    pub pace: String,
    pub style: String,
    /// Best first, where one provider has several.
    pub at: Vec<Own>,
}

/// What a provider calls it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// The provider's kind.
    pub provider: String,
    /// Models that have it; none named: every one.
    #[serde(default)]
    pub models: Vec<String>,
    /// The one language that it speaks; None: whatever the text is in.
    #[serde(default)]
    pub language: Option<String>,
    /// Empty where the model has one voice only.
    pub id: String,
    /// In the provider's words, where it has any.
    #[serde(default)]
    pub gender: Option<String>,
    #[serde(default)]
    pub style: Option<String>,
    /// A key into [`Voices::sources`].
    pub source: String,
}

impl Voices {
    /// The table that is compiled in.
    ///
    /// # Errors
    /// What is wrong with it; a test sees that it is nothing.
    pub fn embedded() -> Result<Self, Vec<String>> {
        Self::parse(EMBEDDED)
    }

    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let read: Self =
            serde_json::from_str(text).map_err(|e| vec![format!("not a table of voices: {e}")])?;
        let mut problems = Vec::new();
        if read.schema_version != SCHEMA_VERSION {
            let version = read.schema_version;
            problems
                .push(format!("schema_version is {version}; this version of weir reads {SCHEMA_VERSION}"));
        }
        for (name, voice) in &read.voices {
            let mut say = |message: String| problems.push(format!("{name}: {message}"));
            // A slash stands between a provider and a voice of its own.
            if name.is_empty() || name.contains('/') || OPENAI.contains(&name.as_str()) {
                say("this cannot be the name of a voice".into());
            }
            one_of("gender", Some(&voice.gender), &GENDERS, &mut say);
            one_of("pace", Some(&voice.pace), &PACES, &mut say);
            for (place, own) in voice.at.iter().enumerate() {
                let mut say =
                    |message: String| say(format!("at {} ({}): {message}", place + 1, own.provider));
                one_of("provider", Some(&own.provider), &PROVIDERS, &mut say);
                one_of("gender", own.gender.as_ref(), &GENDERS, &mut say);
                if !read.sources.contains_key(&own.source) {
                    say(format!("source {:?} is not described under sources", own.source));
                }
                if own.language.as_ref().is_some_and(|language| !is_language(language)) {
                    say(format!("language is {:?}; one like en or pt-BR was expected", own.language));
                }
                if own.models.iter().any(String::is_empty) {
                    say("models holds a name that is empty".into());
                }
                if own.id.is_empty() && own.models.is_empty() {
                    say("id is empty; only of a model with one voice it may be, and that has to be named"
                        .into());
                }
                if voice.at.iter().take(place).any(|before| before.hides(own)) {
                    say("is never asked for, as one before it has the same models and language".into());
                }
            }
        }
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    pub fn get(&self, name: &str) -> Option<&Logical> {
        self.voices.get(name)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Logical)> {
        self.voices.iter().map(|(name, voice)| (name.as_str(), voice))
    }

    /// The voice that one of OpenAI's names stands for elsewhere. Nobody says how those sound, so it is told by the table
    /// alone: who asks for `alloy` gets at OpenAI what `neutral` is there, and elsewhere what `neutral` is there. The names
    /// that no voice here has at OpenAI are served by OpenAI only.
    pub fn like(&self, openai: &str) -> Option<(&str, &Logical)> {
        let is = |own: &Own| own.provider == "openai" && own.id == openai;
        self.iter().find(|(_, voice)| voice.at.iter().any(is))
    }
}

impl Logical {
    /// What it is called at a provider of that kind with that model, for a text in `language`; None where it has none like it.
    /// Of a text whose language nobody says only that much is assumed, that it is none that few voices speak: without a
    /// language it is a voice that speaks all, or English.
    pub fn at(&self, provider: &str, model: &str, language: Option<&str>) -> Option<&Own> {
        let wanted = language.unwrap_or("en");
        let speaks = |own: &&Own| own.language.as_ref().is_none_or(|its| same_language(wanted, its));
        self.at.iter().filter(|own| own.provider == provider && own.has(model)).find(speaks)
    }
}

impl Own {
    fn has(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|named| named == model)
    }

    /// Whether whoever could be served by `later` is served by this one.
    fn hides(&self, later: &Self) -> bool {
        let language = match (&self.language, &later.language) {
            (None, _) => true,
            (Some(mine), Some(its)) => same_language(mine, its),
            (Some(_), None) => false,
        };
        let models = self.models.is_empty()
            || (!later.models.is_empty() && later.models.iter().all(|model| self.models.contains(model)));
        self.provider == later.provider && language && models
    }
}

fn one_of(field: &str, value: Option<&String>, known: &[&str], say: &mut impl FnMut(String)) {
    if let Some(value) = value.filter(|value| !known.contains(&value.as_str())) {
        say(format!("{field} is {value:?}; one of {} was expected", known.join(", ")));
    }
}

/// As BCP 47 writes one, roughly: letters and digits between hyphens, two or three letters first.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests;
