//! What can be wrong with a store, in the words of the one who can fix it.

use billing::BadEntry;
use std::path::PathBuf;

#[derive(Debug)]
pub enum StoreError {
    /// Another process has the file.
    Locked(PathBuf),
    /// The file was written by a later weir.
    Newer { found: i64, known: i64 },
    /// The file was written by an earlier weir and was not brought to this version yet.
    Older { found: i64, known: i64 },
    /// An SQLite file, but not one of ours.
    Foreign(PathBuf),
    /// Not an SQLite file, or a damaged one.
    Corrupt(String),
    /// Another program has the database locked.
    Busy,
    /// Entries that were confirmed are missing from the journal: those after `last`, up to `confirmed` at least.
    Gap { database: PathBuf, last: u64, confirmed: u64 },
    /// A journal of another database, or of a later state of this one.
    Stray { journal: PathBuf, database: PathBuf },
    /// An entry in the journal does not continue what the database has, which ends at `last`.
    Misfit { account: String, seq: u64, last: u64 },
    /// The record does not verify.
    Bad(BadEntry),
    /// The file or the disk cannot be used.
    Disk(String),
    /// The store has stopped.
    Down(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Locked(path) => {
                write!(
                    f,
                    "{} is in use by another weir; stop that one or choose another file",
                    path.display()
                )
            }
            Self::Newer { found, known } => {
                write!(
                    f,
                    "the store is of version {found}, this weir knows up to {known}: use the newer weir"
                )
            }
            Self::Older { found, known } => write!(
                f,
                "the store is of version {found}, this weir reads version {known}: end the older weir that uses it, then it \
                 is brought to version {known}"
            ),
            Self::Foreign(path) => write!(f, "{} is a database, but not a weir store", path.display()),
            Self::Corrupt(why) => write!(f, "the store is damaged: {why}; restore it from a copy"),
            Self::Busy => f.write_str("another program keeps the database locked; let it finish or end it"),
            Self::Gap { database, last, confirmed } => write!(
                f,
                "the journal of {0} is damaged: of {confirmed} entries that were confirmed it ends at the {last}. Restore the \
                 files {0}.journal.* from a copy made with the database's; to go on without those entries, move them away",
                database.display()
            ),
            Self::Stray { journal, database } => write!(
                f,
                "{} belongs to another {1}, or to a later state of it; put the two that belong together back, or move the \
                 files {1}.journal.* away",
                journal.display(),
                database.display()
            ),
            Self::Misfit { account, seq, last } => write!(
                f,
                "entry {seq} of account {account} in the journal does not follow entry {last} in the database; put back the \
                 two that belong together"
            ),
            Self::Bad(entry) => write!(f, "the record does not verify: {entry}"),
            Self::Disk(why) => write!(f, "the store cannot be used: {why}"),
            Self::Down(why) => write!(f, "the store is down: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            _ => Self::Disk(error.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<BadEntry> for StoreError {
    fn from(entry: BadEntry) -> Self {
        Self::Bad(entry)
    }
}
