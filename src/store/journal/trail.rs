//! The way from the journal to the database: which files hold entries that are not folded yet, which may be written
//! again, and when it is time to fold.

use super::frame;
use super::slot::{self, Disk, Slot};
use crate::store::StoreError;
use billing::Tally;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many files there are at most. Then the journal waits until some of what they hold is folded.
pub const SLOTS_MAX: usize = 64;
/// Folded is when so many entries wait for it …
pub const FOLD_EVERY: u64 = 4_096;
/// … or after this time.
const FOLD_AFTER: Duration = Duration::from_secs(1);

/// What of a file holds entries.
struct Stretch {
    slot: Arc<Slot>,
    /// Up to here it is on disk.
    end: u64,
}

#[derive(Default)]
struct State {
    /// Files with entries that are not folded, oldest first. The last is the one being written.
    used: VecDeque<Stretch>,
    free: Vec<Arc<Slot>>,
    /// How many files there are.
    made: usize,
    /// The number of the next one. None is given twice, as a file may be in use.
    next_number: usize,
    /// Up to where in the first of `used` all is folded.
    from: u64,
    durable: u64,
    folded: u64,
    /// Somebody waits until this is folded.
    wanted: u64,
    /// Where accounts stood, by their number, with the position of that.
    tallies: BTreeMap<i64, (u64, Tally)>,
    closing: bool,
    /// Why nothing is folded any more.
    failed: Option<String>,
    /// The folder sleeps until there is something at all.
    idle: bool,
    /// The journal waits for a file.
    starved: bool,
}

impl State {
    /// The number of a file that is about to be made, if there may be one more.
    const fn number(&mut self) -> Option<usize> {
        if self.made >= SLOTS_MAX {
            return None;
        }
        self.made += 1;
        self.next_number += 1;
        Some(self.next_number - 1)
    }

    fn due(&self) -> bool {
        let asked = self.wanted > self.folded && self.durable >= self.wanted;
        self.durable > self.folded
            && (asked || self.closing || self.starved || self.durable - self.folded >= FOLD_EVERY)
    }
}

pub struct Trail {
    database: PathBuf,
    /// How long a file is. One for a longer frame is as long as that.
    slot: u64,
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// Heard by the folder.
    bell: Condvar,
    /// Heard by the journal.
    freed: Condvar,
}

/// What is to be folded.
pub struct Task {
    /// Files with from where to where.
    pub stretches: Vec<(Arc<Slot>, u64, u64)>,
    /// The position that this reaches.
    pub to: u64,
    /// The commit is to be synced, because files become free with it.
    pub sync: bool,
    /// Tallies of what is folded then.
    pub tallies: Vec<(i64, Tally)>,
}

impl Trail {
    /// The database has everything up to `position`.
    pub fn new(database: &Path, disk: Arc<dyn Disk>, slot: u64, position: u64) -> Self {
        let state = State { durable: position, folded: position, ..State::default() };
        Self {
            database: database.into(),
            slot: frame::padded(usize::try_from(slot).unwrap_or(usize::MAX)) as u64,
            disk,
            state: Mutex::new(state),
            bell: Condvar::new(),
            freed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// A file for the journal to go on in, with room for `len` bytes at least.
    pub fn next(&self, len: u64) -> Result<Arc<Slot>, StoreError> {
        let mut state = self.lock();
        let slot = loop {
            if let Some(place) = state.free.iter().position(|slot| slot.len >= len) {
                break state.free.swap_remove(place);
            }
            if let Some(why) = &state.failed {
                return Err(StoreError::Down(why.clone()));
            }
            if state.made >= SLOTS_MAX
                && let Some(short) = state.free.pop()
            {
                std::fs::remove_file(&short.path)?;
                state.made -= 1;
            }
            if let Some(number) = state.number() {
                drop(state);
                let slot = self.make(number, len)?;
                state = self.lock();
                break slot;
            }
            state.starved = true;
            self.bell.notify_one();
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.starved = false;
        };
        state.used.push_back(Stretch { slot: Arc::clone(&slot), end: 0 });
        Ok(slot)
    }

    /// Makes the file of that number, of the usual length unless that is too short.
    fn make(&self, number: usize, len: u64) -> std::io::Result<Arc<Slot>> {
        let made = Slot::make(&*self.disk, slot::path(&self.database, number), len.max(self.slot));
        if made.is_err() {
            self.lock().made -= 1;
        }
        made.map(Arc::new)
    }

    /// Makes a file beforehand, so that the journal need not wait for one.
    pub fn spare(&self) {
        let number = {
            let mut state = self.lock();
            if !state.free.is_empty() || state.closing {
                return;
            }
            state.number()
        };
        let Some(number) = number else { return };
        match self.make(number, 0) {
            Ok(slot) => self.lock().free.push(slot),
            Err(error) => tracing::warn!(%error, "no further file for the journal could be made"),
        }
        // It may be waited for by now, or the next attempt may.
        self.freed.notify_one();
    }

    /// Everything up to `position` is on disk, and `end` is where it ends in the file last taken.
    pub fn reached(&self, end: u64, position: u64) {
        let mut state = self.lock();
        if let Some(stretch) = state.used.back_mut() {
            stretch.end = end;
        }
        state.durable = position;
        let wake = std::mem::take(&mut state.idle) || state.due();
        drop(state);
        if wake {
            self.bell.notify_one();
        }
    }

    /// Somebody waits until everything up to `position` is folded.
    pub fn demand(&self, position: u64) {
        let mut state = self.lock();
        state.wanted = state.wanted.max(position);
        if state.due() {
            self.bell.notify_one();
        }
    }

    /// Keeps where an account stood at `position`, with the fold that reaches it.
    pub fn keep(&self, account: i64, position: u64, tally: Tally) {
        self.lock().tallies.insert(account, (position, tally));
    }

    /// Nothing more comes. What is on disk is still folded.
    pub fn close(&self) {
        self.lock().closing = true;
        self.bell.notify_one();
    }

    /// Nothing is folded any more.
    pub fn fail(&self, why: &str) {
        self.lock().failed.get_or_insert_with(|| why.into());
        self.freed.notify_one();
    }

    /// Waits until it is time to fold. None when all is done and nothing more comes.
    pub fn task(&self) -> Option<Task> {
        let mut state = self.lock();
        while !state.due() {
            if state.closing {
                // A last time without an entry: where accounts stood.
                let last = state.tallies.values().any(|(position, _)| *position <= state.durable);
                return last.then(|| Self::all(&mut state));
            }
            if state.durable > state.folded {
                let waited = self.bell.wait_timeout(state, FOLD_AFTER);
                let (later, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = later;
                if timeout.timed_out() && state.durable > state.folded {
                    break;
                }
            } else {
                state.idle = true;
                state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle = false;
            }
        }
        Some(Self::all(&mut state))
    }

    fn all(state: &mut State) -> Task {
        let (to, mut from) = (state.durable, state.from);
        let stretches: Vec<_> = state
            .used
            .iter()
            .map(|stretch| (Arc::clone(&stretch.slot), std::mem::take(&mut from), stretch.end))
            .collect();
        let (now, later) = std::mem::take(&mut state.tallies)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, (position, _))| *position <= to);
        state.tallies = later;
        let tallies = now.into_iter().map(|(account, (_, tally))| (account, tally)).collect();
        Task { sync: stretches.len() > 1 || state.closing, stretches, to, tallies }
    }

    /// The database has what the task was about; where it said so, on disk. Its files but the last may be written again.
    pub fn folded(&self, task: &Task) {
        let mut state = self.lock();
        state.folded = task.to;
        for _ in 1..task.stretches.len() {
            if let Some(stretch) = state.used.pop_front() {
                state.free.push(stretch.slot);
            }
        }
        if let Some((_, _, end)) = task.stretches.last() {
            state.from = *end;
        }
        if state.starved {
            self.freed.notify_one();
        }
    }

    /// Whether the journal cannot go on before something is folded.
    pub fn is_starved(&self) -> bool {
        self.lock().starved
    }

    pub fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Whether everything that was ever on disk is folded, and nothing went wrong.
    pub fn is_whole(&self) -> bool {
        let state = self.lock();
        state.failed.is_none() && state.folded == state.durable
    }
}
