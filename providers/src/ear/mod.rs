//! A wire format for transcription: what to say around a file of sound, and what was heard in it.
//!
//! The file goes by in pieces and is never seen here as a whole: a call is what stands before it and after it.

mod form;
mod measure;
mod reading;
mod sound;

#[cfg(test)]
mod tests;

pub(crate) use form::{Form, mime_of};
pub use measure::Measure;
pub(crate) use reading::{garbled, said, seconds, sentences, timed};
pub use sound::{sound, sound_ahead};

use bytes::Bytes;
use std::fmt;
use vocab::{Call, Door, Fault, Listen, Transcript, Usage};

/// What an adapter can do for whoever wants to know what was said. Pure, as adapters are.
pub trait Ear: Send + Sync + fmt::Debug {
    /// A call with a file in it. `boundary` is nowhere in the file: letters and digits that nobody could know before. `Unfit`
    /// names the field that this provider cannot be told.
    fn encode(&self, listen: &Listen, door: &Door, boundary: &str) -> Result<Framed, Fault>;

    /// The body of a reply with status 2xx. One that holds an error is that fault.
    fn read(&self, listen: &Listen, door: &Door, body: &Bytes) -> Result<Understood, Fault>;
}

/// A call whose body is a file with something before it and after it.
#[derive(Debug)]
pub struct Framed {
    /// Without a body.
    pub call: Call,
    pub before: Bytes,
    pub coding: Coding,
    pub after: Bytes,
}

/// How the file's bytes are written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Plain,
    Base64,
}

impl Coding {
    /// Bytes that so many bytes become.
    pub const fn length(self, bytes: u64) -> u64 {
        match self {
            Self::Plain => bytes,
            Self::Base64 => bytes.div_ceil(3).saturating_mul(4),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// None where the answer can go to the client as it came.
    pub transcript: Option<Transcript>,
    /// As the provider told it; None where it told nothing.
    pub usage: Option<Usage>,
}
