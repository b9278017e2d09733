//! Where an account's record stands.

use billing::Entry;
use std::collections::BTreeSet;
use std::fmt::Display;
use vocab::{Instant, Pico};

/// The storage of one account. Everything between two waits of the caller is one transaction of the storage: all of it
/// is kept, or nothing.
pub trait Shelf {
    type Error: Display;

    /// Puts entries at the end.
    fn append(&mut self, entries: &[Entry]) -> Result<(), Self::Error>;
    /// The `seq` of the last entry; 0 where there is none.
    fn last(&self) -> Result<u64, Self::Error>;
    /// Entries with `seq` above `after`, oldest first.
    fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>, Self::Error>;
    /// Those of one id with `seq` above `after` and up to `last`.
    fn of(&self, id: &str, after: u64, last: u64) -> Result<Vec<Entry>, Self::Error>;
    /// Settle and release entries with `seq` below `before`, newest first.
    fn ended(&self, before: u64, limit: usize) -> Result<Vec<Entry>, Self::Error>;
    /// The entry that ended an id: its grant, settle or release.
    fn end(&self, id: &str) -> Result<Option<Entry>, Self::Error>;
    /// Which of these ids have ended.
    fn ended_of(&self, ids: &[&str]) -> Result<BTreeSet<String>, Self::Error>;
    /// What had been settled by the last entry before `from`.
    fn settled_before(&self, from: Instant) -> Result<Pico, Self::Error>;

    /// Entries that are to become the record, beside it: puts more of them there.
    fn stage(&mut self, entries: &[Entry]) -> Result<(), Self::Error>;
    fn staged(&self, after: u64, limit: usize) -> Result<Vec<Entry>, Self::Error>;
    fn clear_stage(&mut self) -> Result<(), Self::Error>;
    /// Makes them the record, in place of what it was, and drops every note but the name. In one step.
    fn adopt_stage(&mut self) -> Result<(), Self::Error>;

    /// Notes beside the record, by name: see [`note`].
    fn note(&self, name: &str) -> Result<Option<String>, Self::Error>;
    fn take_note(&mut self, name: &str, text: &str) -> Result<(), Self::Error>;
    fn drop_note(&mut self, name: &str) -> Result<(), Self::Error>;
    /// Those whose names begin so and come after this one, in the order of their names, at most so many.
    fn notes(&self, beginning: &str, after: &str, limit: u32) -> Result<Vec<String>, Self::Error>;
}

/// Names of notes.
pub mod note {
    /// The account's name: an object does not know what it is called.
    pub const NAME: &str = "name";
    /// Where the account stood a while ago, so that not the whole record is walked when the object wakes up.
    pub const TALLY: &str = "tally";
    /// Up to where the record was copied to KV.
    pub const COPIED: &str = "copied";
    /// Slices of the balance that isolates have.
    pub const SLICES: &str = "slices";

    /// What was counted against limits.
    pub const COUNTS: &str = "counts";

    /// How far a request had come.
    pub fn progress(id: &str) -> String {
        format!("progress {id}")
    }
}

#[cfg(test)]
pub mod memory {
    use super::{Entry, Instant, Pico, Shelf};
    use std::cell::Cell;
    use std::collections::{BTreeMap, BTreeSet};

    /// A shelf that can be told to fail.
    #[derive(Default)]
    pub struct Memory {
        pub entries: Vec<Entry>,
        pub staged: Vec<Entry>,
        pub notes: BTreeMap<String, String>,
        /// Writes that still succeed.
        pub writes: Option<Cell<u32>>,
    }

    impl Memory {
        fn write(&self) -> Result<(), String> {
            match &self.writes {
                Some(left) if left.get() == 0 => Err("the disk is full".into()),
                Some(left) => {
                    left.set(left.get() - 1);
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }

    impl Shelf for &mut Memory {
        type Error = String;

        fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
            self.write()?;
            self.entries.extend_from_slice(entries);
            Ok(())
        }

        fn last(&self) -> Result<u64, String> {
            Ok(self.entries.last().map_or(0, |e| e.seq))
        }

        fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>, String> {
            Ok(self.entries.iter().filter(|e| e.seq > after).take(limit).cloned().collect())
        }

        fn of(&self, id: &str, after: u64, last: u64) -> Result<Vec<Entry>, String> {
            let there = self.entries.iter().filter(|e| e.seq > after && e.seq <= last);
            Ok(there.filter(|e| e.op_id == id).cloned().collect())
        }

        fn ended(&self, before: u64, limit: usize) -> Result<Vec<Entry>, String> {
            use billing::Kind::{Release, Settle};
            let ended = self.entries.iter().rev().filter(|e| matches!(e.kind, Settle | Release));
            Ok(ended.filter(|e| e.seq < before).take(limit).cloned().collect())
        }

        fn end(&self, id: &str) -> Result<Option<Entry>, String> {
            Ok(self.entries.iter().find(|e| e.op_id == id && e.kind.ends()).cloned())
        }

        fn ended_of(&self, ids: &[&str]) -> Result<BTreeSet<String>, String> {
            let ended = self.entries.iter().filter(|e| e.kind.ends() && ids.contains(&&*e.op_id));
            Ok(ended.map(|e| e.op_id.clone()).collect())
        }

        fn settled_before(&self, from: Instant) -> Result<Pico, String> {
            let before = self.entries.iter().rev().find(|e| e.time < from);
            Ok(before.map_or(Pico::ZERO, |e| e.balance_after.settled))
        }

        fn stage(&mut self, entries: &[Entry]) -> Result<(), String> {
            self.write()?;
            self.staged.extend_from_slice(entries);
            Ok(())
        }

        fn staged(&self, after: u64, limit: usize) -> Result<Vec<Entry>, String> {
            Ok(self.staged.iter().filter(|e| e.seq > after).take(limit).cloned().collect())
        }

        fn clear_stage(&mut self) -> Result<(), String> {
            self.staged.clear();
            Ok(())
        }

        fn adopt_stage(&mut self) -> Result<(), String> {
            self.write()?;
            self.entries = std::mem::take(&mut self.staged);
            self.notes.retain(|name, _| name == super::note::NAME);
            Ok(())
        }

        fn note(&self, name: &str) -> Result<Option<String>, String> {
            Ok(self.notes.get(name).cloned())
        }

        fn take_note(&mut self, name: &str, text: &str) -> Result<(), String> {
            self.write()?;
            self.notes.insert(name.into(), text.into());
            Ok(())
        }

        fn drop_note(&mut self, name: &str) -> Result<(), String> {
            self.notes.remove(name);
            Ok(())
        }

        fn notes(&self, beginning: &str, after: &str, limit: u32) -> Result<Vec<String>, String> {
            let wanted =
                self.notes.iter().filter(|(name, _)| name.starts_with(beginning) && name.as_str() > after);
            Ok(wanted.take(limit as usize).map(|(_, text)| text.clone()).collect())
        }
    }
}
