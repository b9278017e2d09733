//! A wire format for speech: what to say to have a text spoken, and how the sound comes.

use crate::Sse;
use bytes::Bytes;
use http::HeaderMap;
use std::fmt;
use vocab::{Call, Card, Door, Fault, Frame, Sound, Usage, Utterance};

/// What an adapter can do for whoever wants to hear something. Pure, as adapters are.
pub trait Voice: Send + Sync + fmt::Debug {
    /// What it is to be asked for where `wanted` is to be had: the same, or plain samples that it can be made of while they
    /// come (`pcm` for a `wav`, another rate than the one that is wanted). None where it has nothing of the kind: then it is
    /// no candidate. Rates and bit rates that are left open stay open only where the reply itself tells them.
    fn makes(&self, card: &Card, wanted: Sound) -> Option<Sound>;

    /// Characters that one call takes, as the provider counts them.
    fn chars_max(&self, card: &Card) -> usize;

    /// Characters as the provider counts and bills them. Unicode scalar values, for all of whom more is not known.
    fn characters(&self, text: &str) -> u64 {
        text.chars().count() as u64
    }

    /// A call for one utterance. `Unfit` names the field that this provider cannot be told.
    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault>;

    /// How the body of a reply with status 2xx is read, by what its head says. A head may tell the usage already.
    fn hear(&self, card: &Card, headers: &HeaderMap) -> Result<Hearing, Fault>;

    /// What a call is billed for whose reply told no usage: the characters of its text where that is the unit, else an estimate
    /// that is marked as one. `millis`: how long the sound was, as far as it came.
    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage;
}

/// What one read brought.
#[derive(Debug, Default)]
pub struct Heard {
    /// Sound, in the codec that was asked for.
    pub sound: Vec<Bytes>,
    /// As reported; the last one counts.
    pub usage: Option<Usage>,
    /// The provider said that this was all. Bodies that are nothing but sound end without a word.
    pub done: bool,
    /// The sound is over; what it cost may be said yet.
    pub(crate) over: bool,
}

/// Reads the body of one reply. Fixed memory but for a reply that is one JSON document.
pub struct Hearing {
    way: Way,
    heard: Heard,
}

enum Way {
    /// The body is the sound.
    Bytes,
    /// Sound or a document: the first byte tells.
    Either { max: usize, read: fn(&[u8], &mut Heard) -> Result<(), Fault> },
    /// Sound in frames, with its end said.
    Frames { sse: Box<Sse>, read: fn(&Frame<'_>, &mut Heard) -> Result<(), Fault> },
    /// All of it in one document, of at most so many bytes.
    Document { body: Vec<u8>, max: usize, read: fn(&[u8], &mut Heard) -> Result<(), Fault> },
}

impl Hearing {
    pub fn bytes() -> Self {
        Self { way: Way::Bytes, heard: Heard::default() }
    }

    pub fn frames(read: fn(&Frame<'_>, &mut Heard) -> Result<(), Fault>) -> Self {
        Self { way: Way::Frames { sse: Box::default(), read }, heard: Heard::default() }
    }

    pub fn document(max: usize, read: fn(&[u8], &mut Heard) -> Result<(), Fault>) -> Self {
        Self { way: Way::Document { body: Vec::new(), max, read }, heard: Heard::default() }
    }

    /// A document where it begins as one, else sound. Only for codecs that never begin with a brace, where the head of the
    /// reply does not tell.
    pub fn either(max: usize, read: fn(&[u8], &mut Heard) -> Result<(), Fault>) -> Self {
        Self { way: Way::Either { max, read }, heard: Heard::default() }
    }

    /// With what the head of the reply told.
    #[must_use]
    pub fn used(mut self, usage: Option<Usage>) -> Self {
        self.heard.usage = usage;
        self
    }

    /// Reads what came. Sound before a fault is in `out` all the same.
    pub fn read(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let result = self.digest(chunk);
        out.append(&mut self.heard.sound);
        result
    }

    fn digest(&mut self, chunk: Bytes) -> Result<(), Fault> {
        if let Way::Either { max, read } = self.way
            && let Some(first) = chunk.first()
        {
            let document = Way::Document { body: Vec::new(), max, read };
            self.way = if *first == b'{' { document } else { Way::Bytes };
        }
        match &mut self.way {
            Way::Either { .. } => {}
            Way::Bytes => {
                if !chunk.is_empty() {
                    self.heard.sound.push(chunk);
                }
            }
            Way::Frames { sse, read } => {
                sse.feed(chunk);
                while let Some(frame) = sse.take()? {
                    read(&frame, &mut self.heard)?;
                }
            }
            Way::Document { body, max, .. } => {
                if body.len() + chunk.len() > *max {
                    return Err(Fault::Garbled(format!("the answer is longer than {max} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }

    /// The body is over. Frames without their end were cut.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let result = self.finish();
        out.append(&mut self.heard.sound);
        result
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match &mut self.way {
            Way::Bytes | Way::Either { .. } => Ok(()),
            Way::Frames { sse, read } => {
                if let Some(frame) = sse.end()? {
                    read(&frame, &mut self.heard)?;
                }
                if self.heard.done || self.heard.over {
                    self.heard.done = true;
                    return Ok(());
                }
                Err(Fault::Cut("the sound ended without its end mark".into()))
            }
            Way::Document { body, read, .. } => read(body, &mut self.heard),
        }
    }

    /// As reported so far.
    pub const fn usage(&self) -> Option<&Usage> {
        self.heard.usage.as_ref()
    }

    /// The provider said that this was all.
    pub const fn done(&self) -> bool {
        self.heard.done
    }
}

impl fmt::Debug for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearing")
            .field("usage", &self.heard.usage)
            .field("done", &self.heard.done)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
