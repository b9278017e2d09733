//! Reading the record, beside the writer or while no weir runs.

use super::rows::{COLUMNS, Chain, Money, SEQ_MAX, key, seq};
use super::{StoreError, schema};
use billing::{BadEntry, Entry, Flaw, GENESIS, Hash, Summary, Tally};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};
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
        self.chain(account, head.id, 0)?.walk(self.range()?, 0, SEQ_MAX, |entry| {
            serde_json::to_writer(&mut *out, &entry).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            lines += 1;
            Ok::<_, StoreError>(())
        })?;
        Ok(lines)
    }

    /// The entries with `seq` above `after`, oldest first.
    pub fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Vec::new()) };
        let last = after.saturating_add(limit as u64);
        self.collect(account, head.id, after, last, |_| true)
    }

    /// The settle and release entries with `seq` below `before`, newest first.
    pub fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Vec::new()) };
        let mut keys = self.connection.prepare_cached(
            "SELECT key FROM entry WHERE key > ?1 AND key < ?2 AND kind IN ('settle', 'release') \
             ORDER BY key DESC LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let range = (key(head.id, 0), key(head.id, before), limit);
        let keys = keys.query_map(range, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        keys.into_iter()
            .map(|key| self.one(account, head.id, seq(key)))
            .filter_map(Result::transpose)
            .collect()
    }

    /// Every entry of one id, oldest first. The `seq` of its hold finds the beginning of one that is still open.
    pub fn of_request(&self, account: &str, id: &str, open: Option<u64>) -> Result<Vec<Entry>, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Vec::new()) };
        let end = self
            .connection
            .prepare_cached(
                "SELECT seq FROM entry WHERE op_id = ?1 AND account = ?2 AND kind NOT IN ('hold', 'extend')",
            )?
            .query_row((id, head.id), |row| row.get::<_, i64>(0))
            .optional()?
            .map(i64::cast_unsigned);
        let (first, last) = match (end, open) {
            (Some(end), _) => {
                let last = self.one(account, head.id, end)?;
                (last.and_then(|entry| hold_of(&entry)).unwrap_or(end), end)
            }
            (None, Some(hold)) => (hold, head.seq),
            (None, None) => return Ok(Vec::new()),
        };
        self.collect(account, head.id, first.saturating_sub(1), last, |entry| entry.op_id == id)
    }

    /// What was charged at `from` or later. Times never fall along a record, so where `from` lies is found by halving.
    pub fn spent(&self, account: &str, from: Instant) -> Result<Pico, StoreError> {
        let _view = self.view()?;
        let Some(head) = self.head(account)? else { return Ok(Pico::ZERO) };
        let mut at = self.connection.prepare_cached("SELECT time, settled FROM entry WHERE key = ?1")?;
        let mut at = |seq: u64| {
            at.query_row([key(head.id, seq)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Money>(1)?.0)))
        };
        let (_, now) = at(head.seq)?;
        // The last entry before `from` is in low..=high, where 0 stands for none.
        let (mut low, mut high, mut before) = (0, head.seq, Pico::ZERO);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let (time, settled) = at(middle)?;
            if time.cast_unsigned() < from.as_micros() {
                (low, before) = (middle, settled);
            } else {
                high = middle - 1;
            }
        }
        Ok(now.minus(before))
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
            let fits = self.one(account, head.id, tally.seq)?.is_some_and(|entry| {
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

    /// Hands over every id that was ever done, with its account's number.
    pub(super) fn ended_ids(&self, mut take: impl FnMut(i64, &str)) -> Result<(), StoreError> {
        let mut ids = self.connection.prepare(
            "SELECT account, op_id FROM entry INDEXED BY entry_done WHERE kind NOT IN ('hold', 'extend')",
        )?;
        let mut rows = ids.query(())?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(1)?.as_str().map_err(|error| StoreError::Corrupt(error.to_string()))?;
            take(row.get(0)?, id);
        }
        Ok(())
    }

    fn walked(&self, account: &str, head: &Head, mut tally: Tally) -> Result<Tally, StoreError> {
        let mut chain = Chain { account, id: head.id, prev_hash: tally.head };
        chain
            .walk(self.range()?, tally.seq, SEQ_MAX, |entry| tally.step(&entry).map_err(StoreError::from))?;
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

    fn range(&self) -> Result<CachedStatement<'_>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE key > ?1 AND key <= ?2 ORDER BY key");
        Ok(self.connection.prepare_cached(&sql)?)
    }

    fn head(&self, account: &str) -> Result<Option<Head>, StoreError> {
        let mut head =
            self.connection.prepare_cached("SELECT id, head_seq, head_hash FROM account WHERE name = ?1")?;
        let head = head.query_row([account], |row| {
            Ok(Head { id: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned(), hash: row.get(2)? })
        });
        Ok(head.optional()?)
    }

    /// The chain from after `after` on.
    fn chain<'a>(&self, account: &'a str, id: i64, after: u64) -> Result<Chain<'a>, StoreError> {
        let mut before = self.connection.prepare_cached("SELECT hash FROM entry WHERE key = ?1")?;
        let prev_hash = match after {
            0 => GENESIS,
            _ => before.query_row([key(id, after)], |row| row.get(0)).optional()?.unwrap_or(GENESIS),
        };
        Ok(Chain { account, id, prev_hash })
    }

    fn one(&self, account: &str, id: i64, seq: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.collect(account, id, seq.saturating_sub(1), seq, |_| true)?.pop())
    }

    fn collect(
        &self,
        account: &str,
        id: i64,
        after: u64,
        last: u64,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        self.chain(account, id, after)?.walk(self.range()?, after, last, |entry| {
            if wanted(&entry) {
                found.push(entry);
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(found)
    }
}

/// The `seq` of the hold that an entry ended.
fn hold_of(entry: &Entry) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(&entry.detail).ok()?.get("hold")?.as_u64()
}
