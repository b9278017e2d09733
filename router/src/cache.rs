//! How much of the input a provider's prompt cache is expected to hold.

use vocab::Duration;

/// A session's last answer from one model at one provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// Input and output tokens together: the prefix that the next turn repeats.
    pub tokens: u32,
    /// How long ago.
    pub age: Duration,
}

/// How a provider's prompt cache works for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCache {
    /// Shorter prefixes are not cached.
    pub tokens_min: u32,
    /// A prefix is cached in whole steps of that many tokens; 0 and 1 are the same.
    pub step: u32,
    /// How long an unused prefix stays.
    pub ttl: Duration,
}

/// Input tokens expected to be read from the cache, of `tokens_in`.
///
/// A conversation grows at its end, so what the model saw and said last time is the next turn's prefix; that much is
/// taken for cached while the entry lives, and nothing after. A session that was never with this model (`last` is None)
/// pays the cold cache: that is what a switch costs, and what makes staying worth it.
pub fn cached_tokens(last: Option<LastUse>, cache: Option<PromptCache>, tokens_in: u32) -> u32 {
    let (Some(last), Some(cache)) = (last, cache) else { return 0 };
    let prefix = last.tokens.min(tokens_in);
    if last.age >= cache.ttl || prefix < cache.tokens_min {
        return 0;
    }
    prefix - prefix % cache.step.max(1)
}

/// [`cached_tokens`] as a share of the input, 0 to 1.
pub fn cached_share(last: Option<LastUse>, cache: Option<PromptCache>, tokens_in: u32) -> f64 {
    if tokens_in == 0 {
        return 0.0;
    }
    f64::from(cached_tokens(last, cache, tokens_in)) / f64::from(tokens_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_cached_while_it_lives() {
        let cache = PromptCache { tokens_min: 1_024, step: 128, ttl: Duration::from_secs(300) };
        let last = |tokens, secs| Some(LastUse { tokens, age: Duration::from_secs(secs) });
        for (last, tokens_in, cached) in [
            (None, 4_000, 0),
            (last(2_000, 10), 4_000, 1_920),
            (last(2_000, 300), 4_000, 0),
            (last(1_023, 10), 4_000, 0),
            (last(9_000, 10), 4_000, 3_968),
            (last(9_000, 10), 0, 0),
        ] {
            assert_eq!(cached_tokens(last, Some(cache), tokens_in), cached, "{last:?} of {tokens_in}");
            assert!((0.0..=1.0).contains(&cached_share(last, Some(cache), tokens_in)));
        }
        assert_eq!(cached_share(last(2_000, 1), None, 4_000), 0.0);
        let all = PromptCache { tokens_min: 0, step: 0, ttl: Duration::MAX };
        assert_eq!(cached_share(last(2_000, 1), Some(all), 2_000), 1.0);
    }
}
