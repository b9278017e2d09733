//! An account with its whole record in memory: for simulations, tests and small tools.

use crate::{Account, Applied, Entry, Op, Refusal};
use std::collections::BTreeMap;
use vocab::{Instant, Pico};

#[derive(Clone, Debug)]
pub struct Book {
    account: Account,
    entries: Vec<Entry>,
    /// Places in `entries` by operation id.
    by_id: BTreeMap<String, Vec<usize>>,
}

impl Book {
    pub fn new(name: &str, overdraft: Option<Pico>) -> Self {
        Self { account: Account::new(name, overdraft), entries: Vec::new(), by_id: BTreeMap::new() }
    }

    /// [`Account::apply`] with the record at hand.
    pub fn post(&mut self, op: Op, now: Instant) -> Result<Applied, Refusal> {
        let past = if self.account.open(op.id()).is_none() { self.of(op.id()) } else { Vec::new() };
        let applied = self.account.apply(op, &past, now)?;
        if let Some(entry) = &applied.entry {
            self.by_id.entry(entry.op_id.clone()).or_default().push(self.entries.len());
            self.entries.push(entry.clone());
        }
        Ok(applied)
    }

    /// Settles every hold whose lease has ended. Returns how many.
    pub fn sweep(&mut self, now: Instant) -> usize {
        let orphans = self.account.orphans(now);
        orphans.into_iter().filter(|op| self.post(op.clone(), now).is_ok()).count()
    }

    /// Every entry of one operation id, oldest first.
    pub fn of(&self, id: &str) -> Vec<Entry> {
        let places = self.by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.entries.get(*place).cloned()).collect()
    }

    pub const fn account(&self) -> &Account {
        &self.account
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
