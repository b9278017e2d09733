//! HTTP/1.1, as much of it as a proxy in the middle meets all day; the rest is hyper's.
//!
//! [`client`] speaks to providers, [`server`] to clients. What is parsed or framed is decided in [`head`], [`framing`] and
//! [`chunked`], which know no socket and can be fuzzed: where the server's own path and hyper could differ, hyper is asked.

mod buffer;
mod chunked;
pub mod client;
mod compose;
mod framing;
mod head;
mod intake;
pub mod server;
#[cfg(test)]
mod tests;
mod unusual;

/// A message's head is no longer than this.
pub const HEAD_MAX: usize = 64 << 10;
