//! One account's books: `billing`'s state machine over a storage that keeps what it decides.
//!
//! An object of the platform has one of these; it runs one call at a time, so the account's decisions are serialised.
//! Nothing here waits for anything.

mod answers;
mod counts;
mod import;
mod letter;
mod shelf;
#[cfg(test)]
mod tests;

pub use answers::{ANSWER_MAX, Asking, Hole, Holes, Told, What, answers};
pub use counts::{Count, Counted, Counts};
pub use import::{Import, Imported, import};
pub use letter::{Done, Found, Letter, Post, Progress, Read, Reply, Slice, Verified};
#[cfg(test)]
pub use shelf::memory;
pub use shelf::{Shelf, note};

use billing::{Account, Entry, Line, Op, Refusal, Slices, Tally};
use relay::config::Terms;
use std::collections::BTreeSet;
use std::fmt;
use vocab::{Duration, Instant, Pico, Usage};

/// A tally is noted every so many entries, so that waking up walks no more than these.
const TALLY_EVERY: u64 = 256;

/// Entries are read that many at a time where all of them are walked.
const PAGE: usize = 512;

/// The outcome on the line of what was never heard of again.
const ORPHAN: &str = "orphan";

/// Most entries that one read gives.
const READ_MAX: usize = 1_000;

/// Why the books cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// The storage failed. What is in memory may be ahead of it, so the desk is to be opened anew.
    Storage(String),
    /// The record itself is bad: nothing may be added to it.
    Record(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(why) => write!(f, "the storage failed: {why}"),
            Self::Record(why) => write!(f, "the record is damaged: {why}"),
        }
    }
}

/// See the module.
pub struct Desk<S> {
    shelf: S,
    account: Account,
    slices: Slices,
    /// Requests of which it may be noted how far they had come.
    noted: BTreeSet<String>,
}

impl<S: Shelf> Desk<S> {
    /// Takes an account up where its record left it.
    pub fn open(mut shelf: S, name: &str) -> Result<Self, Broken> {
        match shelf.note(note::NAME).map_err(storage)? {
            Some(known) if known != name => {
                return Err(Broken::Record(format!("it is {known}'s, and was asked for as {name}'s")));
            }
            Some(_) => {}
            None => shelf.take_note(note::NAME, name).map_err(storage)?,
        }
        let tally = match noted_tally(&shelf, name)? {
            Some(tally) => tally,
            None => Tally::new(name),
        };
        let tally = walk(&shelf, tally)?;
        let slices = match shelf.note(note::SLICES).map_err(storage)? {
            // A note that cannot be read sets nothing aside: it is not the record.
            Some(text) => serde_json::from_str(&text).unwrap_or_default(),
            None => Slices::default(),
        };
        let noted = tally.open.keys().cloned().collect();
        Ok(Self { shelf, account: Account::resume(tally, None), slices, noted })
    }

    pub const fn shelf(&self) -> &S {
        &self.shelf
    }

    pub const fn shelf_mut(&mut self) -> &mut S {
        &mut self.shelf
    }

    pub fn name(&self) -> &str {
        self.account.name()
    }

    /// The `seq` of the last entry.
    pub const fn seq(&self) -> u64 {
        self.account.tally().seq
    }

    /// Does all that a letter asks. After an error the desk is to be opened anew.
    pub fn serve(&mut self, letter: Letter, now: Instant) -> Result<Reply, Broken> {
        let Letter { terms, posts, progress, read, slice, quiet, .. } = letter;
        let mut reply = Reply::default();
        let mut fresh = Vec::with_capacity(posts.len());
        let mut told = Pico::ZERO;
        let of = slice.as_ref().map_or("", |slice| &slice.of);
        let ended = self.ended_among(&posts)?;
        for Post { now: at, op, leased } in posts {
            self.greet(terms, at, &mut fresh)?;
            let (amount, estimate) = set_aside(&op);
            let covered = leased && self.slices.covers(of, amount);
            let id = if quiet { op.id().to_owned() } else { String::new() };
            // What is set aside for isolates is nobody else's.
            let rest = terms.overdraft.map(|overdraft| overdraft.minus(self.slices.total()));
            self.account.set_overdraft(if covered { None } else { rest });
            let done = self.post(op, at, &ended, &mut fresh)?;
            if covered && done.as_ref().is_ok_and(|done| done.fresh) {
                self.slices.spend(of, amount);
                told = told.plus(estimate);
            }
            if matches!(done, Err(Refusal::Poor { .. })) {
                reply.wait |= self.slices.tighten(now);
            }
            match done {
                done if !quiet => reply.posted.push(done),
                Err(refusal) => reply.refused.push((id, refusal)),
                Ok(_) => {}
            }
        }
        reply.balance = self.account.balance();
        if let Some(slice) = &slice {
            let free = terms
                .overdraft
                .map(|overdraft| reply.balance.available().plus(overdraft).minus(self.slices.total()));
            reply.slice = self.slices.ask(&slice.of, slice.want, free, told, now);
        }
        self.keep(&fresh)?;
        self.note_slices()?;
        for at in progress {
            self.hear(&at)?;
        }
        reply.found = read.map(|read| self.read(read, terms)).transpose()?;
        Ok(reply)
    }

    /// Which of the requests that begin here were told of before: asked once for all of them.
    fn ended_among(&self, posts: &[Post]) -> Result<BTreeSet<String>, Broken> {
        let closed = posts.iter().map(|post| post.op.id()).filter(|id| self.account.open(id).is_none());
        let mut ids: Vec<&str> = closed.collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() { Ok(BTreeSet::new()) } else { self.shelf.ended_of(&ids).map_err(storage) }
    }

    fn note_slices(&mut self) -> Result<(), Broken> {
        match self.slices.news() {
            None => Ok(()),
            Some(none) if none.is_empty() => self.shelf.drop_note(note::SLICES).map_err(storage),
            Some(text) => self.shelf.take_note(note::SLICES, &text).map_err(storage),
        }
    }

    /// Settles the holds whose lease has ended at `now`: at what is known of them, else at their estimate, marked.
    /// With `unheard`, also those of which nothing was heard for that long, whatever their lease says.
    pub fn sweep(&mut self, now: Instant, unheard: Option<Duration>) -> Result<usize, Broken> {
        let mut fresh = Vec::new();
        let since = |at: Instant| unheard.is_some_and(|span| at.after(span) <= now);
        let mut orphans = Vec::new();
        // All of them at their estimate; which of them are orphans is looked at one by one.
        for op in self.account.orphans(Instant::from_micros(u64::MAX)) {
            let Some(open) = self.account.open(op.id()) else { continue };
            let heard = self.progress(op.id())?;
            let late = open.lease_until <= now;
            let begun = || -> Result<Option<Instant>, Broken> {
                let hold = self.shelf.entries(open.seq - 1, 1).map_err(storage)?;
                Ok(hold.first().map(|hold| hold.time))
            };
            let last = match &heard {
                Some(progress) => Some(progress.at),
                None if unheard.is_some() => begun()?,
                None => None,
            };
            if late || last.is_some_and(since) {
                orphans.push(match heard {
                    Some(Progress { id, lines, .. }) => Op::Settle { id, lines, estimated: true },
                    None => op,
                });
            }
        }
        let ended = BTreeSet::new();
        for op in orphans {
            // One that cannot be settled stays, for a person to see.
            let _refused = self.post(op, now, &ended, &mut fresh)?;
        }
        for (id, owed) in self.slices.lost(now, unheard) {
            self.owe(id, owed, now, &mut fresh)?;
        }
        self.keep(&fresh)?;
        self.note_slices()?;
        Ok(fresh.iter().filter(|entry| entry.kind.ends()).count())
    }

    /// What an isolate may have begun and never told of: a hold out of what was its slice, settled at once, marked.
    fn owe(&mut self, id: String, owed: Pico, now: Instant, fresh: &mut Vec<Entry>) -> Result<(), Broken> {
        if owed <= Pico::ZERO {
            return Ok(());
        }
        // It was set aside until just now, so it is there.
        self.account.set_overdraft(None);
        let (ended, tags) = (BTreeSet::new(), String::new());
        let hold =
            Op::Hold { id: id.clone(), amount: owed, estimate: owed, lease_until: now, tags, caps: vec![] };
        let usage = Usage { estimated: true, ..Usage::default() };
        let (provider, model) = ("".into(), "".into());
        let line = Line { provider, model, usage, price: None, amount: owed, outcome: ORPHAN.into() };
        for op in [hold, Op::Settle { id, lines: vec![line], estimated: true }] {
            // One that is refused was done before.
            let _refused = self.post(op, now, &ended, fresh)?;
        }
        Ok(())
    }

    /// When the first lease ends, of a hold or of a slice.
    pub fn lease_ends(&self) -> Option<Instant> {
        let holds = self.account.tally().open.values().map(|open| open.lease_until).min();
        holds.into_iter().chain(self.slices.end()).min()
    }

    /// Entries that were not copied yet, oldest first.
    pub fn uncopied(&self, limit: usize) -> Result<Vec<Entry>, Broken> {
        self.shelf.entries(self.copied()?, limit).map_err(storage)
    }

    /// Up to where the record was copied.
    pub fn copied(&self) -> Result<u64, Broken> {
        let noted = self.shelf.note(note::COPIED).map_err(storage)?;
        Ok(noted.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    pub fn was_copied(&mut self, to: u64) -> Result<(), Broken> {
        self.shelf.take_note(note::COPIED, &to.to_string()).map_err(storage)
    }

    /// Walks the whole record as if nothing were known of it.
    pub fn verify(&self) -> Result<Verified, Broken> {
        let mut tally = Tally::new(self.name());
        loop {
            let page = self.shelf.entries(tally.seq, PAGE).map_err(storage)?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                if let Err(bad) = tally.step(&entry) {
                    return Ok(Verified::bad(tally.summary(), &bad));
                }
            }
        }
        let known = self.account.tally();
        if (tally.seq, tally.head) != (known.seq, known.head) {
            let expected = known.seq;
            let flaw = billing::Flaw::CutOff { expected };
            let bad = billing::BadEntry { account: self.name().into(), seq: tally.seq, flaw };
            return Ok(Verified::bad(tally.summary(), &bad));
        }
        Ok(tally.summary().into())
    }

    /// The opening credit, before an account's first operation.
    fn greet(&mut self, terms: Terms, now: Instant, fresh: &mut Vec<Entry>) -> Result<(), Broken> {
        if self.seq() > 0 || terms.opening <= Pico::ZERO {
            return Ok(());
        }
        let (id, reason) = ("opening".into(), "opening credit".into());
        // An amount that cannot be granted: the account goes without, as it would without the setting.
        let grant = Op::Grant { id, amount: terms.opening, reason };
        let _refused = self.post(grant, now, &BTreeSet::new(), fresh)?;
        Ok(())
    }

    /// `ended`: ids that the shelf has an end of.
    fn post(
        &mut self,
        op: Op,
        now: Instant,
        ended: &BTreeSet<String>,
        fresh: &mut Vec<Entry>,
    ) -> Result<Result<Done, Refusal>, Broken> {
        let id = op.id().to_owned();
        let open = self.account.open(&id).is_some();
        let past = if open { vec![] } else { self.past(&id, ended.contains(&id), fresh)? };
        let applied = match self.account.apply(op, &past, now) {
            Ok(applied) => applied,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let balance = applied.balance;
        let Some(entry) = applied.entry else { return Ok(Ok(Done { balance, fresh: false })) };
        if open && entry.kind.ends() && self.noted.remove(&id) {
            self.shelf.drop_note(&note::progress(&id)).map_err(storage)?;
        }
        fresh.push(entry);
        Ok(Ok(Done { balance, fresh: true }))
    }

    /// What the record holds of an id that has no open hold, what is just being written included. `ended`: the shelf may
    /// have an end of it.
    fn past(&self, id: &str, ended: bool, fresh: &[Entry]) -> Result<Vec<Entry>, Broken> {
        let just = fresh.iter().find(|e| e.op_id == id && e.kind.ends());
        let kept = if just.is_none() && ended { self.shelf.end(id).map_err(storage)? } else { None };
        // It may have begun before what is just being written.
        let mut past = match kept.as_ref().or(just) {
            Some(end) => {
                let hold = hold_of(end).unwrap_or(end.seq);
                self.shelf.of(id, hold.saturating_sub(1), end.seq).map_err(storage)?
            }
            None => vec![],
        };
        past.extend(fresh.iter().filter(|e| e.op_id == id).cloned());
        Ok(past)
    }

    fn keep(&mut self, fresh: &[Entry]) -> Result<(), Broken> {
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return Ok(()) };
        self.shelf.append(fresh).map_err(storage)?;
        if (first.seq - 1) / TALLY_EVERY != last.seq / TALLY_EVERY {
            self.note_tally()?;
        }
        Ok(())
    }

    fn note_tally(&mut self) -> Result<(), Broken> {
        let text = serde_json::to_string(self.account.tally()).map_err(storage)?;
        self.shelf.take_note(note::TALLY, &text).map_err(storage)
    }

    /// Takes down how far a request has come. One that has ended needs no note.
    fn hear(&mut self, progress: &Progress) -> Result<(), Broken> {
        if self.account.open(&progress.id).is_none() {
            return Ok(());
        }
        let text = serde_json::to_string(progress).map_err(storage)?;
        self.noted.insert(progress.id.clone());
        self.shelf.take_note(&note::progress(&progress.id), &text).map_err(storage)
    }

    fn progress(&self, id: &str) -> Result<Option<Progress>, Broken> {
        let noted = self.shelf.note(&note::progress(id)).map_err(storage)?;
        // One that cannot be read is none: the estimate stands in for it.
        Ok(noted.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn read(&self, read: Read, terms: Terms) -> Result<Found, Broken> {
        Ok(match read {
            Read::Balance => {
                let mut balance = self.account.balance();
                if self.seq() == 0 {
                    balance.granted = terms.opening;
                }
                Found::Balance(balance)
            }
            Read::Budgets => Found::Budgets(self.account.tally().budgets.clone()),
            Read::Entries { after, limit } => {
                Found::Entries(self.shelf.entries(after, limit.min(READ_MAX)).map_err(storage)?)
            }
            Read::Ended { before, limit } => {
                Found::Entries(self.shelf.ended(before, limit.min(READ_MAX)).map_err(storage)?)
            }
            Read::OfRequest { id } => {
                let open = self.account.open(&id).map(|open| open.seq);
                let past = match open {
                    Some(hold) => self.shelf.of(&id, hold.saturating_sub(1), self.seq()).map_err(storage)?,
                    None => self.past(&id, true, &[])?,
                };
                Found::Entries(past)
            }
            Read::Spent { from } => {
                let before = self.shelf.settled_before(from).map_err(storage)?;
                Found::Spent(self.account.balance().settled.minus(before))
            }
            Read::Verify => Found::Verified(self.verify()?),
        })
    }
}

/// What an operation sets aside, and what it is expected to come to.
const fn set_aside(op: &Op) -> (Pico, Pico) {
    match op {
        Op::Hold { amount, estimate, .. } => (*amount, *estimate),
        Op::Extend { more, .. } => (*more, Pico::ZERO),
        _ => (Pico::ZERO, Pico::ZERO),
    }
}

/// The tally that was noted, if it fits the record.
fn noted_tally<S: Shelf>(shelf: &S, name: &str) -> Result<Option<Tally>, Broken> {
    let Some(text) = shelf.note(note::TALLY).map_err(storage)? else { return Ok(None) };
    let Ok(tally) = serde_json::from_str::<Tally>(&text) else { return Ok(None) };
    let at = shelf.entries(tally.seq.saturating_sub(1), 1).map_err(storage)?;
    let fits = at.first().is_some_and(|entry| {
        (entry.seq, entry.hash, entry.balance_after, entry.time)
            == (tally.seq, tally.head, tally.balance, tally.time)
    });
    Ok((fits && tally.account == name && tally.held() == tally.balance.held).then_some(tally))
}

/// Along the record to its end, every entry checked.
fn walk<S: Shelf>(shelf: &S, mut tally: Tally) -> Result<Tally, Broken> {
    loop {
        let page = shelf.entries(tally.seq, PAGE).map_err(storage)?;
        if page.is_empty() {
            return Ok(tally);
        }
        for entry in page {
            tally.step(&entry).map_err(|bad| Broken::Record(bad.to_string()))?;
        }
    }
}

/// The `seq` of the hold that an entry ended.
fn hold_of(entry: &Entry) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Ended {
        hold: u64,
    }
    serde_json::from_str::<Ended>(&entry.detail).ok().map(|ended| ended.hold)
}

fn storage(why: impl fmt::Display) -> Broken {
    Broken::Storage(why.to_string())
}
