//! What operators want to be told of without asking: budgets that fill, credit that runs out. And whom to tell.

mod event;
mod reach;
mod sign;
mod webhook;

pub use event::{AlertKind, Delivery, Event, Message};
pub use reach::{Host, Target, is_public};
pub use sign::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
pub use webhook::Webhook;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Cap, Duration, Instant, Pico};

/// What ended longer ago is not told any more, however late it is noticed.
pub const LATE: Duration = Duration::from_secs(86_400);

/// The part of the configuration that is about alerts. Without a webhook nothing is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// At which parts of a budget something is said, in percent.
    pub thresholds: Vec<u32>,
    /// Below which balance an account's credit is low; None: that is not told.
    pub credit_low_usd: Option<Pico>,
    /// Whom to tell, by name.
    pub webhooks: BTreeMap<String, Webhook>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { thresholds: vec![50, 80, 100], credit_low_usd: None, webhooks: BTreeMap::new() }
    }
}

impl Alerts {
    /// There is somebody to be told.
    pub fn is_on(&self) -> bool {
        !self.webhooks.is_empty()
    }

    /// The names of those who want to be told of this.
    pub fn wanting<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a str> {
        self.webhooks.iter().filter(|(_, hook)| hook.wants(event)).map(|(name, _)| name.as_str())
    }

    /// What is wrong with it, each in a sentence that begins with the field's name.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.thresholds.iter().any(|percent| !(1..=1_000).contains(percent)) {
            faults.push("thresholds: expected whole percents from 1 to 1000".into());
        }
        if self.credit_low_usd.is_some_and(|low| low <= Pico::ZERO) {
            faults.push("credit_low_usd: expected an amount above zero".into());
        }
        for (name, hook) in &self.webhooks {
            faults.extend(hook.faults().into_iter().map(|fault| format!("webhooks.{name}.{fault}")));
        }
        faults
    }

    /// Looks the webhooks' secrets up by name; what is wrong with them.
    pub fn unlock(&mut self, secret: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let unlocked = self.webhooks.iter_mut().map(|(name, hook)| (name, hook.unlock(secret)));
        unlocked.filter_map(|(name, done)| Some(format!("webhooks.{name}.{}", done.err()?))).collect()
    }

    /// What there is to be told of a window of which so much is charged. Each has an id that follows from what it says,
    /// so it is the same whoever finds it, however often.
    pub fn of_budget(&self, account: &str, cap: &Cap, charged: Pico, now: Instant) -> Vec<Event> {
        let over = cap.until.is_some_and(|until| until.after(LATE) <= now);
        if over || cap.limit <= Pico::ZERO || charged <= Pico::ZERO {
            return Vec::new();
        }
        let reached = |percent: &u32| {
            let of = |amount: Pico, times: u32| amount.0.checked_mul(times.into()).unwrap_or(i128::MAX);
            of(charged, 100) >= of(cap.limit, *percent)
        };
        let mut percents: Vec<u32> = self.thresholds.iter().copied().filter(reached).collect();
        percents.sort_unstable();
        percents.dedup();
        percents.into_iter().map(|percent| Event::threshold(account, cap, charged, percent, now)).collect()
    }

    /// What there is to be told of an account that was granted so much, of which so much is left.
    pub fn of_credit(&self, account: &str, granted: Pico, left: Pico, now: Instant) -> Option<Event> {
        let low = self.credit_low_usd?;
        (left < low).then(|| Event::credit_low(account, granted, left, low, now))
    }
}

#[cfg(test)]
mod tests;
