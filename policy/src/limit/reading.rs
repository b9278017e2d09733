//! How a limit stands, as a caller is told.

use std::fmt;
use std::sync::Arc;
use vocab::Duration;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Requests per minute.
    Minute,
    /// Requests per hour.
    Hour,
    /// Tokens per minute.
    Tokens,
    /// Requests under way.
    Concurrent,
}

impl What {
    pub const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Tokens, Self::Concurrent];
}

/// Whose limit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One account's.
    Account,
    /// Of one of an account's keys.
    Key,
    /// Of each account on a plan, by the plan's name.
    PlanAccount(Arc<str>),
    /// Of each key on a plan.
    PlanKey(Arc<str>),
    /// Of all accounts on a plan together.
    Plan(Arc<str>),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("this account"),
            Self::Key => f.write_str("this key"),
            Self::PlanAccount(plan) => write!(f, "an account on the plan {plan}"),
            Self::PlanKey(plan) => write!(f, "a key on the plan {plan}"),
            Self::Plan(plan) => write!(f, "all accounts on the plan {plan} together"),
        }
    }
}

/// How one limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub what: What,
    pub scope: Scope,
    /// As many as are left where nothing was taken.
    pub limit: u64,
    /// How many may come at once now.
    pub left: u64,
    /// How long until all are left again, if nothing more comes. None where time does not tell: a request under way
    /// ends when it ends.
    pub reset: Option<Duration>,
    /// How many, in words: `60 requests per minute`.
    pub(super) rate: u32,
}

impl Reading {
    /// Whether less of this one is left than of the other, for its size.
    fn is_nearer(&self, other: &Self) -> bool {
        u128::from(self.left) * u128::from(other.limit) < u128::from(other.left) * u128::from(self.limit)
    }

    /// What is limited, to how much.
    pub fn words(&self) -> String {
        let s = if self.rate == 1 { "" } else { "s" };
        match self.what {
            What::Minute if self.limit < u64::from(self.rate) => {
                format!("{} request{s} per minute, {} at once, for {}", self.rate, self.limit, self.scope)
            }
            What::Minute => format!("{} request{s} per minute for {}", self.rate, self.scope),
            What::Hour => format!("{} request{s} per hour for {}", self.rate, self.scope),
            What::Tokens => format!("{} token{s} per minute for {}", self.rate, self.scope),
            What::Concurrent => format!("{} request{s} at a time for {}", self.rate, self.scope),
        }
    }
}

/// How all limits of a request stand, as far as clients are told: of each kind the one of which the least is left for
/// its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    pub requests: Option<Reading>,
    pub tokens: Option<Reading>,
    pub concurrent: Option<Reading>,
}

impl Readings {
    pub fn note(&mut self, reading: Reading) {
        let place = match reading.what {
            What::Minute | What::Hour => &mut self.requests,
            What::Tokens => &mut self.tokens,
            What::Concurrent => &mut self.concurrent,
        };
        if place.as_ref().is_none_or(|other| reading.is_nearer(other)) {
            *place = Some(reading);
        }
    }

    /// Notes others, that were read elsewhere.
    pub fn join(&mut self, others: Self) {
        others.all().cloned().for_each(|reading| self.note(reading));
    }

    pub fn all(&self) -> impl Iterator<Item = &Reading> {
        [&self.requests, &self.tokens, &self.concurrent].into_iter().flatten()
    }

    /// The one nearest to exhaustion.
    pub fn nearest(&self) -> Option<&Reading> {
        self.all().reduce(|nearest, other| if other.is_nearer(nearest) { other } else { nearest })
    }
}
