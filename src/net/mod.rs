//! The native platform: sockets, clock, tasks. Implements the relay's ports.

pub mod checked;
mod clock;
mod h1;
mod outgoing;
mod pool;
mod server;
mod socket;
mod tls;

pub use clock::{NativeClock, Tasks};
pub use outgoing::NativeHttp;
pub use server::{Listen, serve};
