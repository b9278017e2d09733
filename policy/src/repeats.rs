//! What is kept of answers, to be told once more: under a key that the client chose, or to whoever asks the same.

use serde::{Deserialize, Serialize};
use vocab::Duration;

/// Answers to requests with an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencySetting {
    /// How long an answer is kept, in seconds; 0: none is, and the header means nothing.
    pub ttl_s: u64,
    /// The largest answer that is kept, in bytes.
    pub entry_max: usize,
    /// All that are kept, in bytes; the oldest go first.
    pub total_max: u64,
}

impl Default for IdempotencySetting {
    fn default() -> Self {
        Self { ttl_s: 86_400, entry_max: 4 << 20, total_max: 256 << 20 }
    }
}

impl IdempotencySetting {
    pub const fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_s)
    }

    pub const fn is_off(&self) -> bool {
        self.ttl_s == 0
    }
}

/// Whose answers are cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// Nobody's, whatever a request or a policy says.
    #[default]
    Off,
    /// Of requests and policies that ask for it.
    Asked,
    /// All, but of requests and policies that want none of it.
    On,
}

/// Answers to whoever of an account asks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSetting {
    pub mode: CacheMode,
    /// How long an answer is told, in seconds.
    pub ttl_s: u64,
    /// The largest answer that is kept, in bytes.
    pub entry_max: usize,
    /// All that are kept, in bytes, in the memory of a node or an isolate; those that were asked for longest ago go first.
    pub total_max: u64,
}

impl Default for CacheSetting {
    fn default() -> Self {
        Self { mode: CacheMode::Off, ttl_s: 3_600, entry_max: 1 << 20, total_max: 64 << 20 }
    }
}

impl CacheSetting {
    pub const fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_s)
    }

    pub const fn is_off(&self) -> bool {
        matches!(self.mode, CacheMode::Off)
    }

    /// Whether an answer is cached: as the request says, else as its policy says, else as the operator says of all.
    pub const fn applies(&self, request: Option<bool>, policy: Option<bool>) -> bool {
        match (self.mode, request, policy) {
            (CacheMode::Off, ..) => false,
            (_, Some(wish), _) | (_, None, Some(wish)) => wish,
            (mode, None, None) => matches!(mode, CacheMode::On),
        }
    }
}

/// What is wrong with either, each in a sentence that names the field.
pub(crate) fn faults(keys: &IdempotencySetting, cache: &CacheSetting) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, ttl, entry, total) in [
        ("idempotency", keys.ttl_s, keys.entry_max, keys.total_max),
        ("cache", cache.ttl_s, cache.entry_max, cache.total_max),
    ] {
        if ttl > TTL_MAX {
            faults.push(format!("{name}.ttl_s: at most {TTL_MAX}, which is a year"));
        }
        if entry as u64 > total {
            faults.push(format!("{name}.entry_max: one answer cannot be larger than all of them, total_max"));
        }
    }
    faults
}

const TTL_MAX: u64 = 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_is_off_and_else_the_nearest_word_counts() {
        let of = |mode| CacheSetting { mode, ..CacheSetting::default() };
        for request in [None, Some(true), Some(false)] {
            for policy in [None, Some(true), Some(false)] {
                assert!(!of(CacheMode::Off).applies(request, policy));
                assert_eq!(
                    of(CacheMode::Asked).applies(request, policy),
                    request.or(policy).unwrap_or(false)
                );
                assert_eq!(of(CacheMode::On).applies(request, policy), request.or(policy).unwrap_or(true));
            }
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let (keys, cache) = (IdempotencySetting::default(), CacheSetting::default());
        assert_eq!(faults(&keys, &cache), Vec::<String>::new());
        let cache = CacheSetting { entry_max: 2, total_max: 1, ttl_s: u64::MAX, ..cache };
        let keys = IdempotencySetting { entry_max: 2, total_max: 1, ..keys };
        assert_eq!(faults(&keys, &cache).len(), 3);
    }
}
