//! Hints between isolates: which models somebody found broken or well again, and how fast they are.
//!
//! Each isolate's own breakers decide. Every [`REFRESH`] an isolate that is in use looks at a board that all isolates of
//! a place share, takes from it what it has not seen better itself, and pins to it what it knows, at most once in
//! [`PIN`].
//!
//! What this bounds. An upstream fails every call, n isolates call it:
//! - Hints or none, an isolate makes at most 5 failing calls (`failures_consecutive`) before its own breaker opens, and
//!   after that one for each cool-down (5, 10, 20 … 300 s). So never more than 5 n, and n for each cool-down.
//! - An isolate that hears of the first one's break before its own makes none: only those that call within
//!   `PIN + 2 × REFRESH` of the first break come to 5. Those that come later make the calls that are under way before
//!   they have looked for the first time, and then one for each cool-down.

use router::Hearsay;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Duration, Instant};

/// How often an isolate that is in use looks.
pub const REFRESH: Duration = Duration::from_secs(2);
/// How often an isolate pins something, at most.
pub const PIN: Duration = Duration::from_secs(3);
/// What is older is not worth telling.
const OLD: Duration = Duration::from_secs(600);

/// What is known, by `provider/model`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Board(pub BTreeMap<String, Hearsay>);

impl Board {
    /// What there is to say of each model. Where it all goes well, only how fast it is.
    pub fn of<'a>(told: impl Iterator<Item = (&'a str, Option<Hearsay>)>) -> Self {
        Self(told.filter_map(|(id, said)| Some((id.to_owned(), said?))).collect())
    }

    /// This board with what another knows later. Whether anything on it changed that is worth a write: who is broken,
    /// and who is known at all. How fast somebody is goes along.
    pub fn joined(mut self, other: &Self, now: Instant) -> (Self, bool) {
        let mut news = false;
        for (id, said) in &other.0 {
            let known = self.0.get(id);
            if known.is_some_and(|known| known.at >= said.at) {
                continue;
            }
            news |= known.map(|known| known.until) != Some(said.until);
            self.0.insert(id.clone(), *said);
        }
        self.0.retain(|_, said| now.since(said.at) < OLD);
        (self, news)
    }
}

/// When to look and when to pin, for one isolate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rhythm {
    looked: Instant,
    pinned: Instant,
}

impl Rhythm {
    /// Whether it is time to look. Then it has been looked.
    pub fn looks(&mut self, now: Instant) -> bool {
        let due = now.since(self.looked) >= REFRESH;
        if due {
            self.looked = now;
        }
        due
    }

    /// The same for pinning.
    pub fn pins(&mut self, now: Instant) -> bool {
        let due = now.since(self.pinned) >= PIN;
        if due {
            self.pinned = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use router::{Health, Outcome, Rules, Verdict};
    use vocab::{Caps, Card, Dice, Kind, Status};

    const START: Instant = Instant::from_secs(1_800_000_000);

    fn card() -> Card {
        Card {
            provider: "p".into(),
            model: "m".into(),
            kind: Kind::Chat,
            status: Status::Active,
            context: None,
            max_output: None,
            chars_max: None,
            caps: Caps::empty(),
            efforts: vec![],
            reasons_always: false,
            quality: None,
            ttft_ms: None,
            tokens_per_s: None,
            price: None,
            shutdown: None,
        }
    }

    /// One isolate: what it knows, and when it looks.
    struct Isolate {
        health: Health,
        rhythm: Rhythm,
        failed: u32,
    }

    /// Isolates that each call every `every` from `joins[i]` on an upstream that is down until `up`, and how many calls
    /// of each failed. `delay` is how old what one reads may be.
    fn outage(joins: &[u64], hints: bool, up: u64, lasts: u64) -> Vec<u32> {
        let (rules, mut dice) = (Rules::default(), Dice::seeded(7));
        let new = || Isolate { health: Health::new(&card()), rhythm: Rhythm::default(), failed: 0 };
        let mut all: Vec<Isolate> = joins.iter().map(|_| new()).collect();
        let mut board = Board::default();
        // Ten calls a second from each.
        for tick in 0..lasts * 10 {
            let now = START.after(Duration::from_millis(tick * 100));
            for (isolate, join) in all.iter_mut().zip(joins) {
                if tick < join * 10 {
                    continue;
                }
                if let Some(pass) = isolate.health.admit(now, &rules) {
                    let down = tick < up * 10;
                    let verdict = if down { Verdict::Bad } else { Verdict::Good };
                    isolate.failed += u32::from(down);
                    isolate.health.record(pass, &Outcome::only(verdict), now, &rules, &mut dice);
                }
                // Beside the request, as in the runtime: what is read decides about the next one.
                if hints && isolate.rhythm.looks(now) {
                    if let Some(said) = board.0.get("p/m") {
                        isolate.health.hear(said, now);
                    }
                    let own = Board::of([("p/m", isolate.health.tell(now))].into_iter());
                    let (joined, news) = board.clone().joined(&own, now);
                    if news && isolate.rhythm.pins(now) {
                        board = joined;
                    }
                }
            }
        }
        all.iter().map(|isolate| isolate.failed).collect()
    }

    #[test]
    fn isolates_that_come_after_the_first_break_make_at_most_probes() {
        // The first at once; nine more when PIN + 2 × REFRESH is over.
        let later = (PIN + REFRESH * 2).as_secs();
        let joins: Vec<u64> = (0..10).map(|n| if n == 0 { 0 } else { later + n }).collect();
        let lasts = 60;
        let (with, without) = (outage(&joins, true, lasts, lasts), outage(&joins, false, lasts, lasts));
        // Cool-downs of 5, 10, 20 and 40 s end four times within a minute at most.
        let probes = 4;
        assert!(with[0] <= 5 + probes, "{with:?}");
        // The call that is under way while it looks for the first time, and probes.
        assert!(with[1..].iter().all(|failed| *failed <= 1 + probes), "{with:?}");
        assert!(without[1..].iter().all(|failed| *failed >= 5), "{without:?}");
        let sum = |list: &[u32]| list.iter().sum::<u32>();
        assert!(sum(&with) * 2 <= sum(&without), "{with:?} {without:?}");
    }

    #[test]
    fn no_number_of_isolates_fails_more_than_five_times_each_and_once_a_cool_down() {
        for n in [1, 3, 20] {
            let joins = vec![0; n];
            for hints in [false, true] {
                let failed = outage(&joins, hints, 30, 30);
                // 5, then probes at 5, 15 and (with jitter later) 35 s.
                assert!(failed.iter().all(|failed| *failed <= 5 + 3), "{failed:?}");
            }
        }
    }

    #[test]
    fn one_that_is_well_again_is_found_by_all_with_the_first() {
        // Down for 12 s; an isolate that opened late waits longer, unless somebody says that it is well.
        let (rules, now) = (Rules::default(), START);
        let mut waiting = Health::new(&card());
        let until = now.after(Duration::from_secs(300));
        waiting.hear(&Hearsay { at: now, until: Some(until), ttft_us: None, speed_milli: None }, now);
        assert!(waiting.admit(now.after(Duration::from_secs(20)), &rules).is_none());
        let well =
            Hearsay { at: now.after(Duration::from_secs(13)), until: None, ttft_us: None, speed_milli: None };
        let (board, news) = Board::default().joined(&Board::of([("p/m", Some(well))].into_iter()), now);
        assert!(news);
        let now = now.after(Duration::from_secs(20));
        waiting.hear(&board.0["p/m"], now);
        assert!(waiting.admit(now, &rules).is_some_and(router::Pass::is_probe));
    }

    #[test]
    fn the_later_word_counts_and_the_old_one_goes() {
        let said = |at: u64, until: Option<u64>| Hearsay {
            at: START.after(Duration::from_secs(at)),
            until: until.map(|s| START.after(Duration::from_secs(s))),
            ttft_us: None,
            speed_milli: None,
        };
        let board =
            |list: &[(&'static str, Hearsay)]| Board::of(list.iter().map(|(id, said)| (*id, Some(*said))));
        let old = board(&[("a", said(1, Some(9))), ("b", said(1, None))]);
        let (joined, news) =
            old.clone().joined(&board(&[("a", said(2, None)), ("b", said(0, Some(9)))]), START);
        assert!(news);
        assert_eq!((joined.0["a"], joined.0["b"]), (said(2, None), said(1, None)));
        // Only timings, or only a later good word: nothing to write.
        let (_, news) = joined.clone().joined(&board(&[("a", said(3, None))]), START);
        assert!(!news);
        let (rest, _) = joined.joined(&Board::default(), START.after(OLD));
        assert_eq!(rest.0.keys().collect::<Vec<_>>(), ["a", "b"]);
        let (rest, _) = rest.joined(&Board::default(), START.after(OLD * 2));
        assert!(rest.0.is_empty());
        let text = serde_json::to_string(&old).unwrap();
        assert_eq!(serde_json::from_str::<Board>(&text).unwrap(), old);
    }
}
