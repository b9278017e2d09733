//! What a request may, and how fast its like may come.
//!
//! What is allowed says `policy`, who counts says the port [`Limits`]. This is what a request carries with it from the
//! front door to its end: the plan that it is chosen under, and what it took, which goes back by itself however it ends.

mod local;

pub use local::Local;

use crate::answer::Trouble;
use crate::ask::Ask;
use crate::relay::Relay;
use policy::Caller;
use policy::limit::{Estimate, Over, Readings, Rule, Scope, Taken, Use};
use std::sync::Arc;
use vocab::{Kind, Pico};

/// What one request comes under.
#[derive(Debug, Default)]
pub struct Leave {
    /// The plan that it is chosen under.
    pub plan: Option<Arc<str>>,
    /// The most that it may cost, and whose limit that is.
    pub cost_max: Option<(Pico, Scope)>,
    /// The limits that it is counted against.
    pub rules: Vec<Rule>,
    permit: Option<Permit>,
}

impl Leave {
    /// Nothing is said of it at all.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.plan.is_none() && self.cost_max.is_none() && self.rules.is_empty()
    }

    /// What was taken for it; goes back where nobody holds it any more.
    pub(crate) fn permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }
}

/// What became of a request at the limits.
#[derive(Debug)]
pub enum Admission {
    /// Nothing counts it.
    Free,
    /// It is in, and stands like this.
    In(Box<Readings>),
    /// That is for somebody else to say: ask [`Relay::admit_elsewhere`].
    Elsewhere,
}

/// What a request took from its limits. Dropping it ends the request there: as one that never was, until it
/// [`begins`](Self::begins), and as one that used the tokens it was last said to use.
pub struct Permit {
    relay: Arc<Relay>,
    taken: Option<Box<Taken>>,
    used: Use,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("taken", &self.taken).field("used", &self.used).finish_non_exhaustive()
    }
}

impl Permit {
    /// From here on it counts.
    pub(crate) const fn begins(&mut self) {
        self.used = Use::Tokens(0);
    }

    /// It is over, and used so many tokens.
    pub(crate) fn ends(mut self, tokens: u64) {
        self.used = Use::Tokens(tokens);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        let (used, now) = (self.used, self.relay.clock().now());
        let limits = self.relay.limits();
        if let Err(taken) = limits.end_at_once(taken, used, now) {
            let limits = Arc::clone(limits);
            self.relay.later().spawn(Box::pin(async move { limits.end(taken, used, now).await }));
        }
    }
}

impl Relay {
    /// Finds out what a request may, and takes what it takes, where that can be said at once.
    ///
    /// # Errors
    /// [`Trouble::UnknownPlan`], and [`Trouble::OverLimit`]: nothing was taken then.
    pub fn admit(self: &Arc<Self>, caller: &Caller, ask: &mut Ask) -> Result<Admission, Trouble> {
        let Some(estimate) = self.book(caller, ask)? else { return Ok(Admission::Free) };
        let Some(leave) = ask.leave.as_mut() else { return Ok(Admission::Free) };
        let rules = std::mem::take(&mut leave.rules);
        match self.limits().take_at_once(rules, estimate, self.clock().now()) {
            Ok(taken) => self.taken(leave, taken).map(Admission::In),
            Err(rules) => {
                leave.rules = rules;
                Ok(Admission::Elsewhere)
            }
        }
    }

    /// Counts a request that is told what was told before: it takes its place among requests, and no tokens. How the limits
    /// stand with it, where something counts it.
    ///
    /// # Errors
    /// As of [`Relay::admit`].
    pub async fn admit_repeat(self: &Arc<Self>, caller: &Caller) -> Result<Option<Box<Readings>>, Trouble> {
        let Some(mut leave) = self.moment().leave(caller)?.filter(|leave| !leave.rules.is_empty()) else {
            return Ok(None);
        };
        let nothing = Estimate { input: 0, output: 0 };
        let rules = std::mem::take(&mut leave.rules);
        let now = self.clock().now();
        let taken = match self.limits().take_at_once(rules, nothing, now) {
            Ok(taken) => taken,
            Err(rules) => self.limits().take(rules, nothing, now).await,
        };
        let readings = self.taken(&mut leave, taken)?;
        if let Some(permit) = &mut leave.permit {
            permit.begins();
        }
        Ok(Some(readings))
    }

    /// The same where it could not be said at once.
    ///
    /// # Errors
    /// [`Trouble::OverLimit`].
    pub async fn admit_elsewhere(self: &Arc<Self>, ask: &mut Ask) -> Result<Box<Readings>, Trouble> {
        let estimate = estimate(ask, self.fleet().bounds.expected_output);
        let leave = ask.leave.get_or_insert_default();
        let rules = std::mem::take(&mut leave.rules);
        let taken = self.limits().take(rules, estimate, self.clock().now()).await;
        self.taken(leave, taken)
    }

    fn taken(
        self: &Arc<Self>,
        leave: &mut Leave,
        taken: Result<Box<Taken>, Box<Over>>,
    ) -> Result<Box<Readings>, Trouble> {
        let taken = taken.map_err(Trouble::OverLimit)?;
        let readings = Box::new(taken.readings.clone());
        leave.permit = Some(Permit { relay: Arc::clone(self), taken: Some(taken), used: Use::Nothing });
        Ok(readings)
    }

    /// Finds out what a request may, and takes nothing. What it is estimated at, where something counts it.
    ///
    /// # Errors
    /// [`Trouble::UnknownPlan`].
    pub fn book(&self, caller: &Caller, ask: &mut Ask) -> Result<Option<Estimate>, Trouble> {
        let fleet = self.moment();
        ask.leave = fleet.leave(caller)?;
        let counted = ask.leave.as_ref().is_some_and(|leave| !leave.rules.is_empty());
        Ok(counted.then(|| estimate(ask, fleet.bounds.expected_output)))
    }
}

/// Output is what the request allows, else what is expected of answers.
fn estimate(ask: &Ask, expected: u32) -> Estimate {
    let brief = ask.brief();
    let output = if brief.kind == Kind::Chat { brief.max_output.unwrap_or(expected) } else { 0 };
    Estimate { input: brief.tokens_in.into(), output: u64::from(output) * u64::from(brief.n.max(1)) }
}
