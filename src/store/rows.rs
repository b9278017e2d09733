//! Entries as rows.

use billing::{Balance, Entry, Hash, Kind};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Row, Statement, params};
use vocab::{Instant, Pico};

pub(super) const INSERT: &str = "INSERT INTO entry (key, time, kind, op_id, amount, granted, settled, held, detail, hash) \
                                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// The columns that [`entry`] reads, in its order.
pub(super) const COLUMNS: &str = "key, time, kind, op_id, amount, granted, settled, held, detail, hash";

const SEQ_BITS: u32 = 40;
pub(super) const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// The row's key. No account gets to 2^40 entries: at ten thousand a second that takes three years.
pub(super) fn key(account: i64, seq: u64) -> i64 {
    (account << SEQ_BITS) | i64::try_from(seq.min(SEQ_MAX)).unwrap_or(i64::MAX)
}

pub(super) fn seq(key: i64) -> u64 {
    key.cast_unsigned() & SEQ_MAX
}

pub(super) fn insert(statement: &mut Statement<'_>, account: i64, entry: &Entry) -> rusqlite::Result<()> {
    let after = entry.balance_after;
    statement.execute(params![
        key(account, entry.seq),
        i64::try_from(entry.time.as_micros()).unwrap_or(i64::MAX),
        entry.kind.name(),
        entry.op_id,
        Money(entry.amount),
        Money(after.granted),
        Money(after.settled),
        Money(after.held),
        entry.detail,
        entry.hash.as_slice(),
    ])?;
    Ok(())
}

/// An entry from a row of [`COLUMNS`]. The hash before is not in it: see [`Chain`].
fn entry(row: &Row<'_>, account: &str, prev_hash: Hash) -> rusqlite::Result<Entry> {
    let kind: Word<Kind> = row.get(2)?;
    let money = |column| row.get::<_, Money>(column).map(|money| money.0);
    Ok(Entry {
        account: account.into(),
        seq: seq(row.get(0)?),
        time: Instant::from_micros(row.get::<_, i64>(1)?.cast_unsigned()),
        kind: kind.0,
        op_id: row.get(3)?,
        amount: money(4)?,
        balance_after: Balance { granted: money(5)?, settled: money(6)?, held: money(7)? },
        detail: row.get(8)?,
        prev_hash,
        hash: row.get(9)?,
    })
}

/// An account's entries as they come from the file, ascending and without gaps, each with the hash of the one before.
pub(super) struct Chain<'a> {
    pub account: &'a str,
    pub id: i64,
    pub prev_hash: Hash,
}

impl Chain<'_> {
    /// Hands every entry after `after` up to `last` to `take`, until it says stop.
    pub fn walk<E: From<rusqlite::Error>>(
        &mut self,
        mut statement: CachedStatement<'_>,
        after: u64,
        last: u64,
        mut take: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = statement.query((key(self.id, after), key(self.id, last)))?;
        while let Some(row) = rows.next()? {
            let entry = entry(row, self.account, self.prev_hash)?;
            self.prev_hash = entry.hash;
            take(entry)?;
        }
        Ok(())
    }
}

/// Picodollars in a column.
pub(super) struct Money(pub Pico);

impl ToSql for Money {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value =
            i64::try_from(self.0.0).map_or_else(|_| Value::Text(self.0.0.to_string()), Value::Integer);
        Ok(ToSqlOutput::Owned(value))
    }
}

impl FromSql for Money {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(pico) => Ok(Self(Pico(pico.into()))),
            ValueRef::Text(_) => {
                value.as_str()?.parse().map(|pico| Self(Pico(pico))).map_err(FromSqlError::other)
            }
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

struct Word<T>(T);

impl FromSql for Word<Kind> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Kind::named(value.as_str()?).map(Word).ok_or(FromSqlError::InvalidType)
    }
}
