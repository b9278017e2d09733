//! The shared store: the accounts' books of several nodes in one PostgreSQL.
//!
//! [`billing::Account`] decides here as everywhere; PostgreSQL says whose turn it is, account by account. What is asked of
//! an account waits in its cell (`desk`). A few workers, each with a connection of its own, take what has gathered: a
//! transaction locks the rows of some accounts, skipping those that another node has just now, reads what others wrote
//! since, decides about everything that waits, and writes it (`batch`). What a hold waits for is that transaction, shared
//! with all that came meanwhile.
//!
//! - An account in memory is a copy of the record up to some entry. It catches up along the chain, every entry checked, so
//!   what another node writes is believed no more than a file is.
//! - The end of a request whose hold this node made cannot be refused, so nobody waits for it: it is written when it can
//!   be. While PostgreSQL is away such ends gather in memory, up to a bound, and new holds are refused after a moment.
//! - A node answers for the holds that it made, as long as it is heard of (`tend`). Those of a node that is silent, and those
//!   whose lease has ended, are settled at their estimate by whoever finds them.
//!
//! Every hold is decided behind the account's lock, or out of a slice that was set aside behind it (`lease`). So nobody
//! overspends whatever dies, and what a dead node leaves set aside is its open holds, until it has been silent for
//! [`Options::silent`], and its slices, for a minute.
//!
//! Beside the books are what else nodes have in common: managed keys (`keys`), answers under idempotency keys (`answers`), and
//! what is counted against limits (`meters`).

mod address;
mod alerts;
mod answers;
mod batch;
mod books;
mod desk;
mod error;
mod keys;
mod lease;
mod load;
mod meters;
mod reader;
mod rollup;
mod rows;
mod schema;
mod session;
mod tend;
mod tls;
mod work;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use answers::{AnswerTable, Under};
pub use error::PostgresError;
pub use keys::{KeyTable, Watch};
pub use meters::{Counting, MeterTable, Written};
pub use reader::Reader;

use desk::{Cell, Desk, How, Job, Turn, What};
use relay::config::Terms;
use relay::ports::{BooksError, Posted};
use session::{Session, Sessions};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant as Moment;
use vocab::Pico;

/// How the store works. The default is right for a server.
pub struct Options {
    /// Asked when an account is first used in this process.
    pub terms: Box<dyn Fn(&str) -> Terms + Send + Sync>,
    /// What this node calls itself; another for each process.
    pub node: String,
    /// Connections that write; half of them at most wait for locks. As many again read.
    pub sessions: usize,
    /// How long a request waits for PostgreSQL before it is told that the books are out of order.
    pub patience: Duration,
    /// How many operations may wait to be written: that many ends of requests, and half as many when holds come in.
    pub waiting: usize,
    /// After which time without a sign of life a node's holds are settled by others.
    pub silent: Duration,
    /// How long what waits may still be written when the store is closed.
    pub farewell: Duration,
}

impl Options {
    pub fn new(node: String) -> Self {
        Self {
            terms: Box::new(|_| Terms::default()),
            node,
            sessions: 4,
            patience: Duration::from_secs(2),
            waiting: 100_000,
            silent: Duration::from_secs(120),
            farewell: Duration::from_secs(10),
        }
    }
}

/// The books of all nodes, as one of them sees them. Dropping it writes what waits.
pub struct Postgres {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    options: Options,
    sessions: Sessions,
    desk: Mutex<Desk>,
    /// Rung when there is something to do.
    bell: Notify,
    /// Rung when the store is closed.
    farewell: Notify,
    /// Operations that wait.
    waiting: AtomicUsize,
    closing: AtomicBool,
    /// The workers have ended.
    closed: AtomicBool,
    /// Since when nothing goes, and why.
    trouble: Mutex<Option<(Moment, String)>>,
    /// Connections that read, while nobody does.
    readers: Mutex<Vec<Session>>,
    reading: Semaphore,
    tending: tokio::sync::Mutex<tend::Tending>,
    promises: Mutex<lease::Promises>,
}

impl Postgres {
    /// Connects and makes the tables where there are none. A server that cannot be reached is no error: it is waited for, and
    /// until then [`relay::ports::Books::well`] says what is the matter.
    pub fn open(address: Address, options: Options) -> Result<Self, PostgresError> {
        let (told, opened) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(told.send(Err(PostgresError::Unreachable(error.to_string())))),
            };
            runtime.block_on(async move {
                let inner = Arc::new(Inner::new(address, options, Handle::current()));
                let first = inner.sessions.open().await;
                let first = match first {
                    Err(error) if !error.passes() => return drop(told.send(Err(error))),
                    Err(error) => {
                        tracing::warn!(%error, "the shared ledger cannot be reached yet");
                        inner.went_wrong(&error);
                        None
                    }
                    Ok(session) => Some(session),
                };
                if told.send(Ok(Arc::clone(&inner))).is_ok() {
                    work::all(&inner, first).await;
                    inner.leave().await;
                }
                inner.end();
            });
        };
        let thread = std::thread::Builder::new().name("weir-postgres".into()).spawn(work);
        let thread = thread.map_err(|error| PostgresError::Unreachable(error.to_string()))?;
        let gone = |_| PostgresError::Unreachable("its thread has stopped".into());
        let inner = opened.recv().map_err(gone)??;
        Ok(Self { inner, thread: Mutex::new(Some(thread)) })
    }

    /// Where it is, without anything secret.
    pub fn place(&self) -> String {
        self.inner.sessions.address().to_string()
    }

    /// Changes what an account is allowed on this node, for as long as this process uses it.
    pub fn set_overdraft(&self, account: &str, overdraft: Option<Pico>) {
        self.inner.cell(account).lock().terms.overdraft = overdraft;
    }

    /// Writes what waits, for a bounded time, and ends all connections. Posting afterwards fails.
    pub fn close(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // Nobody would hear it.
        if self.inner.down().is_none() {
            self.inner.tell_leases(true);
        }
        self.inner.closing.store(true, Ordering::Release);
        self.inner.farewell.notify_one();
        self.inner.bell.notify_one();
        // One that panicked has nothing more to say.
        let _ = thread.join();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn new(address: Address, options: Options, runtime: Handle) -> Self {
        Self {
            sessions: Sessions::new(address, runtime),
            desk: Mutex::new(Desk::new(options.sessions / 2)),
            bell: Notify::new(),
            farewell: Notify::new(),
            waiting: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            trouble: Mutex::new(None),
            readers: Mutex::default(),
            reading: Semaphore::new(options.sessions.max(1)),
            tending: tokio::sync::Mutex::default(),
            promises: Mutex::default(),
            options,
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, account: &str) -> Arc<Cell> {
        self.desk().cell(account, || (self.options.terms)(account), Moment::now())
    }

    /// Puts something at the end of an account's line.
    fn push(&self, cell: &Arc<Cell>, jobs: impl IntoIterator<Item = Job>) {
        let mut state = cell.lock();
        let before = state.waiting.len();
        state.waiting.extend(jobs);
        self.waiting.fetch_add(state.waiting.len() - before, Ordering::AcqRel);
        state.used = Moment::now();
        let turn = self.due(cell, &mut state);
        drop(state);
        if let Some(turn) = turn {
            self.desk().line_up(turn);
            self.bell.notify_one();
        }
    }

    /// Its turn, where something waits and it is not in the line.
    fn due(&self, cell: &Arc<Cell>, state: &mut desk::State) -> Option<Turn> {
        if state.queued || state.waiting.is_empty() {
            return None;
        }
        state.queued = true;
        let how = if state.known.is_some() { How::Together } else { How::Alone };
        Some(Turn { cell: Arc::clone(cell), how })
    }

    fn promises(&self) -> MutexGuard<'_, lease::Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<(Moment, String)>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn went_wrong(&self, error: &PostgresError) {
        let mut trouble = self.trouble();
        let why = error.to_string();
        match &mut *trouble {
            Some((_, last)) => *last = why,
            None => {
                tracing::warn!(%error, "the shared ledger is out of reach");
                *trouble = Some((Moment::now(), why));
            }
        }
    }

    fn went_well(&self) {
        if self.trouble().take().is_some() {
            tracing::warn!("the shared ledger is back");
        }
    }

    /// Why nothing new can be taken; None where all is well, or was a moment ago.
    fn down(&self) -> Option<String> {
        if self.closing.load(Ordering::Acquire) {
            return Some("the ledger is closed".into());
        }
        match &*self.trouble() {
            Some((since, why)) if since.elapsed() >= self.options.patience => Some(why.clone()),
            _ => None,
        }
    }

    /// Nobody goes on waiting.
    fn end(&self) {
        self.closed.store(true, Ordering::Release);
        self.reading.close();
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for cell in self.desk().all() {
            cell.lock().waiting.clear();
        }
        self.promises().end_all("the ledger is closed");
        let lost = self.waiting.load(Ordering::Acquire);
        if lost > 0 {
            tracing::error!(
                lost,
                "the ledger was closed with operations that could not be written; holds are settled at their estimates"
            );
        }
    }

    /// Waits for what an account was asked.
    async fn asked(&self, cell: &Arc<Cell>, what: What, now: vocab::Instant) -> Result<Posted, BooksError> {
        let (answer, answered) = oneshot::channel();
        self.push(cell, [Job::new(what, now, Some(answer))]);
        if self.closed.load(Ordering::Acquire) {
            return Err(BooksError::Down("the ledger is closed".into()));
        }
        match tokio::time::timeout(self.options.patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(BooksError::Down("the ledger is closed".into())),
            Err(_) => {
                let trouble = self.trouble().as_ref().map(|(_, why)| why.clone());
                Err(BooksError::Down(trouble.unwrap_or_else(|| "PostgreSQL does not answer in time".into())))
            }
        }
    }
}
