//! Entries on their way to the journal.

use super::journal::{frame, record};
use billing::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of a request may lie before it is written, waiting for a hold to be written with. If the process dies
/// within that time, the request is settled at its estimate.
const LIE: Duration = Duration::from_millis(5);

/// How long what is written may wait to be synced, for a hold to be synced with. If the power fails within that time, the
/// same.
const LINGER: Duration = Duration::from_millis(50);

/// After so many writes in a row that nobody waited for, the next is synced whether a hold is with it or not.
const LINGER_MOST: u32 = 20;

/// What was kept for the next group beyond this is given back.
const ROOM: usize = 1 << 18;

#[derive(Default)]
struct Waiting {
    /// A frame in the making.
    bytes: Vec<u8>,
    count: u32,
    closing: bool,
    /// The writer sleeps and wants to be woken by anything.
    asleep: bool,
    /// The writer lets lie what is not urgent.
    lazing: bool,
    /// Somebody waits for what is here, or for what is written and not synced.
    urgent: bool,
}

/// Entries in the order in which they will be written.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    /// The position of the last entry: its mark.
    issued: AtomicU64,
}

/// What is written at once.
#[derive(Default)]
pub(super) struct Group {
    /// A frame without its head.
    pub bytes: Vec<u8>,
    pub count: u32,
}

/// What the writer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write,
    WriteAndSync,
    Sync,
    End,
}

impl Queue {
    /// Behind so many entries.
    pub fn new(position: u64) -> Self {
        Self { waiting: Mutex::default(), bell: Condvar::new(), issued: AtomicU64::new(position) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark of the last entry.
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::Acquire)
    }

    /// Appends an entry and says its mark. `open` is how many holds of the account are open after it.
    pub fn push(&self, account: i64, open: usize, entry: &Entry) -> u64 {
        // An answer waits for its hold; nobody waits for the end of one.
        let urgent = !entry.kind.ends();
        let mut waiting = self.lock();
        if waiting.bytes.is_empty() {
            waiting.bytes.extend_from_slice(&[0; frame::HEAD]);
        }
        record::write(&mut waiting.bytes, account, open, entry);
        waiting.count += 1;
        waiting.urgent |= urgent;
        let mark = self.issued.fetch_add(1, Ordering::AcqRel) + 1;
        let wake = std::mem::take(&mut waiting.asleep) || (urgent && std::mem::take(&mut waiting.lazing));
        drop(waiting);
        if wake {
            self.bell.notify_one();
        }
        mark
    }

    /// Somebody waits for what was pushed so far.
    pub fn hurry(&self) {
        let mut waiting = self.lock();
        waiting.urgent = true;
        let wake = std::mem::take(&mut waiting.asleep) || std::mem::take(&mut waiting.lazing);
        drop(waiting);
        if wake {
            self.bell.notify_one();
        }
    }

    pub fn close(&self) {
        self.lock().closing = true;
        self.bell.notify_one();
    }

    /// Waits until there is something to do. What is to be written is swapped for `group`; what is to be synced so long
    /// after `begun` at the soonest, so that more gathers. `behind` is how many writes were not synced.
    pub fn take(&self, group: &mut Group, begun: Instant, apart: Duration, behind: u32) -> Step {
        let mut waiting = self.lock();
        while waiting.count == 0 {
            if behind == 0 {
                if waiting.closing {
                    return Step::End;
                }
                // Whoever asked is served: all that there was is on disk.
                waiting.urgent = false;
                waiting.asleep = true;
                waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                let wanted = waiting.urgent || waiting.closing;
                let late = !wanted && {
                    waiting.asleep = true;
                    let more = self.bell.wait_timeout(waiting, LINGER);
                    let (later, timeout) = more.unwrap_or_else(PoisonError::into_inner);
                    waiting = later;
                    timeout.timed_out() && waiting.count == 0
                };
                if wanted || late {
                    waiting.asleep = false;
                    waiting.urgent = false;
                    return Step::Sync;
                }
            }
            waiting.asleep = false;
        }
        if !waiting.urgent && !waiting.closing {
            waiting.lazing = true;
            let more =
                self.bell.wait_timeout_while(waiting, LIE, |waiting| !waiting.urgent && !waiting.closing);
            waiting = more.unwrap_or_else(PoisonError::into_inner).0;
            waiting.lazing = false;
        }
        let sync = waiting.urgent || waiting.closing || behind >= LINGER_MOST;
        if sync && !waiting.closing {
            let rest = apart.saturating_sub(begun.elapsed());
            if !rest.is_zero() {
                let more = self.bell.wait_timeout_while(waiting, rest, |waiting| !waiting.closing);
                waiting = more.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        group.bytes.clear();
        group.bytes.shrink_to(ROOM);
        std::mem::swap(&mut group.bytes, &mut waiting.bytes);
        group.count = std::mem::take(&mut waiting.count);
        waiting.urgent = false;
        if sync { Step::WriteAndSync } else { Step::Write }
    }
}
