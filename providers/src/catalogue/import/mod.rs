//! Price lists of others, in.
//!
//! Their numbers are JSON numbers, so their *text* is taken, never a float made of it: `1.5e-07` USD a token is `0.15`
//! a million, exactly. Every entry then goes through the same checks as one of our own; one that fails is refused with
//! the reason, the rest is used. What a list does not say stays unknown. Zero for everything, which these lists use for
//! subscriptions and for "we do not know", is unknown too, except on one's own machine.

mod litellm;
mod models_dev;
mod number;

#[cfg(test)]
mod tests;

use super::{Catalogue, Entry, Problem, Source, date_text, read};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vocab::Instant;

/// What came of an import.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What can be used, to go over a catalogue with [`Catalogue::overlay`].
    pub catalogue: Catalogue,
    /// Entries that failed the checks, one problem each at least.
    pub refused: Vec<Problem>,
    /// Entries of no use to weir (moderation, video, …): how many, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// What could not be taken over from entries that were used, e.g. a price tier that is not one multiple.
    pub notes: Vec<Problem>,
}

/// From LiteLLM's `model_prices_and_context_window.json`. `as_of` is the day of the list.
///
/// # Errors
/// Where the text is not such a list at all.
pub fn litellm(text: &str, as_of: Instant) -> Result<Imported, Problem> {
    litellm::list(text, as_of)
}

/// From models.dev's `api.json`. `as_of` is the day of the list.
///
/// # Errors
/// Where the text is not such a list at all.
pub fn models_dev(text: &str, as_of: Instant) -> Result<Imported, Problem> {
    models_dev::list(text, as_of)
}

/// Collects entries in our own format and puts each through our own reader.
struct Import {
    key: &'static str,
    as_of: Instant,
    sources: BTreeMap<String, Source>,
    models: BTreeMap<String, Entry>,
    refused: Vec<Problem>,
    skipped: BTreeMap<String, usize>,
    notes: Vec<Problem>,
}

impl Import {
    fn new(key: &'static str, name: &str, licence: &str, as_of: Instant) -> Self {
        let source = Source { name: name.into(), date: date_text(as_of), licence: licence.into() };
        Self {
            key,
            as_of,
            sources: BTreeMap::from([(key.to_owned(), source)]),
            models: BTreeMap::new(),
            refused: Vec::new(),
            skipped: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    fn skip(&mut self, why: String) {
        *self.skipped.entry(why).or_default() += 1;
    }

    fn refuse(&mut self, entry: &str, message: String) {
        self.refused.push(Problem { line: None, entry: Some(entry.to_owned()), message });
    }

    fn note(&mut self, entry: &str, message: String) {
        self.notes.push(Problem { line: None, entry: Some(entry.to_owned()), message });
    }

    /// Takes an entry in our own format; `name` is what the list calls it.
    fn take(&mut self, name: &str, mut fields: Map<String, Value>) {
        let key = self.key;
        fields.insert("sources".into(), json!({ key: date_text(self.as_of) }));
        fields.insert("flags".into(), json!(["imported"]));
        fields.retain(|_, value| !value.is_null());
        let mut found = Vec::new();
        let entry = read::entry(fields, &self.sources, &mut found);
        match entry {
            Some(entry) if found.is_empty() => {
                use std::collections::btree_map::Entry::{Occupied, Vacant};
                match self.models.entry(entry.id()) {
                    Vacant(place) => {
                        place.insert(entry);
                    }
                    Occupied(place) => {
                        let message = format!("{} is in the list twice; the first is used", place.key());
                        self.note(name, message);
                    }
                }
            }
            _ => found.into_iter().for_each(|message| self.refuse(name, message)),
        }
    }

    fn end(self) -> Imported {
        let models = self.models.into_values().collect();
        let catalogue = Catalogue { as_of: self.as_of, sources: self.sources, models };
        Imported { catalogue, refused: self.refused, skipped: self.skipped, notes: self.notes }
    }
}

/// Where nothing is billed because the machine is one's own.
const LOCAL: [&str; 7] = ["ollama", "llamacpp", "vllm", "lm-studio", "lmstudio", "llamafile", "xinference"];

/// Rates of zero throughout say nothing, except of one's own machine.
fn means_nothing(provider: &str, rates: &BTreeMap<&'static str, String>) -> bool {
    !LOCAL.contains(&provider) && rates.values().all(|usd| usd == "0")
}

/// A provider's name as ours are: lower case, digits and dashes.
fn dashed(name: &str) -> String {
    let dash = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(dash).collect()
}
