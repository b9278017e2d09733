//! How long a stream is, by what its containers tell.

mod adts;
mod flac;
mod ogg;

#[cfg(test)]
mod tests;

use crate::mp3::Frames;
use crate::{Broken, Plain, Unwrap};

/// Tells how long a stream of sound has been so far, from its bytes as they come, without decoding it.
#[derive(Debug)]
pub struct Meter {
    way: Way,
    /// Of whole frames.
    micros: u64,
    /// What it could not read: it says no more then.
    broken: Option<Broken>,
}

#[derive(Debug)]
enum Way {
    Plain(Unwrap),
    Mp3(Frames),
    Ogg(ogg::Pages),
    Adts(adts::Frames),
    Flac(flac::Frames),
}

impl Meter {
    /// `rate` is of what has no header.
    pub const fn plain(plain: Plain, rate: u32) -> Self {
        Self::of(Way::Plain(Unwrap::new(plain, rate)))
    }

    pub fn mp3() -> Self {
        Self::of(Way::Mp3(Frames::default()))
    }

    /// Opus in Ogg.
    pub fn opus() -> Self {
        Self::of(Way::Ogg(ogg::Pages::default()))
    }

    /// AAC in ADTS.
    pub fn aac() -> Self {
        Self::of(Way::Adts(adts::Frames::default()))
    }

    pub fn flac() -> Self {
        Self::of(Way::Flac(flac::Frames::default()))
    }

    const fn of(way: Way) -> Self {
        Self { way, micros: 0, broken: None }
    }

    /// Looks through what came.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        let micros = &mut self.micros;
        let result = match &mut self.way {
            Way::Plain(unwrap) => unwrap.skim(bytes),
            Way::Mp3(frames) => frames.feed(bytes, |header, _| {
                *micros += u64::from(header.samples) * 1_000_000 / u64::from(header.rate);
                Ok(())
            }),
            Way::Ogg(pages) => pages.feed(bytes),
            Way::Adts(frames) => frames.feed(bytes, |frame| *micros += frame.micros()),
            Way::Flac(frames) => frames.feed(bytes),
        };
        self.broken = result.err();
    }

    /// Milliseconds so far.
    pub fn millis(&self) -> u64 {
        match &self.way {
            Way::Plain(unwrap) => unwrap.millis(),
            Way::Mp3(_) | Way::Adts(_) => self.micros / 1000,
            Way::Ogg(pages) => pages.millis(),
            Way::Flac(frames) => frames.millis(),
        }
    }

    /// Why it cannot be told any further: the stream is not what it was said to be.
    pub const fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }
}
