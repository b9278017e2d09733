//! The one who writes: takes groups from the queue, puts them into the journal, and says up to where they are on disk.

use super::StoreError;
use super::durable::Durability;
use super::fold::{self, Folder};
use super::journal::Journal;
use super::journal::trail::Trail;
use super::queue::{Group, Queue, Step};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So many entries a second are a full load, under which groups begin as far apart as they may.
const FULL_LOAD: u128 = 12_000;
/// The load is measured over this time at least.
const LOOK: Duration = Duration::from_millis(50);

/// What the two threads of a store share with it.
#[derive(Clone)]
pub(super) struct Shared {
    pub queue: Arc<Queue>,
    pub trail: Arc<Trail>,
    /// Up to where the journal is on disk.
    pub durable: Arc<Durability>,
    /// Up to where the database has it.
    pub folded: Arc<Durability>,
}

impl Shared {
    /// Nothing more is taken, and nobody goes on waiting.
    fn fail(&self, why: &str) {
        self.durable.fail(why);
        self.folded.fail(why);
        self.trail.fail(why);
    }
}

/// Starts the threads. They end when the queue is closed and all of it is folded, or when something cannot be written.
pub(super) fn start(
    journal: Journal,
    folder: Folder,
    shared: Shared,
    gather: Duration,
) -> Result<JoinHandle<()>, StoreError> {
    let folding = {
        let shared = shared.clone();
        let work = move || {
            let gone = Gone(&shared);
            if let Err(error) = fold::run(folder, &shared.trail, &shared.folded) {
                tracing::error!(%error, "the journal cannot be folded into the database; no more requests are taken");
                gone.0.fail(&error.to_string());
            }
        };
        std::thread::Builder::new().name("weir-fold".into()).spawn(work)?
    };
    let work = move || {
        // However this ends, a panic included, nobody may go on waiting.
        let gone = Gone(&shared);
        if let Err(error) = write(journal, &shared, gather) {
            tracing::error!(%error, "the ledger cannot be written; no more requests are taken");
            gone.0.fail(&error.to_string());
        }
        shared.trail.close();
        // One that panicked has nothing more to say; what it did not fold is in the journal.
        let _ = folding.join();
    };
    Ok(std::thread::Builder::new().name("weir-ledger".into()).spawn(work)?)
}

struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a thread of the ledger has stopped");
            self.0.trail.close();
        }
    }
}

fn write(mut journal: Journal, shared: &Shared, gather: Duration) -> Result<(), StoreError> {
    let mut group = Group::default();
    let mut behind = 0;
    let mut pace = Pace::new(gather);
    loop {
        // What a group costs has little to do with how much is in it. So under load it pays to let more gather, while a lone
        // request need not wait for others.
        let step = shared.queue.take(&mut group, pace.begun, pace.apart, behind);
        if matches!(step, Step::Write | Step::WriteAndSync) {
            pace.begin(group.count);
            journal.append(&mut group.bytes, group.count)?;
        }
        match step {
            Step::Write => behind += 1,
            Step::WriteAndSync | Step::Sync => {
                behind = 0;
                journal.sync()?;
                shared.durable.reached(journal.durable());
            }
            Step::End => return Ok(()),
        }
    }
}

/// How far apart groups begin.
struct Pace {
    most: Duration,
    /// When the last group began.
    begun: Instant,
    apart: Duration,
    /// How long the load is being measured, and what came in that time.
    span: Duration,
    entries: u64,
}

impl Pace {
    #[allow(
        clippy::disallowed_methods,
        reason = "how busy the writer is has nothing to do with the time of entries"
    )]
    fn new(most: Duration) -> Self {
        Self { most, begun: Instant::now(), apart: Duration::ZERO, span: Duration::ZERO, entries: 0 }
    }

    fn begin(&mut self, entries: u32) {
        let span = self.begun.elapsed();
        self.begun += span;
        self.note(entries, span);
    }

    /// A few requests at once are no load yet: it takes some time of them.
    fn note(&mut self, entries: u32, span: Duration) {
        self.span += span;
        self.entries += u64::from(entries);
        if self.span >= LOOK {
            self.apart = apart_under(self.entries, self.span, self.most);
            (self.span, self.entries) = (Duration::ZERO, 0);
        }
    }
}

/// How far apart groups begin when so many entries came in so long: up to `most`, in proportion to the load.
fn apart_under(entries: u64, span: Duration, most: Duration) -> Duration {
    let full = (FULL_LOAD * span.as_micros() / 1_000_000).max(1);
    let load = u32::try_from(u128::from(entries) * 1_000 / full).unwrap_or(u32::MAX).min(1_000);
    most * load / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(2);

    #[test]
    fn the_busier_it_is_the_further_apart_groups_are() {
        let apart = |entries, micros| apart_under(entries, Duration::from_micros(micros), MOST).as_micros();
        assert_eq!(apart(24, 2_000), 2_000, "a full load");
        assert_eq!(apart(900, 2_000), 2_000, "more than that");
        assert_eq!(apart(12, 2_000), 1_000);
        assert_eq!(apart(2, 10_000), 32, "a hundred requests a second");
        assert_eq!(apart(1, 1_000_000), 0);
        assert_eq!(apart_under(500, Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_few_requests_at_once_wait_for_nobody() {
        let mut pace = Pace::new(MOST);
        pace.note(1, Duration::from_secs(1));
        for _ in 0..200 {
            pace.note(2, Duration::from_micros(200));
            assert_eq!(pace.apart, Duration::ZERO);
        }
        for _ in 0..250 {
            pace.note(60, Duration::from_micros(500));
        }
        assert_eq!(pace.apart, MOST);
        pace.note(0, LOOK);
        pace.note(20, Duration::from_millis(100));
        assert!(pace.apart < Duration::from_micros(100), "{:?}", pace.apart);
    }
}
