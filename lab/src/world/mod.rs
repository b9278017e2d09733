//! A world in a box: one clock, one pair of dice, one thread.
//!
//! The production code runs on it unchanged, because the world is its ports: [`World`] is the clock and the background
//! work, [`Net`] plays the lab's scripts in virtual time, [`MemoryBooks`] keeps accounts that can lose power. Time
//! stands still while anything can go on and then jumps to the next timer, so hours pass in milliseconds. Of several
//! tasks that can go on, the dice choose: the same seed tells the same story, another seed another order.

mod books;
mod executor;
mod hangup;
mod net;

#[cfg(test)]
mod tests;

pub use books::MemoryBooks;
pub use executor::{Sleep, Stuck, TaskId, World};
pub use hangup::{HangUp, hang_up_after};
pub use net::Net;
