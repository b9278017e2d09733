//! What the files hold that the database does not have, after a process that could not end in peace.

use super::frame::{self, Frame};
use super::{Origin, slot};
use crate::store::StoreError;
use std::path::{Path, PathBuf};

/// The journal's files as they were found.
pub struct Found {
    files: Vec<(PathBuf, Vec<u8>)>,
    database: PathBuf,
}

impl Found {
    pub fn read(database: &Path) -> Result<Self, StoreError> {
        let read = |path: PathBuf| std::fs::read(&path).map(|bytes| (path, bytes));
        let files = slot::found(database)?.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { files, database: database.into() })
    }

    #[cfg(test)]
    pub fn of(database: PathBuf, files: Vec<(PathBuf, Vec<u8>)>) -> Self {
        Self { files, database }
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The frames with entries after `position`, in order and without a gap.
    ///
    /// What was not confirmed may be torn, and is left out from there on. Where something that was confirmed cannot be read,
    /// this is an error.
    pub fn after(&self, origin: Origin, position: u64) -> Result<Vec<Frame<'_>>, StoreError> {
        let mut frames = Vec::new();
        // Up to where everything was on disk, by what the frames and the database say.
        let mut confirmed = position;
        for (path, bytes) in &self.files {
            for frame in frame::all(bytes) {
                let of = frame.head.origin;
                if of.store != origin.store || of.epoch > origin.epoch {
                    return Err(StoreError::Stray { journal: path.clone(), database: self.database.clone() });
                }
                if of.epoch < origin.epoch {
                    continue;
                }
                confirmed = confirmed.max(frame.head.durable);
                if frame.head.last() > position {
                    frames.push(frame);
                }
            }
        }
        frames.sort_by_key(|frame| frame.head.first);
        let mut last = position;
        frames.retain(|frame| {
            let next = frame.head.first <= last + 1 && frame.head.last() > last;
            if next {
                last = frame.head.last();
            }
            next
        });
        if last < confirmed {
            return Err(StoreError::Gap { database: self.database.clone(), last, confirmed });
        }
        Ok(frames)
    }
}
