//! What a request wants: the exchange rates between quality, money and time, and the limits outside of them.

use serde::{Deserialize, Serialize};
use vocab::{Brief, Duration, Pico};

/// Two exchange rates that put quality, money and time on one scale.
///
/// They are prices, not a mix that adds up to one: a candidate's score does not move when another candidate joins,
/// and whoever owns the policy can say in a sentence what a figure means. The presets:
///
/// | name | USD per good answer | USD per second | per hour | in words |
/// | --- | ---: | ---: | ---: | --- |
/// | `cheap` | 0.005 | 0.0001 | 0.36 | ten points of quality may cost a twentieth of a cent more |
/// | `balanced` | 0.05 | 0.001 | 3.60 | ten points of quality may cost half a cent more, or five seconds |
/// | `fast` | 0.05 | 0.02 | 72 | the same worth of an answer, and somebody is waiting for it |
/// | `best` | 2 | 0.002 | 7.20 | ten points of quality may cost twenty cents more |
///
/// A weight that is negative, infinite or NaN makes every score unknown rather than somebody the winner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// USD per good answer.
    pub answer_value: f64,
    /// USD per second.
    pub time_value: f64,
}

impl Weights {
    pub const CHEAP: Self = Self { answer_value: 0.005, time_value: 0.0001 };
    pub const BALANCED: Self = Self { answer_value: 0.05, time_value: 0.001 };
    pub const FAST: Self = Self { answer_value: 0.05, time_value: 0.02 };
    pub const BEST: Self = Self { answer_value: 2.0, time_value: 0.002 };

    /// Every preset by name, in the order of the table above.
    pub const PRESETS: [(&'static str, Self); 4] =
        [("cheap", Self::CHEAP), ("balanced", Self::BALANCED), ("fast", Self::FAST), ("best", Self::BEST)];

    /// The preset of that name: `cheap`, `balanced`, `fast` or `best`.
    pub fn named(name: &str) -> Option<Self> {
        Self::PRESETS.into_iter().find(|(preset, _)| *preset == name).map(|(_, weights)| weights)
    }

    /// Weights of one's own; None unless both are finite and none is negative.
    pub fn new(answer_value: f64, time_value: f64) -> Option<Self> {
        let sane = |w: f64| w.is_finite() && w >= 0.0;
        (sane(answer_value) && sane(time_value)).then_some(Self { answer_value, time_value })
    }
}

/// Limits that are never traded for a better score.
///
/// A limit holds only where it can be seen to hold: a candidate whose price, latency or quality is unknown is
/// removed by a limit on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The most that the answer may cost. Compared with the worst case, because the client means the bill and not a
    /// guess at it; with the expected cost where an offer does not say its worst case.
    pub max_cost: Option<Pico>,
    /// The longest that the whole answer may be expected to take.
    pub max_latency: Option<Duration>,
    /// The least probability of a good answer, 0 to 1.
    pub min_quality: Option<f64>,
    /// Provider names; empty allows all.
    pub allow: Vec<String>,
    /// Provider names; wins over `allow`.
    pub deny: Vec<String>,
}

/// One request, as far as choosing for it goes.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub brief: &'a Brief,
    pub weights: Weights,
    pub limits: &'a Limits,
    /// Output tokens expected of an answer, before the client's and the model's own limits.
    pub expected_out: u32,
    /// The most candidates in a plan; held between 1 and [`crate::PLAN_MAX`].
    pub candidates_max: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_names_and_are_sane() {
        for (name, weights) in Weights::PRESETS {
            assert_eq!(Weights::named(name), Some(weights));
            assert_eq!(Weights::new(weights.answer_value, weights.time_value), Some(weights));
        }
        assert_eq!(Weights::named("Cheap"), None);
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            assert_eq!(Weights::new(bad, 0.0), None);
            assert_eq!(Weights::new(0.0, bad), None);
        }
    }
}
