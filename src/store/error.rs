//! What can be wrong with a store, in the words of the one who can fix it.

use billing::BadEntry;
use std::path::PathBuf;

#[derive(Debug)]
pub enum StoreError {
    /// Another process has the file.
    Locked(PathBuf),
    /// The file was written by a later weir.
    Newer { found: i64, known: i64 },
    /// An SQLite file, but not one of ours.
    Foreign(PathBuf),
    /// Not an SQLite file, or a damaged one.
    Corrupt(String),
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
            Self::Foreign(path) => write!(f, "{} is a database, but not a weir store", path.display()),
            Self::Corrupt(why) => write!(f, "the store is damaged: {why}; restore it from a copy"),
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
