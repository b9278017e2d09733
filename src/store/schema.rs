//! The file: who has it, what is in it, and how an older one becomes a newer one.

use super::{StoreError, migrate};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `weir`, in the header of the file, so that `file` and we can tell.
const APPLICATION: i64 = 0x7765_6972;

/// What brings the file from the version of its place to the next. From 2 to 3 there is more to do: see [`migrate`].
const MIGRATIONS: [&str; 5] = [
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
];

pub(super) const VERSION: i64 = 5;

/// How long SQLite's log gets, in bytes.
const LOG: i64 = 8 << 20;

/// Takes the file for this process. `<file>.lock` is locked, not the database itself, whose locks are SQLite's.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.into())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// A connection that writes, with the file at the current version.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(patience)?;
    let version = check(&connection, path)?;
    if version == 0 {
        // Entries are appended by the thousand: fewer and larger pages take fewer writes.
        connection.pragma_update(None, "page_size", 16_384)?;
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Every commit is synced, until the one who folds says otherwise of those that need not be.
    connection.pragma_update(None, "synchronous", "full")?;
    // SQLite's own log is moved into the file at some 8 MiB. Nobody waits for that: what is confirmed is in the journal.
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG / page.max(1))?;
    let start = usize::try_from(version).unwrap_or(usize::MAX);
    for (from, sql) in MIGRATIONS.iter().enumerate().skip(start) {
        if from == 2 && version > 0 {
            migrate::fill_pages(&mut connection)?;
        }
        let step = connection.transaction()?;
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", i64::try_from(from + 1).unwrap_or(VERSION))?;
        step.pragma_update(None, "application_id", APPLICATION)?;
        step.commit()?;
    }
    Ok(connection)
}

/// Another connection that writes, to a file that is open and of the current version.
pub(super) fn open_again(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "synchronous", "full")?;
    match check(&connection, path)? {
        VERSION => Ok(connection),
        found => Err(StoreError::Older { found, known: VERSION }),
    }
}

/// A connection that only reads.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    match check(&connection, path)? {
        0 => Err(StoreError::Foreign(path.into())),
        VERSION => Ok(connection),
        found => Err(StoreError::Older { found, known: VERSION }),
    }
}

/// Whether the file has to be brought to this version first. One that is not there has not.
pub(super) fn is_older(path: &Path) -> Result<bool, StoreError> {
    match open_to_read(path) {
        Err(StoreError::Older { .. }) => Ok(true),
        Err(StoreError::Disk(_)) if !path.exists() => Ok(false),
        other => other.map(|_| false),
    }
}

/// The version of a file that is ours; 0 if it is empty.
fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (version, application) {
        (0, 0) if tables == 0 => Ok(0),
        (found, APPLICATION) if found > VERSION => Err(StoreError::Newer { found, known: VERSION }),
        (version, APPLICATION) if version > 0 => Ok(version),
        _ => Err(StoreError::Foreign(path.into())),
    }
}
