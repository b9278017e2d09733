//! Version 2 had a row for each entry; now many are in one.
//!
//! Done in pieces, each its own transaction, and taken up again where it ended: rows are only ever appended, so what is in
//! pages already needs no second look. The rows go, and the version is counted up, in a last step of its own when every
//! entry is in a page (`schema`, `v3.sql`).

use super::chain::Chain;
use super::journal::record::{self, Bytes};
use super::pages::{Pages, SEQ_MAX, key, of_key};
use super::{StoreError, pack};
use billing::{Balance, Entry, GENESIS, Kind};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, Transaction};
use vocab::{Instant, Pico};

/// So many entries are brought at a time.
const PIECE: i64 = 20_000;

const TABLES: &str = include_str!("v3.sql");

/// Puts every entry that has a row into a page.
pub(super) fn fill_pages(connection: &mut Connection) -> Result<(), StoreError> {
    let tables = TABLES.split_once("-- Version 2").map_or(TABLES, |(tables, _)| tables);
    connection.execute_batch(tables)?;
    let accounts: Vec<(i64, String)> = connection
        .prepare("SELECT id, name FROM account ORDER BY id")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut position = 0;
    for (id, name) in accounts {
        loop {
            let piece = connection.transaction()?;
            let brought = bring(&piece, id, &name, &mut position)?;
            piece.commit()?;
            if !brought {
                break;
            }
            tracing::info!(account = name, entries = position, "the ledger is brought to version 3");
        }
    }
    all_are_there(connection)
}

/// The next piece of an account's entries. False where there are no more.
fn bring(work: &Transaction<'_>, id: i64, name: &str, position: &mut u64) -> Result<bool, StoreError> {
    let after = Chain { connection: work, account: name, id }.last()?;
    let mut rows = work.prepare_cached(
        "SELECT key, time, kind, op_id, amount, granted, settled, held, detail, hash FROM entry \
         WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3",
    )?;
    let mut rows = rows.query((key(id, after), key(id, SEQ_MAX), PIECE))?;
    let mut pages = Pages::into(work)?;
    let mut bytes = Vec::new();
    let before = *position;
    while let Some(row) = rows.next()? {
        let entry = entry(row, name)?;
        bytes.clear();
        record::write(&mut bytes, id, 0, &entry);
        let unwritable = || StoreError::Corrupt(format!("entry {} of account {name}", entry.seq));
        pages.push(&record::next(&mut Bytes(&bytes)).ok_or_else(unwritable)?)?;
        *position += 1;
    }
    pages.end(*position)?;
    Ok(*position > before)
}

/// Nothing is let go before every row of it is known to be in a page.
fn all_are_there(connection: &Connection) -> Result<(), StoreError> {
    let rows: i64 = connection.query_row("SELECT count(*) FROM entry", (), |row| row.get(0))?;
    let mut entries = 0;
    let mut pages = connection.prepare("SELECT key, entries FROM page")?;
    let mut pages = pages.query(())?;
    while let Some(row) = pages.next()? {
        let (account, first) = of_key(row.get(0)?);
        let unreadable = || StoreError::Corrupt(format!("the page of entry {first} cannot be read"));
        let page = pack::unpack(super::chain::blob(row, 1)?, account).ok_or_else(unreadable)?;
        let mut rest = Bytes(&page);
        while record::next(&mut rest).is_some() {
            entries += 1;
        }
    }
    if rows == entries {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("of {rows} entries {entries} could be brought to version 3")))
}

/// An entry from a row. The hash before was not in it, and is in no page.
fn entry(row: &Row<'_>, account: &str) -> rusqlite::Result<Entry> {
    let kind: Word = row.get(2)?;
    let money = |column| row.get::<_, Money>(column).map(|money| money.0);
    Ok(Entry {
        account: account.into(),
        seq: of_key(row.get(0)?).1,
        time: Instant::from_micros(row.get::<_, i64>(1)?.cast_unsigned()),
        kind: kind.0,
        op_id: row.get(3)?,
        amount: money(4)?,
        balance_after: Balance { granted: money(5)?, settled: money(6)?, held: money(7)? },
        detail: row.get(8)?,
        prev_hash: GENESIS,
        hash: row.get(9)?,
    })
}

/// Picodollars: whole numbers, or text of digits beyond 9.2 million USD.
struct Money(Pico);

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

struct Word(Kind);

impl FromSql for Word {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Kind::named(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}
