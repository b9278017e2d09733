//! What one model at one provider did lately.

use crate::{Hearsay, Pass, Rules, Sketch, Standing, State, breaker::Breaker, decay::Tally};
use vocab::{Card, Dice, Duration, Instant};

/// Half-life of a sample of time or speed. Long enough that a model asked once a minute has a median, short enough
/// that a provider's bad quarter of an hour is over when it is over.
const HALF_LIFE: Duration = Duration::from_secs(300);

/// The probability of failure before there is evidence, and how many outcomes it is worth against it. A first failure
/// makes it about one in nine rather than certain, which is the breaker's matter.
pub const FAILURE_PRIOR: f64 = 0.02;
const FAILURE_PRIOR_WEIGHT: f64 = 10.0;

/// Under this weight a sketch is silent: a memory that has nearly faded is no evidence.
const EVIDENCE_MIN: f64 = 0.5;

/// A speed read off fewer tokens, or a shorter while, says more about buffers than about the model.
const SPEED_TOKENS_MIN: u64 = 8;
const SPEED_SPAN_MIN: Duration = Duration::from_millis(5);

/// One per (provider, model): its breaker, its recent failures, and how fast it has been.
#[derive(Clone, Debug)]
pub struct Health {
    breaker: Breaker,
    outcomes: Tally,
    /// Microseconds to first content.
    ttft: Sketch,
    /// Thousandths of an output token per second.
    speed: Sketch,
    /// When it last answered here, and when it last did not.
    good_at: Instant,
    bad_at: Instant,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// From the call to the first content, where any came. Evidence whatever became of the rest.
    pub ttft: Option<Duration>,
    /// Output tokens after the first content, and the time they took.
    pub generation: Option<(u64, Duration)>,
}

impl Outcome {
    /// A verdict without timings.
    pub const fn only(verdict: Verdict) -> Self {
        Self { verdict, ttft: None, generation: None }
    }
}

/// What an attempt says about whom it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A useful answer.
    Good,
    /// Failed by its own fault: refused, silent, cut, unreadable.
    Bad,
    /// Nobody's fault, or the client's: says nothing, and lets another probe if this was the probe.
    Neutral,
    /// Not to be asked for that long. Zero is the same as `Neutral`: there is nothing to wait for.
    Bench(Duration),
}

impl Health {
    /// Nothing seen yet. The card's own figures stay where they are, on the card: scoring weighs them against what is
    /// measured here, and `explain` shows both.
    pub fn new(_card: &Card) -> Self {
        Self {
            breaker: Breaker::new(),
            outcomes: Tally::new(HALF_LIFE),
            ttft: Sketch::new(HALF_LIFE, 10),
            speed: Sketch::new(HALF_LIFE, 7),
            good_at: Instant::ZERO,
            bad_at: Instant::ZERO,
        }
    }

    /// How it stands now. Takes no more than a few divisions: the quantiles are kept, see [`Sketch`].
    pub fn standing(&self, now: Instant, _rules: &Rules) -> Standing {
        let (good, bad) = self.outcomes.at(now);
        let timed = self.ttft.weight(now);
        let ttft = |micros: Option<u64>| micros.filter(|_| timed >= EVIDENCE_MIN).map(Duration::from_micros);
        let milli = self.speed.p50().filter(|_| self.speed.weight(now) >= EVIDENCE_MIN);
        Standing {
            state: self.breaker.state(now),
            ttft_p50: ttft(self.ttft.p50()),
            ttft_p95: ttft(self.ttft.p95()),
            tokens_per_s: milli.map(|m| m as f64 / 1_000.0),
            failure_rate: (bad + FAILURE_PRIOR * FAILURE_PRIOR_WEIGHT) / (good + bad + FAILURE_PRIOR_WEIGHT),
            samples: whole(timed),
        }
    }

    /// Leave to ask, to be handed back to [`Self::record`] whatever happens.
    pub fn admit(&mut self, now: Instant, rules: &Rules) -> Option<Pass> {
        self.breaker.admit(now, rules)
    }

    /// Takes in what came of an attempt. Timings count even of a straggler: it was as fast as it was.
    pub fn record(&mut self, pass: Pass, outcome: &Outcome, now: Instant, rules: &Rules, dice: &mut Dice) {
        match outcome.verdict {
            Verdict::Good => {
                self.good_at = now;
                self.outcomes.count(true, now);
                self.breaker.succeeded(pass, now, rules);
            }
            Verdict::Bad => {
                self.bad_at = now;
                self.outcomes.count(false, now);
                self.breaker.failed(pass, now, rules, dice);
            }
            Verdict::Bench(span) if span > Duration::ZERO => {
                self.bad_at = now;
                self.breaker.bench(now.after(span));
            }
            Verdict::Neutral | Verdict::Bench(_) => self.breaker.abandoned(pass),
        }
        if let Some(ttft) = outcome.ttft {
            self.ttft.add(micros(ttft), now);
        }
        if let Some((tokens, span)) = outcome.generation
            && tokens >= SPEED_TOKENS_MIN
            && span >= SPEED_SPAN_MIN
        {
            self.speed.add(tokens.saturating_mul(1_000_000_000) / micros(span), now);
        }
    }

    /// What others may like to know. None where nothing was seen here.
    pub fn tell(&self, now: Instant) -> Option<Hearsay> {
        let until = match self.breaker.state(now) {
            State::Open { until } if until > now => Some(until),
            _ => None,
        };
        let at = if until.is_some() { self.bad_at } else { self.good_at };
        let timed = self.ttft.weight(now) >= EVIDENCE_MIN;
        let fast = self.speed.weight(now) >= EVIDENCE_MIN;
        (at > Instant::ZERO).then(|| Hearsay {
            at,
            until,
            ttft_us: self.ttft.p50().filter(|_| timed),
            speed_milli: self.speed.p50().filter(|_| fast),
        })
    }

    /// Takes a hint. What was seen here since is believed before it, and its timings count only where there are none.
    pub fn hear(&mut self, said: &Hearsay, now: Instant) {
        match said.until {
            Some(until) if until > now && said.at > self.good_at => self.breaker.heard_broken(until),
            None if said.at > self.bad_at => self.breaker.heard_well(now),
            _ => {}
        }
        for (sketch, said) in [(&mut self.ttft, said.ttft_us), (&mut self.speed, said.speed_milli)] {
            if let Some(said) = said.filter(|_| sketch.weight(now) < EVIDENCE_MIN) {
                sketch.add(said, now);
            }
        }
    }

    /// Not to be asked before `until`; see [`Breaker::bench`].
    pub fn bench(&mut self, until: Instant) {
        self.breaker.bench(until);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// To the nearest whole number. Weights are neither negative nor anywhere near the end of a u32.
#[expect(clippy::cast_sign_loss, reason = "a weight is a sum of weights, none of them negative")]
const fn whole(weight: f64) -> u32 {
    (weight + 0.5) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{State, samples::card};

    const START: Instant = Instant::from_secs(1_800_000_000);

    fn answer(ttft_ms: u64, tokens: u64, ms: u64) -> Outcome {
        let generation = Some((tokens, Duration::from_millis(ms)));
        Outcome { verdict: Verdict::Good, ttft: Some(Duration::from_millis(ttft_ms)), generation }
    }

    /// A day in the life: each line is an outcome, a second apart.
    fn lived(outcomes: &[Outcome]) -> (Health, Instant) {
        let (mut health, rules, mut dice) = (Health::new(&card("a/m")), Rules::default(), Dice::seeded(1));
        let mut now = START;
        for outcome in outcomes {
            now = now.after(Duration::from_secs(1));
            if let Some(pass) = health.admit(now, &rules) {
                health.record(pass, outcome, now, &rules, &mut dice);
            }
        }
        (health, now)
    }

    fn failed(times: u32) -> (Health, Instant) {
        lived(&vec![Outcome::only(Verdict::Bad); times as usize])
    }

    #[test]
    fn a_break_is_told_and_heard() {
        let (broken, now) = failed(5);
        let said = broken.tell(now).unwrap();
        assert!(said.until.is_some_and(|until| until > now), "{said:?}");
        let rules = Rules::default();
        let mut other = Health::new(&card("a/m"));
        other.hear(&said, now);
        assert_eq!(other.admit(now, &rules), None);
        let due = said.until.unwrap();
        assert!(other.admit(due, &rules).is_some_and(Pass::is_probe), "half open");
        // It answers again: who still waits may probe at once.
        let well =
            Hearsay { at: now.after(Duration::from_secs(1)), until: None, ttft_us: None, speed_milli: None };
        let (mut broken, now) = failed(5);
        assert_eq!(broken.admit(now, &rules), None);
        broken.hear(&well, now);
        assert!(broken.admit(now, &rules).is_some_and(Pass::is_probe));
        assert_eq!(broken.admit(now, &rules), None, "one at a time");
    }

    #[test]
    fn what_was_seen_here_since_is_believed_before_a_hint() {
        let (broken, at) = failed(5);
        let said = broken.tell(at).unwrap();
        let (mut well, now) = lived(&[
            answer(100, 50, 900),
            answer(100, 50, 900),
            answer(100, 50, 900),
            answer(100, 50, 900),
            answer(100, 50, 900),
            answer(100, 50, 900),
        ]);
        assert!(now > at);
        well.hear(&said, now);
        assert!(well.admit(now, &Rules::default()).is_some());
        // A hint that it was well before it broke here says nothing.
        let (mut broken, now) = failed(5);
        let old = Hearsay { at: START, until: None, ttft_us: None, speed_milli: None };
        broken.hear(&old, now);
        assert_eq!(broken.admit(now, &Rules::default()), None);
    }

    #[test]
    fn what_it_said_itself_no_hint_shortens() {
        let (mut health, rules, now) = (Health::new(&card("a/m")), Rules::default(), START);
        health.bench(now.after(Duration::from_secs(60)));
        let well =
            Hearsay { at: now.after(Duration::from_secs(1)), until: None, ttft_us: None, speed_milli: None };
        health.hear(&well, now.after(Duration::from_secs(2)));
        assert_eq!(health.admit(now.after(Duration::from_secs(59)), &rules), None);
        assert!(health.admit(now.after(Duration::from_secs(60)), &rules).is_some());
    }

    #[test]
    fn timings_are_believed_where_there_are_none() {
        let (fast, now) = lived(&[answer(80, 50, 500); 6]);
        let said = fast.tell(now).unwrap();
        assert!(said.ttft_us.is_some() && said.speed_milli.is_some(), "{said:?}");
        let mut cold = Health::new(&card("a/m"));
        cold.hear(&said, now);
        let (there, here) = (fast.standing(now, &Rules::default()), cold.standing(now, &Rules::default()));
        assert!(here.ttft_p50.is_some() && here.samples <= there.samples, "{here:?}");
        let before = fast.clone();
        let mut fast = fast;
        fast.hear(&Hearsay { ttft_us: Some(9_000_000), ..said }, now);
        assert_eq!(fast.standing(now, &Rules::default()), before.standing(now, &Rules::default()));
    }

    #[test]
    fn cold_it_stands_like_nobody_asked_it() {
        assert_eq!(Health::new(&card("a/m")).standing(START, &Rules::default()), Standing::default());
    }

    #[test]
    fn answers_leave_their_times() {
        let (health, now) = lived(&[answer(400, 100, 1_000); 20]);
        let standing = health.standing(now, &Rules::default());
        let p50 = standing.ttft_p50.unwrap().as_millis();
        assert!((387..=413).contains(&p50), "{p50}");
        let speed = standing.tokens_per_s.unwrap();
        assert!((97.0..103.2).contains(&speed), "{speed}");
        assert!(standing.failure_rate < 0.02 && standing.failure_rate > 0.0);
        assert!((19..=20).contains(&standing.samples), "{}", standing.samples);
    }

    #[test]
    fn evidence_fades_to_unknown_rather_than_to_zero() {
        let (health, now) = lived(&[answer(400, 100, 1_000); 4]);
        let standing = health.standing(now.after(Duration::from_secs(3_600)), &Rules::default());
        assert_eq!((standing.ttft_p50, standing.ttft_p95, standing.tokens_per_s), (None, None, None));
        assert_eq!(standing.samples, 0);
        assert!((standing.failure_rate - FAILURE_PRIOR).abs() < 1e-3);
    }

    #[test]
    fn a_burst_of_two_tokens_is_no_speed() {
        let (health, now) = lived(&[answer(400, 2, 1), answer(400, 7, 900), answer(400, 100, 0)]);
        assert_eq!(health.standing(now, &Rules::default()).tokens_per_s, None);
    }

    #[test]
    fn twenty_five_straight_failures_trip_and_one_does_not() {
        let bad = Outcome::only(Verdict::Bad);
        let (health, now) = lived(&[bad]);
        assert_eq!(health.standing(now, &Rules::default()).state, State::Closed);
        assert!(health.standing(now, &Rules::default()).failure_rate < 0.15);
        let (health, now) = lived(&[bad; 25]);
        assert_ne!(health.standing(now, &Rules::default()).state, State::Closed);
    }

    #[test]
    fn a_bench_holds_and_zero_benches_nobody() {
        let rules = Rules::default();
        let (health, now) = lived(&[Outcome::only(Verdict::Bench(Duration::from_secs(40)))]);
        let until = now.after(Duration::from_secs(40));
        assert_eq!(health.standing(now, &rules).state, State::Open { until });
        let (health, now) = lived(&[Outcome::only(Verdict::Bench(Duration::ZERO))]);
        assert_eq!(health.standing(now, &rules).state, State::Closed);
    }
}
