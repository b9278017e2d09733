//! Answers in the memory of this process, gone with it.

use super::{Answers, AnswersDown, Claim, Flight, Flights};
use async_trait::async_trait;
use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use policy::{Digest, IdempotencySetting, Slot};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vocab::Instant;

/// See the module. Bounded in bytes by the setting that the last answer came with.
pub struct Local {
    flights: Flights,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    by_name: HashMap<[u8; 32], Kept>,
    /// In the order in which they came.
    by_age: BTreeMap<u64, [u8; 32]>,
    bytes: u64,
    issued: u64,
}

struct Kept {
    place: u64,
    request: Digest,
    answer: Bytes,
    until: Instant,
}

impl Default for Local {
    fn default() -> Self {
        let shelf = Shelf { by_name: HashMap::new(), ..Shelf::default() };
        Self { flights: Flights::default(), shelf: Mutex::new(shelf) }
    }
}

impl Local {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, name: [u8; 32], kept: Kept, total_max: u64) {
        self.remove(&name);
        self.bytes += kept.answer.len() as u64;
        self.by_age.insert(kept.place, name);
        self.by_name.insert(name, kept);
        while self.bytes > total_max
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, name: &[u8; 32]) {
        if let Some(kept) = self.by_name.remove(name) {
            self.by_age.remove(&kept.place);
            self.bytes -= kept.answer.len() as u64;
        }
    }

    fn find(&mut self, name: &[u8; 32], now: Instant) -> Option<Claim> {
        let kept = self.by_name.get(name)?;
        if kept.until <= now {
            self.remove(name);
            return None;
        }
        Some(Claim::Kept { request: kept.request, answer: kept.answer.clone() })
    }
}

#[async_trait]
impl Answers for Local {
    async fn claim(
        &self,
        slot: &Slot,
        request: &Digest,
        now: Instant,
        _: Instant,
    ) -> Result<Claim, AnswersDown> {
        let number = match self.flights.begin(slot, request) {
            Flight::Yours(number) => number,
            Flight::Busy { request, over } => return Ok(Claim::Busy { request, over }),
        };
        // The name is taken first: what is put on the shelf meanwhile is seen.
        match self.shelf().find(slot.name(), now) {
            Some(kept) => {
                self.flights.end(slot, number);
                Ok(kept)
            }
            None => Ok(Claim::Yours(number)),
        }
    }

    async fn keep(
        &self,
        slot: &Slot,
        number: u64,
        request: &Digest,
        answer: Bytes,
        rules: &IdempotencySetting,
        now: Instant,
    ) -> Result<(), AnswersDown> {
        if self.flights.has(slot, number) {
            let mut shelf = self.shelf();
            shelf.issued += 1;
            let kept = Kept { place: shelf.issued, request: *request, answer, until: now.after(rules.ttl()) };
            shelf.put(*slot.name(), kept, rules.total_max);
        }
        self.flights.end(slot, number);
        Ok(())
    }

    async fn give_up(&self, slot: &Slot, number: u64) {
        self.flights.end(slot, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use policy::{Caller, IdempotencyKey, Tenant};

    fn slot(key: &str) -> Slot {
        let caller = Caller { account: "red".into(), ..Caller::default() };
        Tenant::of(&caller).slot(IdempotencyKey::new(key).unwrap())
    }

    const RULES: IdempotencySetting = IdempotencySetting { ttl_s: 60, entry_max: 100, total_max: 100 };

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    fn number(local: &Local, key: &str, now: u64) -> u64 {
        match block_on(local.claim(&slot(key), &Digest::of("r"), at(now), at(now + 9))).unwrap() {
            Claim::Yours(number) => number,
            _ => panic!("{key} is taken"),
        }
    }

    fn keep(local: &Local, key: &str, bytes: usize, now: u64) {
        let number = number(local, key, now);
        let answer = Bytes::from(vec![7; bytes]);
        block_on(local.keep(&slot(key), number, &Digest::of("r"), answer, &RULES, at(now))).unwrap();
    }

    fn kept(local: &Local, key: &str, now: u64) -> Option<usize> {
        let claim = block_on(local.claim(&slot(key), &Digest::of("other"), at(now), at(now + 9))).unwrap();
        match claim {
            Claim::Kept { request, answer } => {
                assert_eq!(request, Digest::of("r"));
                Some(answer.len())
            }
            Claim::Yours(number) => {
                block_on(local.give_up(&slot(key), number));
                None
            }
            Claim::Busy { .. } => panic!("{key} is busy"),
        }
    }

    #[test]
    fn an_answer_is_kept_for_its_time() {
        let local = Local::default();
        keep(&local, "a", 10, 0);
        assert_eq!(kept(&local, "a", 59), Some(10));
        assert_eq!(kept(&local, "b", 59), None);
        assert_eq!(kept(&local, "a", 60), None);
        assert_eq!(local.shelf().bytes, 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let local = Local::default();
        for (key, now) in [("a", 0), ("b", 1), ("c", 2)] {
            keep(&local, key, 40, now);
        }
        assert_eq!(
            [kept(&local, "a", 3), kept(&local, "b", 3), kept(&local, "c", 3)],
            [None, Some(40), Some(40)]
        );
        keep(&local, "d", 101, 4);
        assert_eq!(local.shelf().bytes, 0, "what is larger than all leaves nothing");
    }

    #[test]
    fn one_has_a_name_and_others_wait_for_him() {
        let local = Local::default();
        let first = number(&local, "a", 0);
        let claim = || block_on(local.claim(&slot("a"), &Digest::of("r"), at(0), at(9))).unwrap();
        let Claim::Busy { request, over } = claim() else { panic!("two have it") };
        assert_eq!(request, Digest::of("r"));
        block_on(local.give_up(&slot("a"), first + 1));
        assert!(matches!(claim(), Claim::Busy { .. }), "nobody else lets it go");
        block_on(local.give_up(&slot("a"), first));
        block_on(over);
        let Claim::Yours(second) = claim() else { panic!("nobody has it") };
        // Who lost it keeps nothing under it.
        block_on(local.keep(&slot("a"), first, &Digest::of("r"), Bytes::new(), &RULES, at(0))).unwrap();
        assert!(matches!(claim(), Claim::Busy { .. }));
        block_on(local.give_up(&slot("a"), second));
        assert_eq!(kept(&local, "a", 0), None);
    }
}
