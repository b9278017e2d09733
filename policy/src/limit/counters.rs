//! All that is counted, by name, and a request against several of it at once.

use super::meter::{Marks, Meter};
use super::reading::{Reading, Readings, Scope, What};
use super::{Full, Quotas};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Duration, Instant, Name};

/// So many meters are kept before it is looked whether some need not be.
const KEPT_MIN: usize = 1_024;

/// One of the limits that a request comes under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub scope: Scope,
    /// Who counts it, where each account has somebody who does: its name, or none for what accounts share.
    pub home: Option<Name>,
    /// What is counted under: the same for all that count together, and for nobody else.
    pub counter: Arc<str>,
    pub quotas: Arc<Quotas>,
}

impl Rule {
    /// How it stands, by what somebody else has read of it. None: it limits nothing of the kind.
    pub fn reading(&self, what: What, left: u64, reset: Option<Duration>) -> Option<Reading> {
        let (limit, rate) = match what {
            What::Concurrent => (self.quotas.concurrent?, self.quotas.concurrent?),
            what => {
                let rate = self.quotas.rated().find(|(_, of)| *of == what)?.0?;
                (rate.burst, rate.per_period)
            }
        };
        Some(Reading { what, scope: self.scope.clone(), limit: u64::from(limit), left, reset, rate })
    }
}

/// How many tokens a request is taken for when it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    pub input: u64,
    /// At most, where that is known.
    pub output: u64,
}

impl Estimate {
    pub const fn whole(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// What is taken of a limit. One that fits with its input fits: how much it is allowed to answer is seldom what it
    /// answers.
    pub fn within(self, quotas: &Quotas) -> u64 {
        let most = quotas.tokens_per_minute.map_or(u64::MAX, u64::from);
        self.whole().min(most.max(self.input))
    }
}

/// What a request took, for when it ends.
#[derive(Debug)]
pub struct Taken {
    rules: Vec<Share>,
    /// How its limits stand with it.
    pub readings: Readings,
    /// What it is called by whoever counts it, where that is somebody else.
    pub ticket: Option<Name>,
}

/// What it took of one.
#[derive(Debug)]
struct Share {
    rule: Rule,
    marks: Marks,
    tokens: u64,
}

impl Taken {
    /// It was taken by somebody else, who knows it by this ticket.
    pub fn elsewhere(rules: Vec<Rule>, readings: Readings, ticket: Name) -> Self {
        let share = |rule| Share { rule, marks: Marks::default(), tokens: 0 };
        Self { rules: rules.into_iter().map(share).collect(), readings, ticket: Some(ticket) }
    }

    /// Ends it under each of its rules: of each bucket so many things go back, or were used beyond what was taken.
    pub(super) fn close(&self, used: Use, mut under: impl FnMut(&Rule, &Marks, [(u64, u64); 3])) {
        for Share { rule, marks, tokens } in &self.rules {
            let over = match used {
                Use::Nothing => [(1, 0), (1, 0), (*tokens, 0)],
                Use::Unknown => [(0, 0); 3],
                Use::Tokens(used) => {
                    [(0, 0), (0, 0), (tokens.saturating_sub(used), used.saturating_sub(*tokens))]
                }
            };
            under(rule, marks, over);
        }
    }

    /// The limits that it took from.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|share| &share.rule)
    }
}

/// Why a request is not let in. Nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// The limit that is to be waited for.
    pub limit: Reading,
    /// After so long it is let in, if nothing else comes. None: it is more than the limit ever lets in at once.
    pub wait: Option<Duration>,
    pub estimate: Estimate,
    pub readings: Readings,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// With so many tokens used, known or estimated.
    Tokens(u64),
    /// Before anything was asked of anybody: it counts nowhere.
    Nothing,
    /// Nobody will know: it used what it was taken for.
    Unknown,
}

/// Where meters are found. Nobody else counts while one of these is held.
pub trait Meters {
    /// The meter of a rule; a new one where there is none.
    fn meter(&mut self, rule: &Rule, now: Instant) -> &mut Meter;

    /// Takes a request of about so many tokens from all of its rules, or from none.
    ///
    /// # Errors
    /// The limit that it would have to wait for longest.
    fn take(&mut self, rules: Vec<Rule>, estimate: Estimate, now: Instant) -> Result<Taken, Box<Over>> {
        match self.refusal(&rules, estimate, now) {
            Some(over) => Err(over),
            None => Ok(self.put(rules, estimate, now)),
        }
    }

    /// Why a request is not let in; None where it is. Nothing is taken.
    fn refusal(&mut self, rules: &[Rule], estimate: Estimate, now: Instant) -> Option<Box<Over>> {
        let mut worst: Option<(Reading, Full)> = None;
        for rule in rules {
            let tokens = estimate.within(&rule.quotas);
            let meter = self.meter(rule, now);
            if let Err(full) = meter.fits(&rule.quotas, &rule.scope, tokens, now)
                && worst.as_ref().is_none_or(|(_, before)| *before < full.1)
            {
                worst = Some(full);
            }
        }
        let (limit, full) = worst?;
        let mut readings = Readings::default();
        for rule in rules {
            self.meter(rule, now).read(&rule.quotas, &rule.scope, now, &mut readings);
        }
        let wait = match full {
            Full::For(span) => Some(span),
            Full::Ever => None,
        };
        Some(Box::new(Over { limit, wait, estimate, readings }))
    }

    /// Takes it, whether it fits or not.
    fn put(&mut self, rules: Vec<Rule>, estimate: Estimate, now: Instant) -> Taken {
        let mut readings = Readings::default();
        let taken = rules.into_iter().map(|rule| {
            let tokens = estimate.within(&rule.quotas);
            let meter = self.meter(&rule, now);
            let marks = meter.take(&rule.quotas, tokens, now);
            meter.read(&rule.quotas, &rule.scope, now, &mut readings);
            Share { rule, marks, tokens }
        });
        let rules = taken.collect();
        Taken { rules, readings, ticket: None }
    }

    /// A request is over: gives back what it did not use, and counts what it used beyond its estimate.
    fn end(&mut self, taken: &Taken, used: Use, now: Instant) {
        taken.close(used, |rule, marks, over| self.meter(rule, now).end(&rule.quotas, marks, over, now));
    }
}

/// Meters by name. One that is as good as new is dropped, so there are as many as ask at a time.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    meters: BTreeMap<Arc<str>, Meter>,
    /// How many there may be before it is looked again.
    most: usize,
}

impl Counters {
    pub fn len(&self) -> usize {
        self.meters.len()
    }

    pub fn is_empty(&self) -> bool {
        self.meters.is_empty()
    }

    /// Drops those that are as good as new.
    pub fn tidy(&mut self, now: Instant) {
        self.meters.retain(|_, meter| !meter.is_idle(now));
    }

    /// What was taken, by name, without what is under way: for [`Counters::resume`].
    pub fn levels(&self) -> impl Iterator<Item = (&Name, [u64; 7])> {
        self.meters.iter().map(|(name, meter)| (name, meter.levels()))
    }

    /// Goes on from what was taken then.
    pub fn resume(levels: impl IntoIterator<Item = (Name, [u64; 7])>) -> Self {
        let meters = levels.into_iter().map(|(name, levels)| (name, Meter::resume(levels)));
        Self { meters: meters.collect(), most: 0 }
    }
}

impl Meters for Counters {
    fn meter(&mut self, rule: &Rule, now: Instant) -> &mut Meter {
        if self.meters.len() >= self.most.max(KEPT_MIN) && !self.meters.contains_key(&rule.counter) {
            self.meters.retain(|_, meter| !meter.is_idle(now));
            // So that looking costs little for each that comes.
            self.most = self.meters.len() * 2;
        }
        self.meters.entry(rule.counter.clone()).or_default()
    }
}

#[cfg(test)]
mod tests;
