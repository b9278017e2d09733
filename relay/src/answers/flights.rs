//! Requests under names that are being answered in this process.

use foldhash::{HashMap, HashMapExt};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use policy::{Digest, Slot};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All of them, by name.
pub struct Flights(Mutex<State>);

struct State {
    by_name: HashMap<[u8; 32], Flying>,
    issued: u64,
}

struct Flying {
    number: u64,
    request: Digest,
    /// Dropped when it is over, which is what `over` waits for.
    _under_way: oneshot::Sender<()>,
    over: Shared<oneshot::Receiver<()>>,
}

/// Whether a name could be taken.
pub enum Flight {
    Yours(u64),
    Busy { request: Digest, over: BoxFuture<'static, ()> },
}

impl Default for Flights {
    fn default() -> Self {
        Self(Mutex::new(State { by_name: HashMap::new(), issued: 0 }))
    }
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a name, where nobody has it.
    pub fn begin(&self, slot: &Slot, request: &Digest) -> Flight {
        let mut state = self.lock();
        if let Some(flying) = state.by_name.get(slot.name()) {
            let over = flying.over.clone().map(|_| ());
            return Flight::Busy { request: flying.request, over: Box::pin(over) };
        }
        state.issued += 1;
        let number = state.issued;
        let (under_way, over) = oneshot::channel();
        let flying = Flying { number, request: *request, _under_way: under_way, over: over.shared() };
        state.by_name.insert(*slot.name(), flying);
        Flight::Yours(number)
    }

    /// Lets a name go, where it is still that one's. Whoever waits for it is woken.
    pub fn end(&self, slot: &Slot, number: u64) {
        let mut state = self.lock();
        let ours = state.by_name.get(slot.name()).is_some_and(|flying| flying.number == number);
        let ended = if ours { state.by_name.remove(slot.name()) } else { None };
        // Who is woken may come here at once.
        drop(state);
        drop(ended);
    }

    /// Whether this one has the name.
    pub fn has(&self, slot: &Slot, number: u64) -> bool {
        self.lock().by_name.get(slot.name()).is_some_and(|flying| flying.number == number)
    }
}
