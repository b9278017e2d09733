//! What the lab's voices sound like: every sentence is a tone of its own, with a short silence behind it. So a test can hear which
//! sentences were spoken, in which order, whether one is missing or there twice, and whether anything clicked between.
//!
//! Written from the specifications of the formats and from nothing of the product's own.

mod encode;
mod flac;
mod frames;
mod law;
mod listen;
mod ogg;
mod tone;

#[cfg(test)]
mod tests;

pub(crate) use encode::{Chunk, Coding, Format, Sample, chunks};
pub use listen::{Heard, Note, hear, listen};
pub(crate) use tone::{Passage, passages};
pub use tone::{TONES, Tone};

/// Silence behind each sentence, in milliseconds.
pub const PAUSE_MS: u64 = 60;
/// How loud tones are, out of 32,767.
pub(crate) const LOUD: f64 = 8_000.0;
