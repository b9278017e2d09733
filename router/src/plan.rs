//! From offers to an ordered plan.

use crate::score::{Missing, Parts, reckon};
use crate::{Offer, Ranked, Removed, Weights, Wish};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use vocab::{Dice, Instant};

/// No plan is longer: each candidate is a chance, and an upstream call that somebody waits for.
pub const PLAN_MAX: usize = 4;

/// What was chosen, and everything that it was chosen from.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Every offer once, best first; those whose breaker blocks behind the candidates, those removed last.
    pub ranked: Vec<Ranked>,
    /// Indexes into the offers, in the order in which to ask.
    pub plan: Vec<usize>,
    /// Probability with which these inputs put this offer first, over all seeds: 1, or one of the equally good.
    pub propensity: f64,
    /// Probabilities of all that may be tried ([`crate::explore`]), by offer; None where nothing is.
    pub shares: Option<Vec<(usize, f64)>>,
    pub reason: Reason,
    /// What the utilities were reckoned with.
    pub weights: Weights,
    /// The one throw of the dice that breaks ties.
    pub throw: u64,
    /// When it was made.
    pub at: Instant,
}

impl Decision {
    /// When the first of the offers that fit, but are blocked by a breaker, may be asked. With an empty plan this is
    /// what Retry-After says; None is that waiting does not help.
    pub fn retry_at(&self) -> Option<Instant> {
        self.ranked.iter().filter_map(|r| open_until(r.removed)).min()
    }

    /// Probability with which these inputs put this offer first, over all seeds.
    pub fn share(&self, offer: usize) -> f64 {
        if let Some(shares) = &self.shares {
            return shares.iter().find(|(of, _)| *of == offer).map_or(0.0, |(_, share)| *share);
        }
        let first = self.ranked.first().filter(|row| row.removed.is_none());
        let equals = |row: &&Ranked| {
            let place = |r: &Ranked| {
                let (known, missing) = reckon(self.weights, r.quality, r.cost_usd, r.latency_s);
                key(r.removed, missing, known)
            };
            first.is_some_and(|first| place(first) == place(row))
        };
        if self.of(offer).filter(equals).is_some() { self.propensity } else { 0.0 }
    }

    /// An offer's row.
    pub fn of(&self, offer: usize) -> Option<&Ranked> {
        self.ranked.iter().find(|r| r.offer == offer)
    }
}

const fn open_until(removed: Option<Removed>) -> Option<Instant> {
    match removed {
        Some(Removed::Open { until }) => Some(until),
        _ => None,
    }
}

/// Why the first of the plan is first, or why there is none. Displays as one short line of ASCII.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nothing else fits.
    OnlyOne,
    /// USD over the next.
    BestUtility { of: usize, margin: f64 },
    /// Not known to be the best, and tried to find out.
    Tried { of: usize },
    /// Its breaker is due for a probe, and it would be the best if it is well again.
    Probe { of: usize },
    /// As good as others to the last bit.
    Tie { equal: usize, of: usize },
    /// The next best has no utility: a part of its score is unknown.
    OnlyKnown { of: usize },
    /// None has a utility; this one lacks the least.
    LeastUnknown { of: usize },
    /// Every breaker is open, and of those that may be probed this is the best.
    LeastBadProbe { of: usize },
    /// Every offer that fits is blocked by its breaker.
    AllOpen { open: usize },
    /// No offer fits.
    NoneFits { removed: usize },
    /// There was nothing to choose from.
    NoOffers,
}

impl Reason {
    /// What it displays as; the commonest without an allocation.
    pub fn words(&self) -> Cow<'static, str> {
        match self {
            Self::OnlyOne => Cow::Borrowed("only candidate"),
            other => Cow::Owned(other.to_string()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyOne => f.write_str(&self.words()),
            Self::BestUtility { of, margin } => write!(f, "best utility of {of}; +{margin:.6} over next"),
            Self::Tried { of } => write!(f, "tried to learn more; one of {of}"),
            Self::Probe { of } => write!(f, "best utility of {of}; probing after a break"),
            Self::Tie { equal, of } => write!(f, "drawn from {equal} equal, of {of}"),
            Self::OnlyKnown { of } => write!(f, "best of {of}; the others are not fully known"),
            Self::LeastUnknown { of } => write!(f, "least unknown of {of}"),
            Self::LeastBadProbe { of } => write!(f, "all breakers open; best of {of} due for a probe"),
            Self::AllOpen { open } => write!(f, "all breakers open ({open})"),
            Self::NoneFits { removed } => write!(f, "no candidate fits ({removed} removed)"),
            Self::NoOffers => f.write_str("no candidates"),
        }
    }
}

/// Ranks every offer and plans whom to ask in which order.
///
/// Constraints come first and are never traded. What remains is ordered by utility. Offers without one rank behind all
/// that have one, the fewer unknown parts the better and an unknown price the worst. Equals are ordered by a throw of
/// the dice over what they are called, so the order in which they are listed does not matter and load spreads.
///
/// The plan takes the best, then prefers failure domains that it does not hold yet: when the first fails, its
/// neighbours probably fail with it.
///
/// An offer whose breaker blocks is in no plan. Once a probe is due it competes in its own place, with
/// [`crate::FAILURE_UNPROVEN`] against it, rather than behind everybody: behind everybody it would be asked only after
/// four others failed, and a provider that is well again would never be found out. Its breaker admits a single request,
/// so at most one client per cool-down goes there first, and that one has a fallback.
pub fn plan(wish: &Wish, offers: &[Offer], now: Instant, dice: &mut Dice) -> Decision {
    // Thrown whether needed or not, so that what follows in the same stream does not depend on ties.
    let throw = dice.roll();
    let mut order: Vec<Place> = Vec::with_capacity(offers.len());
    let mut rows: Vec<Ranked> = Vec::with_capacity(offers.len());
    for (index, offer) in offers.iter().enumerate() {
        let parts = Parts::of(wish, offer, now);
        let removed = Removed::by_constraint(wish, offer, &parts, now).or_else(|| blocked(offer, now));
        let utility = parts.utility();
        order.push(Place { key: key(removed, parts.missing, parts.known), index });
        rows.push(parts.ranked(index, utility, removed));
    }
    order.sort_unstable_by(|a, b| {
        a.key
            .cmp(&b.key)
            .then_with(|| by_dice(throw, &offers[a.index], &offers[b.index]))
            .then(a.index.cmp(&b.index))
    });

    let sorted = order.iter().enumerate().all(|(place, row)| place == row.index);
    let ranked = if sorted { rows } else { order.iter().map(|place| rows[place.index]).collect() };
    let fit = ranked.iter().take_while(|r| r.removed.is_none()).count();
    let plan = spread(&ranked[..fit], offers, wish.candidates_max.clamp(1, PLAN_MAX));
    let equal = order.iter().take(fit).take_while(|place| place.key == order[0].key).count();
    Decision {
        reason: reason(&ranked, fit, equal, offers),
        propensity: if equal > 0 { 1.0 / equal as f64 } else { 1.0 },
        shares: None,
        ranked,
        plan,
        weights: wish.weights,
        throw,
        at: now,
    }
}

fn blocked(offer: &Offer, now: Instant) -> Option<Removed> {
    let state = offer.standing.state;
    state.until().filter(|_| !state.admits(now)).map(|until| Removed::Open { until })
}

/// Small enough to sort by; the rows are gathered afterwards.
struct Place {
    key: (u8, u64),
    index: usize,
}

/// Lower is better: first the class of an offer, then what is known of its score.
pub(crate) fn key(removed: Option<Removed>, missing: Missing, known: f64) -> (u8, u64) {
    let class = match removed {
        None => 0,
        Some(Removed::Open { .. }) => 8,
        Some(_) => 16,
    };
    (class + missing.0, !ascending(known))
}

/// The bits of a number, such that greater numbers have greater bits (IEEE 754-2019 §5.10, without the NaNs, which
/// never get here). Both zeros are one.
const fn ascending(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn by_dice(throw: u64, a: &Offer, b: &Offer) -> Ordering {
    lot(throw, a).cmp(&lot(throw, b)).then_with(|| names(a).cmp(&names(b)))
}

fn names<'a>(offer: &Offer<'a>) -> [&'a str; 4] {
    [offer.provider, &offer.card.provider, &offer.card.model, offer.domain]
}

/// An offer's lot in a tie: its names, FNV-1a, begun with the throw and mixed once more.
pub(crate) fn lot(throw: u64, offer: &Offer) -> u64 {
    let mut hash = throw ^ 0xcbf2_9ce4_8422_2325;
    for name in names(offer) {
        for byte in name.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Dice::seeded(hash).roll()
}

/// The best, then the best of a failure domain not held yet, or at least not that of the one before, or whoever is left.
fn spread(candidates: &[Ranked], offers: &[Offer], most: usize) -> Vec<usize> {
    let mut plan: Vec<usize> = Vec::with_capacity(most);
    let domain = |index: usize| offers[index].domain;
    while plan.len() < most.min(candidates.len()) {
        let left = || candidates.iter().map(|r| r.offer).filter(|index| !plan.contains(index));
        let last = plan.last().copied();
        let next = left()
            .find(|index| plan.iter().all(|held| domain(*held) != domain(*index)))
            .or_else(|| left().find(|index| last.is_some_and(|last| domain(last) != domain(*index))))
            .or_else(|| left().next());
        match next {
            Some(next) => plan.push(next),
            None => break,
        }
    }
    plan
}

fn reason(ranked: &[Ranked], fit: usize, equal: usize, offers: &[Offer]) -> Reason {
    let Some(first) = ranked[..fit].first() else {
        let open = ranked.iter().filter(|r| open_until(r.removed).is_some()).count();
        return match (ranked.len(), open) {
            (0, _) => Reason::NoOffers,
            (removed, 0) => Reason::NoneFits { removed },
            (_, open) => Reason::AllOpen { open },
        };
    };
    let unproven = |r: &Ranked| offers[r.offer].standing.state.until().is_some();
    if ranked[..fit].iter().all(unproven) {
        return Reason::LeastBadProbe { of: fit };
    }
    match ranked[..fit].get(1) {
        None => Reason::OnlyOne,
        Some(_) if unproven(first) => Reason::Probe { of: fit },
        Some(_) if equal > 1 => Reason::Tie { equal, of: fit },
        Some(_) if !first.utility.is_finite() => Reason::LeastUnknown { of: fit },
        Some(next) if !next.utility.is_finite() => Reason::OnlyKnown { of: fit },
        Some(next) => Reason::BestUtility { of: fit, margin: first.utility - next.utility },
    }
}

#[cfg(test)]
mod tests;
