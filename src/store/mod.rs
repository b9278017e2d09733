//! The embedded store: every account's books in one SQLite file, with a journal beside it while weir runs.
//!
//! Decisions are made where they are asked for, on the caller's thread, under the account's own lock and without
//! I/O ([`billing::Account`]). The entries they make go in order into one queue; one thread appends whatever has
//! gathered to the journal with one write and one sync, then says up to where the record is durable. So what an answer
//! waits for is a mark, not a write of its own. A second thread folds the journal into the database, which is what
//! everybody reads, in few and large transactions: after a second, after some thousand entries, or when somebody wants
//! to read what is not there yet.
//!
//! What is in memory is bounded: accounts in use, their open holds, the queue, the ids that ended and are not folded yet,
//! and a filter of the ids that were ever done (`seen`). Whether an id that the filter knows was really done is answered
//! by the database.
//!
//! One process owns a file (a lock beside it tells). Therefore all holds found at the start are orphans, and are
//! settled at their estimate. If writing fails once, the store is down: nothing is confirmed that is not on disk, and
//! nothing more is taken, because decisions made since could not be kept.

mod alerts;
mod books;
mod cells;
mod chain;
mod durable;
mod error;
mod fold;
mod journal;
mod keys;
mod migrate;
mod names;
mod pack;
mod pages;
mod queue;
mod reader;
mod schema;
mod seen;
mod writer;

#[cfg(test)]
mod tests;

pub use alerts::AlertFile;
pub use error::StoreError;
pub use journal::slot::{Disk, System};
pub use keys::KeyFile;
pub use reader::Reader;

use billing::{Entry, Op, Refusal, Tally};
use cells::{Cell, Cells};
use durable::Durability;
use fold::Folder;
use journal::Journal;
use journal::trail::Trail;
use queue::Queue;
pub use relay::config::Terms;
use relay::ports::{BooksError, Mark, Posted};
use seen::Seen;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use vocab::{Instant, Pico};
use writer::Shared;

/// How the store works. The default is right for a server.
pub struct Options {
    /// Asked when an account is first used in this process.
    pub terms: Box<dyn Fn(&str) -> Terms + Send + Sync>,
    /// How far apart the groups that are written together begin under full load; the lighter it is, the closer. Zero writes at
    /// once what is there; while that is synced, the next group gathers by itself.
    pub gather: Duration,
    /// How many entries may wait to be written before callers wait.
    pub queue: u64,
    /// How long another program's lock on the database is waited for at a time. The journal has room for a while.
    pub patience: Duration,
    /// How long the journal's files are, in bytes; there are 64 at most. The default holds some two thousand entries.
    pub segment: u64,
    /// How the journal's files are written.
    pub disk: Arc<dyn Disk>,
    /// What the filter of known ids may take, at most. Above some ten million ids it lets more look-ups through.
    pub seen_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            terms: Box::new(|_| Terms::default()),
            gather: Duration::from_millis(2),
            queue: 8_192,
            patience: Duration::from_secs(5),
            segment: 1 << 20,
            disk: Arc::new(System),
            seen_bytes: 16 << 20,
        }
    }
}

/// The books of this node. Dropping it writes what is queued and closes the file.
pub struct Store {
    path: PathBuf,
    options: Options,
    cells: Cells,
    shared: Shared,
    seen: Arc<Seen>,
    readers: Arc<Mutex<Vec<Reader>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as the store is; the operating system lets go of it when the process dies.
    _lock: std::fs::File,
}

/// A tally is kept every so many entries of an account, so that loading it has no more than these to walk.
const TALLY_EVERY: u64 = 1_024;

impl Store {
    /// Opens or makes the file, and settles what a process before left open. `now` dates those settlements.
    pub fn open(path: impl AsRef<Path>, options: Options, now: Instant) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        let lock = schema::lock(&path)?;
        let mut folder = Folder::open(&path, options.patience)?;
        let (origin, position) = folder.resume(true)?;
        let reader = Reader::open(&path)?;
        let found = reader.survey()?;
        let seen = Arc::new(Seen::for_ids(found.ended, options.seen_bytes));
        let trail = Arc::new(Trail::new(&path, Arc::clone(&options.disk), options.segment, position));
        let shared = Shared {
            queue: Arc::new(Queue::new(position)),
            trail: Arc::clone(&trail),
            durable: Arc::new(Durability::new(position)),
            folded: Arc::new(Durability::new(position)),
        };
        let journal = Journal::start(origin, Arc::clone(&options.disk), trail)?;
        let writer = writer::start(journal, folder, shared.clone(), options.gather)?;
        let store = Self {
            options,
            cells: Cells::new(found.next_id),
            shared,
            seen: Arc::clone(&seen),
            readers: Arc::new(Mutex::new(Vec::new())),
            writer: Mutex::new(Some(writer)),
            _lock: lock,
            path: path.clone(),
        };
        for name in found.with_holds {
            let cell = store.load_now(&reader, &name)?;
            store.settle_orphans(&cell, Instant::from_micros(u64::MAX), now);
        }
        if found.ended == 0 {
            seen.complete();
        } else {
            std::thread::Builder::new().name("weir-ids".into()).spawn(move || seen.learn(&reader))?;
        }
        Ok(store)
    }

    /// Settles every hold whose lease has ended, at its estimate, and forgets accounts that are not in use. Returns
    /// how many holds it settled.
    pub fn sweep(&self, now: Instant) -> usize {
        let settled = self.cells.all().iter().map(|cell| self.settle_orphans(cell, now, now)).sum();
        self.cells.forget_idle(self.shared.folded.mark());
        settled
    }

    /// Changes what an account is allowed, for as long as this process runs and uses it.
    pub async fn set_overdraft(&self, account: &str, overdraft: Option<Pico>) -> Result<(), BooksError> {
        self.cell(account).await?.lock().account.set_overdraft(overdraft);
        Ok(())
    }

    /// Runs a read beside the runtime, on a connection of its own, after everything posted so far is in the database.
    pub async fn read<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.folded_to(self.shared.queue.issued()).await.map_err(StoreError::Down)?;
        self.read_behind(what).await
    }

    /// The same, of what is in the database by now.
    async fn read_behind<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (readers, path) = (Arc::clone(&self.readers), self.path.clone());
        let work = move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = idle.map_or_else(|| Reader::open(&path), Ok)?;
            let answer = what(&reader)?;
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            Ok(answer)
        };
        tokio::task::spawn_blocking(work).await.map_err(|why| StoreError::Down(why.to_string()))?
    }

    /// Writes what is queued, folds the journal, keeps where every account stands, and closes the file. Posting afterwards fails.
    pub fn close(&self) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        for cell in self.cells.all() {
            let state = cell.lock();
            if !state.account.tally().seq.is_multiple_of(TALLY_EVERY) {
                self.shared.trail.keep(cell.id, state.last, state.account.tally().clone());
            }
        }
        self.shared.queue.close();
        // The writer is to be the last to leave: only then is SQLite's log moved into the file.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // A writer that panicked has nothing more to say here; what it did not write was never called durable.
        let _ = writer.join();
        self.shared.durable.fail("the store is closed");
        self.shared.folded.fail("the store is closed");
    }

    /// The account's cell, from memory or from the file.
    async fn cell(&self, account: &str) -> Result<Arc<Cell>, BooksError> {
        if let Some(cell) = self.cells.get(account) {
            return Ok(cell);
        }
        let _turn = self.cells.loading.lock().await;
        if let Some(cell) = self.cells.get(account) {
            return Ok(cell);
        }
        let name = account.to_owned();
        // Of an account that is not in memory everything is in the database: see `Cells::forget_idle`.
        let found = self.read_behind(move |reader| reader.tally(&name)).await.map_err(down)?;
        Ok(self.take_up(found, account))
    }

    fn load_now(&self, reader: &Reader, account: &str) -> Result<Arc<Cell>, StoreError> {
        Ok(self.take_up(reader.tally(account)?, account))
    }

    fn take_up(&self, found: Option<(i64, Tally)>, account: &str) -> Arc<Cell> {
        let terms = (self.options.terms)(account);
        let fresh = found.is_none();
        let cell = self.cells.put(account, found, terms.overdraft);
        if fresh && terms.opening > Pico::ZERO {
            cell.lock().opening = Some(terms.opening);
        }
        cell
    }

    fn settle_orphans(&self, cell: &Cell, ended: Instant, now: Instant) -> usize {
        let mut state = cell.lock();
        let orphans = state.account.orphans(ended);
        orphans.into_iter().filter(|op| self.decide(cell, &mut state, op.clone(), &[], now).is_ok()).count()
    }

    /// Decides under the account's lock and queues the entry before that lock is let go, so that the queue has every
    /// account's entries in their order.
    fn decide(
        &self,
        cell: &Cell,
        state: &mut cells::State,
        op: Op,
        past: &[Entry],
        now: Instant,
    ) -> Result<Posted, Refusal> {
        if let Some(amount) = state.opening.take() {
            let grant = Op::Grant { id: "opening".into(), amount, reason: "opening credit".into() };
            if let Err(refusal) = self.decide(cell, state, grant, &[], now) {
                tracing::error!(account = state.account.name(), %refusal, "the opening credit was not granted");
            }
        }
        let applied = state.account.apply(op, past, now)?;
        let balance = applied.balance;
        let Some(entry) = applied.entry else {
            // Whoever did it first may have waited for nothing, and this one may wait for that.
            self.shared.queue.hurry();
            return Ok(Posted { balance, fresh: false, mark: Mark(self.shared.queue.issued()) });
        };
        let ended = entry.kind.ends().then(|| Seen::key(cell.id, &entry.op_id));
        let tally = state.account.tally();
        let mark = self.shared.queue.push(cell.id, tally.open.len(), &entry);
        if entry.seq.is_multiple_of(TALLY_EVERY) {
            self.shared.trail.keep(cell.id, mark, tally.clone());
        }
        if let Some(key) = ended {
            self.seen.insert(key);
            state.remember(key, mark, self.shared.folded.mark());
        }
        state.last = mark;
        Ok(Posted { balance, fresh: true, mark: Mark(mark) })
    }

    async fn durable_to(&self, mark: u64) -> Result<(), BooksError> {
        self.shared.durable.wait(mark).await.map_err(BooksError::Down)
    }

    /// Returns when the database has everything up to `mark`.
    async fn folded_to(&self, mark: u64) -> Result<(), String> {
        let Shared { queue, trail, folded, .. } = &self.shared;
        if folded.mark() < mark {
            trail.demand(mark);
            queue.hurry();
        }
        folded.wait(mark).await
    }
}

/// Folds what a weir that could not end in peace left in its journal, and brings the file to this version, if none runs.
/// Returns whether the database has everything now; if not, a running weir has the file, and the database is about a second
/// behind it.
pub fn catch_up(path: impl AsRef<Path>) -> Result<bool, StoreError> {
    let path = path.as_ref();
    if journal::slot::found(path)?.is_empty() && !schema::is_older(path)? {
        return Ok(true);
    }
    let _lock = match schema::lock(path) {
        Ok(lock) => lock,
        Err(StoreError::Locked(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    Folder::open(path, Options::default().patience)?.resume(false)?;
    Ok(true)
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn down(why: StoreError) -> BooksError {
    BooksError::Down(why.to_string())
}
