//! Which ids may have been done before: a blocked Bloom filter over every id that ever ended.
//!
//! A clear no is nearly always the answer and costs one cache line; a maybe is followed by a look into the file. It
//! says maybe to everything until it has learnt what the file holds.

use super::Reader;
use super::names::Name;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// 64 bytes: a cache line.
const WORDS: usize = 8;
/// Sixteen bits an id keep mistaken maybes around one in a thousand.
const BITS_PER_ID: u64 = 16;
const BYTES_MIN: usize = 1 << 20;

pub(super) struct Seen {
    words: Vec<AtomicU64>,
    complete: AtomicBool,
}

impl Seen {
    /// With room for as many ids again as the file holds, between 1 MiB and `bytes_max`.
    pub fn for_ids(ids: u64, bytes_max: usize) -> Self {
        let wanted = usize::try_from(ids.saturating_mul(2 * BITS_PER_ID) / 8).unwrap_or(usize::MAX);
        let bytes = wanted.clamp(BYTES_MIN.min(bytes_max), bytes_max).max(64);
        let blocks = (bytes / 64).max(1);
        let words = std::iter::repeat_with(AtomicU64::default).take(blocks * WORDS).collect();
        Self { words, complete: AtomicBool::new(false) }
    }

    pub fn key(account: i64, id: &str) -> u64 {
        Name::of(id).key(account)
    }

    pub fn insert(&self, key: u64) {
        for (word, bit) in self.places(key) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// False only if no id with this key ever ended.
    pub fn maybe(&self, key: u64) -> bool {
        !self.complete.load(Ordering::Acquire)
            || self.places(key).all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Whatever the file holds is in.
    pub fn complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    /// Reads every ended id from the file. If that fails the filter goes on saying maybe, which is only slower.
    pub fn learn(&self, reader: &Reader) {
        match reader.known_keys(|key| self.insert(key)) {
            Ok(()) => self.complete(),
            Err(error) => tracing::warn!(%error, "could not read the known ids; every new id is looked up"),
        }
    }

    /// Four bits in one cache line.
    fn places(&self, key: u64) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let blocks = (self.words.len() / WORDS) as u64;
        // The high half chooses the line, the low half the bits in it: nine bits each.
        let block = ((key >> 32) * blocks) >> 32;
        let first = usize::try_from(block).unwrap_or(0) * WORDS;
        (0..4u32).filter_map(move |n| {
            let place = (key >> (9 * n)) & 511;
            let word = self.words.get(first + usize::try_from(place / 64).unwrap_or(0))?;
            Some((word, 1 << (place % 64)))
        })
    }
}
