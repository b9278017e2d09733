//! What can be chosen from, and how each of it stands at this moment.

use crate::Removed;
use crate::health::FAILURE_PRIOR;
use crate::score::Source;
use serde::Serialize;
use vocab::{Caps, Card, Duration, Instant, Pico, Quality};

/// One candidate: a model at a provider, reached with one credential.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The configured provider's name; what allow and deny lists speak of.
    pub provider: &'a str,
    /// What fails together: candidates of one domain are not each other's best fallback.
    pub domain: &'a str,
    pub card: &'a Card,
    /// What the model can do and the dialect can say.
    pub caps: Caps,
    /// Input tokens of this request as this model counts; None where nobody knows better than the brief.
    pub tokens_in: Option<u32>,
    /// Expected cost of this request; None where the price is unknown, which is never free.
    pub cost: Option<Pico>,
    /// The most this request can cost under its own limits.
    pub dearest: Option<Pico>,
    /// What its caller has booked does not have it.
    pub barred: bool,
    /// What of the request it cannot be told, where whoever made the offer looked.
    pub unfit: Option<Removed>,
    pub standing: Standing,
    /// What is known of its quality on this very request; None: no more than its card says.
    pub learned: Option<Learned>,
}

/// A quality that does not come from the card alone, and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Learned {
    #[serde(skip)]
    pub quality: Quality,
    #[serde(skip)]
    pub source: Source,
    /// What the predictor says of this prompt, on the catalogue's scale; None where it does not know the model.
    pub predicted: Option<f32>,
    /// How familiar the prompt is to it, 0 to 1: how far the card's quality is moved towards `predicted`.
    pub familiar: f32,
    /// The quality without what was said of answers here.
    pub basis: Option<f32>,
    /// How far what was said moves it, one standard deviation of that, and how many recent answers it rests on.
    pub shift: f32,
    pub spread: f32,
    pub outcomes: f32,
}

impl Learned {
    /// A quality of which nothing else is told.
    pub const fn of(quality: Quality, source: Source) -> Self {
        Self {
            quality,
            source,
            predicted: None,
            familiar: 0.0,
            basis: None,
            shift: 0.0,
            spread: 0.0,
            outcomes: 0.0,
        }
    }
}

/// Whether a candidate may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Lets calls through, as an electrician would say it.
    #[default]
    Closed,
    /// Blocks until then; from then on one request may probe.
    Open { until: Instant },
    /// One request is out to probe. Its lease ends then, and the next may probe if it has not come back.
    Probing { until: Instant },
}

impl State {
    /// When a request may be admitted: None is at once, whatever the time.
    pub const fn until(self) -> Option<Instant> {
        match self {
            Self::Closed => None,
            Self::Open { until } | Self::Probing { until } => Some(until),
        }
    }

    /// Whether a request may go through now, be it as a probe.
    pub fn admits(self, now: Instant) -> bool {
        self.until().is_none_or(|until| until <= now)
    }

    /// The one that blocks longer.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.until() > self.until() { other } else { self }
    }
}

/// How a candidate stands: a copy of what its [`crate::Health`] and its credential's breaker say at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub state: State,
    /// Live median time to first content; None without evidence.
    pub ttft_p50: Option<Duration>,
    /// Live 95th percentile of the time to first content; None without evidence.
    pub ttft_p95: Option<Duration>,
    /// Live median of output tokens per second; None without evidence.
    pub tokens_per_s: Option<f64>,
    /// Probability that the next call fails, 0 to 1, already smoothed towards a prior.
    pub failure_rate: f64,
    /// How many recent answers the live timings rest on: what is left of each after decay, rounded.
    pub samples: u32,
}

impl Default for Standing {
    /// Nothing seen yet.
    fn default() -> Self {
        Self {
            state: State::Closed,
            ttft_p50: None,
            ttft_p95: None,
            tokens_per_s: None,
            failure_rate: FAILURE_PRIOR,
            samples: 0,
        }
    }
}

impl Standing {
    /// This standing, reached through a credential: the worse of both states.
    #[must_use]
    pub fn with_credential(self, other: State) -> Self {
        Self { state: self.state.worse(other), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_state_is_the_one_that_blocks_longer() {
        let at = Instant::from_secs;
        let (closed, soon, late) =
            (State::Closed, State::Open { until: at(1) }, State::Probing { until: at(9) });
        for (a, b, worse) in
            [(closed, closed, closed), (closed, soon, soon), (soon, late, late), (closed, late, late)]
        {
            assert_eq!(a.worse(b), worse);
            assert_eq!(b.worse(a), worse);
            assert_eq!(Standing { state: a, ..Standing::default() }.with_credential(b).state, worse);
        }
        assert!(closed.admits(at(0)) && soon.admits(at(1)) && !late.admits(at(8)));
    }
}
