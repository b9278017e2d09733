//! The file that decisions are in: rows of SQLite, each a record as a line of JSON, with what was said of it beside.

use relay::config::DecisionsConfig;
use relay::decisions::{Feedback, Record, Said, Say};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use vocab::Instant;

const VERSION: i64 = 1;
/// SQLite's log, moved into the file at so many pages of 4 KiB.
const LOG_PAGES: i64 = 1_000;

/// The open file, and how many bytes of records are in it.
pub struct Log {
    connection: Connection,
    bytes: u64,
}

/// Which decisions are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub account: Option<String>,
    /// Made at or after, and before.
    pub from: Option<Instant>,
    pub to: Option<Instant>,
}

impl Log {
    /// To write. It is made where it is not there.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        // What was asked for whom is nobody else's on this machine. Where this fails, opening it says why.
        drop(File::options().create(true).truncate(false).write(true).mode(0o600).open(path));
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A killed process loses nothing of what was committed; a power cut may take the last of it.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "secure_delete", "fast")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        if layout(&connection)? != VERSION {
            // All at once, as somebody may be reading.
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 DROP TABLE IF EXISTS decision;
                 DROP TABLE IF EXISTS learned;
                 CREATE TABLE decision (place INTEGER PRIMARY KEY, account TEXT NOT NULL, request TEXT NOT NULL, user TEXT,
                     at INTEGER NOT NULL, size INTEGER NOT NULL, record TEXT NOT NULL, score REAL, said INTEGER,
                     UNIQUE (account, request));
                 CREATE INDEX decision_at ON decision (at, size);
                 CREATE TABLE learned (one INTEGER PRIMARY KEY CHECK (one = 1), what TEXT NOT NULL);
                 PRAGMA user_version = {VERSION};
                 COMMIT;"
            ))?;
        }
        let bytes = connection.query_row("SELECT coalesce(sum(size), 0) FROM decision", (), unsigned)?;
        Ok(Self { connection, bytes })
    }

    /// Only to read, beside whoever writes it.
    pub fn read_only(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { connection, bytes: 0 })
    }

    /// Does all of it or none.
    pub fn transact(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let before = self.bytes;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|()| self.connection.execute_batch("COMMIT"));
        if done.is_err() {
            self.bytes = before;
            // Where this fails too, the connection is given up.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        done
    }

    /// Writes a decision down and lets go of what is too old or too much.
    pub fn put(&mut self, record: &Record, at: Instant, rules: &DecisionsConfig) -> rusqlite::Result<()> {
        let text =
            serde_json::to_string(record).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        let size = text.len() as u64;
        const PUT: &str =
            "INSERT INTO decision (account, request, user, at, size, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (account, request) DO NOTHING";
        let written = self.connection.prepare_cached(PUT)?.execute(params![
            record.account,
            record.request_id,
            record.user,
            micros(at),
            size.cast_signed(),
            text
        ])?;
        self.bytes += if written > 0 { size } else { 0 };
        let oldest = before(at, rules.ttl());
        self.remove("DELETE FROM decision WHERE at <= ?1 RETURNING size", params![micros(oldest)])?;
        const OLDEST: &str =
            "DELETE FROM decision WHERE place = (SELECT min(place) FROM decision) RETURNING size";
        while self.bytes > rules.total_max && self.remove(OLDEST, ())? {}
        Ok(())
    }

    /// Keeps what is said of a decision; None where there is none of this caller's.
    pub fn say(&mut self, say: &Say, now: Instant) -> rusqlite::Result<Option<Said>> {
        const FIND: &str =
            "SELECT place, user, score, record FROM decision WHERE account = ?1 AND request = ?2";
        let mut find = self.connection.prepare_cached(FIND)?;
        let row = find.query_row(params![say.account, say.request_id], |row| {
            let user: Option<String> = row.get(1)?;
            Ok((row.get::<_, i64>(0)?, user, row.get::<_, Option<f64>>(2)?, row.get::<_, String>(3)?))
        });
        let Some((place, user, before, text)) = row.optional()? else { return Ok(None) };
        if say.user.is_some() && say.user.as_deref() != user.as_deref() {
            return Ok(None);
        }
        let Ok(record) = serde_json::from_str(&text) else { return Ok(None) };
        let mut keep =
            self.connection.prepare_cached("UPDATE decision SET score = ?2, said = ?3 WHERE place = ?1")?;
        keep.execute(params![place, say.score, micros(now)])?;
        Ok(Some(Said { record, before }))
    }

    /// Keeps what was learned, in place of what was.
    pub fn keep(&self, learned: &str) -> rusqlite::Result<()> {
        const KEEP: &str =
            "INSERT INTO learned (one, what) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET what = ?1";
        self.connection.prepare_cached(KEEP)?.execute([learned]).map(drop)
    }

    pub fn learned(&self) -> rusqlite::Result<Option<String>> {
        if layout(&self.connection)? != VERSION {
            return Ok(None);
        }
        self.connection.query_row("SELECT what FROM learned", (), |row| row.get(0)).optional()
    }

    /// Tells all that are wanted, oldest first, until `told` says that it is enough. One that cannot be read is left out.
    pub fn each(&self, wanted: &Wanted, mut told: impl FnMut(Record) -> bool) -> rusqlite::Result<()> {
        // One that is just being made, or of another layout, has none.
        if layout(&self.connection)? != VERSION {
            return Ok(());
        }
        const EACH: &str = "SELECT record, score, said FROM decision
             WHERE (?1 IS NULL OR account = ?1) AND at >= ?2 AND at < ?3 ORDER BY place";
        let mut each = self.connection.prepare(EACH)?;
        let (from, to) = (wanted.from.map_or(0, micros), wanted.to.map_or(i64::MAX, micros));
        let mut rows = each.query(params![wanted.account, from, to])?;
        while let Some(row) = rows.next()? {
            let (text, score, said): (String, Option<f64>, Option<i64>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let Ok(mut record) = serde_json::from_str::<Record>(&text) else { continue };
            record.feedback = score.zip(said).map(|(score, said)| Feedback {
                score,
                at: Instant::from_micros(said.cast_unsigned()).rfc3339(),
            });
            if !told(record) {
                break;
            }
        }
        Ok(())
    }

    /// Whether there was anything to remove.
    fn remove(&mut self, sql: &str, of: impl rusqlite::Params) -> rusqlite::Result<bool> {
        let mut remove = self.connection.prepare_cached(sql)?;
        let sizes: Vec<u64> = remove.query_map(of, unsigned)?.collect::<Result<_, _>>()?;
        self.bytes = self.bytes.saturating_sub(sizes.iter().sum());
        Ok(!sizes.is_empty())
    }
}

/// Which layout the tables have.
fn layout(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn before(at: Instant, span: vocab::Duration) -> Instant {
    let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Instant::from_micros(at.as_micros().saturating_sub(span))
}

fn unsigned(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
