//! Answers under idempotency keys of one node: in a file of their own beside the ledger's.
//!
//! Not in the ledger's, though that is SQLite as well. What customers were told is nothing for those who are handed the books,
//! it is worth nothing after a day, and it would have to wait for the ledger's own writes, which are large. So it has a file that can be
//! removed at any time between two runs: then keys are new again.
//!
//! One thread has the file and does what has gathered in one transaction. Nobody is here but requests with a key. Which
//! requests are being answered is in memory: they are gone with the process.

use super::Leaving;
use crate::net::NativeClock;
use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot;
use policy::{Digest, IdempotencySetting, Slot};
use relay::answers::{Answers, AnswersDown, Claim, Flight, Flights};
use relay::ports::Clock as _;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use vocab::{Duration, Instant};

/// Done in one transaction.
const BATCH: usize = 256;
/// How often what is too old is removed, at least.
const TIDY: Duration = Duration::from_secs(60);
const VERSION: i64 = 1;
/// SQLite's log, moved into the file at so many pages of 4 KiB.
const LOG_PAGES: i64 = 1_000;

/// The `Answers` port over a file.
pub struct AnswerFile {
    flights: Arc<Flights>,
    path: PathBuf,
    clock: NativeClock,
    desk: Mutex<Desk>,
}

/// A thread costs memory, and most nodes never see a key: there is none before the first.
enum Desk {
    Empty,
    Taken { jobs: Sender<Job>, thread: JoinHandle<()> },
    Closed,
}

type Told<T> = oneshot::Sender<Result<T, String>>;
type Found = Option<(Digest, Bytes)>;

enum Job {
    Find { name: [u8; 32], now: Instant, told: Told<Found> },
    Put { row: Row, told: Told<()> },
}

struct Row {
    name: [u8; 32],
    request: Digest,
    until: Instant,
    answer: Bytes,
    total_max: u64,
}

impl AnswerFile {
    /// Beside the ledger's file. It is made when the first answer is looked for; one that is there is looked through at
    /// once for what is too old.
    pub fn beside(ledger: &Path, clock: NativeClock) -> std::io::Result<Self> {
        let mut path = ledger.as_os_str().to_owned();
        path.push(".answers");
        let path = PathBuf::from(path);
        let (there, desk) = (path.exists(), Mutex::new(Desk::Empty));
        let file = Self { flights: Arc::default(), path, clock, desk };
        if there {
            file.jobs()?;
        }
        Ok(file)
    }

    /// Where work goes; None once it is closed.
    fn jobs(&self) -> std::io::Result<Option<Sender<Job>>> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*desk, Desk::Empty) {
            let (jobs, work) = channel();
            let keeper = Keeper { path: self.path.clone(), clock: self.clock, file: None };
            let thread = std::thread::Builder::new().name("weir-answers".into());
            *desk = Desk::Taken { jobs, thread: thread.spawn(move || keeper.run(&work))? };
        }
        Ok(if let Desk::Taken { jobs, .. } = &*desk { Some(jobs.clone()) } else { None })
    }

    /// Does what is left to be done, and closes the file.
    pub fn close(&self) {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::replace(&mut *desk, Desk::Closed);
        drop(desk);
        let Desk::Taken { jobs, thread } = taken else { return };
        drop(jobs);
        if thread.join().is_err() {
            tracing::error!("the file of answers was not closed in peace");
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Told<T>) -> Job) -> Result<T, AnswersDown> {
        let (told, answer) = oneshot::channel();
        let jobs = self.jobs().map_err(|e| AnswersDown(format!("there is no thread for answers: {e}")))?;
        let sent = jobs.is_some_and(|jobs| jobs.send(job(told)).is_ok());
        let closed = || AnswersDown("the file of answers is closed".into());
        if !sent {
            return Err(closed());
        }
        answer.await.map_err(|_| closed())?.map_err(AnswersDown)
    }
}

#[async_trait]
impl Answers for AnswerFile {
    async fn claim(
        &self,
        slot: &Slot,
        request: &Digest,
        now: Instant,
        _: Instant,
    ) -> Result<Claim, AnswersDown> {
        let number = match self.flights.begin(slot, request) {
            Flight::Yours(number) => number,
            Flight::Busy { request, over } => return Ok(Claim::Busy { request, over }),
        };
        // Whoever leaves while the file is looked at leaves the name behind.
        let leaving = Leaving::new(&self.flights, slot, number);
        let name = *slot.name();
        match self.ask(|told| Job::Find { name, now, told }).await? {
            Some((request, answer)) => Ok(Claim::Kept { request, answer }),
            None => {
                leaving.stays();
                Ok(Claim::Yours(number))
            }
        }
    }

    async fn keep(
        &self,
        slot: &Slot,
        number: u64,
        request: &Digest,
        answer: Bytes,
        rules: &IdempotencySetting,
        now: Instant,
    ) -> Result<(), AnswersDown> {
        let _leaving = Leaving::new(&self.flights, slot, number);
        if !self.flights.has(slot, number) {
            return Ok(());
        }
        let (name, request, until, total_max) =
            (*slot.name(), *request, now.after(rules.ttl()), rules.total_max);
        self.ask(|told| Job::Put { row: Row { name, request, until, answer, total_max }, told }).await
    }

    async fn give_up(&self, slot: &Slot, number: u64) {
        self.flights.end(slot, number);
    }
}

/// Who has the file.
struct Keeper {
    path: PathBuf,
    clock: NativeClock,
    file: Option<Kept>,
}

/// The file, and what is in it.
struct Kept {
    connection: Connection,
    bytes: u64,
}

impl Keeper {
    fn run(mut self, work: &Receiver<Job>) {
        if self.path.exists() {
            self.tidy();
        }
        loop {
            match work.recv_timeout(TIDY) {
                Ok(first) => {
                    let jobs = std::iter::once(first).chain(work.try_iter()).take(BATCH).collect();
                    self.serve(jobs);
                }
                Err(RecvTimeoutError::Timeout) if self.file.is_some() => self.tidy(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let now = self.clock.now();
        let done = match self.file() {
            Ok(file) => file.serve(jobs, now),
            Err(error) => {
                let why = error.to_string();
                jobs.into_iter().for_each(|job| job.fail(&why));
                Err(error)
            }
        };
        self.unless_broken(done);
    }

    fn tidy(&mut self) {
        let now = self.clock.now();
        let done = self.file().and_then(|file| file.forget_old(now));
        self.unless_broken(done);
    }

    /// A file that failed is opened anew next time.
    fn unless_broken(&mut self, done: rusqlite::Result<()>) {
        if let Err(error) = done {
            tracing::error!(%error, file = %self.path.display(), "answers cannot be kept or read");
            self.file = None;
        }
    }

    fn file(&mut self) -> rusqlite::Result<&mut Kept> {
        let kept = match self.file.take() {
            Some(kept) => kept,
            None => Kept::open(&self.path)?,
        };
        Ok(self.file.insert(kept))
    }
}

impl Job {
    fn fail(self, why: &str) {
        // Who does not wait any more needs no word.
        match self {
            Self::Find { told, .. } => drop(told.send(Err(why.into()))),
            Self::Put { told, .. } => drop(told.send(Err(why.into()))),
        }
    }
}

impl Kept {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        // What customers were told is nobody else's on this machine. Where this fails, opening it says why.
        drop(File::options().create(true).truncate(false).write(true).mode(0o600).open(path));
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A killed process loses nothing of what was committed; a power cut may take the last of it.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "secure_delete", "fast")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            // Of another layout: keys are new again.
            connection.execute_batch(
                "DROP TABLE IF EXISTS answer;
                 CREATE TABLE answer (place INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, request BLOB NOT NULL,
                     until INTEGER NOT NULL, size INTEGER NOT NULL, answer BLOB NOT NULL);
                 CREATE INDEX answer_until ON answer (until, size);",
            )?;
            connection.pragma_update(None, "user_version", VERSION)?;
        }
        let bytes = connection.query_row("SELECT coalesce(sum(size), 0) FROM answer", (), unsigned)?;
        Ok(Self { connection, bytes })
    }

    /// Does all of it or none. Who waits hears of it when it is in the file.
    fn serve(&mut self, jobs: Vec<Job>, now: Instant) -> rusqlite::Result<()> {
        let mut told = Vec::with_capacity(jobs.len());
        let mut found = Vec::new();
        let mut failed: Option<String> = None;
        let before = self.bytes;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for job in jobs {
            let done = match (job, &failed) {
                (job, Some(why)) => {
                    job.fail(why);
                    continue;
                }
                (Job::Find { name, now, told }, None) => {
                    self.find(&name, now).map(|row| found.push((told, row)))
                }
                (Job::Put { row, told: who }, None) => self.put(&row, now).map(|()| told.push(who)),
            };
            if let Err(error) = done {
                failed = Some(error.to_string());
            }
        }
        let ended = match &failed {
            None => self.connection.execute_batch("COMMIT"),
            Some(_) => self.connection.execute_batch("ROLLBACK"),
        };
        if let Err(error) = &ended {
            failed = Some(error.to_string());
        }
        if failed.is_some() {
            self.bytes = before;
        }
        let outcome = failed.map_or(Ok(()), Err);
        for (who, row) in found {
            drop(who.send(outcome.clone().map(|()| row)));
        }
        for who in told {
            drop(who.send(outcome.clone()));
        }
        ended
    }

    fn find(&self, name: &[u8; 32], now: Instant) -> rusqlite::Result<Found> {
        let mut find = self
            .connection
            .prepare_cached("SELECT request, answer FROM answer WHERE name = ?1 AND until > ?2")?;
        let row = find.query_row(params![name, micros(now)], |row| {
            let (request, answer): ([u8; 32], Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((Digest::from_bytes(request), Bytes::from(answer)))
        });
        row.optional()
    }

    fn put(&mut self, row: &Row, now: Instant) -> rusqlite::Result<()> {
        let size = row.answer.len() as u64;
        self.remove("DELETE FROM answer WHERE name = ?1 RETURNING size", params![row.name])?;
        let mut put = self.connection.prepare_cached(
            "INSERT INTO answer (name, request, until, size, answer) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        put.execute(params![
            row.name,
            row.request.bytes(),
            micros(row.until),
            size.cast_signed(),
            &*row.answer
        ])?;
        drop(put);
        self.bytes += size;
        self.forget_old(now)?;
        const OLDEST: &str =
            "DELETE FROM answer WHERE place = (SELECT min(place) FROM answer) RETURNING size";
        while self.bytes > row.total_max && self.remove(OLDEST, ())? {}
        Ok(())
    }

    fn forget_old(&mut self, now: Instant) -> rusqlite::Result<()> {
        self.remove("DELETE FROM answer WHERE until <= ?1 RETURNING size", params![micros(now)]).map(drop)
    }

    /// Whether there was anything to remove.
    fn remove(&mut self, sql: &str, of: impl rusqlite::Params) -> rusqlite::Result<bool> {
        let mut remove = self.connection.prepare_cached(sql)?;
        let sizes: Vec<u64> = remove.query_map(of, unsigned)?.collect::<Result<_, _>>()?;
        self.bytes = self.bytes.saturating_sub(sizes.iter().sum());
        Ok(!sizes.is_empty())
    }
}

fn unsigned(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
