//! Whether something may be asked: one breaker for a (provider, model), one for a credential.

use crate::{State, decay::Tally};
use vocab::{Dice, Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Failures in a row that open it. Held between 2 and 25: one failure is never proof, 25 in a row always are.
    pub failures_consecutive: u32,
    /// The share of failures that opens it, 0 to 1 …
    pub failure_rate: f64,
    /// … once at least that many outcomes are in the window (held at 2 or more).
    pub samples_min: u32,
    /// Half-life of an outcome's weight in that share.
    pub window: Duration,
    /// The first cool-down; each further one without a success between is twice as long.
    pub cool_down: Duration,
    /// The longest cool-down, before jitter. A Retry-After may be longer.
    pub cool_down_max: Duration,
    /// Up to this share of a cool-down is added by dice, so that a fleet does not probe in step.
    pub jitter_percent: u32,
    /// How long one probe keeps the others out if it does not come back.
    pub probe_lease: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            failures_consecutive: 5,
            failure_rate: 0.5,
            samples_min: 20,
            window: Duration::from_secs(30),
            cool_down: Duration::from_secs(5),
            cool_down_max: Duration::from_secs(300),
            jitter_percent: 20,
            probe_lease: Duration::from_secs(30),
        }
    }
}

/// Leave to ask, handed back with the outcome.
///
/// It says in which generation it was given: every break begins a new one. So a straggler from before the break is
/// told apart, and can neither close nor re-open what broke after it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the outcome is reported with the pass"]
pub enum Pass {
    Usual { generation: u32 },
    Probe { generation: u32, number: u32 },
}

impl Pass {
    pub const fn is_probe(self) -> bool {
        matches!(self, Self::Probe { .. })
    }

    const fn generation(self) -> u32 {
        match self {
            Self::Usual { generation } | Self::Probe { generation, .. } => generation,
        }
    }
}

/// Lets calls through while closed, none while open, and one at a time to find out whether it may close again.
///
/// *Why two triggers.* A run of failures finds an outage within a handful of calls at any traffic; a share of failures
/// finds a provider that fails every other call, which has no runs to speak of. The share waits for a minimum of
/// samples, because one failure of one request is 100 %.
///
/// *Why a lease.* The prober is a client's request, and clients hang up. A half-open state that waits for its prober
/// waits forever; here the next caller probes once the lease is over. A probe that comes back later than that still
/// decides, as long as it belongs to the present break: otherwise a provider slower than the lease would never close.
///
/// *Cold* it is closed: what was never asked has not failed.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    generation: u32,
    /// Breaks since the last success: the exponent of the cool-down.
    breaks: u32,
    /// Not to be asked before, because it said so.
    benched: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { streak: u32, recent: Option<Tally> },
    Open { until: Instant },
    Probing { due: Instant, lease: Instant, number: u32 },
}

const CLOSED: Phase = Phase::Closed { streak: 0, recent: None };

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    pub const fn new() -> Self {
        Self { phase: CLOSED, generation: 0, breaks: 0, benched: Instant::ZERO }
    }

    /// Leave to ask now, or None. Whoever gets a pass owes an outcome: [`Self::succeeded`], [`Self::failed`] or
    /// [`Self::abandoned`].
    pub fn admit(&mut self, now: Instant, rules: &Rules) -> Option<Pass> {
        let generation = self.generation;
        let (due, number) = match self.phase {
            Phase::Closed { .. } => return Some(Pass::Usual { generation }),
            Phase::Open { until } if until <= now => (until, 0),
            Phase::Probing { due, lease, number } if lease <= now => (due, number.wrapping_add(1)),
            Phase::Open { .. } | Phase::Probing { .. } => return None,
        };
        self.phase = Phase::Probing { due, lease: now.after(rules.probe_lease), number };
        Some(Pass::Probe { generation, number })
    }

    /// It answered. Of the probe this closes the breaker and forgets the failures.
    pub fn succeeded(&mut self, pass: Pass, now: Instant, rules: &Rules) {
        if pass.generation() != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed { streak, recent } => {
                *streak = 0;
                recent.get_or_insert_with(|| Tally::new(rules.window)).count(true, now);
                self.breaks = 0;
            }
            Phase::Open { .. } | Phase::Probing { .. } => {
                if pass.is_probe() {
                    self.phase = CLOSED;
                    self.breaks = 0;
                }
            }
        }
    }

    /// It failed, by its own fault. Of the probe this opens the breaker for longer than before.
    pub fn failed(&mut self, pass: Pass, now: Instant, rules: &Rules, dice: &mut Dice) {
        if pass.generation() != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed { streak, recent } => {
                *streak = streak.saturating_add(1);
                let recent = recent.get_or_insert_with(|| Tally::new(rules.window));
                recent.count(false, now);
                let (good, bad) = recent.at(now);
                let in_a_row = *streak >= rules.failures_consecutive.clamp(2, 25);
                let share = good + bad >= f64::from(rules.samples_min.max(2)) * ROUNDING
                    && bad >= (good + bad) * rules.failure_rate * ROUNDING;
                if in_a_row || share {
                    self.open(now, rules, dice);
                }
            }
            Phase::Open { .. } | Phase::Probing { .. } => {
                if pass.is_probe() {
                    self.open(now, rules, dice);
                }
            }
        }
    }

    /// Nothing was learnt: the client left, or the outcome was nobody's fault. Of the probe this lets the next caller
    /// probe at once.
    pub fn abandoned(&mut self, pass: Pass) {
        if let (Phase::Probing { due, number, .. }, Pass::Probe { generation, number: mine }) =
            (self.phase, pass)
            && generation == self.generation
            && mine == number
        {
            self.phase = Phase::Open { until: due };
        }
    }

    /// Not to be asked before `until`, because it said so (Retry-After, a quota's reset, a model that is gone).
    ///
    /// A floor: a deadline that is further away stays, and a probe that is out meanwhile cannot lift this one.
    pub fn bench(&mut self, until: Instant) {
        self.benched = self.benched.max(until);
        self.rest(until);
    }

    /// Somebody else found it broken. It rests until then, and is probed after that like after a break of its own. A
    /// longer rest stays, and so does a probe that is out.
    pub fn heard_broken(&mut self, until: Instant) {
        if !matches!(self.phase, Phase::Probing { .. }) {
            self.rest(until);
        }
    }

    /// Somebody else was answered. The next caller probes, unless it said itself that it is not to be asked yet.
    pub fn heard_well(&mut self, now: Instant) {
        if let Phase::Open { until } = self.phase {
            self.phase = Phase::Open { until: until.min(now.max(self.benched)) };
        }
    }

    fn rest(&mut self, until: Instant) {
        match self.phase {
            Phase::Open { until: already } if already >= until => return,
            Phase::Open { .. } | Phase::Closed { .. } | Phase::Probing { .. } => {}
        }
        self.phase = Phase::Open { until };
        self.generation = self.generation.wrapping_add(1);
    }

    pub fn state(&self, now: Instant) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } => State::Open { until },
            Phase::Probing { lease, .. } if lease <= now => State::Open { until: lease },
            Phase::Probing { lease, .. } => State::Probing { until: lease },
        }
    }

    fn open(&mut self, now: Instant, rules: &Rules, dice: &mut Dice) {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let doubled = micros(rules.cool_down).max(1).saturating_mul(1 << self.breaks.min(32));
        let span = doubled.min(micros(rules.cool_down_max).max(1));
        let most = (span / 100).saturating_mul(u64::from(rules.jitter_percent));
        let span = span.saturating_add(dice.below(most.saturating_add(1)));
        self.phase = Phase::Open { until: now.after(Duration::from_micros(span)) };
        self.generation = self.generation.wrapping_add(1);
        self.breaks = self.breaks.saturating_add(1);
    }
}

/// Decayed sums of whole numbers may end just under what they reach.
const ROUNDING: f64 = 1.0 - 1e-9;

#[cfg(test)]
mod tests;
