//! What would have been cheaper: the best cheaper alternative that the caller's own policy allows.
//!
//! Never a guess: without a known price and quality on both sides there is no advice. A request that names its model
//! is compared with the whole fleet; as that costs more than choosing, such comparisons are kept for a few seconds.

use crate::answer::Advice;
use crate::ask::Ask;
use crate::fleet::Fleet;
use crate::offers::{Route, offers};
use crate::relay::Relay;
use crate::speech::Adviser;
use foldhash::HashMap;
use router::{Alternative, Decision, Offer};
use std::sync::{Arc, Mutex, PoisonError};
use vocab::{Caps, Dice, Duration, Instant, Kind, Pico};

/// How long a comparison with the whole fleet is good for.
const KEPT: Duration = Duration::from_secs(5);
const KEPT_MAX: usize = 4_096;

/// A found alternative: who, and how it differs.
#[derive(Clone, Debug)]
struct Found {
    candidate: usize,
    quality_delta: f64,
    latency_delta_ms: i64,
    confidence: f64,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    candidate: usize,
    needs: Caps,
    /// Input size by powers of two.
    size: u32,
    out: Option<u32>,
    /// The plan that it is chosen under, by its number, and what it may cost.
    plan: Option<usize>,
    cost_max: Option<Pico>,
}

/// Comparisons of pinned models with the whole fleet, for a few seconds each.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<Key, (Instant, Option<Found>)>>);

/// What to work out once the usage is known; None where nothing is cheaper.
#[allow(clippy::too_many_arguments, reason = "all that was decided on, and what came of it")]
pub fn adviser(
    relay: &Relay,
    fleet: &Arc<Fleet>,
    ask: &Ask,
    route: &Route<'_>,
    decision: &Decision,
    offers: &[Offer<'_>],
    served: usize,
    now: Instant,
) -> Option<Adviser> {
    let found = if route.pinned {
        pinned(relay, fleet, ask, route, route.candidates[served], now)
    } else {
        router::advise(decision, offers, served).map(|a| found(&a, route.candidates))
    }?;
    let fleet = fleet.clone();
    let share_min = fleet.settings.advice_min_pct;
    Some(Box::new(move |usage, paid, now| {
        let candidate = &fleet.candidates[found.candidate];
        let price = candidate.card.price.as_deref()?;
        // Another model has another cache: what was read from it here would be fresh there.
        let cold = cold(usage);
        let cost = billing::cost(price, &cold, now).ok()?;
        let savings = paid.minus(cost);
        if savings <= Pico::ZERO || paid <= Pico::ZERO {
            return None;
        }
        let pct = u32::try_from(savings.0 * 100 / paid.0).ok()?;
        (pct >= share_min).then(|| Advice {
            model: candidate.id(),
            savings_usd: savings,
            savings_pct: pct,
            quality_delta: found.quality_delta,
            latency_delta_ms: found.latency_delta_ms,
            confidence: found.confidence,
            reason: found.reason,
        })
    }))
}

/// The same tokens without this provider's cache.
fn cold(usage: &vocab::Usage) -> vocab::Usage {
    use vocab::Bucket::{CacheRead, CacheWrite, CacheWriteLong, Input};
    let cached = usage.get(CacheRead) + usage.get(CacheWrite) + usage.get(CacheWriteLong);
    let mut cold = vocab::Usage { modifiers: vocab::Modifiers::empty(), ..*usage };
    for bucket in [CacheRead, CacheWrite, CacheWriteLong] {
        cold.set(bucket, 0);
    }
    cold.with(Input, usage.get(Input) + cached)
}

fn found(alternative: &Alternative, candidates: &[usize]) -> Found {
    Found {
        candidate: candidates[alternative.offer],
        quality_delta: alternative.quality_delta,
        latency_delta_ms: alternative.latency_delta_ms,
        confidence: alternative.confidence,
        reason: alternative.reason.to_string(),
    }
}

fn pinned(
    relay: &Relay,
    fleet: &Arc<Fleet>,
    ask: &Ask,
    route: &Route<'_>,
    served: usize,
    now: Instant,
) -> Option<Found> {
    let brief = ask.brief();
    let everybody = fleet.alternatives(brief.kind);
    // What else could have said it depends on voice and sound, which comparisons are not kept by.
    if everybody.len() < 2 || brief.kind == Kind::Tts {
        return None;
    }
    let key = Key {
        candidate: served,
        needs: brief.needs,
        size: brief.tokens_in.next_power_of_two(),
        out: brief.max_output.map(u32::next_power_of_two),
        plan: route.plan.map(|plan| plan.number),
        cost_max: ask.leave.as_deref().and_then(|leave| leave.cost_max.as_ref()).map(|(most, _)| *most),
    };
    // Limits of one request do not belong to all: such a request is compared by itself.
    let common = ask.wishes.limits == router::Limits::default() && ask.wishes.policy.is_none();
    let kept = relay.kept_advice();
    if common
        && let Some((at, found)) = kept.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key)
        && now.since(*at) < KEPT
    {
        return found.clone();
    }
    let whole = Route { candidates: everybody, limits: route.limits.clone(), ..*route };
    let offers = offers(&whole, fleet, ask, None, relay.sessions(), &[], now);
    let decision = router::plan(&whole.wish(brief, fleet), &offers, now, &mut Dice::seeded(ask.seed));
    let at = whole.candidates.iter().position(|c| *c == served)?;
    let found = router::advise(&decision, &offers, at).map(|a| found(&a, whole.candidates));
    if common {
        let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (now, found.clone()));
    }
    found
}
