//! Limits counted here, in this process and for it alone.

use crate::ports::Limits;
use async_trait::async_trait;
use foldhash::fast::FixedState;
use policy::limit::{Counters, Estimate, Meter, Meters, Over, Rule, Taken, Use};
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vocab::Instant;

/// So many can count at the same time.
const SHARDS: usize = 16;

/// See the module. What a request comes under is locked together, so nobody sees it take from one limit before it was
/// refused by another; each lock is held for as long as counting takes.
#[derive(Debug, Default)]
pub struct Local {
    shards: [Mutex<Counters>; SHARDS],
}

fn shard(rule: &Rule) -> usize {
    let hash = FixedState::default().hash_one(&*rule.counter);
    usize::try_from(hash % SHARDS as u64).unwrap_or_default()
}

impl Local {
    /// Always in the same order, so that nobody waits for one who waits for him.
    fn lock<'r>(&self, rules: impl Iterator<Item = &'r Rule>) -> Locked<'_> {
        let mut places: SmallVec<[usize; 8]> = rules.map(shard).collect();
        places.sort_unstable();
        places.dedup();
        let locked = |place: usize| {
            Some((place, self.shards.get(place)?.lock().unwrap_or_else(PoisonError::into_inner)))
        };
        Locked { shards: places.into_iter().filter_map(locked).collect(), spare: Meter::default() }
    }

    /// How many are counted just now.
    pub fn counted(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

struct Locked<'a> {
    shards: SmallVec<[(usize, MutexGuard<'a, Counters>); 8]>,
    /// Of a rule that was not locked for, of which there is none.
    spare: Meter,
}

impl Meters for Locked<'_> {
    fn meter(&mut self, rule: &Rule, now: Instant) -> &mut Meter {
        let place = shard(rule);
        match self.shards.iter_mut().find(|(at, _)| *at == place) {
            Some((_, counters)) => counters.meter(rule, now),
            None => &mut self.spare,
        }
    }
}

#[async_trait]
impl Limits for Local {
    fn take_at_once(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Result<Box<Taken>, Box<Over>>, Vec<Rule>> {
        Ok(self.lock(rules.iter()).take(rules, estimate, now).map(Box::new))
    }

    async fn take(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Box<Taken>, Box<Over>> {
        self.lock(rules.iter()).take(rules, estimate, now).map(Box::new)
    }

    fn end_at_once(&self, taken: Box<Taken>, used: Use, now: Instant) -> Result<(), Box<Taken>> {
        self.lock(taken.rules()).end(&taken, used, now);
        Ok(())
    }

    async fn end(&self, taken: Box<Taken>, used: Use, now: Instant) {
        self.lock(taken.rules()).end(&taken, used, now);
    }
}
