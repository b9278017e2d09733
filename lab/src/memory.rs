//! What a provider remembers from earlier prompts.

use crate::ask::Ask;
use crate::prose::hash;
use crate::tokens::Tally;
use std::collections::{HashSet, VecDeque};

/// Prefixes of conversations that were sent before, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

/// Tokens of a prompt that were read from the cache, and that were written to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cached {
    pub read: u64,
    pub written: u64,
}

const KEPT_MAX: usize = 8_192;

impl Memory {
    /// Looks for the longest known prefix of whole turns and remembers all of them. A prefix shorter than `least`
    /// tokens counts as none.
    pub fn look(&mut self, place: &str, ask: &Ask, least: u64) -> Cached {
        let mut state = hash(&[place.as_bytes()]);
        let mut sum = Tally::default();
        let mut cached = Cached::default();
        let turns = ask.cache_turns.unwrap_or(ask.turns.len());
        for turn in ask.turns.iter().take(turns) {
            state = hash(&[&state.to_le_bytes(), &turn.hash.to_le_bytes()]);
            sum.chars += turn.tally.chars;
            sum.flat += turn.tally.flat;
            // Whole tokens only: the one that the prefix shares with what follows is read afresh.
            let tokens = sum.chars / 4 + sum.flat;
            if tokens < least {
                continue;
            }
            cached.written = tokens;
            if self.known.contains(&state) {
                cached.read = tokens;
            } else {
                self.learn(state);
            }
        }
        // The last token is always computed.
        cached.read = cached.read.min(ask.input_tokens().saturating_sub(1));
        cached.written = cached.written.saturating_sub(cached.read);
        cached
    }

    fn learn(&mut self, state: u64) {
        if self.order.len() == KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(state);
        self.order.push_back(state);
    }
}
