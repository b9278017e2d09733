//! What to say to each provider, and what it said.
//!
//! A dialect is a handful of pure functions ([`Adapter`]): no client, no clock, no log, no retry. Those exist once,
//! in `relay`. Foreign JSON is read by path, so that fields we do not know cannot hurt us.

mod adapter;
pub mod anthropic;
pub mod cartesia;
pub mod catalogue;
mod cited;
pub mod deepgram;
pub mod ear;
pub mod elevenlabs;
mod entrance;
mod foreign;
pub mod gemini;
mod glance;
pub mod openai;
mod pictures;
mod responses;
mod speaker;
mod spoken;
mod sse;
mod vectors;
mod voice;
pub mod voices;
mod watch;
#[cfg(test)]
mod wild;
pub mod workers_ai;

pub use adapter::{Adapter, Address, BadAddress, Glance, Product, Reading};
pub use anthropic::Anthropic;
pub use cartesia::Cartesia;
pub use deepgram::Deepgram;
pub use ear::{Coding, Ear, Framed, Measure, Understood, sound, sound_ahead};
pub use elevenlabs::Elevenlabs;
pub use gemini::Gemini;
pub use openai::OpenAi;
pub use pictures::pictures;
pub use responses::Responses;
pub use sse::{FRAME_MAX, Sse};
pub use voice::{Heard, Hearing, Voice};
pub use voices::Voices;
pub use watch::Watch;
pub use workers_ai::WorkersAi;
