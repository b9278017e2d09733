//! One account's books: `billing`'s state machine over a storage that keeps what it decides.
//!
//! An object of the platform has one of these; it runs one call at a time, so the account's decisions are serialised.
//! Nothing here waits for anything.

mod import;
mod letter;
mod shelf;
#[cfg(test)]
mod tests;

pub use import::{Import, Imported, import};
pub use letter::{Done, Found, Letter, Post, Progress, Read, Reply, Verified};
pub use shelf::{Shelf, note};

use billing::{Account, Entry, Op, Tally};
use relay::config::Terms;
use std::fmt;
use vocab::{Duration, Instant, Pico};

/// A tally is noted every so many entries, so that waking up walks no more than these.
const TALLY_EVERY: u64 = 256;

/// Entries are read that many at a time where all of them are walked.
const PAGE: usize = 512;

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
        Ok(Self { shelf, account: Account::resume(tally, None) })
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
    pub fn serve(&mut self, letter: Letter) -> Result<Reply, Broken> {
        let Letter { terms, posts, progress, read, .. } = letter;
        let mut posted = Vec::with_capacity(posts.len());
        let mut fresh = Vec::with_capacity(posts.len());
        self.account.set_overdraft(terms.overdraft);
        for Post { now, op } in posts {
            self.greet(terms, now, &mut fresh)?;
            posted.push(self.post(op, now, &mut fresh)?);
        }
        self.keep(&fresh)?;
        for at in progress {
            self.hear(&at)?;
        }
        let found = read.map(|read| self.read(read, terms)).transpose()?;
        Ok(Reply { posted, found })
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
        for op in orphans {
            // One that cannot be settled stays, for a person to see.
            let _refused = self.post(op, now, &mut fresh)?;
        }
        self.keep(&fresh)?;
        Ok(fresh.len())
    }

    /// When the first lease ends.
    pub fn lease_ends(&self) -> Option<Instant> {
        self.account.tally().open.values().map(|open| open.lease_until).min()
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
        let _refused = self.post(Op::Grant { id, amount: terms.opening, reason }, now, fresh)?;
        Ok(())
    }

    fn post(
        &mut self,
        op: Op,
        now: Instant,
        fresh: &mut Vec<Entry>,
    ) -> Result<Result<Done, billing::Refusal>, Broken> {
        let id = op.id().to_owned();
        let open = self.account.open(&id).is_some();
        let past = if open { vec![] } else { self.past(&id, fresh)? };
        let applied = match self.account.apply(op, &past, now) {
            Ok(applied) => applied,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let balance = applied.balance;
        let Some(entry) = applied.entry else { return Ok(Ok(Done { balance, fresh: false })) };
        if open && entry.kind.ends() {
            self.shelf.drop_note(&note::progress(&id)).map_err(storage)?;
        }
        fresh.push(entry);
        Ok(Ok(Done { balance, fresh: true }))
    }

    /// What the record holds of an id that has no open hold, what is just being written included.
    fn past(&self, id: &str, fresh: &[Entry]) -> Result<Vec<Entry>, Broken> {
        let just = fresh.iter().find(|e| e.op_id == id && e.kind.ends());
        let kept = if just.is_none() { self.shelf.end(id).map_err(storage)? } else { None };
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
                    None => self.past(&id, &[])?,
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
