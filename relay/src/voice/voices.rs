//! Voices by names that belong to no provider.

use crate::ask::BadInput;
use crate::config::{PersonaConfig, ProviderKind, VoiceConfig};
use crate::fleet::{Candidate, Provider};
use providers::voices::{Logical, OPENAI, Voices as Table};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Kind, Name};

/// What stands where a provider has none like it.
const NONE: &str = "-";
/// More than this many are not named to one who asked for another.
const TOLD_MAX: usize = 12;

/// All that can be asked for by name: the built-in table, and what the configuration says besides.
#[derive(Debug)]
pub struct Voices {
    default: String,
    table: Table,
    ours: BTreeMap<String, PersonaConfig>,
    /// Names and kinds of the providers that there are.
    providers: BTreeSet<Name>,
}

/// A voice that several providers have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Persona<'a> {
    built_in: Option<&'a Logical>,
    ours: Option<&'a PersonaConfig>,
}

/// Who is to speak.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    Persona(Persona<'a>),
    /// A name of OpenAI's, which its clients ask for whoever serves them: there it is itself, elsewhere a voice that is used for
    /// the same.
    Openai {
        id: &'a str,
        like: Option<Persona<'a>>,
    },
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
    /// What it is for.
    pub about: Option<String>,
    pub language: Option<String>,
    pub gender: Option<String>,
    pub pace: Option<String>,
    pub style: Option<String>,
    /// Who has it here.
    pub at: Vec<VoicePlace>,
}

/// What a voice is called by one model.
#[derive(Clone, Debug, Serialize)]
pub struct VoicePlace {
    pub provider: Name,
    pub model: Name,
    pub voice: String,
}

impl Voices {
    /// The built-in ones and those of the configuration.
    pub fn of(
        config: &VoiceConfig,
        providers: &[std::sync::Arc<Provider>],
        problems: &mut Vec<String>,
    ) -> Self {
        let table = Table::embedded().unwrap_or_else(|wrong| {
            problems.extend(wrong.into_iter().map(|wrong| format!("the built-in voices: {wrong}")));
            Table::default()
        });
        let known: BTreeSet<Name> =
            providers.iter().flat_map(|p| [p.name.clone(), p.kind.name().into()]).collect();
        for (name, persona) in &config.voices {
            let place = format!("voice.voices.{name}");
            if name.is_empty() || name.contains('/') {
                problems.push(format!("{place}: a voice's name is not empty and has no slash"));
            }
            for of in persona.ids.keys() {
                let whose = of.split_once('/').map_or(of.as_str(), |(provider, _)| provider);
                let kind = ProviderKind::ALL.iter().any(|kind| kind.name() == whose);
                if !kind && !known.contains(whose) {
                    problems.push(format!(
                        "{place}.ids.{of}: there is no provider and no kind of providers of this name"
                    ));
                }
            }
        }
        let voices =
            Self { default: config.default.clone(), table, ours: config.voices.clone(), providers: known };
        if let Err(bad) = voices.role("", false) {
            // Who is not there yet may be named all the same.
            let named = config.default.split_once('/');
            let kind = named.is_some_and(|(at, _)| ProviderKind::ALL.iter().any(|kind| kind.name() == at));
            if !kind {
                problems.push(format!("voice.default: {}", bad.message.trim_start_matches("voice: ")));
            }
        }
        voices
    }

    fn persona(&self, name: &str) -> Option<Persona<'_>> {
        let persona = Persona { built_in: self.table.get(name), ours: self.ours.get(name) };
        (persona.built_in.is_some() || persona.ours.is_some()).then_some(persona)
    }

    /// Whom a request means. `pinned`: it names its model, so a name that nobody here knows is that provider's own.
    ///
    /// # Errors
    /// A name that means nothing.
    pub(crate) fn role<'a>(&'a self, asked: &'a str, pinned: bool) -> Result<Role<'a>, BadInput> {
        let asked = if asked.is_empty() { self.default.as_str() } else { asked };
        if let Some(persona) = self.persona(asked) {
            return Ok(Role::Persona(persona));
        }
        if OPENAI.contains(&asked) {
            let like = self.table.like(asked).and_then(|(name, _)| self.persona(name));
            return Ok(Role::Openai { id: asked, like });
        }
        if let Some((at, id)) = asked.split_once('/')
            && !id.is_empty()
            && self.providers.contains(at)
        {
            return Ok(Role::Own { at: Some(at), id });
        }
        if pinned && !asked.is_empty() {
            return Ok(Role::Own { at: None, id: asked });
        }
        let known: Vec<&str> = self.names().into_iter().take(TOLD_MAX).collect();
        let asked: String = asked.chars().take(64).collect();
        Err(BadInput::at(
            "voice",
            format!(
                "voice: there is no voice {asked:?} here. Known: {}. A provider's own is asked for as PROVIDER/VOICE, or with one of \
                 its models.",
                known.join(", ")
            ),
        ))
    }

    fn names(&self) -> BTreeSet<&str> {
        let built_in = self.table.iter().map(|(name, _)| name);
        built_in.chain(self.ours.keys().map(String::as_str)).collect()
    }

    /// Every voice by its name, and which of these have it.
    pub fn all<'c>(&self, models: impl Iterator<Item = &'c Candidate> + Clone) -> Vec<VoiceInfo> {
        let told = |name: &str| {
            let persona = self.persona(name)?;
            let (ours, built_in) = (persona.ours, persona.built_in);
            let speakers = models.clone().filter(|candidate| candidate.card.kind == Kind::Tts);
            let place = |candidate: &Candidate| {
                candidate.provider.adapter.voice()?;
                Some(VoicePlace {
                    provider: candidate.provider.name.clone(),
                    model: candidate.door.model.clone(),
                    voice: persona.id(candidate, None)?.to_owned(),
                })
            };
            let said = |ours: Option<&String>, built_in: Option<&String>| ours.or(built_in).cloned();
            Some(VoiceInfo {
                name: name.to_owned(),
                default: *name == self.default,
                about: built_in.map(|voice| voice.about.clone()),
                language: ours.and_then(|voice| voice.language.clone()),
                gender: said(ours.and_then(|v| v.gender.as_ref()), built_in.map(|v| &v.gender)),
                pace: said(ours.and_then(|v| v.pace.as_ref()), built_in.map(|v| &v.pace)),
                style: said(ours.and_then(|v| v.style.as_ref()), built_in.map(|v| &v.style)),
                at: speakers.filter_map(place).collect(),
            })
        };
        self.names().into_iter().filter_map(told).collect()
    }
}

impl<'a> Persona<'a> {
    /// What a candidate's provider calls it: as said of this very model, of the provider, of its kind, else as built in.
    fn id(self, candidate: &Candidate, language: Option<&str>) -> Option<&'a str> {
        let (provider, model) = (&candidate.provider, &*candidate.door.model);
        if let Some(ours) = self.ours {
            let of = |name: &str| ours.ids.get(name).map(String::as_str);
            let model = format!("{}/{model}", provider.name);
            if let Some(id) = of(&model).or_else(|| of(&provider.name)).or_else(|| of(provider.kind.name())) {
                return (id != NONE).then_some(id);
            }
        }
        Some(&self.built_in?.at(provider.kind.name(), &candidate.card.model, language)?.id)
    }
}

impl<'a> Role<'a> {
    /// What a candidate's provider calls it, for a text in this language; None where it has none like it.
    pub fn id(self, candidate: &Candidate, language: Option<&str>) -> Option<&'a str> {
        let provider = &candidate.provider;
        let id = match self {
            Role::Persona(persona) => persona.id(candidate, language)?,
            // Servers that call themselves compatible are compatible in this, too.
            Role::Openai { id, .. }
                if matches!(provider.kind, ProviderKind::Openai | ProviderKind::Compatible) =>
            {
                id
            }
            Role::Openai { like, .. } => like?.id(candidate, language)?,
            Role::Own { at, id } => {
                let there = at.is_none_or(|at| *provider.name == *at || provider.kind.name() == at);
                there.then_some(id)?
            }
        };
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voices(config: &VoiceConfig, problems: &mut Vec<String>) -> Voices {
        let mut voices = Voices::of(config, &[], problems);
        voices.providers = ["openai".into(), "studio".into()].into();
        voices
    }

    #[test]
    fn a_name_means_a_voice_or_somebodys_own_or_nothing() {
        let mut config = VoiceConfig::default();
        config.voices.insert("husky".into(), PersonaConfig::default());
        let mut problems = vec![];
        let voices = voices(&config, &mut problems);
        assert_eq!(problems, Vec::<String>::new());
        let role = |name, pinned| voices.role(name, pinned);
        for name in ["", "calm", "husky"] {
            assert!(matches!(role(name, false), Ok(Role::Persona(_))), "{name}");
        }
        assert!(matches!(role("alloy", false), Ok(Role::Openai { id: "alloy", .. })));
        assert!(matches!(role("studio/x/y", false), Ok(Role::Own { at: Some("studio"), id: "x/y" })));
        assert!(matches!(role("Zephyr", true), Ok(Role::Own { at: None, id: "Zephyr" })));
        for unknown in ["Zephyr", "studio/", "nobody/x", "Calm"] {
            let bad = role(unknown, false).unwrap_err();
            assert_eq!(bad.param.as_deref(), Some("voice"));
            assert!(bad.message.contains("calm") && bad.message.contains("husky"), "{bad}");
        }
        let long = "x".repeat(10_000);
        assert!(role(&long, false).unwrap_err().message.len() < 600);
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_said() {
        let problems = |config: &VoiceConfig| {
            let mut problems = vec![];
            Voices::of(config, &[], &mut problems);
            problems
        };
        let ids = |of: &str| PersonaConfig {
            ids: [(of.to_owned(), "v".to_owned())].into(),
            ..PersonaConfig::default()
        };
        let with = |name: &str, persona| VoiceConfig {
            voices: [(name.to_owned(), persona)].into(),
            ..VoiceConfig::default()
        };
        assert!(problems(&with("calm", ids("elevenlabs/eleven_v3"))).is_empty());
        assert!(problems(&with("calm", ids("studio")))[0].contains("voice.voices.calm.ids.studio"));
        assert!(problems(&with("a/b", ids("groq")))[0].contains("no slash"));
        let default = |name: &str| VoiceConfig { default: name.into(), ..VoiceConfig::default() };
        assert!(problems(&default("elevenlabs/21m00")).is_empty());
        assert!(problems(&default("loud"))[0].starts_with("voice.default: there is no voice \"loud\""));
    }
}
