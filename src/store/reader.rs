//! Reading the record, beside the writer or while no weir runs.

use super::chain::{Chain, blob};
use super::names::Name;
use super::pages::{SEQ_MAX, of_key, places};
use super::{StoreError, schema};
use billing::{BadEntry, Entry, Flaw, Hash, Kind, Summary, Tally};
use rusqlite::{Connection, OptionalExtension as _};
use std::path::Path;
use vocab::{Instant, Pico};

/// A connection that only reads. Every call sees the record at one moment, whole groups only.
pub struct Reader {
    connection: Connection,
}

/// What there is at the start.
pub(super) struct Survey {
    pub next_id: i64,
    /// About how many ids ended.
    pub ended: u64,
    /// The accounts with open holds.
    pub with_holds: Vec<String>,
}

struct Head {
    id: i64,
    seq: u64,
    hash: Hash,
}

impl Reader {
    /// Needs no lock: also for a file that a running weir writes.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open_to_read(path.as_ref())? })
    }

    /// The names of all accounts, in alphabetical order.
    pub fn accounts(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.connection.prepare_cached("SELECT name FROM account ORDER BY name")?;
        let names = names.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(names)
    }

    /// Walks an account's whole record, one entry in memory at a time.
    pub fn verify(&self, account: &str) -> Result<Summary, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Tally::new(account).summary()) };
        self.walked(account, &head, Tally::new(account)).map(|tally| tally.summary())
    }

    /// Writes an account's record as JSON, one entry a line.
    pub fn export(&self, account: &str, out: &mut impl std::io::Write) -> Result<u64, StoreError> {
        let _view = self.view()?;
        let mut lines = 0;
        let Some(head) = self.head(account)? else { return Ok(0) };
        let chain = self.chain(account, &head);
        chain.walk(0, SEQ_MAX, |entry, prev_hash| {
            let entry = chain.whole(entry, prev_hash)?;
            serde_json::to_writer(&mut *out, &entry).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            lines += 1;
            Ok(())
        })?;
        Ok(lines)
    }

    /// The entries with `seq` above `after`, oldest first.
    pub fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Vec::new()) };
        self.chain(account, &head).entries(after, after.saturating_add(limit as u64))
    }

    /// The last entries, newest first.
    pub fn latest(&self, account: &str, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.back(account, u64::MAX, limit, |_| true)
    }

    /// The settle and release entries with `seq` below `before`, newest first.
    pub fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.back(account, before, limit, |entry| matches!(entry.kind, Kind::Settle | Kind::Release))
    }

    fn back(
        &self,
        account: &str,
        before: u64,
        limit: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let mut found = Vec::new();
        let Some(head) = self.head(account)?.filter(|_| limit > 0) else { return Ok(found) };
        self.chain(account, &head).walk_back(before, |entry| {
            if wanted(&entry) {
                found.push(entry);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// Every entry of one id, oldest first. The `seq` of its hold finds the beginning of one that is still open.
    pub fn of_request(&self, account: &str, id: &str, open: Option<u64>) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Vec::new()) };
        let chain = self.chain(account, &head);
        let mut found = Vec::new();
        for seq in self.known(head.id, id)? {
            found.extend(chain.one(seq)?.filter(|entry| entry.op_id == id));
        }
        // Of an id that ended the hold is where its end says. Extensions alone are those of one that is still open.
        let ended = found.iter().find(|entry| entry.kind.ends());
        let hold = ended.map_or(open, hold_of);
        if let Some(hold) = hold {
            found.extend(chain.one(hold)?.filter(|entry| entry.op_id == id));
        }
        found.sort_by_key(|entry| entry.seq);
        Ok(found)
    }

    /// What was charged at `from` or later.
    pub fn spent(&self, account: &str, from: Instant) -> Result<Pico, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Pico::ZERO) };
        let chain = self.chain(account, &head);
        Ok(chain.settled_at(head.seq)?.minus(chain.last_before(from, head.seq)?.1))
    }

    /// The `seq` of the last entry before `at`; 0 where there is none.
    pub fn seq_before(&self, account: &str, at: Instant) -> Result<u64, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(0) };
        Ok(self.chain(account, &head).last_before(at, head.seq)?.0)
    }

    /// Where an account stands, from the last tally that was kept and the entries after it. Where that tally does
    /// not fit the record, from the record alone.
    pub(super) fn tally(&self, account: &str) -> Result<Option<(i64, Tally)>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(None) };
        let kept: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM tally WHERE account = ?1")?
            .query_row([head.id], |row| row.get(0))
            .optional()?;
        if let Some(tally) = kept.and_then(|state| serde_json::from_str::<Tally>(&state).ok()) {
            let fits = self.chain(account, &head).one(tally.seq)?.is_some_and(|entry| {
                (entry.hash, entry.balance_after, entry.time) == (tally.head, tally.balance, tally.time)
                    && tally.account == account
                    && tally.held() == tally.balance.held
            });
            if fits && let Ok(tally) = self.walked(account, &head, tally) {
                return Ok(Some((head.id, tally)));
            }
            tracing::warn!(account, "the kept tally does not fit the record; the whole record is read");
        }
        Ok(Some((head.id, self.walked(account, &head, Tally::new(account))?)))
    }

    pub(super) fn survey(&self) -> Result<Survey, StoreError> {
        let _view = self.view()?;
        let (next_id, entries): (i64, i64) = self.connection.query_row(
            "SELECT coalesce(max(id), 0) + 1, coalesce(sum(head_seq), 0) FROM account",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut open = self.connection.prepare("SELECT name FROM account WHERE open > 0 ORDER BY id")?;
        let with_holds = open.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Survey { next_id, ended: entries.cast_unsigned().div_ceil(2), with_holds })
    }

    /// Hands over the filter's key of every id that was ever done.
    pub(super) fn known_keys(&self, mut take: impl FnMut(u64)) -> Result<(), StoreError> {
        let mut known = self.connection.prepare("SELECT key, places FROM known")?;
        let mut rows = known.query(())?;
        while let Some(row) = rows.next()? {
            let shelf = Name::shelf_of(row.get(0)?);
            places(blob(row, 1)?).for_each(|(print, key)| take(Name { shelf, print }.key(of_key(key).0)));
        }
        Ok(())
    }

    /// Where the entries of an id may be: all but its hold.
    fn known(&self, account: i64, id: &str) -> Result<Vec<u64>, StoreError> {
        let name = Name::of(id);
        let mut known =
            self.connection.prepare_cached("SELECT places FROM known WHERE key BETWEEN ?1 AND ?2")?;
        let mut rows = known.query(name.rows())?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let same = places(blob(row, 0)?).filter(|(print, _)| *print == name.print);
            found.extend(
                same.map(|(_, key)| of_key(key)).filter(|(of, _)| *of == account).map(|(_, seq)| seq),
            );
        }
        Ok(found)
    }

    fn walked(&self, account: &str, head: &Head, mut tally: Tally) -> Result<Tally, StoreError> {
        let chain = self.chain(account, head);
        chain.walk(
            tally.seq,
            SEQ_MAX,
            |entry, prev_hash| Ok(tally.step(&chain.whole(entry, prev_hash)?)?),
        )?;
        if (tally.seq, tally.head) == (head.seq, head.hash) {
            return Ok(tally);
        }
        let flaw = Flaw::CutOff { expected: head.seq };
        Err(BadEntry { account: account.into(), seq: tally.seq, flaw }.into())
    }

    /// A transaction, so that everything read until it is dropped is of one moment.
    fn view(&self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        Ok(self.connection.unchecked_transaction()?)
    }

    fn head(&self, account: &str) -> Result<Option<Head>, StoreError> {
        let mut head =
            self.connection.prepare_cached("SELECT id, head_seq, head_hash FROM account WHERE name = ?1")?;
        let head = head.query_row([account], |row| {
            Ok(Head { id: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned(), hash: row.get(2)? })
        });
        Ok(head.optional()?)
    }

    const fn chain<'a>(&'a self, account: &'a str, head: &Head) -> Chain<'a> {
        Chain { connection: &self.connection, account, id: head.id }
    }
}

/// The `seq` of the hold that an entry ended.
fn hold_of(entry: &Entry) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(&entry.detail).ok()?.get("hold")?.as_u64()
}
