//! A conversation over a socket: text or sound in, text and sound out, and it can be interrupted.
//!
//! Which socket that is, the shell knows; here it is a stream of messages and a place to put others. Every turn is made of
//! requests as anybody could make them: what is said goes through the same limits, router and ledger, as entries of their
//! own. Memory is bounded in turns and in bytes, and kept for a while after the socket is gone, so that a client that comes
//! back with the session's id goes on where it was.

mod memory;
mod parked;
mod run;
mod sentences;
#[cfg(test)]
mod tests;
mod turn;
mod words;

pub use parked::{Held, Parked};
pub use run::{End, Session};
pub use words::Manner;

use bytes::Bytes;

/// What passes over the socket, either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// JSON, one object.
    Text(String),
    /// Sound, in pieces of any size.
    Sound(Bytes),
}
