//! What it costs: prices, usage arithmetic, the ledger's state machine and its hash chain.
//!
//! Everything here is a value or a fold over values: no socket, no clock, no floats.
//!
//! - [`charge`] and [`cost`] turn a usage into an amount, [`worst`] and [`expected`] say beforehand what it may come to.
//! - [`Account`] decides about one account's money: `state + operation → entry or refusal`.
//! - [`Entry`] is what is kept. [`verify`] walks a chain of them and recomputes every balance; [`Tally`] does the
//!   same step by step, for records that do not fit into memory.
//! - [`Book`] is an account with its whole record in memory.
//! - [`Slices`] are parts of a balance that others decide about for a while.

mod account;
mod book;
mod budget;
mod charge;
mod credits;
mod detail;
mod entry;
mod estimate;
mod op;
pub mod reconcile;
mod slices;
mod tally;
mod write;

pub use account::{Account, Applied};
pub use book::Book;
pub use budget::{Budgets, Taken, Windows};
pub use charge::{Charge, Item, Unpriced, charge, cost};
pub use credits::{Credit, Credits};
pub use entry::{Entry, GENESIS, Hash, Kind, hex, link};
pub use estimate::{expected, worst, worst_under};
pub use op::{Balance, Line, Op, Refusal, Repeat};
pub use slices::Slices;
pub use tally::{BadEntry, Flaw, Open, Summary, Tally, verify};
