//! Entries as rows.

use super::journal::record::Record;
use billing::{Balance, Entry, Hash, Kind};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, Statement};
use vocab::{Instant, Pico};

/// The columns that are written and that [`entry`] reads, in their order.
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

/// Rows on their way into the table, so many with one statement: that leaves out a sixth of what each costs.
pub(super) struct Rows<'a, 'b> {
    many: CachedStatement<'a>,
    one: CachedStatement<'a>,
    waiting: Vec<Record<'b>>,
}

const MANY: usize = 16;
const VALUES: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const WIDTH: usize = 10;

impl<'a, 'b> Rows<'a, 'b> {
    pub fn into(connection: &'a Connection) -> rusqlite::Result<Self> {
        let insert = |rows| {
            let values = vec![VALUES; rows].join(", ");
            // Where one fails none stays, so SQLite need not keep what was before each statement.
            connection.prepare_cached(&format!("INSERT OR ROLLBACK INTO entry ({COLUMNS}) VALUES {values}"))
        };
        Ok(Self { many: insert(MANY)?, one: insert(1)?, waiting: Vec::with_capacity(MANY) })
    }

    pub fn push(&mut self, record: Record<'b>) -> rusqlite::Result<()> {
        self.waiting.push(record);
        if self.waiting.len() == MANY {
            for (place, record) in self.waiting.iter().enumerate() {
                bind(&mut self.many, place * WIDTH, record)?;
            }
            self.many.raw_execute()?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Puts in what still waits.
    pub fn end(mut self) -> rusqlite::Result<()> {
        for record in &self.waiting {
            bind(&mut self.one, 0, record)?;
            self.one.raw_execute()?;
        }
        Ok(())
    }
}

fn bind(statement: &mut Statement<'_>, before: usize, record: &Record<'_>) -> rusqlite::Result<()> {
    let after = record.balance_after;
    statement.raw_bind_parameter(before + 1, key(record.account, record.seq))?;
    statement.raw_bind_parameter(before + 2, i64::try_from(record.time.as_micros()).unwrap_or(i64::MAX))?;
    statement.raw_bind_parameter(before + 3, record.kind.name())?;
    statement.raw_bind_parameter(before + 4, record.op_id)?;
    statement.raw_bind_parameter(before + 5, Money(record.amount))?;
    statement.raw_bind_parameter(before + 6, Money(after.granted))?;
    statement.raw_bind_parameter(before + 7, Money(after.settled))?;
    statement.raw_bind_parameter(before + 8, Money(after.held))?;
    statement.raw_bind_parameter(before + 9, record.detail)?;
    statement.raw_bind_parameter(before + 10, record.hash.as_slice())
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
