//! The record that is meant: this machine's file, or the one that several nodes share.

use crate::{postgres, store};
use billing::{Entry, Summary};

/// Reads either. What is wrong is said in words: there is nothing to be done about it here.
pub enum Record {
    File(store::Reader),
    Shared(postgres::Reader),
}

/// Entries are read that many at a time.
const PAGE: usize = 2_000;

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Record {
    /// The names of all accounts, in alphabetical order.
    pub fn accounts(&self) -> Result<Vec<String>, String> {
        match self {
            Self::File(reader) => reader.accounts().map_err(said),
            Self::Shared(reader) => reader.accounts().map_err(said),
        }
    }

    /// Walks an account's whole record.
    pub fn verify(&self, account: &str) -> Result<Summary, String> {
        match self {
            Self::File(reader) => reader.verify(account).map_err(said),
            Self::Shared(reader) => reader.verify(account).map_err(said),
        }
    }

    /// The entries with `seq` above `after`, oldest first.
    pub fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, String> {
        match self {
            Self::File(reader) => reader.entries(account, after, limit).map_err(said),
            Self::Shared(reader) => reader.entries(account, after, limit).map_err(said),
        }
    }

    /// The last entries, newest first.
    pub fn latest(&self, account: &str, limit: usize) -> Result<Vec<Entry>, String> {
        match self {
            Self::File(reader) => reader.latest(account, limit).map_err(said),
            Self::Shared(reader) => reader.latest(account, limit).map_err(said),
        }
    }

    /// Writes an account's record as JSON, one entry a line.
    pub fn export(&self, account: &str, out: &mut impl std::io::Write) -> Result<u64, String> {
        let reader = match self {
            Self::File(reader) => return reader.export(account, out).map_err(said),
            Self::Shared(reader) => reader,
        };
        // A running weir goes on; this is about what there was at the beginning.
        let last = reader.latest(account, 1).map_err(said)?.first().map_or(0, |entry| entry.seq);
        let mut after = 0;
        while after < last {
            let page = reader.entries(account, after, PAGE).map_err(said)?;
            if page.is_empty() {
                return Err(format!("entry {} of account {account} is missing", after + 1));
            }
            for entry in page {
                after = entry.seq;
                if entry.seq <= last {
                    serde_json::to_writer(&mut *out, &entry).map_err(said)?;
                    out.write_all(b"\n").map_err(said)?;
                }
            }
        }
        Ok(last)
    }
}
