//! What is known of the models: prices, limits, capabilities, priors of quality and latency, and where each comes from.
//!
//! The data is `providers/catalogue/models.json` (format and sources in the README beside it), compiled in and read by
//! [`Catalogue::embedded`]; an operator's own file in the same format goes over it with [`Catalogue::overlay`], foreign
//! price lists come in through [`import`]. Whatever the way in, the same checks apply, because a wrong price bills
//! wrongly without anybody noticing: every figure has its unit in its name, is a decimal text and never a float, and
//! has to be plausible for its unit. Unknown is absent; it is never zero.

mod check;
mod diff;
mod fields;
pub mod import;
mod nearest;
mod price;
mod read;
mod units;
mod version;
mod write;

#[cfg(test)]
mod tests;

pub use diff::{Difference, diff};
pub use version::price_version;

pub use nearest::near;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use vocab::{Card, Effort, Instant};

/// The data file that ships with weir.
const EMBEDDED: &str = include_str!("../../catalogue/models.json");

/// Every model weir knows of, sorted by id. A snapshot: nothing in it changes; a newer one replaces it.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Midnight UTC of the day the data was current.
    pub as_of: Instant,
    pub sources: BTreeMap<String, Source>,
    pub models: Vec<Entry>,
}

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    pub name: String,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, as exact as it is known.
    pub date: String,
    pub licence: String,
}

/// One model: what the rest of weir needs of it (the card) and why it is believed (everything else).
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub card: Arc<Card>,
    pub quality_from: Option<Origin>,
    pub latency_from: Option<Origin>,
    /// Sources of the prices, by key into [`Catalogue::sources`], with the date of each.
    pub sources: BTreeMap<String, String>,
    /// Sorted, without repeats.
    pub flags: Vec<Flag>,
}

impl Entry {
    /// `provider/model`.
    pub fn id(&self) -> String {
        self.card.id()
    }
}

/// Where and when a prior was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Keys into [`Catalogue::sources`], joined by `+`.
    pub source: String,
    pub date: String,
    /// The reasoning effort it stands for, where that matters.
    pub effort: Option<Effort>,
}

/// What to know before trusting an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// Limits are copied from a sibling.
    AssumedLimits,
    /// Sources contradict each other on a price.
    Disagree,
    /// Came in through [`import`], unchecked against anything else.
    Imported,
    /// Needs a paid plan with the provider.
    PaidPlan,
    /// Main prices agree in two sources, a side price has one.
    PartlySingleSource,
    /// Sources agree after rounding.
    Rounding,
    SingleSource,
    /// The provider prices by a unit that cannot be billed here; the price is unknown.
    UnpriceableUnit,
}

impl Flag {
    pub const ALL: [Self; 8] = [
        Self::AssumedLimits,
        Self::Disagree,
        Self::Imported,
        Self::PaidPlan,
        Self::PartlySingleSource,
        Self::Rounding,
        Self::SingleSource,
        Self::UnpriceableUnit,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AssumedLimits => "assumed-limits",
            Self::Disagree => "disagree",
            Self::Imported => "imported",
            Self::PaidPlan => "paid-plan",
            Self::PartlySingleSource => "partly-single-source",
            Self::Rounding => "rounding",
            Self::SingleSource => "single-source",
            Self::UnpriceableUnit => "unpriceable-unit",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// Something wrong with the data, told so that it can be found and mended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Counted from 1, where the text has lines of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The entry's id, or what stands in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(entry) = &self.entry {
            write!(f, "{entry}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Catalogue {
    /// The catalogue that ships with weir. Reads it anew at every call; keep the result.
    ///
    /// # Errors
    /// Never for a build whose tests ran; the type is that of [`Catalogue::parse`].
    pub fn embedded() -> Result<Self, Vec<Problem>> {
        Self::parse(EMBEDDED)
    }

    /// Reads a catalogue file.
    ///
    /// # Errors
    /// Every problem in the file, not only the first; a file with a problem is not used at all.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        read::catalogue(text)
    }

    /// The entry for a model, else the provider's wildcard.
    pub fn find(&self, provider: &str, model: &str) -> Option<&Entry> {
        let exact =
            |name: &str| self.models.iter().find(|e| e.card.provider == provider && e.card.model == name);
        exact(model).or_else(|| exact("*"))
    }

    /// Entries whose id, kind or capabilities hold every word of `words`, whatever the case.
    pub fn search(&self, words: &str) -> Vec<&Entry> {
        let words: Vec<String> = words.split_whitespace().map(str::to_ascii_lowercase).collect();
        let holds = |entry: &&Entry| {
            let mut hay = format!("{} {:?} ", entry.id(), entry.card.kind).to_ascii_lowercase();
            for cap in entry.card.caps.names() {
                hay.push_str(&cap);
                hay.push(' ');
            }
            words.iter().all(|word| hay.contains(word.as_str()))
        };
        self.models.iter().filter(holds).collect()
    }

    /// Up to `count` ids that `name` may have been meant for, the likeliest first. `name` may lack the provider.
    pub fn nearest(&self, name: &str, count: usize) -> Vec<String> {
        nearest::among(&self.models, name, count)
    }

    /// This catalogue with the other's entries in place of its own of the same id, and the rest added. An entry is
    /// replaced whole: what the other does not know is unknown then. To add only the models that are missing, turn it
    /// round: `imported.overlay(shipped)`.
    #[must_use]
    pub fn overlay(self, other: Self) -> Self {
        let mut by_id: BTreeMap<String, Entry> = self.models.into_iter().map(|e| (e.id(), e)).collect();
        by_id.extend(other.models.into_iter().map(|e| (e.id(), e)));
        let mut sources = self.sources;
        sources.extend(other.sources);
        Self { as_of: self.as_of.max(other.as_of), sources, models: by_id.into_values().collect() }
    }

    /// The catalogue as a file that [`Catalogue::parse`] reads back to an equal value: one model a line, sorted.
    pub fn to_json(&self) -> String {
        write::catalogue(self)
    }
}

/// `YYYY-MM-DD`.
fn date_text(at: Instant) -> String {
    let mut text = at.rfc3339();
    text.truncate(10);
    text
}
