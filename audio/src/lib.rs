//! Sound on its way, and the text that it is made of.
//!
//! Nothing here knows a provider or a client: bytes and samples in, bytes and samples out, in pieces of any size, in memory
//! that does not grow with what passes. One channel always; a sample is an `i16`, as everybody's speech is.
//!
//! - [`sentences`] and [`Utterances`] cut a text into what is said in one breath and what is sent in one call.
//! - [`Unwrap`] and [`Wrap`] turn the containers of plain samples ([`Plain`]) into samples and back.
//! - [`Joiner`] puts streams of samples of any rate behind one another, without a gap and without a click, and takes up where a
//!   broken one left off. [`Resampler`], [`Skip`] and [`Fade`] are its parts.
//! - [`Mp3Joiner`] does with frames of MP3 what can be done without decoding them.
//! - [`Meter`] says how long a stream has been so far, whatever it is made of; [`Level`] whether there is anything to hear in it.

mod broken;
mod fade;
mod join;
mod level;
mod meter;
mod mp3;
mod plain;
mod resample;
mod skip;
mod text;
mod wav;

#[cfg(test)]
mod testing;

pub use broken::Broken;
pub use fade::Fade;
pub use join::Joiner;
pub use level::Level;
pub use meter::Meter;
pub use mp3::{Header as Mp3Header, Mp3Joiner};
pub use plain::{Plain, Unwrap, Wrap};
pub use resample::Resampler;
pub use skip::Skip;
pub use text::{Lengths, Utterances, has_words, sentences};

/// How long so many samples are, in milliseconds, rounded down; nothing for a rate of nothing.
pub const fn millis(samples: u64, rate: u32) -> u64 {
    if rate == 0 { 0 } else { samples.saturating_mul(1000) / rate as u64 }
}

/// Samples in so many milliseconds, rounded down.
pub const fn samples(millis: u64, rate: u32) -> u64 {
    millis.saturating_mul(rate as u64) / 1000
}
