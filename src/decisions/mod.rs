//! The log of decisions of this node: in a file of its own beside the ledger's.
//!
//! Not in the ledger's, as what was chosen and why is nothing for those who are handed the books, and as it may be thrown away. One
//! thread has the file. A request hands its decision over and goes on: where too many wait the next one is dropped and counted.
//! Up to 50 ms of them are written in one transaction, so a power cut may take the last of them, and a kill what waited.

mod file;
#[cfg(test)]
mod tests;

pub use file::{Log, Wanted};

use crate::net::NativeClock;
use async_trait::async_trait;
use futures::channel::oneshot;
use relay::decisions::{Decided, Decisions, Said, Say, SayError};
use relay::ports::Clock as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use vocab::{Duration, Instant};

/// Decisions that may wait to be written. At a few kilobytes each they are some megabytes at most.
const WAITING_MAX: usize = 4_096;
/// Written in one transaction, and how long is waited for so many.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_millis(50);

/// The `Decisions` port over a file.
pub struct DecisionFile {
    path: PathBuf,
    clock: NativeClock,
    /// Where work goes. A thread costs memory, and most nodes keep no decisions: there is none before the first.
    jobs: OnceLock<Option<SyncSender<Job>>>,
    desk: Mutex<Desk>,
}

enum Desk {
    Open(Option<JoinHandle<()>>),
    Closed,
}

enum Job {
    Note(Box<Decided>),
    Say { say: Say, now: Instant, told: oneshot::Sender<Result<Said, SayError>> },
    Keep(String),
    Close,
}

impl Job {
    /// Somebody waits for it.
    const fn is_urgent(&self) -> bool {
        !matches!(self, Self::Note(_) | Self::Keep(_))
    }
}

/// Where decisions are that belong to a ledger.
pub fn beside(ledger: &Path) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(".decisions");
    path.into()
}

impl DecisionFile {
    /// Beside the ledger's file. It is made with the first decision.
    pub fn beside(ledger: &Path, clock: NativeClock) -> Self {
        Self { path: beside(ledger), clock, jobs: OnceLock::new(), desk: Mutex::new(Desk::Open(None)) }
    }

    fn jobs(&self) -> Option<&SyncSender<Job>> {
        let begin = || {
            let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let Desk::Open(thread) = &mut *desk else { return None };
            let (jobs, work) = sync_channel(WAITING_MAX);
            let keeper = Keeper { path: self.path.clone(), clock: self.clock, log: None };
            let begun =
                std::thread::Builder::new().name("weir-decisions".into()).spawn(move || keeper.run(&work));
            match begun {
                Ok(begun) => {
                    *thread = Some(begun);
                    Some(jobs)
                }
                Err(error) => {
                    tracing::error!(%error, "there is no thread for decisions; none is written down");
                    None
                }
            }
        };
        self.jobs.get_or_init(begin).as_ref()
    }

    /// What was learned before this run, where anything was kept.
    pub fn learned(&self) -> Option<String> {
        if !self.path.exists() {
            return None;
        }
        let learned = Log::read_only(&self.path).and_then(|log| log.learned());
        learned.unwrap_or_else(|error| {
            tracing::warn!(%error, file = %self.path.display(), "what was learned cannot be read");
            None
        })
    }

    /// Writes what waits, and closes the file.
    pub fn close(&self) {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::replace(&mut *desk, Desk::Closed);
        drop(desk);
        let Desk::Open(Some(thread)) = taken else { return };
        // The sender is shared, so its end is a word of its own.
        if let Some(Some(jobs)) = self.jobs.get() {
            drop(jobs.send(Job::Close));
        }
        if thread.join().is_err() {
            tracing::error!("the log of decisions was not closed in peace");
        }
    }
}

#[async_trait]
impl Decisions for DecisionFile {
    fn note(&self, decided: Box<Decided>) -> bool {
        self.jobs().is_some_and(|jobs| jobs.try_send(Job::Note(decided)).is_ok())
    }

    async fn say(&self, say: Say, now: Instant) -> Result<Said, SayError> {
        let down = |why: &str| SayError::Down(why.into());
        // Without a file nothing was ever written, and nothing is made for those who ask.
        if self.jobs.get().is_none() && !self.path.exists() {
            return Err(SayError::Unknown);
        }
        let jobs = self.jobs().ok_or_else(|| down("the log of decisions is closed"))?;
        let (told, answer) = oneshot::channel();
        match jobs.try_send(Job::Say { say, now, told }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(down("too much waits to be written")),
            Err(TrySendError::Disconnected(_)) => return Err(down("the log of decisions is closed")),
        }
        answer.await.map_err(|_| down("the log of decisions is closed"))?
    }

    fn keep(&self, learned: String) {
        if let Some(jobs) = self.jobs()
            && jobs.try_send(Job::Keep(learned)).is_err()
        {
            tracing::warn!("what was learned is not kept now: too much waits to be written");
        }
    }
}

/// Who has the file.
struct Keeper {
    path: PathBuf,
    clock: NativeClock,
    log: Option<Log>,
}

impl Keeper {
    fn run(mut self, work: &Receiver<Job>) {
        while let Ok(first) = work.recv() {
            let mut urgent = first.is_urgent();
            let mut jobs = vec![first];
            let begun = self.clock.now();
            while jobs.len() < BATCH {
                let left = GATHER.saturating_sub(self.clock.now().since(begun));
                let next = if urgent {
                    work.try_recv().map_err(|_| RecvTimeoutError::Timeout)
                } else {
                    work.recv_timeout(left)
                };
                let Ok(job) = next else { break };
                urgent |= job.is_urgent();
                jobs.push(job);
            }
            if self.serve(jobs) {
                return;
            }
        }
    }

    /// Whether that was the last.
    fn serve(&mut self, jobs: Vec<Job>) -> bool {
        // Known first, as a file that cannot be opened must not keep anybody from closing it.
        let closing = jobs.iter().any(|job| matches!(job, Job::Close));
        let mut told = Vec::new();
        let done = self.transact(|log| {
            for job in jobs {
                match job {
                    Job::Note(decided) => {
                        let (at, rules) = (decided.at(), decided.rules().clone());
                        log.put(&decided.record(), at, &rules)?;
                    }
                    Job::Say { say, now, told: who } => told.push((who, log.say(&say, now)?)),
                    Job::Keep(learned) => log.keep(&learned)?,
                    Job::Close => {}
                }
            }
            Ok(())
        });
        if let Err(error) = &done {
            tracing::error!(%error, file = %self.path.display(), "decisions cannot be written or read");
            // Opened anew next time.
            self.log = None;
        }
        // Who does not wait any more needs no word; who still does hears by the end of his channel that it failed.
        for (who, said) in told {
            let said = said.ok_or(SayError::Unknown);
            drop(who.send(match &done {
                Ok(()) => said,
                Err(error) => Err(SayError::Down(error.to_string())),
            }));
        }
        closing
    }

    /// Does all of it or none.
    fn transact(&mut self, work: impl FnOnce(&mut Log) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let log = match self.log.take() {
            Some(log) => log,
            None => Log::open(&self.path)?,
        };
        self.log.insert(log).transact(work)
    }
}
