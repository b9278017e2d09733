//! What it costs: prices, usage arithmetic, the ledger's state machine and its hash chain.
//!
//! Everything here is a value or a fold over values: no socket, no clock, no floats.

mod op;

pub use op::{Balance, Line, Op, Refusal};
