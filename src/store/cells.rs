//! The accounts in use.

use billing::{Account, Tally};
use foldhash::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use vocab::Pico;

/// One account in memory.
pub(super) struct Cell {
    /// Its number in the file.
    pub id: i64,
    pub name: String,
    /// Held while the file is asked about an id of this account.
    pub turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What the account's lock guards. It is never held across a wait.
pub(super) struct State {
    pub account: Account,
    /// To be granted before the first operation.
    pub opening: Option<Pico>,
    /// The mark of the last entry.
    pub last: u64,
    /// Ids that ended lately, by filter key, with their marks: those that the database may not have yet.
    lately: VecDeque<(u64, u64)>,
    /// Someone is asking the database: forget none of them.
    looking: bool,
}

impl Cell {
    /// A panic while the lock was held cannot leave half a decision: `Account::apply` changes nothing until it
    /// cannot fail any more.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn looking(&self) -> Looking<'_> {
        self.lock().looking = true;
        Looking(self)
    }
}

/// Undoes [`Cell::looking`].
pub(super) struct Looking<'a>(&'a Cell);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.lock().looking = false;
    }
}

impl State {
    /// Notes an id that ended, and forgets those that are in the database.
    pub fn remember(&mut self, key: u64, mark: u64, folded: u64) {
        if !self.looking {
            while self.lately.front().is_some_and(|(_, mark)| *mark <= folded) {
                self.lately.pop_front();
            }
        }
        self.lately.push_back((key, mark));
    }

    /// Whether an id with this key ended after the mark.
    pub fn ended_since(&self, key: u64, mark: u64) -> bool {
        self.lately.iter().rev().take_while(|(_, at)| *at > mark).any(|(ended, _)| *ended == key)
    }
}

pub(super) struct Cells {
    by_name: RwLock<HashMap<String, Arc<Cell>>>,
    /// Held while an account is read from the file, so that none is read twice.
    pub loading: tokio::sync::Mutex<()>,
    next_id: AtomicI64,
}

impl Cells {
    pub fn new(next_id: i64) -> Self {
        Self {
            by_name: RwLock::default(),
            loading: tokio::sync::Mutex::new(()),
            next_id: AtomicI64::new(next_id),
        }
    }

    pub fn get(&self, name: &str) -> Option<Arc<Cell>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub fn put(&self, name: &str, found: Option<(i64, Tally)>, overdraft: Option<Pico>) -> Arc<Cell> {
        // A number without an entry is never written, so one that is not used leaves a gap and nothing else.
        let (id, tally) =
            found.unwrap_or_else(|| (self.next_id.fetch_add(1, Ordering::Relaxed), Tally::new(name)));
        let state = State {
            account: Account::resume(tally, overdraft),
            opening: None,
            last: 0,
            lately: VecDeque::new(),
            looking: false,
        };
        let cell = Arc::new(Cell {
            id,
            name: name.into(),
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        });
        let mut map = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(name.into()).or_insert(cell))
    }

    /// In the order of their numbers.
    pub fn all(&self) -> Vec<Arc<Cell>> {
        let map = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = map.values().cloned().collect();
        all.sort_by_key(|cell| cell.id);
        all
    }

    /// Forgets accounts that nobody uses, that have no open hold, and whose entries are all in the database. While
    /// there are few accounts none is forgotten.
    pub fn forget_idle(&self, folded: u64) {
        const FEW: usize = 1_024;
        let mut map = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() > FEW {
            map.retain(|_, cell| {
                // With the map locked, a count of one means that nobody has it or can get it.
                let used = Arc::strong_count(cell) > 1;
                let state = cell.lock();
                used || state.last > folded || !state.account.tally().open.is_empty()
            });
        }
    }
}
