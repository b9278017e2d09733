//! Answers under idempotency keys: in a file of this node's own ([`AnswerFile`]), or in PostgreSQL for all nodes that share a
//! ledger ([`SharedAnswers`]).

mod file;
mod shared;

#[cfg(test)]
mod tests;

pub use file::AnswerFile;
pub use shared::SharedAnswers;

use policy::Slot;
use relay::answers::Flights;
use std::sync::Arc;

/// Lets a name go when it is dropped.
struct Leaving {
    flights: Arc<Flights>,
    slot: Slot,
    number: u64,
    left: bool,
}

impl Leaving {
    fn new(flights: &Arc<Flights>, slot: &Slot, number: u64) -> Self {
        Self { flights: Arc::clone(flights), slot: slot.clone(), number, left: true }
    }

    fn stays(mut self) {
        self.left = false;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.left {
            self.flights.end(&self.slot, self.number);
        }
    }
}
