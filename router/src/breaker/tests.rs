//! Every short story, and some long ones.

use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const START: Instant = Instant::from_secs(1_800_000_000);

fn rules() -> Rules {
    Rules { failures_consecutive: 3, samples_min: 8, jitter_percent: 0, ..Rules::default() }
}

fn secs(n: u64) -> Instant {
    START.after(Duration::from_secs(n))
}

/// A breaker that just opened at `START`, and the straggler that is still under way from before.
fn broken() -> (Breaker, Pass) {
    let (mut breaker, rules, mut dice) = (Breaker::new(), rules(), Dice::seeded(1));
    let straggler = breaker.admit(START, &rules).unwrap();
    for _ in 0..3 {
        let pass = breaker.admit(START, &rules).unwrap();
        breaker.failed(pass, START, &rules, &mut dice);
    }
    assert_eq!(breaker.state(START), State::Open { until: secs(5) });
    (breaker, straggler)
}

#[test]
fn one_failure_of_one_request_never_trips() {
    for rules in [
        Rules { failures_consecutive: 0, samples_min: 0, failure_rate: 0.0, ..rules() },
        Rules { failures_consecutive: 1, samples_min: 1, failure_rate: 0.1, ..rules() },
        Rules::default(),
    ] {
        let mut breaker = Breaker::new();
        let pass = breaker.admit(START, &rules).unwrap();
        breaker.failed(pass, START, &rules, &mut Dice::seeded(1));
        assert_eq!(breaker.state(START), State::Closed, "{rules:?}");
    }
}

#[test]
fn twenty_five_straight_failures_always_trip() {
    for rules in [
        Rules { failures_consecutive: u32::MAX, samples_min: u32::MAX, ..rules() },
        Rules { failures_consecutive: u32::MAX, failure_rate: f64::NAN, ..rules() },
        Rules::default(),
    ] {
        for apart in [0, 1, 3_600] {
            let (mut breaker, mut dice, mut now) = (Breaker::new(), Dice::seeded(1), START);
            for _ in 0..25 {
                if let Some(pass) = breaker.admit(now, &rules) {
                    breaker.failed(pass, now, &rules, &mut dice);
                }
                now = now.after(Duration::from_secs(apart));
            }
            // Closed is the one state that a success alone brings back.
            assert_ne!(breaker.state(now), State::Closed, "{apart} s apart, {rules:?}");
        }
    }
}

#[test]
fn every_other_call_failing_trips_by_rate() {
    let (mut breaker, rules, mut dice) = (Breaker::new(), rules(), Dice::seeded(1));
    for turn in 0..8 {
        assert_eq!(breaker.state(START), State::Closed, "turn {turn}");
        let pass = breaker.admit(START, &rules).unwrap();
        match turn % 2 {
            0 => breaker.succeeded(pass, START, &rules),
            _ => breaker.failed(pass, START, &rules, &mut dice),
        }
    }
    assert_eq!(breaker.state(START), State::Open { until: secs(5) });
}

#[test]
fn one_in_three_failing_does_not_trip() {
    let (mut breaker, rules, mut dice) = (Breaker::new(), rules(), Dice::seeded(1));
    for turn in 0..300 {
        let now = START.after(SECOND * turn);
        let pass = breaker.admit(now, &rules).unwrap();
        match turn % 3 {
            0 => breaker.failed(pass, now, &rules, &mut dice),
            _ => breaker.succeeded(pass, now, &rules),
        }
    }
    assert_eq!(breaker.state(secs(300)), State::Closed);
}

#[test]
fn cool_downs_double_up_to_the_longest_and_a_success_resets_them() {
    let (mut breaker, _) = broken();
    let (rules, mut dice, mut now) = (rules(), Dice::seeded(1), secs(5));
    for cool_down in [10, 20, 40, 80, 160, 300, 300] {
        let probe = breaker.admit(now, &rules).unwrap();
        breaker.failed(probe, now, &rules, &mut dice);
        let until = now.after(SECOND * cool_down);
        assert_eq!(breaker.state(now), State::Open { until });
        now = until;
    }
    let probe = breaker.admit(now, &rules).unwrap();
    breaker.succeeded(probe, now, &rules);
    assert_eq!(breaker.state(now), State::Closed);
    for _ in 0..3 {
        let pass = breaker.admit(now, &rules).unwrap();
        breaker.failed(pass, now, &rules, &mut dice);
    }
    assert_eq!(breaker.state(now), State::Open { until: now.after(5 * SECOND) });
}

#[test]
fn jitter_spreads_and_never_shortens() {
    let rules = Rules { jitter_percent: 20, ..rules() };
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let (mut breaker, mut dice) = (Breaker::new(), Dice::seeded(seed));
        for _ in 0..3 {
            let pass = breaker.admit(START, &rules).unwrap();
            breaker.failed(pass, START, &rules, &mut dice);
        }
        let span = breaker.state(START).until().unwrap().since(START);
        assert!((5 * SECOND..=6 * SECOND).contains(&span), "{span:?}");
        seen.insert(span);
    }
    assert!(seen.len() > 90, "{}", seen.len());
}

#[test]
fn a_straggler_neither_closes_nor_reopens() {
    let (rules, mut dice) = (rules(), Dice::seeded(1));
    let (mut breaker, straggler) = broken();
    breaker.succeeded(straggler, secs(1), &rules);
    breaker.failed(straggler, secs(1), &rules, &mut dice);
    assert_eq!(breaker.state(secs(1)), State::Open { until: secs(5) }, "while open");

    let probe = breaker.admit(secs(5), &rules).unwrap();
    breaker.succeeded(straggler, secs(6), &rules);
    breaker.failed(straggler, secs(6), &rules, &mut dice);
    breaker.abandoned(straggler);
    assert_eq!(breaker.state(secs(6)), State::Probing { until: secs(35) }, "while probing");

    breaker.succeeded(probe, secs(7), &rules);
    for _ in 0..30 {
        breaker.failed(straggler, secs(8), &rules, &mut dice);
    }
    assert_eq!(breaker.state(secs(8)), State::Closed, "after it closed again");
}

#[test]
fn one_probe_at_a_time_and_the_lease_ends() {
    let (mut breaker, _) = broken();
    let rules = rules();
    assert_eq!(breaker.admit(secs(4), &rules), None);
    let first = breaker.admit(secs(5), &rules).unwrap();
    assert!(first.is_probe());
    assert_eq!(breaker.admit(secs(5), &rules), None);
    assert_eq!(breaker.admit(secs(34), &rules), None, "the prober has hung up, its lease has not ended");
    assert_eq!(breaker.state(secs(35)), State::Open { until: secs(35) });
    let second = breaker.admit(secs(35), &rules).unwrap();
    // The first prober reports at last that it left: that frees nobody else's lease.
    breaker.abandoned(first);
    assert_eq!(breaker.admit(secs(36), &rules), None);
    breaker.abandoned(second);
    assert!(breaker.admit(secs(36), &rules).is_some(), "an abandoned probe is free at once");
}

#[test]
fn a_probe_slower_than_its_lease_still_closes() {
    let (mut breaker, _) = broken();
    let rules = rules();
    let slow = breaker.admit(secs(5), &rules).unwrap();
    let _waiting = breaker.admit(secs(35), &rules).unwrap();
    breaker.succeeded(slow, secs(36), &rules);
    assert_eq!(breaker.state(secs(36)), State::Closed);
}

#[test]
fn retry_after_is_a_floor() {
    let rules = rules();
    let mut breaker = Breaker::new();
    breaker.bench(secs(60));
    breaker.bench(secs(10));
    assert_eq!(breaker.state(START), State::Open { until: secs(60) }, "a shorter one does not replace it");
    breaker.bench(secs(90));
    assert_eq!(breaker.state(START), State::Open { until: secs(90) });
    assert_eq!(breaker.admit(secs(89), &rules), None);
    let probe = breaker.admit(secs(90), &rules).unwrap();
    breaker.bench(secs(120));
    breaker.succeeded(probe, secs(91), &rules);
    assert_eq!(breaker.state(secs(91)), State::Open { until: secs(120) }, "a probe does not lift it");
    // A cool-down that is shorter than what is left does not replace it either.
    let (mut breaker, straggler) = broken();
    breaker.bench(secs(60));
    breaker.failed(straggler, secs(1), &rules, &mut Dice::seeded(1));
    assert_eq!(breaker.state(secs(1)), State::Open { until: secs(60) });
}

/// What can happen in a second of a story: each is one digit.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Somebody asks, if they may.
    Ask,
    /// The oldest call still out answers; fails; leaves.
    Good,
    Bad,
    Leave,
    /// The newest call still out fails.
    LatestBad,
    /// Told to stay away for seven seconds.
    Bench,
    /// Nothing, for longer than any cool-down or lease of these rules.
    Wait,
}

const EVENTS: [Event; 7] =
    [Event::Ask, Event::Good, Event::Bad, Event::Leave, Event::LatestBad, Event::Bench, Event::Wait];

/// A breaker with everyone who still holds a pass, and what must be true of it whatever happens.
struct Story {
    breaker: Breaker,
    rules: Rules,
    dice: Dice,
    now: Instant,
    out: Vec<Pass>,
    /// No call may be let through before it: what it was told, by the test's own books.
    floor: Instant,
    leased: Option<Instant>,
}

impl Story {
    fn new(rules: Rules) -> Self {
        let breaker = Breaker::new();
        Self {
            breaker,
            rules,
            dice: Dice::seeded(3),
            now: START,
            out: Vec::new(),
            floor: START,
            leased: None,
        }
    }

    fn happens(&mut self, event: Event) {
        self.now = self.now.after(SECOND);
        let (now, rules) = (self.now, &self.rules);
        let taken = match event {
            Event::LatestBad => self.out.pop(),
            Event::Good | Event::Bad | Event::Leave if !self.out.is_empty() => Some(self.out.remove(0)),
            _ => None,
        };
        match (event, taken) {
            (Event::Ask, _) => self.ask(),
            (Event::Good, Some(pass)) => self.breaker.succeeded(pass, now, rules),
            (Event::Bad | Event::LatestBad, Some(pass)) => {
                self.breaker.failed(pass, now, rules, &mut self.dice)
            }
            (Event::Leave, Some(pass)) => self.breaker.abandoned(pass),
            (Event::Bench, _) => {
                let until = now.after(7 * SECOND);
                self.breaker.bench(until);
                self.floor = self.floor.max(until);
            }
            (Event::Wait, _) => self.now = now.after(self.rules.cool_down_max * 2 + self.rules.probe_lease),
            (_, None) => {}
        }
        if taken.is_some_and(Pass::is_probe) || event as u8 == Event::Bench as u8 {
            self.leased = None;
        }
    }

    fn ask(&mut self) {
        let state = self.breaker.state(self.now);
        let pass = self.breaker.admit(self.now, &self.rules);
        assert_eq!(pass.is_some(), state.admits(self.now), "state and admit agree: {:?}", self.breaker);
        let Some(pass) = pass else { return };
        assert!(self.now >= self.floor, "asked before Retry-After: {:?}", self.breaker);
        assert_eq!(pass.is_probe(), state != State::Closed);
        if pass.is_probe() {
            assert!(self.leased.is_none_or(|lease| lease <= self.now), "two probes: {:?}", self.breaker);
            assert!(!self.breaker.state(self.now).admits(self.now), "a second would get through");
            self.leased = Some(self.now.after(self.rules.probe_lease));
        }
        self.out.push(pass);
    }

    /// The faults stop. Within the longest wait somebody is admitted, answers, and it is closed.
    fn ends_well(&mut self, story: &dyn std::fmt::Debug) {
        self.now = self.now.after(self.rules.cool_down_max * 2 + self.rules.probe_lease);
        let pass = self.breaker.admit(self.now, &self.rules);
        let Some(pass) = pass else { panic!("stuck after {story:?}: {:?}", self.breaker) };
        self.breaker.succeeded(pass, self.now, &self.rules);
        assert_eq!(self.breaker.state(self.now), State::Closed, "not closed after {story:?}");
    }
}

#[test]
fn every_short_story_is_safe_and_ends_well() {
    let rules = Rules {
        failures_consecutive: 2,
        samples_min: 4,
        cool_down: 2 * SECOND,
        cool_down_max: 8 * SECOND,
        probe_lease: 3 * SECOND,
        ..rules()
    };
    const LENGTH: u32 = 7;
    let base = EVENTS.len() as u32;
    for number in 0..base.pow(LENGTH) {
        let digits = (0..LENGTH).map(|place| EVENTS[(number / base.pow(place) % base) as usize]);
        let mut story = Story::new(rules.clone());
        for event in digits {
            story.happens(event);
        }
        story.ends_well(&number);
    }
}

proptest! {
    #[test]
    fn long_stories_are_safe_and_end_well(
        events in prop::collection::vec(prop::sample::select(&EVENTS[..]), 0..200),
        failures_consecutive in 0u32..40, samples_min in 0u32..40, failure_rate in 0.0f64..1.0,
        cool_down in 0u64..100, cool_down_max in 0u64..400, jitter_percent in 0u32..100, lease in 0u64..60,
    ) {
        let rules = Rules {
            failures_consecutive,
            failure_rate,
            samples_min,
            jitter_percent,
            cool_down: SECOND * u32::try_from(cool_down).unwrap(),
            // Long enough that the benches of the story are over when the story waits.
            cool_down_max: SECOND * u32::try_from(cool_down_max + 10).unwrap(),
            probe_lease: SECOND * u32::try_from(lease + 1).unwrap(),
            ..Rules::default()
        };
        let mut story = Story::new(rules);
        for event in &events {
            story.happens(*event);
        }
        story.ends_well(&events);
    }
}
