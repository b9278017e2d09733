//! How much better or worse than expected each model's answers are here: learned from what is said of them.
//!
//! Each model is an arm of a linear bandit (Li, Chu, Langford and Schapire: "A Contextual-Bandit Approach to Personalized News
//! Article Recommendation", WWW 2010). What it foretells is not a score but how far a score will be off what was expected
//! without it, so an arm of which nothing was heard says nothing and the expectation stands: that is the warm start.
//!
//! An arm forgets. Each outcome of its own takes a little off what was heard before, so that it follows a model that changes; each
//! outcome of another arm and each day take less, so that one that was left is given another chance in time. And one whose
//! answers have lately been far off what even it foretold forgets nearly all at once. What is forgotten makes the arm less
//! certain again.
//!
//! Sums in one order, no `exp`, no `ln`: the same outcomes make the same mind on every platform.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Brief, Caps, Instant};

/// How many figures a request is known by.
pub const FEATURES: usize = 4;

/// A request as the arms see it: 1, then from 0 to 1 whether it offers tools, whether it wants JSON, and how long it is.
pub type Features = [f64; FEATURES];

/// Outcomes that the expectation is worth, in each direction.
const DOUBT: f64 = 4.0;
/// What is left of what was heard after an outcome of the arm itself, after one of another, after a day.
const OWN: f64 = 0.985;
const OTHERS: f64 = 0.998;
const DAILY: f64 = 0.975;
/// How much the latest outcome counts in how far outcomes were lately off what the arm foretold, how far is too far (three and a
/// half standard deviations of that), and what is then kept.
const LATEST: f64 = 0.04;
const SURPRISE_MAX: f64 = 0.25;
const KEPT: f64 = 0.1;
/// The most that a single score can scatter.
const NOISE: f64 = 0.5;
/// Models that are learned of; the one that was heard of longest ago goes first.
const ARMS_MAX: usize = 1_024;
/// In microseconds.
const DAY: u64 = 86_400_000_000;

/// The figures of a request.
pub fn features(brief: &Brief) -> Features {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    // Doublings beyond 64 tokens, of ten.
    let length = (brief.tokens_in / 64).checked_ilog2().map_or(0.0, |doublings| f64::from(doublings + 1));
    [
        1.0,
        flag(brief.needs.contains(Caps::TOOLS)),
        flag(brief.needs.intersects(Caps::JSON_OBJECT | Caps::JSON_SCHEMA)),
        (length / 10.0).min(1.0),
    ]
}

/// What was heard of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Arm {
    /// Sum of weight × the features' products with one another.
    seen: [[f64; FEATURES]; FEATURES],
    /// Sum of weight × how far off × features.
    off: [f64; FEATURES],
    /// How far outcomes were lately off what it foretold.
    surprise: f64,
    /// How many outcomes of all arms there had been when it was last touched, and on which day that was.
    tick: u64,
    day: u64,
}

/// What an arm says of an answer to a request like this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// How far it will be off what is expected.
    pub shift: f64,
    /// One standard deviation of that.
    pub spread: f64,
    /// How many recent outcomes that rests on.
    pub outcomes: f64,
}

/// What was heard of all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mind {
    arms: BTreeMap<String, Arm>,
    outcomes: u64,
}

impl Mind {
    /// An answer of this model to a request like this was so far off what had been expected, from −1 to 1. `weight` is 1 where
    /// somebody said so and less where it is only surmised.
    pub fn tell(&mut self, model: &str, features: &Features, off: f64, weight: f64, now: Instant) {
        if !(off.is_finite() && weight.is_finite() && weight > 0.0) {
            return;
        }
        let off = off.clamp(-1.0, 1.0);
        let foretold = self.judge(model, features, now).shift;
        let arm = self.touched(model, now);
        let latest = LATEST * weight.min(1.0);
        arm.surprise += latest * (off - foretold - arm.surprise);
        let kept = if arm.surprise.abs() > SURPRISE_MAX { KEPT } else { OWN };
        if arm.surprise.abs() > SURPRISE_MAX {
            arm.surprise = 0.0;
        }
        for row in 0..FEATURES {
            for column in 0..FEATURES {
                let seen = &mut arm.seen[row][column];
                *seen = *seen * kept + weight * features[row] * features[column];
            }
            arm.off[row] = arm.off[row] * kept + weight * off * features[row];
        }
        self.outcomes += 1;
        let outcomes = self.outcomes;
        if let Some(arm) = self.arms.get_mut(model) {
            // It is not another's.
            arm.tick = outcomes;
        }
    }

    /// What was said of an answer is taken back for something else, so much better or worse. No outcome is added.
    pub fn correct(&mut self, model: &str, features: &Features, by: f64, now: Instant) {
        if !by.is_finite() || !self.arms.contains_key(model) {
            return;
        }
        let arm = self.touched(model, now);
        for (off, feature) in arm.off.iter_mut().zip(features) {
            *off += by.clamp(-1.0, 1.0) * feature;
        }
    }

    /// What is to be expected of this model besides what was expected anyway.
    pub fn judge(&self, model: &str, features: &Features, now: Instant) -> Judged {
        let arm = self.arms.get(model).map(|arm| arm.aged(self.outcomes, now)).unwrap_or_default();
        let mut sums = arm.seen;
        for (at, row) in sums.iter_mut().enumerate() {
            row[at] += DOUBT;
        }
        let by_features = solved(sums, features);
        let dot = |a: &Features, b: &Features| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        Judged {
            shift: dot(&by_features, &arm.off).clamp(-1.0, 1.0),
            spread: NOISE * dot(&by_features, features).max(0.0).sqrt(),
            outcomes: arm.seen[0][0],
        }
    }

    /// An arm with what it has forgotten until now.
    fn touched(&mut self, model: &str, now: Instant) -> &mut Arm {
        if self.arms.len() >= ARMS_MAX && !self.arms.contains_key(model) {
            let oldest = self.arms.iter().min_by_key(|(_, arm)| arm.tick).map(|(name, _)| name.clone());
            oldest.map(|name| self.arms.remove(&name));
        }
        let outcomes = self.outcomes;
        let arm = self.arms.entry(model.to_owned()).or_default();
        *arm = arm.aged(outcomes, now);
        arm
    }
}

impl Arm {
    fn aged(mut self, outcomes: u64, now: Instant) -> Self {
        let day = now.as_micros() / DAY;
        let days = if self.day == 0 { 0 } else { day.saturating_sub(self.day) };
        let kept = power(OTHERS, outcomes.saturating_sub(self.tick)) * power(DAILY, days);
        for sum in self.seen.iter_mut().flatten().chain(&mut self.off) {
            *sum *= kept;
        }
        (self.tick, self.day) = (outcomes, day.max(self.day));
        self
    }
}

/// By squaring, so that every platform takes the same steps.
fn power(mut base: f64, mut times: u64) -> f64 {
    let mut product = 1.0;
    while times > 0 {
        if times & 1 == 1 {
            product *= base;
        }
        base *= base;
        times >>= 1;
    }
    product
}

/// `sums⁻¹ · right`, where `sums` is symmetric and positive definite, by Cholesky's decomposition.
fn solved(sums: [[f64; FEATURES]; FEATURES], right: &Features) -> Features {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut lower = [[0.0; FEATURES]; FEATURES];
    for row in 0..FEATURES {
        for column in 0..=row {
            let left = sums[row][column] - dot(&lower[row][..column], &lower[column][..column]);
            lower[row][column] =
                if row == column { left.max(1e-12).sqrt() } else { left / lower[column][column] };
        }
    }
    let mut half = [0.0; FEATURES];
    for row in 0..FEATURES {
        half[row] = (right[row] - dot(&lower[row][..row], &half[..row])) / lower[row][row];
    }
    let mut whole = [0.0; FEATURES];
    for row in (0..FEATURES).rev() {
        let below = (row + 1..FEATURES).map(|at| lower[at][row] * whole[at]).sum::<f64>();
        whole[row] = (half[row] - below) / lower[row][row];
    }
    whole
}
