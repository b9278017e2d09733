//! From the journal into the database, in few and large transactions.

use super::durable::Durability;
use super::journal::frame::{self, Frame};
use super::journal::record::{self, Bytes, Record};
use super::journal::tail::Found;
use super::journal::trail::{Task, Trail};
use super::journal::{Origin, slot};
use super::pages::Pages;
use super::{StoreError, schema};
use billing::{GENESIS, Hash, Tally};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The connection that writes.
pub(super) struct Folder {
    connection: Connection,
    database: PathBuf,
    /// Whether commits are synced.
    synced: bool,
    /// Up to where the database has it.
    position: u64,
    /// What was read of the journal.
    buffer: Vec<u8>,
}

/// Folds until there is nothing more to come.
pub(super) fn run(
    mut folder: Folder,
    trail: &Trail,
    folded: &std::sync::Arc<Durability>,
) -> Result<(), StoreError> {
    trail.spare();
    while let Some(task) = trail.task() {
        while let Err(error) = folder.fold(&task) {
            // The journal has room for the time that another program needs with the database.
            if !matches!(error, StoreError::Busy) || trail.is_starved() || trail.is_closing() {
                return Err(error);
            }
            tracing::warn!(%error, "entries wait in the journal");
        }
        trail.folded(&task);
        folded.reached(task.to);
        trail.spare();
    }
    if trail.is_whole() { folder.finish() } else { Ok(()) }
}

impl Folder {
    pub fn open(database: &Path, patience: Duration) -> Result<Self, StoreError> {
        let connection = schema::open(database, patience)?;
        Ok(Self { connection, database: database.into(), synced: true, position: 0, buffer: Vec::new() })
    }

    /// Takes up what a process before left in the journal, and begins a new epoch. Returns whose frames are to be written
    /// from now on, and behind which position. `open` is whether any will be.
    pub fn resume(&mut self, open: bool) -> Result<(Origin, u64), StoreError> {
        self.sync_commits(true)?;
        let found = Found::read(&self.database)?;
        let work = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let (before, position, was_open) =
            work.query_row("SELECT store, epoch, position, open FROM journal", (), |row| {
                let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                Ok((Origin { store: number(0)?, epoch: number(1)? }, number(2)?, row.get::<_, bool>(3)?))
            })?;
        if was_open && found.is_empty() {
            tracing::warn!(
                "{} was in use when it was last left, and its journal is not beside it: if that was left behind, \
                 the entries of the last second are missing",
                self.database.display()
            );
        }
        let mut fold = Fold::new(&work, position, true)?;
        for frame in found.after(before, position)? {
            fold.frame(&frame)?;
        }
        let position = fold.end(&[])?;
        let origin = Origin { epoch: before.epoch + 1, ..before };
        work.execute("UPDATE journal SET epoch = ?1, open = ?2", params![origin.epoch.cast_signed(), open])?;
        work.commit()?;
        // Synced as that was, the files are not needed any more. Should one stay, it is of an epoch that is over.
        slot::clear(&self.database)?;
        self.position = position;
        Ok((origin, position))
    }

    fn fold(&mut self, task: &Task) -> Result<(), StoreError> {
        self.sync_commits(task.sync)?;
        let work = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let mut fold = Fold::new(&work, self.position, false)?;
        for (slot, from, end) in &task.stretches {
            let unreadable =
                || StoreError::Corrupt(format!("{} is not as it was written", slot.path.display()));
            let len = usize::try_from(end - from).map_err(|_| unreadable())?;
            if self.buffer.len() < len {
                self.buffer.resize(len, 0);
            }
            let bytes = &mut self.buffer[..len];
            slot.file.read_exact_at(bytes, *from)?;
            let (mut rest, mut at) = (&*bytes, *from);
            while !rest.is_empty() {
                let frame = frame::read(rest, at).ok_or_else(unreadable)?;
                fold.frame(&frame)?;
                at += frame.len as u64;
                rest = &rest[frame.len..];
            }
        }
        let position = fold.end(&task.tallies)?;
        work.commit()?;
        self.position = position;
        Ok(())
    }

    /// All is folded and nothing more comes: the database is all there is. One file is easier to carry about than many.
    fn finish(mut self) -> Result<(), StoreError> {
        self.sync_commits(true)?;
        self.connection.execute("UPDATE journal SET open = 0", ())?;
        slot::clear(&self.database)?;
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())) {
            // It is safe where it is.
            tracing::warn!(%error, "the database's log was not folded into its file");
        }
        Ok(())
    }

    fn sync_commits(&mut self, sync: bool) -> Result<(), StoreError> {
        if self.synced != sync {
            self.connection.pragma_update(None, "synchronous", if sync { "full" } else { "normal" })?;
            self.synced = sync;
        }
        Ok(())
    }
}

/// One transaction's work.
struct Fold<'a> {
    work: &'a Connection,
    pages: Pages<'a>,
    heads: BTreeMap<i64, Head>,
    position: u64,
    /// Nothing that is read is believed.
    check: bool,
}

/// Where an account's record ends.
struct Head {
    name: String,
    seq: u64,
    hash: Hash,
    open: u32,
}

impl<'a> Fold<'a> {
    fn new(work: &'a Connection, position: u64, check: bool) -> Result<Self, StoreError> {
        Ok(Self { work, pages: Pages::into(work)?, heads: BTreeMap::new(), position, check })
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), StoreError> {
        let mut body = Bytes(frame.body);
        for position in frame.head.first..=frame.head.last() {
            let record = record::next(&mut body).ok_or_else(|| {
                StoreError::Corrupt(format!("entry {position} of the journal cannot be read"))
            })?;
            // What a fold before took is passed over.
            if position > self.position {
                if position != self.position + 1 {
                    return Err(StoreError::Corrupt(format!(
                        "the journal lacks what is before entry {position}"
                    )));
                }
                self.head(&record)?;
                self.pages.push(&record)?;
                self.position = position;
            }
        }
        Ok(())
    }

    /// Moves the end of the account's record.
    fn head(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        match self.heads.entry(record.account) {
            Place::Occupied(mut head) => {
                let head = head.get_mut();
                if self.check {
                    head.check(record)?;
                }
                head.seq = record.seq;
                head.hash = record.hash;
                head.open = record.open;
            }
            Place::Vacant(place) => {
                if self.check {
                    Head::of(self.work, record)?.check(record)?;
                }
                place.insert(Head {
                    name: record.name.into(),
                    seq: record.seq,
                    hash: record.hash,
                    open: record.open,
                });
            }
        }
        Ok(())
    }

    /// Where the accounts stand now, and how far the journal is folded.
    fn end(self, tallies: &[(i64, Tally)]) -> Result<u64, StoreError> {
        self.pages.end(self.position)?;
        let mut set = self.work.prepare_cached(
            "INSERT INTO account (id, name, head_seq, head_hash, open) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) \
             DO UPDATE SET head_seq = excluded.head_seq, head_hash = excluded.head_hash, open = excluded.open",
        )?;
        for (account, head) in &self.heads {
            set.execute(params![
                account,
                head.name,
                head.seq.cast_signed(),
                head.hash.as_slice(),
                head.open
            ])?;
        }
        let mut keep = self
            .work
            .prepare_cached("INSERT OR REPLACE INTO tally (account, seq, state) VALUES (?1, ?2, ?3)")?;
        for (account, tally) in tallies {
            // One that cannot be written as JSON is not kept; the record itself is enough.
            if let Ok(state) = serde_json::to_string(tally) {
                keep.execute(params![account, tally.seq.cast_signed(), state])?;
            }
        }
        self.work
            .prepare_cached("UPDATE journal SET position = ?1")?
            .execute([self.position.cast_signed()])?;
        Ok(self.position)
    }
}

impl Head {
    /// As the database has it; of an account that it does not know, before the first entry.
    fn of(work: &Connection, record: &Record<'_>) -> Result<Self, StoreError> {
        let mut find =
            work.prepare_cached("SELECT name, head_seq, head_hash, open FROM account WHERE id = ?1")?;
        let found = find.query_row([record.account], |row| {
            let seq = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(Self { name: row.get(0)?, seq, hash: row.get(2)?, open: row.get(3)? })
        });
        let fresh = || Self { name: record.name.into(), seq: 0, hash: GENESIS, open: 0 };
        Ok(found.optional()?.unwrap_or_else(fresh))
    }

    fn check(&self, record: &Record<'_>) -> Result<(), StoreError> {
        if self.name == record.name && record.seq == self.seq + 1 && record.follows(&self.hash) {
            return Ok(());
        }
        Err(StoreError::Misfit { account: record.name.into(), seq: record.seq, last: self.seq })
    }
}
