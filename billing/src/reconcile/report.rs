//! What a comparison comes to: figures side by side, and which of them differ by more than is allowed.

use super::books::Sum;
use super::causes::Likely;
use super::statement::Told;
use super::{Books, Column, Day, Key, Statement};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::ops::RangeInclusive;
use vocab::Pico;

/// How much a figure of a model and day may differ: a difference counts if it is above the absolute limit *and* above
/// `per_million` of the larger figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens and requests, each by itself.
    pub count: u64,
    pub money: Pico,
    pub per_million: u32,
}

impl Default for Limits {
    /// Every token, and money above a cent: providers' exports are often rounded to that.
    fn default() -> Self {
        Self { count: 0, money: Pico(Pico::PER_USD / 100), per_million: 0 }
    }
}

impl Limits {
    fn allows(&self, drift: i128, larger: i128, least: i128) -> bool {
        let share = larger.saturating_mul(i128::from(self.per_million)) / 1_000_000;
        drift.saturating_abs() <= least.max(share)
    }

    pub(super) fn allow_count(&self, ours: i128, theirs: i128) -> bool {
        self.allows(theirs - ours, ours.max(theirs), self.count.into())
    }

    pub(super) fn allow_money(&self, ours: Pico, theirs: Pico, rounding: Pico) -> bool {
        self.allows(theirs.0.saturating_sub(ours.0), ours.0.max(theirs.0), self.money.0.max(rounding.0))
    }
}

/// A figure of both sides. What is told of it beside the two is theirs less ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift<T> {
    pub ours: T,
    pub theirs: T,
}

impl Drift<u64> {
    pub fn by(&self) -> i128 {
        i128::from(self.theirs) - i128::from(self.ours)
    }
}

impl Drift<Pico> {
    pub const fn by(&self) -> Pico {
        self.theirs.minus(self.ours)
    }
}

/// Requests, or a column of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    pub name: &'static str,
    pub drift: Drift<u64>,
}

/// A model on a day, on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub day: Day,
    /// The ledger's name, else the provider's; None where the export ties money to no model.
    pub model: Option<String>,
    /// The provider's names for it.
    pub names: Vec<String>,
    /// Only what the export tells.
    pub measures: Vec<Measure>,
    pub money: Option<Drift<Pico>>,
    /// How far off the provider's money may be because it was rounded.
    pub rounding: Pico,
    /// Something differs by more than the limits allow.
    pub over: bool,
    /// The likeliest first; only where something is over.
    pub causes: Vec<Likely>,
}

/// The measure that counts calls.
pub(super) const REQUESTS: &str = "requests";

impl Cell {
    pub(super) fn of(key: &Key, ours: &Sum, told: &Told, columns: &[Column], money: Option<Pico>) -> Self {
        let mut measures = Vec::new();
        // Money that is tied to no model has no tokens to stand beside.
        if let Some(theirs) = told.requests {
            measures.push(Measure { name: REQUESTS, drift: Drift { ours: ours.calls, theirs } });
        }
        for (column, theirs) in columns.iter().zip(&told.counts) {
            let ours = column.count(&ours.usage);
            // A column that nobody has anything in is not worth a word.
            if let Some(theirs) = theirs.filter(|theirs| (ours, *theirs) != (0, 0)) {
                measures.push(Measure { name: column.name, drift: Drift { ours, theirs } });
            }
        }
        Self {
            day: key.1,
            model: key.0.clone(),
            names: told.names.iter().cloned().collect(),
            measures,
            money: money.map(|theirs| Drift { ours: ours.cost, theirs }),
            rounding: told.rounding,
            over: false,
            causes: Vec::new(),
        }
    }

    pub(super) fn judge(&mut self, limits: &Limits) {
        self.over = self.over_in_counts(limits) || self.over_in_money(limits);
    }

    pub(super) fn over_in_counts(&self, limits: &Limits) -> bool {
        let good = |m: &Measure| limits.allow_count(m.drift.ours.into(), m.drift.theirs.into());
        !self.measures.iter().all(good)
    }

    fn over_in_money(&self, limits: &Limits) -> bool {
        self.money.is_some_and(|money| !limits.allow_money(money.ours, money.theirs, self.rounding))
    }

    pub(super) fn measure(&self, name: &str) -> Option<Drift<u64>> {
        self.measures.iter().find(|measure| measure.name == name).map(|measure| measure.drift)
    }

    /// All tokens agree, and requests where they are told.
    pub(super) fn counts_agree(&self) -> bool {
        self.measures.iter().all(|measure| measure.drift.by() == 0)
    }
}

/// Everything that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The first and the last day.
    pub days: Option<(Day, Day)>,
    /// By model, then by day.
    pub cells: Vec<Cell>,
    pub requests: Option<Drift<u64>>,
    pub money: Option<Drift<Pico>>,
    /// What the reader should know besides.
    pub notes: Vec<String>,
    /// Some cell is over.
    pub over: bool,
}

impl Reconciliation {
    pub(super) fn of(
        cells: Vec<Cell>,
        books: &Books<'_>,
        statement: &Statement,
        days: Option<RangeInclusive<Day>>,
    ) -> Self {
        let mut notes = statement.notes.clone();
        if days.is_none() {
            notes.push("the export is about no day: nothing was compared".into());
        }
        let outside =
            books.sums().keys().filter(|(_, day)| !days.as_ref().is_some_and(|days| days.contains(day)));
        let outside = outside.count();
        if outside > 0 {
            notes.push(format!(
                "{outside} days of models in the ledger are outside of the export's and were left out"
            ));
        }
        let (lines, amount) = books.nobodys;
        if lines > 0 {
            notes.push(format!(
                "{lines} requests that were never heard of again are in the ledger at an estimate, together {amount} USD, and \
                 belong to no provider: some of what the provider has more may be theirs"
            ));
        }
        let sum = |drifts: Vec<Drift<u64>>| {
            let add = |sum: Drift<u64>, more: &Drift<u64>| Drift {
                ours: sum.ours.saturating_add(more.ours),
                theirs: sum.theirs.saturating_add(more.theirs),
            };
            (!drifts.is_empty()).then(|| drifts.iter().fold(Drift { ours: 0, theirs: 0 }, add))
        };
        let money: Vec<Drift<Pico>> = cells.iter().filter_map(|cell| cell.money).collect();
        let add = |sum: Drift<Pico>, more: &Drift<Pico>| Drift {
            ours: sum.ours.plus(more.ours),
            theirs: sum.theirs.plus(more.theirs),
        };
        let nothing = Drift { ours: Pico::ZERO, theirs: Pico::ZERO };
        Self {
            days: days.map(|days| (*days.start(), *days.end())),
            requests: sum(cells.iter().filter_map(|cell| cell.measure(REQUESTS)).collect()),
            money: (!money.is_empty()).then(|| money.iter().fold(nothing, add)),
            notes,
            over: cells.iter().any(|cell| cell.over),
            cells,
        }
    }
}

impl Serialize for Drift<u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("ours", &self.ours)?;
        map.serialize_entry("theirs", &self.theirs)?;
        map.serialize_entry("drift", &i64::try_from(self.by()).unwrap_or(i64::MAX))?;
        map.end()
    }
}

impl Serialize for Drift<Pico> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("ours", &self.ours)?;
        map.serialize_entry("theirs", &self.theirs)?;
        map.serialize_entry("drift", &self.by())?;
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("day", &self.day.to_string())?;
        map.serialize_entry("model", &self.model)?;
        map.serialize_entry("names", &self.names)?;
        for measure in &self.measures {
            map.serialize_entry(measure.name, &measure.drift)?;
        }
        if let Some(money) = &self.money {
            map.serialize_entry("usd", money)?;
        }
        map.serialize_entry("over", &self.over)?;
        map.serialize_entry("causes", &self.causes)?;
        map.end()
    }
}
