//! What to say to each provider, and what it said.
//!
//! A dialect is a handful of pure functions ([`Adapter`]): no client, no clock, no log, no retry. Those exist once,
//! in `relay`. Foreign JSON is read by path, so that fields we do not know cannot hurt us.

mod adapter;

pub use adapter::{Adapter, Address, BadAddress, Glance, Reading};
