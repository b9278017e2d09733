//! Entries on their way into the database: as many of an account in one row as come together, and where their ids are.

use super::StoreError;
use super::journal::record::Record;
use super::names::{Name, PLACE};
use super::pack::Packer;
use billing::Kind;
use rusqlite::{CachedStatement, Connection};
use std::collections::BTreeMap;
use vocab::Instant;

const SEQ_BITS: u32 = 40;
pub(super) const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// A page is put into the table as soon as its entries are so long together.
const FULL: usize = 64 << 10;

/// An entry's key. No account gets to 2^40 entries: at ten thousand a second that takes three years.
pub(super) fn key(account: i64, seq: u64) -> i64 {
    (account << SEQ_BITS) | i64::try_from(seq.min(SEQ_MAX)).unwrap_or(i64::MAX)
}

/// The account and the `seq` of a key.
pub(super) const fn of_key(key: i64) -> (i64, u64) {
    (key >> SEQ_BITS, key.cast_unsigned() & SEQ_MAX)
}

/// One transaction's pages.
pub(super) struct Pages<'a> {
    insert: CachedStatement<'a>,
    index: CachedStatement<'a>,
    /// By account.
    open: BTreeMap<i64, Page>,
    /// Places by shelf.
    places: BTreeMap<i64, Vec<u8>>,
}

#[derive(Default)]
struct Page {
    /// Of its first entry.
    key: i64,
    time: Instant,
    entries: Packer,
}

impl<'a> Pages<'a> {
    pub fn into(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare_cached("INSERT INTO page (key, time, entries) VALUES (?1, ?2, ?3)")?,
            index: connection.prepare_cached(
                "INSERT INTO known (key, places) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET places = CAST(places || excluded.places AS BLOB)",
            )?,
            open: BTreeMap::new(),
            places: BTreeMap::new(),
        })
    }

    pub fn push(&mut self, record: &Record<'_>) -> rusqlite::Result<()> {
        let page = self.open.entry(record.account).or_default();
        if page.entries.taken() == 0 {
            page.key = key(record.account, record.seq);
            page.time = record.time;
        }
        page.entries.push(record);
        if page.entries.taken() >= FULL {
            page.put(&mut self.insert)?;
        }
        if record.kind != Kind::Hold {
            let name = Name::of(record.op_id);
            let places = self.places.entry(name.shelf).or_default();
            places.extend_from_slice(&name.print.to_be_bytes());
            places.extend_from_slice(&key(record.account, record.seq).to_be_bytes());
        }
        Ok(())
    }

    /// Puts in what still waits. `position` is that of the last entry, and tells the rows of one shelf apart.
    pub fn end(mut self, position: u64) -> Result<(), StoreError> {
        for page in self.open.values_mut().filter(|page| page.entries.taken() > 0) {
            page.put(&mut self.insert)?;
        }
        let number = (position & u64::from(u32::MAX)).cast_signed();
        for (shelf, places) in &self.places {
            let row = if *shelf < 0 { *shelf } else { (shelf << 32) | number };
            self.index.raw_bind_parameter(1, row)?;
            self.index.raw_bind_parameter(2, places.as_slice())?;
            self.index.raw_execute()?;
        }
        Ok(())
    }
}

impl Page {
    fn put(&mut self, insert: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        insert.raw_bind_parameter(1, self.key)?;
        insert.raw_bind_parameter(2, i64::try_from(self.time.as_micros()).unwrap_or(i64::MAX))?;
        insert.raw_bind_parameter(3, self.entries.bytes())?;
        insert.raw_execute()?;
        self.entries.clear();
        Ok(())
    }
}

/// Where the entries may be that were done under a name, from a row of `known`.
pub(super) fn places(row: &[u8]) -> impl Iterator<Item = (u32, i64)> {
    row.chunks_exact(PLACE).filter_map(|place| {
        let (print, key) = place.split_first_chunk()?;
        Some((u32::from_be_bytes(*print), i64::from_be_bytes(key.try_into().ok()?)))
    })
}
