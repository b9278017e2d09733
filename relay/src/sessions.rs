//! Which model a conversation was with last: its prompt cache is warm there and cold everywhere else.

use crate::fleet::Candidate;
use router::{LastUse, PromptCache, cached_tokens};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use vocab::{Bucket, Duration, Instant, Name};

/// Sessions remembered; the oldest is forgotten first.
const SESSIONS_MAX: usize = 10_000;
/// What providers document as the shortest life of an unused prefix.
const TTL: Duration = Duration::from_secs(300);
/// The usual least prefix; providers differ from 512 to 4096.
const TOKENS_MIN: u32 = 1_024;
const STEP: u32 = 128;

#[derive(Clone, Debug)]
struct Last {
    provider: Name,
    model: Name,
    tokens: u32,
    at: Instant,
}

/// Bounded, and touched only by requests that name a session.
#[derive(Default)]
pub struct Sessions(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    by_name: HashMap<String, Last>,
    order: VecDeque<String>,
}

/// Where one session was last.
pub struct Warm {
    last: Last,
    age: Duration,
}

impl Sessions {
    pub fn last(&self, session: &str, now: Instant) -> Option<Warm> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shelf.by_name.get(session)?.clone();
        Some(Warm { age: now.since(last.at), last })
    }

    pub fn served(&self, session: &str, candidate: &Candidate, tokens: u64, now: Instant) {
        let last = Last {
            provider: candidate.provider.name.clone(),
            model: candidate.door.model.clone(),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            at: now,
        };
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.by_name.insert(session.to_owned(), last).is_none() {
            shelf.order.push_back(session.to_owned());
            if shelf.order.len() > SESSIONS_MAX
                && let Some(oldest) = shelf.order.pop_front()
            {
                shelf.by_name.remove(&oldest);
            }
        }
    }
}

impl Warm {
    /// Input tokens that `candidate` is expected to read from its cache.
    pub fn cached(&self, candidate: &Candidate, tokens_in: u32) -> u32 {
        let here = self.last.provider == candidate.provider.name && self.last.model == candidate.door.model;
        let caches = candidate.card.price.as_ref().is_some_and(|p| p.rates.get(Bucket::CacheRead).is_some());
        if !here || !caches {
            return 0;
        }
        let last = LastUse { tokens: self.last.tokens, age: self.age };
        cached_tokens(
            Some(last),
            Some(PromptCache { tokens_min: TOKENS_MIN, step: STEP, ttl: TTL }),
            tokens_in,
        )
    }
}
