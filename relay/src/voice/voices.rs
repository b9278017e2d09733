//! Voices by names that belong to no provider.

use crate::ask::BadInput;
use crate::config::{PersonaConfig, ProviderKind, VoiceConfig};
use crate::fleet::{Candidate, Provider};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// More than this many are not named to one who asked for another.
const TOLD_MAX: usize = 12;

/// A voice that several providers have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persona {
    pub language: Option<String>,
    pub gender: Option<String>,
    pub pace: Option<String>,
    pub style: Option<String>,
    /// What it is called at each provider, by the provider's configured name or its kind.
    pub ids: BTreeMap<String, String>,
}

/// All that can be asked for by name.
#[derive(Clone, Debug, Default)]
pub struct Voices {
    default: String,
    personas: BTreeMap<String, Persona>,
    providers: Vec<(Arc<str>, ProviderKind)>,
}

/// Who is to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    Persona(&'a Persona),
    /// A provider's own: at the one of this name or kind, else at whoever is asked.
    Own {
        at: Option<&'a str>,
        id: &'a str,
    },
}

/// A voice as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct VoiceInfo {
    pub name: String,
    pub default: bool,
    pub language: Option<String>,
    pub gender: Option<String>,
    pub pace: Option<String>,
    pub style: Option<String>,
    /// What it is called where: configured providers that have it.
    pub providers: BTreeMap<String, String>,
}

impl Voices {
    /// The built-in ones and those of the configuration.
    pub fn of(config: &VoiceConfig, providers: &[Arc<Provider>], problems: &mut Vec<String>) -> Self {
        let mut personas = BTreeMap::new();
        for (name, persona) in &config.voices {
            if name.is_empty() || name.contains('/') {
                problems.push(format!("voice.voices.{name}: a voice's name is not empty and has no slash"));
            }
            for (of, id) in &persona.ids {
                let known = ProviderKind::ALL.iter().any(|kind| kind.name() == of);
                if !known && !providers.iter().any(|p| *p.name == **of) {
                    problems.push(format!(
                        "voice.voices.{name}.ids.{of}: there is no provider and no kind of providers of this name"
                    ));
                }
                if id.is_empty() {
                    problems.push(format!("voice.voices.{name}.ids.{of}: is empty"));
                }
            }
            personas.insert(name.clone(), persona.clone().into());
        }
        if !config.default.is_empty()
            && !config.default.contains('/')
            && !personas.contains_key(&config.default)
        {
            let known: Vec<&str> = personas.keys().map(String::as_str).collect();
            problems.push(format!(
                "voice.default: {:?} is no voice; known: {}",
                config.default,
                known.join(", ")
            ));
        }
        let providers = providers.iter().map(|p| (p.name.clone(), p.kind)).collect();
        Self { default: config.default.clone(), personas, providers }
    }

    /// Whom a request means. `pinned`: it names its model, so a name that nobody here knows is that provider's own.
    ///
    /// # Errors
    /// A name that means nothing.
    pub(crate) fn role<'a>(&'a self, asked: &'a str, pinned: bool) -> Result<Role<'a>, BadInput> {
        let asked = if asked.is_empty() { self.default.as_str() } else { asked };
        if let Some(persona) = self.personas.get(asked) {
            return Ok(Role::Persona(persona));
        }
        if let Some((at, id)) = asked.split_once('/')
            && !id.is_empty()
            && self.providers.iter().any(|(name, kind)| **name == *at || kind.name() == at)
        {
            return Ok(Role::Own { at: Some(at), id });
        }
        if pinned && !asked.is_empty() {
            return Ok(Role::Own { at: None, id: asked });
        }
        let known: Vec<&str> = self.personas.keys().map(String::as_str).take(TOLD_MAX).collect();
        Err(BadInput::at(
            "voice",
            format!(
                "voice: there is no voice {:?} here. Known: {}. A provider's own is asked for as PROVIDER/VOICE, or with one of its \
                 models.",
                shortened(asked),
                known.join(", ")
            ),
        ))
    }

    /// Every voice that some provider here has.
    pub fn all(&self) -> Vec<VoiceInfo> {
        let told = |(name, persona): (&String, &Persona)| {
            let at = |(provider, kind): &(Arc<str>, ProviderKind)| {
                Some((provider.to_string(), persona.id(provider, *kind)?.to_owned()))
            };
            VoiceInfo {
                name: name.clone(),
                default: *name == self.default,
                language: persona.language.clone(),
                gender: persona.gender.clone(),
                pace: persona.pace.clone(),
                style: persona.style.clone(),
                providers: self.providers.iter().filter_map(at).collect(),
            }
        };
        self.personas.iter().map(told).collect()
    }
}

/// A name is repeated to whoever sent it, but not all of it where it is long.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

impl From<PersonaConfig> for Persona {
    fn from(PersonaConfig { language, gender, pace, style, ids }: PersonaConfig) -> Self {
        Self { language, gender, pace, style, ids }
    }
}

impl Persona {
    /// What a provider calls it: as said of this very provider, else of its kind.
    fn id(&self, provider: &str, kind: ProviderKind) -> Option<&str> {
        self.ids.get(provider).or_else(|| self.ids.get(kind.name())).map(String::as_str)
    }
}

impl<'a> Role<'a> {
    /// What a candidate's provider calls it; None where it has none like it.
    pub fn id(self, candidate: &Candidate) -> Option<&'a str> {
        let provider = &candidate.provider;
        match self {
            Role::Persona(persona) => persona.id(&provider.name, provider.kind),
            Role::Own { at, id } => {
                let there = at.is_none_or(|at| *provider.name == *at || provider.kind.name() == at);
                there.then_some(id)
            }
        }
    }
}
