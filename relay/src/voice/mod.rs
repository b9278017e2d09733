//! Speech: who has which voice, what a text is said in, and its sound on the way to the client.
//!
//! Up to the first sound a request to speak is a request like any other ([`crate::serve`]): the same plan, hold, attempts and
//! faults. From there on it has a story of its own, because what is to be said is known: it is said in parts, and where a
//! provider dies another goes on.

mod call;
mod casting;
mod desk;
mod length;
mod resume;
mod script;
mod sounding;
mod voices;

pub(crate) use call::{Talk, begin};
pub(crate) use casting::{Cast, offered};
pub(crate) use script::next as next_part;
pub use sounding::Sounding;
pub(crate) use sounding::{Next, Part};
pub use voices::{VoiceInfo, VoicePlace, Voices};
