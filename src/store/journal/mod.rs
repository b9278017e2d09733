//! The journal: what is confirmed, until the database has it.
//!
//! Files beside the database, `<database>.journal.<n>`, each written from its beginning to its end in *frames* and then,
//! once the database has on disk what was in it, written again. They are filled with zeros and synced when they are
//! made, so that a sync later on has data to write and no metadata. One group of entries is one frame, one write and,
//! where somebody waits for one of them, one `fdatasync`. The layout is in `docs/ledger-format.md`.
//!
//! # Why nothing is lost
//!
//! Every entry has a *position*: how many entries the database's accounts ever had, it included.
//!
//! - An entry is confirmed when the frame that holds it was written and synced. A sync that fails is not tried again: after
//!   it, what is in the page cache says nothing about the disk any more. The store is down.
//! - The database keeps the position up to which it has the entries, in the transaction that brought them (`fold`). So
//!   entries are never brought twice, and none between two is left out.
//! - A file is written again only after a fold whose commit was synced (`synchronous=full`) and that took the last of its
//!   entries. Commits between those may be lost with the power: the files still hold what was in them.
//! - At the start what the database lacks is read from the files, and checked (`tail`). Then the *epoch* is counted up, in the
//!   same synced transaction; frames of earlier epochs count for nothing, whether their files are removed or not.
//!
//! A frame also says up to which position everything was on disk when it was written. That tells a torn end, which was
//! never confirmed, from a damaged middle: if any frame claims more than can be read without a gap, confirmed entries
//! are missing, and the store is not opened. Only of the very last sync nothing is claimed by anybody; damage to just
//! that looks like a write that the power cut short.

pub mod frame;
pub mod record;
pub mod slot;
pub mod tail;
pub mod trail;

use super::StoreError;
use frame::Head;
use slot::{Disk, Slot};
use std::sync::Arc;
use trail::Trail;

/// Whose frames they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The database's number, drawn when it was made.
    pub store: u64,
    /// Counted up each time the database is opened to be written.
    pub epoch: u64,
}

/// The end that is written to.
pub struct Journal {
    origin: Origin,
    disk: Arc<dyn Disk>,
    trail: Arc<Trail>,
    slot: Arc<Slot>,
    /// Where in the slot the next frame goes.
    at: u64,
    /// Of the last entry written.
    position: u64,
    /// Of the last entry synced.
    durable: u64,
}

impl Journal {
    pub fn start(origin: Origin, disk: Arc<dyn Disk>, trail: Arc<Trail>) -> Result<Self, StoreError> {
        let slot = trail.next(0)?;
        let position = trail.durable();
        Ok(Self { origin, disk, trail, slot, at: 0, position, durable: position })
    }

    /// Writes a group, for which `bytes` has entries behind room for a head, without syncing it. An error is final.
    pub fn append(&mut self, bytes: &mut Vec<u8>, count: u32) -> Result<(), StoreError> {
        let end = bytes.len();
        bytes.resize(frame::padded(end), 0);
        let len = bytes.len() as u64;
        if self.at + len > self.slot.len {
            // What is synced later is the new file alone.
            self.sync()?;
            self.slot = self.trail.next(len)?;
            self.at = 0;
        }
        let head = Head {
            origin: self.origin,
            offset: self.at,
            first: self.position + 1,
            durable: self.durable,
            count,
        };
        frame::seal(bytes, end, &head);
        self.disk.write(&self.slot.file, bytes, self.at)?;
        self.at += len;
        self.position += u64::from(count);
        Ok(())
    }

    /// Brings to disk what was written. An error is final.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if self.is_behind() {
            self.disk.sync(&self.slot.file)?;
            self.durable = self.position;
            self.trail.reached(self.at, self.position);
        }
        Ok(())
    }

    /// Whether something was written that is not synced.
    pub const fn is_behind(&self) -> bool {
        self.durable < self.position
    }

    pub const fn durable(&self) -> u64 {
        self.durable
    }
}
