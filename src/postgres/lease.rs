//! Holds without asking: a node's slice of a balance, and what it has promised of it.
//!
//! An account with a lot left gives a node that uses it a slice (`billing::Slices`), set aside in PostgreSQL behind the account's
//! lock before anything is held against it. Out of it requests are held here and now, and their entries are written by the next
//! transaction, in the order in which things happened. So a request goes upstream while its hold is being written, and waits for
//! that before the first byte of its answer leaves ([`Promises`]).
//!
//! - Nobody overspends, whatever dies: what is set aside for one is nobody else's.
//! - A slice that was not confirmed for [`USE`] is not used any more. One that was not used for [`LINGER`] goes back, and so does
//!   every one when somebody is short of money: he is not refused before.
//! - A node that dies leaves its slice, an eighth of what was free at most. A minute after it was heard of last the next one who asks
//!   something of the account takes it back.
//! - An id that its caller chose is not held like this: the record may know something of it. Of one that does by chance nothing is
//!   answered.

use super::Inner;
use super::desk::{Cell, Effect, Job, State, What};
use billing::Op;
use foldhash::HashMap;
use relay::ports::{BooksError, Mark, Posted};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant as Moment;
use vocab::{Instant, Pico};

/// How long a slice is used after the transaction that confirmed it began.
const USE: Duration = Duration::from_secs(2);
/// How long after the last hold a slice is kept for the next.
const LINGER: Duration = Duration::from_secs(1);
/// How often it is looked after slices, and how old the last word of one may be.
const LOOK: Duration = Duration::from_millis(250);
const OLD: Duration = Duration::from_millis(500);
/// A slice is asked for that is worth so many requests like the first, or like the largest of late;
const WORTH: i128 = 64;
/// and so many times what was held since the last transaction.
const AHEAD: i128 = 4;
/// Promises that could not be kept and that nobody asked for are remembered up to this many.
const BROKEN: usize = 10_000;

/// The slice of an account that this node has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    left: Pico,
    until: Moment,
    /// When something was held against it last, and what all and the largest came to since the last transaction.
    used: Moment,
    spent: Pico,
    largest: Pico,
    /// Not to be used any more, and to be given back.
    over: bool,
}

impl Lease {
    fn spend(&mut self, amount: Pico, now: Moment) -> bool {
        if self.over || now > self.until || amount > self.left {
            return false;
        }
        self.left = self.left.minus(amount);
        self.used = now;
        self.spent = self.spent.plus(amount);
        self.largest = self.largest.max(amount);
        true
    }
}

fn times(amount: Pico, times: i128) -> Pico {
    Pico(amount.0.saturating_mul(times))
}

/// What a hold that may come out of a slice sets aside: one that no budget has to be looked at for.
fn may_lease(op: &Op) -> Option<(&str, Pico)> {
    match op {
        Op::Hold { id, amount, caps, .. } if caps.is_empty() => Some((id, *amount)),
        _ => None,
    }
}

impl State {
    /// What slice is wanted: one to begin with, another, none any more. None: nothing is said of it.
    pub fn wanted(&mut self) -> Option<Pico> {
        let keen = self.keen.take();
        match &mut self.lease {
            None => keen.filter(|amount| *amount > Pico::ZERO).map(|amount| times(amount, WORTH)),
            // What was held against it has to be told before it can go back.
            Some(lease) if lease.over => {
                let told = self.waiting.iter().all(|job| job.leased.is_none());
                told.then_some(Pico::ZERO)
            }
            Some(lease) => {
                let (spent, largest) = (std::mem::take(&mut lease.spent), std::mem::take(&mut lease.largest));
                let want = times(spent, AHEAD).max(times(largest, WORTH)).max(lease.left);
                Some(want).filter(|want| *want > Pico::ZERO)
            }
        }
    }

    /// What was given, by a transaction that began then.
    pub fn given(&mut self, given: Option<Pico>, wanted: Option<Pico>, begun: Moment) {
        let Some(wanted) = wanted else { return };
        match (&mut self.lease, given) {
            (Some(_), None) if wanted <= Pico::ZERO => self.lease = None,
            (Some(lease), None) => lease.over = true,
            (lease, Some(left)) => {
                // What was held against it since is not told yet.
                let since =
                    self.waiting.iter().filter(|job| job.leased.is_some()).map(|job| aside(&job.what)).sum();
                let until = begun + USE;
                let before = lease.unwrap_or(Lease {
                    left: Pico::ZERO,
                    until,
                    used: begun,
                    spent: Pico::ZERO,
                    largest: Pico::ZERO,
                    over: false,
                });
                *lease = Some(Lease { left: left.minus(since), until, ..before });
            }
            (None, None) => {}
        }
    }

    /// Whether something is to be said of its slice now.
    fn tells(&mut self, now: Moment, closing: bool) -> bool {
        let Some(lease) = &mut self.lease else { return false };
        lease.over |= closing || now > lease.until || now.saturating_duration_since(lease.used) >= LINGER;
        let heard = lease.until.checked_sub(USE).unwrap_or(lease.until);
        closing || !self.queued && (lease.over || now.saturating_duration_since(heard) >= OLD)
    }
}

/// What a job sets aside.
pub(super) fn aside(what: &What) -> Pico {
    match what {
        What::Op(Op::Hold { amount, .. }) => *amount,
        What::Op(Op::Extend { more, .. }) => *more,
        _ => Pico::ZERO,
    }
}

/// Holds that were told of before they were written.
#[derive(Default)]
pub(super) struct Promises {
    last: u64,
    /// With who waits for each.
    open: HashMap<u64, Vec<oneshot::Sender<Result<(), BooksError>>>>,
    broken: BTreeMap<u64, BooksError>,
}

impl Promises {
    fn make(&mut self) -> u64 {
        self.last += 1;
        self.open.insert(self.last, Vec::new());
        self.last
    }

    /// It is written, or never will be.
    pub fn end(&mut self, mark: u64, how: Result<(), BooksError>) {
        for waiting in self.open.remove(&mark).unwrap_or_default() {
            // Whoever has left needs no word.
            let _ = waiting.send(how.clone());
        }
        if let Err(error) = how {
            self.broken.insert(mark, error);
            if self.broken.len() > BROKEN {
                self.broken.pop_first();
            }
        }
    }

    pub fn end_all(&mut self, why: &str) {
        for mark in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(mark, Err(BooksError::Down(why.into())));
        }
    }
}

impl Inner {
    /// Holds out of this node's slice, where there is one with so much in it.
    pub(super) fn hold_at_once(
        &self,
        account: &str,
        op: Op,
        now: Instant,
    ) -> Result<Result<Posted, BooksError>, Op> {
        let Some((id, amount)) = may_lease(&op) else { return Err(op) };
        if self.waiting.load(Ordering::Acquire) >= self.options.waiting / 2
            || self.closing.load(Ordering::Acquire)
        {
            return Err(op);
        }
        let found = self.desk().find(account);
        let Some(cell) = found else { return Err(op) };
        let mut state = cell.lock();
        let known = state.own.contains_key(id) || state.told.contains_key(id);
        let spent = state.lease.as_mut().is_some_and(|lease| !known && lease.spend(amount, Moment::now()));
        if !spent {
            state.keen = Some(amount);
            return Err(op);
        }
        let mark = self.promises().make();
        let effect = Effect { back: Pico::ZERO.minus(amount), settled: Pico::ZERO };
        state.expect(effect);
        state.own.insert(id.to_owned(), amount);
        state.told.insert(id.to_owned(), mark);
        let balance = state.shown();
        drop(state);
        let mut job = Job::new(What::Op(op), now, None);
        (job.effect, job.leased) = (effect, Some(mark));
        self.push(&cell, [job]);
        Ok(Ok(Posted { balance, fresh: true, mark: Mark(mark) }))
    }

    /// Returns when what was promised is so.
    pub(super) async fn kept(&self, mark: Mark) -> Result<(), BooksError> {
        let told = {
            let mut promises = self.promises();
            if let Some(error) = promises.broken.remove(&mark.0) {
                return Err(error);
            }
            let Some(waiting) = promises.open.get_mut(&mark.0) else { return Ok(()) };
            let (tell, told) = oneshot::channel();
            waiting.push(tell);
            told
        };
        match tokio::time::timeout(self.options.patience, told).await {
            Ok(Ok(how)) => how,
            Ok(Err(_)) => Err(BooksError::Down("the ledger is closed".into())),
            Err(_) => Err(BooksError::Down("PostgreSQL does not answer in time".into())),
        }
    }

    /// Looks after the slices that this node has: each is told of now and then, and goes back when it is time.
    pub(super) fn tell_leases(&self, closing: bool) {
        let now = Moment::now();
        let cells: Vec<Arc<Cell>> = self.desk().all();
        for cell in cells {
            let tells = cell.lock().tells(now, closing);
            if tells {
                self.push(&cell, [Job::new(What::Slice, Instant::ZERO, None)]);
            }
        }
    }
}

/// Looks after slices, for ever.
pub(super) async fn tend(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        inner.tell_leases(false);
    }
}
