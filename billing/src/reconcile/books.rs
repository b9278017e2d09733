//! The ledger's side: its lines, added up by model and day.

use super::Day;
use super::supposed::Supposed;
use crate::Line;
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Instant, Pico, Price, Usage};

/// The price of a model, by the ledger's names of provider and model.
pub type Prices<'p> = dyn Fn(&str, &str) -> Option<&'p Price> + 'p;

/// The lines of one provider.
pub struct Books<'p> {
    prices: &'p Prices<'p>,
    /// The ledger's names of the provider; None for everybody.
    providers: Option<BTreeSet<String>>,
    sums: BTreeMap<(String, Day), Sum>,
    /// Lines that name no provider: estimates of what was never heard of again.
    pub(super) nobodys: (u64, Pico),
    /// The provider that each model was last used of.
    known: BTreeMap<String, String>,
}

/// A model's lines of a day.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Calls that used something. What was refused before it used anything no provider counts.
    pub calls: u64,
    pub usage: Usage,
    pub cost: Pico,
    /// Of these, what is an estimate of ours.
    pub estimated: Estimated,
    /// Calls that did not end well, by outcome.
    pub unwell: BTreeMap<String, u64>,
    /// The versions of the price that were charged.
    pub versions: BTreeSet<String>,
    pub supposed: Supposed,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimated {
    pub calls: u64,
    pub usage: Usage,
    pub cost: Pico,
}

impl<'p> Books<'p> {
    /// Empty books of the providers that have one of these names in the ledger; of all, where none is given.
    pub fn of(providers: impl IntoIterator<Item = String>, prices: &'p Prices<'p>) -> Self {
        let providers: BTreeSet<String> = providers.into_iter().collect();
        Self {
            prices,
            providers: Some(providers).filter(|providers| !providers.is_empty()),
            sums: BTreeMap::new(),
            nobodys: (0, Pico::ZERO),
            known: BTreeMap::new(),
        }
    }

    /// Adds a line of an entry of this `time`. `estimated` is what the settlement says of all its lines.
    pub fn add(&mut self, time: Instant, line: &Line, estimated: bool) {
        if line.provider.is_empty() {
            self.nobodys = (self.nobodys.0 + 1, self.nobodys.1.plus(line.amount));
            return;
        }
        let meant = self.providers.as_ref().is_none_or(|names| names.contains(&*line.provider));
        let used = line.usage.counted().next().is_some() || line.amount != Pico::ZERO;
        if !meant || !used {
            return;
        }
        self.known.insert(line.model.to_string(), line.provider.to_string());
        let sum = self.sums.entry((line.model.to_string(), Day::of(time))).or_default();
        sum.calls += 1;
        sum.usage = sum.usage.plus(&line.usage);
        sum.cost = sum.cost.plus(line.amount);
        if estimated || line.usage.estimated {
            sum.estimated.calls += 1;
            sum.estimated.usage = sum.estimated.usage.plus(&line.usage);
            sum.estimated.cost = sum.estimated.cost.plus(line.amount);
        }
        if line.outcome != "ok" {
            *sum.unwell.entry(line.outcome.to_string()).or_default() += 1;
        }
        sum.versions.extend(line.price.as_deref().map(str::to_owned));
        sum.supposed.add((self.prices)(&line.provider, &line.model), &line.usage, time);
    }

    pub(super) const fn sums(&self) -> &BTreeMap<(String, Day), Sum> {
        &self.sums
    }

    pub(super) fn models(&self) -> BTreeSet<&str> {
        self.known.keys().map(String::as_str).collect()
    }

    /// The price of a model that may not be in the ledger at all.
    pub(super) fn price(&self, model: &str) -> Option<&'p Price> {
        let only = || self.providers.iter().flatten().next();
        let provider = self.known.get(model).or_else(only).map_or("", String::as_str);
        (self.prices)(provider, model)
    }
}

impl Sum {
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.calls += other.calls;
        self.usage = self.usage.plus(&other.usage);
        self.cost = self.cost.plus(other.cost);
        self.estimated.calls += other.estimated.calls;
        self.estimated.usage = self.estimated.usage.plus(&other.estimated.usage);
        self.estimated.cost = self.estimated.cost.plus(other.estimated.cost);
        for (outcome, count) in &other.unwell {
            *self.unwell.entry(outcome.clone()).or_default() += count;
        }
        self.versions.extend(other.versions.iter().cloned());
        self.supposed = self.supposed.plus(&other.supposed);
        self
    }
}
