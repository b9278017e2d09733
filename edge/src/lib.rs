//! weir as a Cloudflare Worker.
//!
//! The same core as everywhere: requests are told by `front`, carried by `relay`, paid for by `billing`. What is here is
//! the platform: `fetch` for sockets, a Durable Object for each account's books, KV for their record, and what must be
//! different where many isolates serve at once. Modules outside `worker` only compute, and are tested anywhere.

pub mod account;
pub mod approximate;
pub mod hints;
pub mod record;
pub mod setup;

#[cfg(target_arch = "wasm32")]
mod worker;
