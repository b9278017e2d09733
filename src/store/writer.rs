//! The one who writes: a queue and a thread.

use super::durable::Durability;
use super::{StoreError, rows};
use billing::{Entry, Tally};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// The log is folded into the file every so many entries: some 8 MiB.
const FOLD_EVERY: u64 = 8_192;

/// How long the end of a request may lie before it is written, waiting for a hold to be synced with. If the power
/// fails within that time, the request is settled at its estimate.
const LIE: Duration = Duration::from_millis(5);

/// A group of as many entries tells of a load under which the next is let gather.
const BUSY: usize = 12;

/// One entry to be written.
pub(super) struct Job {
    pub account: i64,
    pub entry: Entry,
    /// How many holds are open after it.
    pub open: usize,
    /// Where the account stands after it, now and then.
    pub tally: Option<Box<Tally>>,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    tallies: Vec<(i64, Tally)>,
    /// How many jobs there ever were: the mark of the last one.
    issued: u64,
    closing: bool,
    /// The writer sleeps and wants to be woken.
    asleep: bool,
    /// Somebody is about to wait for one of these.
    urgent: bool,
    /// The writer lets what is not urgent lie for a moment.
    lazing: bool,
}

/// Entries in the order in which they will be written.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

impl Queue {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn issued(&self) -> u64 {
        self.lock().issued
    }

    /// Appends a job and says its mark.
    pub fn push(&self, job: Job) -> u64 {
        // An answer waits for its hold; nobody waits for the end of one.
        let urgent = !job.entry.kind.ends();
        let mut waiting = self.lock();
        waiting.jobs.push(job);
        waiting.issued += 1;
        waiting.urgent |= urgent;
        let mark = waiting.issued;
        let wake = std::mem::take(&mut waiting.asleep) || (urgent && waiting.lazing);
        drop(waiting);
        if wake {
            self.bell.notify_one();
        }
        mark
    }

    /// Keeps where an account stands, with the last group.
    pub fn keep(&self, account: i64, tally: Tally) {
        self.lock().tallies.push((account, tally));
    }

    pub fn close(&self) {
        self.lock().closing = true;
        self.bell.notify_one();
    }

    /// Swaps everything that waits for an empty list, after letting more gather. False when there will be no more.
    fn take(&self, group: &mut Group, gather: Duration) -> bool {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closing {
            waiting.asleep = true;
            waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.asleep = false;
        if !waiting.urgent && !waiting.closing {
            waiting.lazing = true;
            let more =
                self.bell.wait_timeout_while(waiting, LIE, |waiting| !waiting.urgent && !waiting.closing);
            waiting = more.unwrap_or_else(PoisonError::into_inner).0;
            waiting.lazing = false;
        }
        if !gather.is_zero() && !waiting.closing {
            let more = self.bell.wait_timeout_while(waiting, gather, |waiting| !waiting.closing);
            waiting = more.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut group.jobs, &mut waiting.jobs);
        std::mem::swap(&mut group.tallies, &mut waiting.tallies);
        group.mark = waiting.issued;
        waiting.urgent = false;
        !waiting.closing || !group.jobs.is_empty()
    }
}

/// What is written in one transaction.
#[derive(Default)]
struct Group {
    jobs: Vec<Job>,
    tallies: Vec<(i64, Tally)>,
    mark: u64,
}

/// Starts the thread. It ends when the queue is closed and empty, or when something could not be written.
pub(super) fn start(
    connection: Connection,
    folder: Connection,
    queue: Arc<Queue>,
    durability: Arc<Durability>,
    gather: Duration,
) -> Result<JoinHandle<()>, StoreError> {
    let work = move || {
        // However this ends, a panic included, nobody may go on waiting.
        let _gone = Gone(Arc::clone(&durability));
        let (poke, poked) = mpsc::sync_channel(1);
        let folding =
            std::thread::Builder::new().name("weir-fold".into()).spawn(move || fold(&folder, &poked));
        match write(&connection, &queue, &durability, gather, &poke) {
            Ok(()) => {
                drop(poke);
                let _ = folding.map(JoinHandle::join);
                tidy(&connection);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be written; no more requests are taken");
                durability.fail(&error.to_string());
            }
        }
    };
    Ok(std::thread::Builder::new().name("weir-ledger".into()).spawn(work)?)
}

/// Moves what is in the log into the file, beside the writer, who would otherwise stop for it every few thousand
/// entries, and everyone who waits with him. What is left when the log has grown long he moves himself; only when all
/// of it is moved does the log start again from its beginning.
fn fold(connection: &Connection, poked: &mpsc::Receiver<()>) {
    while poked.recv().is_ok() {
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())) {
            tracing::warn!(%error, "the log was not folded into the file");
        }
    }
}

/// One file is easier to carry about than three. What is in the log is safe either way.
fn tidy(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())) {
        tracing::warn!(%error, "the log was not folded into the file");
    }
}

struct Gone(Arc<Durability>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fail("the ledger's writer has stopped");
    }
}

fn write(
    connection: &Connection,
    queue: &Queue,
    durability: &Durability,
    gather: Duration,
    fold: &mpsc::SyncSender<()>,
) -> Result<(), rusqlite::Error> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut insert = connection.prepare(rows::INSERT)?;
    let mut head = connection.prepare(
        "INSERT INTO account (id, name, head_seq, head_hash, open) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) \
         DO UPDATE SET head_seq = excluded.head_seq, head_hash = excluded.head_hash, open = excluded.open",
    )?;
    let mut keep =
        connection.prepare("INSERT OR REPLACE INTO tally (account, seq, state) VALUES (?1, ?2, ?3)")?;
    let mut group = Group::default();
    let mut heads = BTreeMap::new();
    let mut folded = 0;
    let mut more = true;
    let mut busy = false;
    while more {
        // Under load it pays to let more gather, so that they share one sync; a lone request need not wait for others.
        more = queue.take(&mut group, if busy { gather } else { Duration::ZERO });
        busy = group.jobs.len() >= BUSY;
        if group.jobs.is_empty() && group.tallies.is_empty() {
            continue;
        }
        begin.execute(())?;
        for (place, job) in group.jobs.iter().enumerate() {
            rows::insert(&mut insert, job.account, &job.entry)?;
            heads.insert(job.account, place);
        }
        for (account, place) in &heads {
            let Some(Job { entry, open, .. }) = group.jobs.get(*place) else { continue };
            let seq = i64::try_from(entry.seq).unwrap_or(i64::MAX);
            let open = i64::try_from(*open).unwrap_or(i64::MAX);
            head.execute(params![account, entry.account, seq, entry.hash.as_slice(), open])?;
        }
        heads.clear();
        let gathered =
            group.jobs.iter().filter_map(|job| job.tally.as_deref().map(|tally| (job.account, tally)));
        for (account, tally) in gathered.chain(group.tallies.iter().map(|(account, tally)| (*account, tally)))
        {
            // One that cannot be written as JSON is not kept; the record itself is enough.
            if let Ok(state) = serde_json::to_string(tally) {
                keep.execute(params![account, i64::try_from(tally.seq).unwrap_or(i64::MAX), state])?;
            }
        }
        commit.execute(())?;
        durability.reached(group.mark);
        if group.mark / FOLD_EVERY > folded {
            folded = group.mark / FOLD_EVERY;
            // Full means that it is about to fold anyway.
            let _ = fold.try_send(());
        }
        group.jobs.clear();
        group.tallies.clear();
    }
    Ok(())
}
