//! A request that nobody answered: what is given back, and what its client is told.

use super::Journey;
use crate::answer::Trouble;
use crate::ask::Ask;
use crate::fleet::Fleet;
use crate::offers::Route;
use crate::ports::BooksError;
use billing::Refusal;
use router::{Decision, Offer, Removed};
use vocab::{Duration, Fault, Instant, Pico};

/// When to come again where somebody else's probe is just finding out how the only candidate is.
const PROBED: Duration = Duration::from_secs(1);
/// Models of a plan that are named to one who asked for another.
const TOLD_MAX: usize = 8;

impl Journey<'_> {
    /// Nobody answered: gives everything back and says why.
    pub(super) async fn give_up(&mut self, late: bool) -> Trouble {
        let now = self.relay.clock().now();
        let why = if self.tab.calls() == 0 && self.untold.is_some() { "refused" } else { "failed" };
        if let Err(error) = self.tab.settle(why, now).await {
            tracing::error!(?error, request = %self.tab.id, "a request could not be settled; its hold will be swept");
        }
        let attempts = std::mem::take(&mut self.tab.attempts);
        if late {
            return Trouble::Deadline { attempts };
        }
        if let Some(stop) = self.faults.iter().find_map(told_to_the_client) {
            return stop;
        }
        if self.faults.is_empty() {
            if let Some(bad) = self.untold.take() {
                return Trouble::BadInput(bad);
            }
            if self.unfit.is_empty() {
                return nobody(&self.decision, &self.offers, now);
            }
            return Trouble::NoCandidate(std::mem::take(&mut self.unfit));
        }
        if let Some(Fault::TooLong(message)) = self.faults.iter().find(|f| matches!(f, Fault::TooLong(_))) {
            return Trouble::TooLong { message: message.clone() };
        }
        let wait = |f: &Fault| match f {
            Fault::Busy { retry_after, .. } | Fault::Spent { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        let waits: Option<Vec<Option<Duration>>> = self.faults.iter().map(wait).collect();
        match waits {
            Some(waits) => Trouble::Limited { attempts, retry_after: waits.into_iter().flatten().min() },
            None => Trouble::Failed(attempts),
        }
    }
}

fn told_to_the_client(fault: &Fault) -> Option<Trouble> {
    match fault {
        Fault::Rejected { message, param, code } => {
            Some(Trouble::Rejected { message: message.clone(), param: param.clone(), code: code.clone() })
        }
        Fault::Filtered(message) => Some(Trouble::Filtered { message: message.clone() }),
        _ => None,
    }
}

impl Journey<'_> {
    /// What a request is told that cannot even be planned: its own plan or limit first, where those are to blame.
    pub(super) fn unplanned(
        ask: &Ask,
        fleet: &Fleet,
        route: &Route<'_>,
        decision: &Decision,
        offers: &[Offer<'_>],
        now: Instant,
    ) -> Trouble {
        let mut removed = decision.ranked.iter().map(|ranked| ranked.removed);
        if let Some(plan) = route.plan
            && removed.clone().all(|why| why == Some(Removed::Plan))
        {
            let has = fleet.numbered_models().filter(|(at, _)| !plan.bars(*at));
            let has = has.take(TOLD_MAX).map(|(_, candidate)| candidate.id()).collect();
            return Trouble::NotInPlan { asked: ask.brief().model.clone(), plan: plan.name.to_string(), has };
        }
        if let Some((most, scope)) = ask.leave.as_deref().and_then(|leave| leave.cost_max.as_ref())
            && removed.all(|why| why.is_some_and(|why| !why.is_open()))
            && let Some(needed) = cheapest_over(decision, *most)
        {
            return Trouble::TooDear { needed, most: *most, scope: scope.clone() };
        }
        nobody(decision, offers, now)
    }
}

/// The least that a request may come to which may cost no more than this.
fn cheapest_over(decision: &Decision, most: Pico) -> Option<Pico> {
    let over = decision.ranked.iter().filter_map(|ranked| match ranked.removed {
        Some(Removed::Cost { max, dearest }) if max == most => Some(dearest),
        _ => None,
    });
    over.min()
}

/// Nobody can be asked: because nobody can do it, or because all that could are resting.
pub(super) fn nobody(decision: &Decision, offers: &[Offer<'_>], now: Instant) -> Trouble {
    if let Some(at) = decision.retry_at() {
        return Trouble::Resting { retry_after: at.since(now).max(Duration::from_millis(1)) };
    }
    // Somebody fits and was not let in after all: it broke since the plan was made, or another request is its probe.
    if decision.ranked.iter().any(|r| r.removed.is_none()) {
        return Trouble::Resting { retry_after: PROBED };
    }
    let why = |r: &router::Ranked| {
        let offer = &offers[r.offer];
        let name = format!("{}/{}", offer.provider, offer.card.model);
        (name, r.removed.as_ref().map(Removed::to_string).unwrap_or_default())
    };
    Trouble::NoCandidate(decision.ranked.iter().map(why).collect())
}

impl From<BooksError> for Trouble {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Refused(Refusal::Poor { needed, available }) => Self::Poor { needed, available },
            BooksError::Refused(Refusal::Budget { cap, taken, needed }) => {
                Self::OverBudget { cap, taken, needed }
            }
            BooksError::Refused(Refusal::Conflict { .. }) => Self::Conflict,
            BooksError::Refused(other) => Self::BooksDown(other.to_string()),
            BooksError::Down(why) => Self::BooksDown(why),
        }
    }
}
