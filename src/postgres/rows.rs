//! Entries as rows, there and back. Amounts go as text: no number of PostgreSQL's wire has 128 bits.

use super::PostgresError;
use billing::{Balance, Entry, Hash, Kind};
use tokio_postgres::Row;
use vocab::{Instant, Pico};

/// An entry's columns, of a row that is called `e`; before them is its account's number.
pub(super) const COLUMNS: &str = "e.seq, e.time, e.kind, e.op_id, e.amount::text, e.granted::text, e.settled::text, \
    e.held::text, e.detail, e.prev_hash, e.hash";

/// The account's number of a row.
pub(super) fn account(row: &Row) -> Result<i64, PostgresError> {
    Ok(row.try_get(0)?)
}

/// The entry of a row, of an account of that name.
pub(super) fn entry(row: &Row, name: &str) -> Result<Entry, PostgresError> {
    let seq: i64 = row.try_get(1)?;
    let unreadable =
        |what: &str| PostgresError::Corrupt(format!("entry {seq} of account {name} cannot be read: {what}"));
    let money = |column: usize| -> Result<Pico, PostgresError> {
        let text: &str = row.try_get(column)?;
        text.parse().map(Pico).map_err(|_| unreadable("an amount is no whole number"))
    };
    let hash = |column: usize| -> Result<Hash, PostgresError> {
        row.try_get::<_, &[u8]>(column)?.try_into().map_err(|_| unreadable("a hash has not 32 bytes"))
    };
    let kind: &str = row.try_get(3)?;
    Ok(Entry {
        account: name.into(),
        seq: seq.cast_unsigned(),
        time: instant(row.try_get(2)?),
        kind: Kind::named(kind).ok_or_else(|| unreadable("there is no such kind"))?,
        op_id: row.try_get(4)?,
        amount: money(5)?,
        balance_after: Balance { granted: money(6)?, settled: money(7)?, held: money(8)? },
        detail: row.try_get(9)?,
        prev_hash: hash(10)?,
        hash: hash(11)?,
    })
}

/// All the bits of a time: one beyond the year 290,000 comes back as it went.
pub(super) const fn micros(at: Instant) -> i64 {
    at.as_micros().cast_signed()
}

pub(super) const fn instant(micros: i64) -> Instant {
    Instant::from_micros(micros.cast_unsigned())
}

/// A lease's end, where it has to be comparable.
pub(super) fn until(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}

/// Entries as columns, for one statement.
#[derive(Default)]
pub(super) struct Columns {
    pub account: Vec<i64>,
    pub seq: Vec<i64>,
    pub time: Vec<i64>,
    pub kind: Vec<&'static str>,
    pub op_id: Vec<String>,
    pub amount: Vec<String>,
    pub granted: Vec<String>,
    pub settled: Vec<String>,
    pub held: Vec<String>,
    pub detail: Vec<String>,
    pub prev_hash: Vec<Vec<u8>>,
    pub hash: Vec<Vec<u8>>,
}

impl Columns {
    pub fn push(&mut self, account: i64, entry: Entry) {
        let after = entry.balance_after;
        self.account.push(account);
        self.seq.push(entry.seq.cast_signed());
        self.time.push(micros(entry.time));
        self.kind.push(entry.kind.name());
        self.op_id.push(entry.op_id);
        self.amount.push(entry.amount.0.to_string());
        self.granted.push(after.granted.0.to_string());
        self.settled.push(after.settled.0.to_string());
        self.held.push(after.held.0.to_string());
        self.detail.push(entry.detail);
        self.prev_hash.push(entry.prev_hash.to_vec());
        self.hash.push(entry.hash.to_vec());
    }
}
