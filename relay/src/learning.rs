//! What callers say of answers, and what follows from it for the next choice.
//!
//! What is expected of a model without it (its card, or what the prompt told the predictor) is the *basis*; [`router::Mind`] learns
//! how far scores are off it, for each `provider/model`, whoever said so. Two kinds of signals are heard, by their strength: a
//! caller's word counts as one outcome, and the same request asked again within minutes, byte for byte, as a fourth of a bad one.
//! An answer that nobody spoke of is neither good nor bad.
//!
//! Trying is off unless a policy has a budget for it. What a try may cost is taken from that before it is made, under one lock,
//! so the day's budget of a process is never overdrawn.

use crate::ask::{Ask, Words};
use crate::attempt::Parsed;
use crate::decisions::{Decided, Said};
use crate::fleet::Fleet;
use crate::foresight;
use crate::offers::Route;
use crate::relay::Relay;
use foldhash::HashMap;
use foldhash::fast::RandomState;
use router::{Decision, Features, Learned, Mind, Offer, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vocab::{Card, Dice, Duration, Instant, Kind, Quality};

/// A quality for whom there is none.
const MIDDLING: f64 = 0.5;
/// Outcomes that it takes to say something of a model of which nothing is known.
const ENOUGH: f64 = 8.0;
/// What asking again is worth, against a word.
const AGAIN: f64 = 0.25;
/// Sooner it is a client that lost its connection, later another day.
const AGAIN_MIN: Duration = Duration::from_secs(2);
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// Requests remembered, to know them again.
const RECENT_MAX: usize = 4_096;
/// Throws for trying are none of those that the plan or the breakers have.
const TRYING: u64 = 0x7472_7969_6e67;
/// In microseconds.
const DAY: u64 = 86_400_000_000;
const VERSION: u32 = 1;

/// What is learned while weir runs.
#[derive(Default)]
pub struct Learner {
    mind: Mutex<Mind>,
    /// By policy: the day, and what trying has cost on it.
    spent: Mutex<BTreeMap<String, (u64, f64)>>,
    recent: Mutex<HashMap<u64, (Instant, Lesson)>>,
    hasher: RandomState,
}

/// What can be learned from an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lesson {
    /// `provider/model`.
    pub model: String,
    pub features: Features,
    pub basis: f64,
}

/// What survives a restart.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    mind: Mind,
    spent: BTreeMap<String, (u64, f64)>,
}

fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is expected of an offer without what was said of answers here.
pub(crate) fn basis(card: &Card, learned: Option<&Learned>) -> f64 {
    let told = learned.and_then(|learned| learned.basis).map(f64::from);
    told.or(card.quality.map(|quality| quality.mean)).unwrap_or(MIDDLING)
}

/// What is known of the offers of a route besides their cards, in its order; empty where nothing is.
pub(crate) fn learned(
    relay: &Relay,
    fleet: &Fleet,
    ask: &Ask,
    route: &Route<'_>,
    parsed: &Parsed,
    now: Instant,
) -> Vec<Option<Learned>> {
    let mut all = foresight::foretold(relay, fleet, ask, route, parsed);
    if !fleet.routing.learn || ask.brief().kind != Kind::Chat {
        return all;
    }
    all.resize(route.candidates.len(), None);
    let features = router::features(ask.brief());
    let mind = open(&relay.learner().mind);
    for (told, at) in all.iter_mut().zip(route.candidates) {
        let candidate = &fleet.candidates[*at];
        *told = with_words(&mind, &candidate.id(), &features, candidate.card.quality, *told, now);
    }
    all
}

/// What was expected, moved by what was said.
fn with_words(
    mind: &Mind,
    model: &str,
    features: &Features,
    card: Option<Quality>,
    foretold: Option<Learned>,
    now: Instant,
) -> Option<Learned> {
    let judged = mind.judge(model, features, now);
    let before = foretold.map(|told| told.quality).or(card);
    if before.is_none() && judged.outcomes < ENOUGH {
        return None;
    }
    let base = before.unwrap_or(Quality { mean: MIDDLING, confidence: 0.0 });
    let heard = judged.outcomes / (judged.outcomes + ENOUGH);
    let quality =
        Quality { mean: (base.mean + judged.shift).clamp(0.0, 1.0), confidence: base.confidence.max(heard) };
    let source = match foretold {
        _ if judged.outcomes >= 0.5 => Source::Learned,
        Some(told) => told.source,
        None => Source::Prior,
    };
    let told = foretold.unwrap_or_else(|| Learned::of(quality, source));
    Some(Learned {
        quality,
        source,
        basis: Some(base.mean as f32),
        shift: judged.shift as f32,
        spread: judged.spread as f32,
        outcomes: judged.outcomes as f32,
        ..told
    })
}

impl Learner {
    /// A caller's word of an answer.
    pub(crate) fn heard(&self, said: &Said, score: f64, now: Instant) {
        let record = &said.record;
        let (Some(features), Some(served)) = (record.features, &record.outcome.served) else { return };
        let basis = record.candidates.iter().find(|c| c.id == *served).and_then(|c| c.basis);
        let Some(basis) = basis else { return };
        let mut mind = open(&self.mind);
        match said.before {
            None => mind.tell(served, &features, score - basis, 1.0, now),
            Some(before) if before != score => mind.correct(served, &features, score - before, now),
            Some(_) => {}
        }
    }

    /// By what the same request of the same caller is known when it is made again; None where that cannot be told.
    pub(crate) fn known_by(&self, ask: &Ask, account: &str) -> Option<u64> {
        let Words::Raw { raw, .. } = &ask.words else { return None };
        Some(self.hasher.hash_one((account, ask.user.as_deref(), &*raw.body)))
    }

    /// An answer that is to be known again, should the same be asked once more.
    pub(crate) fn answered(&self, decided: &Decided, now: Instant) {
        let (Some(again), Some(lesson)) = (decided.again(), decided.lesson()) else { return };
        let mut recent = open(&self.recent);
        if recent.len() >= RECENT_MAX {
            recent.retain(|_, (at, _)| now.since(*at) < AGAIN_MAX);
        }
        if recent.len() >= RECENT_MAX {
            recent.clear();
        }
        recent.insert(again, (now, lesson));
    }

    /// A request comes that may have been answered before.
    pub(crate) fn asked_again(&self, again: u64, now: Instant) {
        let Some((at, lesson)) = open(&self.recent).remove(&again) else { return };
        let after = now.since(at);
        if (AGAIN_MIN..AGAIN_MAX).contains(&after) {
            open(&self.mind).tell(&lesson.model, &lesson.features, -lesson.basis, AGAIN, now);
        }
    }

    /// Has a decision try something, where the policy's budget of the day allows.
    pub(crate) fn explore(
        &self,
        policy: &str,
        usd: f64,
        decision: &mut Decision,
        offers: &[Offer<'_>],
        seed: u64,
        now: Instant,
    ) {
        let today = now.as_micros() / DAY;
        let mut all = open(&self.spent);
        if !all.contains_key(policy) {
            all.insert(policy.to_owned(), (today, 0.0));
        }
        let Some((day, spent)) = all.get_mut(policy) else { return };
        if *day != today {
            (*day, *spent) = (today, 0.0);
        }
        *spent += router::explore(decision, offers, usd - *spent, &mut Dice::seeded(seed ^ TRYING));
    }

    /// As it is kept over a restart; None where nothing was learned or tried.
    pub(crate) fn written(&self) -> Option<String> {
        let written =
            Written { version: VERSION, mind: open(&self.mind).clone(), spent: open(&self.spent).clone() };
        if written.mind == Mind::default() && written.spent.is_empty() {
            return None;
        }
        serde_json::to_string(&written).ok()
    }

    pub(crate) fn restore(&self, text: &str) -> Result<(), String> {
        let Written { version, mind, spent } = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if version != VERSION {
            return Err(format!("it is of version {version}, not {VERSION}"));
        }
        (*open(&self.mind), *open(&self.spent)) = (mind, spent);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_is_taken_over_or_left_alone() {
        let learner = Learner::default();
        assert_eq!(learner.written(), None, "nothing was learned");
        let now = Instant::from_secs(1_800_000_000);
        open(&learner.mind).tell("a/m", &[1.0, 0.0, 0.0, 0.5], -0.5, 1.0, now);
        open(&learner.spent).insert("curious".into(), (7, 0.25));
        let written = learner.written().unwrap();
        let again = Learner::default();
        again.restore(&written).unwrap();
        assert_eq!(again.written(), Some(written.clone()));
        for bad in ["", "{}", "nonsense", &written.replace("\"version\":1", "\"version\":9")] {
            assert!(again.restore(bad).is_err(), "{bad}");
        }
        assert_eq!(again.written(), Some(written), "what cannot be read changes nothing");
    }

    #[test]
    fn a_model_of_which_nothing_is_known_needs_some_words_first() {
        let (mut mind, now) = (Mind::default(), Instant::from_secs(1_800_000_000));
        let x = [1.0, 0.0, 0.0, 0.5];
        for _ in 0..5 {
            mind.tell("a/m", &x, 0.5, 1.0, now);
        }
        assert_eq!(with_words(&mind, "a/m", &x, None, None, now), None, "unknown stays unknown");
        for _ in 0..20 {
            mind.tell("a/m", &x, 0.5, 1.0, now);
        }
        let known = with_words(&mind, "a/m", &x, None, None, now).unwrap();
        assert!(known.quality.mean > 0.8 && known.source == Source::Learned, "{known:?}");
        let card = Quality { mean: 0.6, confidence: 0.7 };
        let plain = with_words(&mind, "b/m", &x, Some(card), None, now).unwrap();
        assert_eq!(
            (plain.quality, plain.source),
            (card, Source::Prior),
            "another model keeps its card's word"
        );
    }
}
