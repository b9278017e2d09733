//! Keys in memory: a snapshot that is looked at on every request, and when each of them was used.

use policy::{Digest, Keyring, ManagedKey};
use relay::ports::{Holder, Used};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vocab::{Instant, Name};

const MINUTE: u64 = 60;

const fn minute(at: Instant) -> u64 {
    at.as_secs() / MINUTE
}

const fn moment(minute: u64) -> Instant {
    Instant::from_secs(minute * MINUTE)
}

/// When a key was used last, in minutes since 1970; 0: never.
#[derive(Default)]
pub(super) struct Mark {
    used: AtomicU64,
    /// Up to where that is kept.
    kept: AtomicU64,
}

impl Mark {
    pub fn of(used: Option<Instant>) -> Self {
        let minute = used.map_or(0, minute);
        Self { used: minute.into(), kept: minute.into() }
    }

    /// Writes once a minute: a line that every core writes to on every request would cost all of them.
    fn note(&self, now: Instant) {
        if self.used.load(Ordering::Relaxed) < minute(now) {
            self.used.store(minute(now), Ordering::Relaxed);
        }
    }

    pub fn used(&self) -> Option<Instant> {
        let minute = self.used.load(Ordering::Relaxed);
        (minute > 0).then(|| moment(minute))
    }
}

/// A key and its mark, which outlives changes of the key.
pub(super) type Marked = (Arc<ManagedKey>, Arc<Mark>);

/// Marks that were not kept yet, each with the minute that is to be.
pub(super) struct Notes(Vec<(Name, Arc<Mark>, u64)>);

impl Notes {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn when(&self) -> Vec<(Name, Instant)> {
        self.0.iter().map(|(id, _, minute)| (id.clone(), moment(*minute))).collect()
    }

    /// They are.
    pub fn kept(self) {
        for (_, mark, minute) in self.0 {
            mark.kept.store(minute, Ordering::Relaxed);
        }
    }
}

/// All keys at one moment.
#[derive(Default)]
pub(super) struct Shelf {
    ring: Keyring,
    /// Beside each key of the ring.
    marks: Vec<Arc<Mark>>,
}

impl Shelf {
    pub fn new(keys: Vec<Marked>) -> Self {
        let ring = Keyring::new(keys.iter().map(|(key, _)| key.clone()).collect());
        let mut marks: Vec<_> = keys.into_iter().map(|(key, mark)| (key.id.clone(), mark)).collect();
        marks.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { ring, marks: marks.into_iter().map(|(_, mark)| mark).collect() }
    }

    pub const fn ring(&self) -> &Keyring {
        &self.ring
    }

    pub fn all(&self) -> Vec<Marked> {
        self.ring.keys().iter().cloned().zip(self.marks.iter().cloned()).collect()
    }

    pub fn used(&self, place: usize) -> Option<Instant> {
        self.marks.get(place).and_then(|mark| mark.used())
    }

    pub fn get(&self, id: &str) -> Option<Used> {
        let place = self.ring.place_of(id)?;
        Some((self.ring.keys().get(place)?.clone(), self.used(place)))
    }

    /// The mark of a key that is known by its id.
    pub fn mark(&self, id: &str) -> Option<&Arc<Mark>> {
        self.marks.get(self.ring.place_of(id)?)
    }

    /// Whose secret it is. Notes that it was used.
    pub fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        match self.ring.find(digest, now) {
            None => Holder::Nobody,
            Some((place, key)) => {
                if let Some(mark) = self.marks.get(place) {
                    mark.note(now);
                }
                Holder::Known(key.caller())
            }
        }
    }

    pub fn notes(&self) -> Notes {
        let marked = self.ring.keys().iter().zip(&self.marks);
        let note = |(key, mark): (&Arc<ManagedKey>, &Arc<Mark>)| {
            let used = mark.used.load(Ordering::Relaxed);
            (used > mark.kept.load(Ordering::Relaxed)).then(|| (key.id.clone(), mark.clone(), used))
        };
        Notes(marked.filter_map(note).collect())
    }
}
