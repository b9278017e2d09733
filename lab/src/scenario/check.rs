//! Which scenarios can be played.

use super::{Model, Provider, Rule, Scenario};
use std::collections::BTreeSet;
use std::fmt;
use vocab::{Caps, Rate};

/// A scenario that cannot be played: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadScenario(pub String);

impl fmt::Display for BadScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadScenario {}

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn parse(text: &str) -> Result<Self, BadScenario> {
        let scenario: Self = toml::from_str(text).map_err(|e| BadScenario(e.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.name == name)
    }

    /// Refuses what cannot be played.
    pub fn check(&self) -> Result<(), BadScenario> {
        let mut names = BTreeSet::new();
        for provider in &self.providers {
            let at = format!("provider {:?}", provider.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if provider.name.is_empty() || !provider.name.chars().all(plain) {
                return Err(BadScenario(format!("{at}: a name is lower-case letters, digits and -")));
            }
            if !names.insert(provider.name.as_str()) {
                return Err(BadScenario(format!("{at} is there twice")));
            }
            if provider.models.is_empty() {
                return Err(BadScenario(format!("{at} has no model")));
            }
            let mut models = BTreeSet::new();
            for model in &provider.models {
                let at = format!("{at}, model {:?}", model.name);
                if !models.insert(model.name.as_str()) {
                    return Err(BadScenario(format!("{at} is there twice")));
                }
                model.check().map_err(|what| BadScenario(format!("{at}: {what}")))?;
            }
            for (i, rule) in provider.faults.iter().enumerate() {
                rule.check(provider)
                    .map_err(|what| BadScenario(format!("{at}, fault {} ({}): {what}", i + 1, rule.kind)))?;
            }
        }
        Ok(())
    }
}

impl Model {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.contains(char::is_whitespace) {
            return Err("a model name has no spaces".into());
        }
        let changes = self.price_changes.iter().flat_map(|c| [Some(&c.input), Some(&c.output)]);
        if self.dimensions == 0 {
            return Err("dimensions are above zero".into());
        }
        if self.ms_per_character == 0 || self.realtime == 0 || self.max_characters == Some(0) {
            return Err("ms_per_character, realtime and max_characters are above zero".into());
        }
        if let Some(price) = &self.per_minute {
            Rate::of(price, 60_000).map_err(|e| e.to_string())?;
        }
        for price in [&self.per_tile, &self.per_step].into_iter().flatten() {
            Rate::of(price, 1).map_err(|e| e.to_string())?;
        }
        let prices = [
            &self.input,
            &self.output,
            &self.cache_read,
            &self.cache_write,
            &self.output_image,
            &self.output_audio,
            &self.per_1m_characters,
            &self.input_audio,
        ];
        for price in prices.into_iter().map(Option::as_ref).chain(changes).flatten() {
            Rate::of(price, 1_000_000).map_err(|e| e.to_string())?;
        }
        if let Some(change) =
            self.price_changes.iter().find(|c| vocab::Instant::parse_date(&c.from).is_none())
        {
            return Err(format!("price_change: {:?} is no date like 2027-01-31", change.from));
        }
        if self.input.is_some() != self.output.is_some() {
            return Err("input and output prices go together".into());
        }
        let unit = 0.0..=1.0;
        if self.quality.is_some_and(|q| !unit.contains(&q)) || !unit.contains(&self.quality_confidence) {
            return Err("quality and quality_confidence are 0 to 1".into());
        }
        if let Some(name) = self.caps.iter().flatten().find(|n| Caps::named(n).is_none()) {
            return Err(format!("there is no capability {name:?}"));
        }
        if self.ttft_ms.p50 == 0 || self.ttft_ms.p95 < self.ttft_ms.p50 {
            return Err("ttft_ms: p50 is above zero and p95 not below it".into());
        }
        if self.tokens_per_s == 0 || self.frame_tokens == 0 {
            return Err("tokens_per_s and frame_tokens are above zero".into());
        }
        let [least, most] = self.answer_tokens;
        if least == 0 || least > most {
            return Err("answer_tokens: shortest (above zero), longest".into());
        }
        if !(1..=2).contains(&self.family) {
            return Err("family is 1 or 2".into());
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self, provider: &Provider) -> Result<(), String> {
        if self.chance.is_some_and(|c| !(0.0..=1.0).contains(&c)) {
            return Err("chance is 0 to 1".into());
        }
        if self.every == Some(0) || self.period_s == Some(0) {
            return Err("every and period_s are above zero".into());
        }
        if self.period_s.is_some() != self.for_s.is_some() {
            return Err("period_s and for_s go together".into());
        }
        if let Some(name) = self.models.iter().find(|m| provider.model(m).is_none()) {
            return Err(format!("there is no model {name:?}"));
        }
        if self.status.is_some_and(|s| !(400..600).contains(&s)) {
            return Err("status is 400 to 599".into());
        }
        Ok(())
    }
}
