//! One account's record as the database has it: pages, each with some entries, one behind the other.

use super::journal::record::{self, Bytes, Record};
use super::pages::{SEQ_MAX, key};
use super::{StoreError, pack};
use billing::{Entry, GENESIS, Hash};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row};
use vocab::{Instant, Pico};

/// Reads an account's pages. What it reads is of one moment if its connection is in a transaction.
pub(super) struct Chain<'a> {
    pub connection: &'a Connection,
    pub account: &'a str,
    pub id: i64,
}

impl Chain<'_> {
    /// Hands every entry after `after` up to `last` to `take`, oldest first, each with the hash of the one before.
    pub fn walk(
        &self,
        after: u64,
        last: u64,
        mut take: impl FnMut(&Record<'_>, Hash) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // From the page with the entry before the first, whose hash that one needs.
        let mut pages = self.connection.prepare_cached(
            "SELECT entries FROM page WHERE key BETWEEN coalesce((SELECT key FROM page WHERE key BETWEEN ?1 AND ?2 \
             ORDER BY key DESC LIMIT 1), ?2) AND ?3 ORDER BY key",
        )?;
        let mut rows = pages.query((self.key(1), self.key(after.max(1)), self.key(last)))?;
        let mut prev_hash = GENESIS;
        while let Some(row) = rows.next()? {
            let page = self.open(row)?;
            let mut rest = Bytes(&page);
            while let Some(record) = self.next(&mut rest)? {
                if record.seq > last {
                    return Ok(());
                }
                if record.seq > after {
                    take(&record, prev_hash)?;
                }
                prev_hash = record.hash;
            }
        }
        Ok(())
    }

    /// Hands every entry below `before` to `take`, newest first, until that says that it wants no more.
    pub fn walk_back(&self, before: u64, mut take: impl FnMut(Entry) -> bool) -> Result<(), StoreError> {
        let mut pages = self
            .connection
            .prepare_cached("SELECT entries FROM page WHERE key >= ?1 AND key < ?2 ORDER BY key DESC")?;
        let mut rows = pages.query((self.key(1), self.key(before)))?;
        // The first of a page, until the page before says what hash it follows.
        let mut first: Option<Entry> = None;
        while let Some(row) = rows.next()? {
            let page = self.open(row)?;
            let mut rest = Bytes(&page);
            let mut records = Vec::new();
            while let Some(record) = self.next(&mut rest)? {
                records.push(record);
            }
            if let (Some(mut entry), Some(record)) = (first.take(), records.last()) {
                entry.prev_hash = record.hash;
                if !take(entry) {
                    return Ok(());
                }
            }
            for place in (1..records.len()).rev() {
                if let (Some(record), Some(previous)) = (records.get(place), records.get(place - 1))
                    && record.seq < before
                    && !take(self.whole(record, previous.hash)?)
                {
                    return Ok(());
                }
            }
            if let Some(record) = records.first() {
                first = Some(self.whole(record, GENESIS)?);
            }
        }
        first.map(take);
        Ok(())
    }

    /// The entries after `after` up to `last`.
    pub fn entries(&self, after: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        self.walk(after, last, |record, prev_hash| {
            found.push(self.whole(record, prev_hash)?);
            Ok(())
        })?;
        Ok(found)
    }

    pub fn one(&self, seq: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries(seq.saturating_sub(1), seq)?.pop())
    }

    /// The last entry before `from`, of the first `head`, and what had been settled with it; 0 where there is none. Times never fall along a record, so the page in which
    /// `from` lies is found by halving.
    pub fn last_before(&self, from: Instant, head: u64) -> Result<(u64, Pico), StoreError> {
        let mut at = self.connection.prepare_cached(
            "SELECT key, time FROM page WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1",
        )?;
        let mut page_with = |seq: u64| {
            at.query_row((self.key(1), self.key(seq)), |row| {
                Ok((super::pages::of_key(row.get(0)?).1, row.get::<_, i64>(1)?.cast_unsigned()))
            })
            .optional()
        };
        // The last page that begins before `from` begins in low..=high, where 0 stands for none.
        let (mut low, mut high) = (0, head);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match page_with(middle)? {
                Some((_, time)) if time < from.as_micros() => low = middle,
                Some((first, _)) => high = first - 1,
                None => high = 0,
            }
        }
        let Some((first, _)) = (if low == 0 { None } else { page_with(low)? }) else {
            return Ok((0, Pico::ZERO));
        };
        let mut last = (0, Pico::ZERO);
        self.page(first, |record| {
            if record.time < from && record.seq <= head {
                last = (record.seq, record.settled().ok_or_else(|| self.unreadable(record.seq))?);
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// What has been settled by an entry.
    pub fn settled_at(&self, seq: u64) -> Result<Pico, StoreError> {
        let mut settled = Pico::ZERO;
        self.walk(seq.saturating_sub(1), seq, |record, _| {
            settled = record.settled().ok_or_else(|| self.unreadable(record.seq))?;
            Ok(())
        })?;
        Ok(settled)
    }

    /// The `seq` of the last entry that there is.
    pub fn last(&self) -> Result<u64, StoreError> {
        let mut last = self.connection.prepare_cached(
            "SELECT entries FROM page WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1",
        )?;
        let mut rows = last.query((self.key(1), self.key(SEQ_MAX)))?;
        let Some(row) = rows.next()? else { return Ok(0) };
        let page = self.open(row)?;
        let mut rest = Bytes(&page);
        let mut last = 0;
        while let Some(record) = self.next(&mut rest)? {
            last = record.seq;
        }
        Ok(last)
    }

    /// The entry in full.
    pub fn whole(&self, record: &Record<'_>, prev_hash: Hash) -> Result<Entry, StoreError> {
        record.entry(prev_hash).ok_or_else(|| self.unreadable(record.seq))
    }

    fn page(
        &self,
        first: u64,
        mut take: impl FnMut(&Record<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut page = self.connection.prepare_cached("SELECT entries FROM page WHERE key = ?1")?;
        let mut rows = page.query([self.key(first)])?;
        while let Some(row) = rows.next()? {
            let page = self.open(row)?;
            let mut rest = Bytes(&page);
            while let Some(record) = self.next(&mut rest)? {
                take(&record)?;
            }
        }
        Ok(())
    }

    /// A page's entries, one behind the other.
    fn open(&self, row: &Row<'_>) -> Result<Vec<u8>, StoreError> {
        pack::unpack(blob(row, 0)?, self.id).ok_or_else(|| self.damaged())
    }

    /// The next entry of a page.
    fn next<'b>(&self, rest: &mut Bytes<'b>) -> Result<Option<Record<'b>>, StoreError> {
        if rest.0.is_empty() {
            return Ok(None);
        }
        record::next(rest).map(Some).ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> StoreError {
        StoreError::Corrupt(format!("a page of account {} cannot be read", self.account))
    }

    fn unreadable(&self, seq: u64) -> StoreError {
        StoreError::Corrupt(format!("entry {seq} of account {} cannot be read", self.account))
    }

    fn key(&self, seq: u64) -> i64 {
        key(self.id, seq)
    }
}

/// A column's bytes, where they lie.
pub(super) fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], StoreError> {
    row.get_ref(column)?.as_blob().map_err(|error: FromSqlError| StoreError::Corrupt(error.to_string()))
}
