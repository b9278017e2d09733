//! What a provider says was used, as it was read from its export.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use vocab::{Bucket, Instant, Pico, Usage};

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u64);

impl Day {
    pub const fn of(at: Instant) -> Self {
        Self(at.as_secs() / 86_400)
    }

    pub const fn start(self) -> Instant {
        Instant::from_secs(self.0.saturating_mul(86_400))
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// `YYYY-MM-DD`.
impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.start().rfc3339().split('T').next().unwrap_or_default())
    }
}

/// One figure that an export has, and which of our buckets together are the same. Columns are disjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub buckets: &'static [Bucket],
}

impl Column {
    /// What a usage of ours comes to in it.
    pub fn count(&self, usage: &Usage) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(usage.get(*bucket)))
    }
}

/// A part of a statement: some of what a model was used for on a day. Rows of one model and day add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub day: Day,
    /// As the provider calls it; None where it is tied to no model.
    pub model: Option<String>,
    pub requests: Option<u64>,
    /// By column of the statement; None where the row does not tell.
    pub counts: Vec<Option<u64>>,
    pub cost: Option<Pico>,
    /// How far off `cost` may be because it was rounded before it was told.
    pub rounding: Pico,
    /// The service tier, or what else the money is for, in the provider's words.
    pub about: Option<String>,
}

/// Everything that was read of a provider's exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Days that it is about, also those on which nothing was used.
    pub covered: BTreeSet<Day>,
    /// What whoever reads the comparison should know: pages that are missing, figures that were passed over.
    pub notes: Vec<String>,
}

impl Statement {
    /// The days from the first to the last that it is about.
    pub fn days(&self) -> Option<RangeInclusive<Day>> {
        let all = || self.covered.iter().copied().chain(self.rows.iter().map(|row| row.day));
        Some(all().min()?..=all().max()?)
    }

    /// Keeps the days from `from` on and before `to`.
    pub fn cut(&mut self, from: Option<Instant>, to: Option<Instant>) {
        let inside =
            |day: Day| from.is_none_or(|from| from <= day.start()) && to.is_none_or(|to| day.start() < to);
        self.rows.retain(|row| inside(row.day));
        self.covered.retain(|day| inside(*day));
    }

    pub(super) fn models(&self) -> BTreeSet<&str> {
        self.rows.iter().filter_map(|row| row.model.as_deref()).collect()
    }
}

/// A model's rows of a day, added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub requests: Option<u64>,
    pub counts: Vec<Option<u64>>,
    pub cost: Option<Pico>,
    pub rounding: Pico,
    /// The names that the export gives it, and what it says besides.
    pub names: BTreeSet<String>,
    pub about: BTreeMap<String, Pico>,
}

impl Told {
    /// Of a model that an export does not name: nothing was used, as far as it tells of such things at all. One that has
    /// nothing but days tells that nothing was used on them.
    pub fn nothing(statement: &Statement) -> Self {
        let zero = |told: bool| (told || statement.rows.is_empty()).then_some(0);
        let column =
            |at| statement.rows.iter().any(|row: &Row| row.counts.get(at).is_some_and(Option::is_some));
        Self {
            requests: zero(statement.rows.iter().any(|row| row.requests.is_some())),
            counts: (0..statement.columns.len()).map(|at| zero(column(at))).collect(),
            ..Self::default()
        }
    }

    pub fn add(&mut self, row: &Row, columns: &[Column]) {
        fn plus(sum: &mut Option<u64>, more: Option<u64>) {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        }
        plus(&mut self.requests, row.requests);
        self.counts.resize(columns.len(), None);
        for (sum, more) in self.counts.iter_mut().zip(&row.counts) {
            plus(sum, *more);
        }
        if let Some(more) = row.cost {
            self.cost = Some(self.cost.unwrap_or_default().plus(more));
            self.rounding = self.rounding.plus(row.rounding);
        }
        self.names.extend(row.model.clone());
        if let Some(about) = &row.about {
            let sum = self.about.entry(about.clone()).or_default();
            *sum = sum.plus(row.cost.unwrap_or_default());
        }
    }

    /// A usage with these figures; None where one is not told. Where several buckets share a column the first is meant.
    pub fn usage(&self, columns: &[Column]) -> Option<Usage> {
        let mut usage = Usage::default();
        for (column, count) in columns.iter().zip(&self.counts) {
            if let Some(bucket) = column.buckets.first() {
                usage.set(*bucket, (*count)?);
            }
        }
        (!self.counts.is_empty()).then_some(usage)
    }
}
