//! Weights that halve with age, without an exponential function.

use vocab::{Duration, Instant};

/// Forward decay: an observation's weight is fixed when it is made, and grows for later ones.
///
/// Instead of shrinking all old weights at every step, a new observation at `t` counts `g(t)` and a sum is read as
/// `sum / g(now)`, with `g` doubling every half-life from a landmark on (Cormode, Shkapenyuk, Srivastava, Xu:
/// "Forward Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009). So ratios and quantiles do not
/// change while nothing happens, and can be kept.
///
/// Between doublings `g` is a straight line, exact at every whole half-life and at most 6.2 % above in between. That is
/// no loss (nobody knows a half-life to 6 %) and keeps to additions and multiplications, which are the same to the
/// last bit on every platform.
#[derive(Clone, Copy, Debug)]
pub struct Decay {
    landmark: Instant,
    half_life: u64,
}

/// After that many half-lives the landmark moves: well inside what an `f32` can hold.
const REBASE: u64 = 32;

impl Decay {
    pub fn new(half_life: Duration) -> Self {
        let micros = u64::try_from(half_life.as_micros()).unwrap_or(u64::MAX).max(1);
        Self { landmark: Instant::ZERO, half_life: micros }
    }

    /// What an observation at `now` counts. A `now` before the landmark counts as the landmark.
    pub fn weight(&self, now: Instant) -> f64 {
        let age = now.as_micros().saturating_sub(self.landmark.as_micros());
        let (whole, rest) = (age / self.half_life, age % self.half_life);
        power_of_two(whole) * (1.0 + rest as f64 / self.half_life as f64)
    }

    /// Moves the landmark close to `now` where it has become distant; the factor, an exact power of two, is then
    /// due on everything summed so far. Once the distance is such that nothing is left, the factor is zero.
    pub fn rebase(&mut self, now: Instant) -> Option<f64> {
        let halvings = now.as_micros().saturating_sub(self.landmark.as_micros()) / self.half_life;
        if halvings < REBASE {
            return None;
        }
        self.landmark = Instant::from_micros(self.landmark.as_micros() + halvings * self.half_life);
        Some(1.0 / power_of_two(halvings))
    }
}

/// 2ⁿ as an f64, infinite where that ends.
fn power_of_two(n: u64) -> f64 {
    if n < 1_024 { f64::from_bits((n + 1_023) << 52) } else { f64::INFINITY }
}

/// Good and bad outcomes, the recent ones counting more.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    decay: Decay,
    good: f64,
    bad: f64,
}

impl Tally {
    pub fn new(half_life: Duration) -> Self {
        Self { decay: Decay::new(half_life), good: 0.0, bad: 0.0 }
    }

    pub fn count(&mut self, good: bool, now: Instant) {
        if let Some(factor) = self.decay.rebase(now) {
            self.good *= factor;
            self.bad *= factor;
        }
        let weight = self.decay.weight(now);
        if good { self.good += weight } else { self.bad += weight }
    }

    /// What is left of the good and of the bad ones at `now`.
    pub fn at(&self, now: Instant) -> (f64, f64) {
        let weight = self.decay.weight(now);
        (self.good / weight, self.bad / weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_life_halves() {
        let mut tally = Tally::new(Duration::from_secs(60));
        let start = Instant::from_secs(1_800_000_000);
        tally.count(true, start);
        tally.count(false, start.after(Duration::from_secs(60)));
        let (good, bad) = tally.at(start.after(Duration::from_secs(120)));
        assert!((good - 0.25).abs() < 1e-9, "{good}");
        assert!((bad - 0.5).abs() < 1e-9, "{bad}");
    }

    #[test]
    fn years_of_silence_leave_nothing_and_break_nothing() {
        let mut tally = Tally::new(Duration::from_secs(1));
        tally.count(false, Instant::ZERO);
        let later = Instant::from_secs(3_000_000_000);
        assert_eq!(tally.at(later), (0.0, 0.0));
        tally.count(true, later);
        let (good, bad) = tally.at(later);
        assert!((good - 1.0).abs() < 1e-9 && bad == 0.0, "{good} {bad}");
        tally.count(true, Instant::from_micros(u64::MAX));
        assert!(tally.at(Instant::from_micros(u64::MAX)).0.is_finite());
    }
}
