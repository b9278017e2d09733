//! The one who writes: takes groups from the queue, puts them into the journal, and says up to where they are on disk.

use super::StoreError;
use super::durable::Durability;
use super::fold::{self, Folder};
use super::journal::Journal;
use super::journal::trail::Trail;
use super::queue::{Group, Queue, Step};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A group of as many entries tells of a load under which the next is let gather.
const BUSY: u32 = 12;

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
    let mut busy = false;
    loop {
        // Under load it pays to let more gather, so that they share one sync; a lone request need not wait for others.
        let step = shared.queue.take(&mut group, if busy { gather } else { Duration::ZERO }, behind);
        if matches!(step, Step::Write | Step::WriteAndSync) {
            journal.append(&mut group.bytes, group.count)?;
        }
        match step {
            Step::Write => behind += 1,
            Step::WriteAndSync | Step::Sync => {
                behind = 0;
                busy = step == Step::WriteAndSync && group.count >= BUSY;
                journal.sync()?;
                shared.durable.reached(journal.durable());
            }
            Step::End => return Ok(()),
        }
    }
}
