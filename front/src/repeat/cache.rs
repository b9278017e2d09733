//! Answers in memory, for whoever of an account asks the same. Bounded in bytes; what was asked for longest ago goes first.

use super::kept::Kept;
use lru::LruCache;
use policy::{CacheSetting, Page};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vocab::Instant;

/// One for a process or an isolate. Requests that nothing is cached for do not touch it.
pub struct Cache(Mutex<State>);

struct State {
    pages: LruCache<Page, Arc<Kept>>,
    bytes: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(State { pages: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that is there, while it is not too old.
    pub fn get(&self, page: &Page, rules: &CacheSetting, now: Instant) -> Option<Arc<Kept>> {
        let mut state = self.lock();
        let kept = state.pages.get(page)?;
        if now.since(kept.made) < rules.ttl() {
            return Some(Arc::clone(kept));
        }
        let old = state.pages.pop(page);
        state.bytes -= old.map_or(0, |old| old.size() as u64);
        None
    }

    /// Puts an answer in the place of what was there.
    pub fn put(&self, page: Page, kept: Arc<Kept>, rules: &CacheSetting) {
        if kept.size() as u64 > rules.total_max {
            return;
        }
        let mut state = self.lock();
        state.bytes += kept.size() as u64;
        let old = state.pages.put(page, kept);
        state.bytes -= old.map_or(0, |old| old.size() as u64);
        while state.bytes > rules.total_max
            && let Some((_, oldest)) = state.pages.pop_lru()
        {
            state.bytes -= oldest.size() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{CacheMode, Caller, Digest, Tenant};
    use vocab::Pico;

    fn page(request: &str) -> Page {
        Tenant::of(&Caller::default()).page(None, &Digest::of(request))
    }

    fn kept(bytes: usize, at: u64) -> Arc<Kept> {
        Arc::new(Kept {
            id: "r".into(),
            made: Instant::from_secs(at),
            cost: Pico(1),
            head: String::new(),
            pieces: None,
            body: vec![0; bytes].into(),
            trailers: String::new(),
        })
    }

    #[test]
    fn memory_is_bounded_and_the_longest_unasked_goes_first() {
        let each = kept(1_000, 0).size() as u64;
        let rules = CacheSetting { mode: CacheMode::On, ttl_s: 10, entry_max: 10_000, total_max: 2 * each };
        let cache = Cache::default();
        let now = Instant::from_secs(5);
        let there = |name: &str| cache.get(&page(name), &rules, now).is_some();
        for name in ["a", "b"] {
            cache.put(page(name), kept(1_000, 0), &rules);
        }
        assert!(there("a"));
        cache.put(page("c"), kept(1_000, 0), &rules);
        assert_eq!([there("a"), there("b"), there("c")], [true, false, true]);
        cache.put(page("a"), kept(10, 0), &rules);
        cache.put(page("d"), kept(3_000, 0), &rules);
        assert_eq!([there("a"), there("c"), there("d")], [true, true, false], "larger than all is not kept");
        assert!(cache.lock().bytes <= rules.total_max);
        assert!(cache.get(&page("a"), &rules, Instant::from_secs(10)).is_none(), "too old");
        assert!(cache.get(&page("c"), &rules, Instant::from_secs(10)).is_none());
        assert_eq!(cache.lock().bytes, 0);
    }
}
