//! Tones in codecs that take an encoder: frames that were made before (`lab/tones/make.py` made them, and heard them again).

use super::tone::{TONES, Tone};

/// A codec as its frames were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Mp3At44100,
    Mp3At24000,
    Mp3At22050,
    AacAt24000,
    Opus,
}

impl Kept {
    pub const ALL: [Self; 5] =
        [Self::Mp3At44100, Self::Mp3At24000, Self::Mp3At22050, Self::AacAt24000, Self::Opus];

    pub const fn rate(self) -> u32 {
        match self {
            Self::Mp3At44100 => 44_100,
            Self::Mp3At24000 | Self::AacAt24000 => 24_000,
            Self::Mp3At22050 => 22_050,
            Self::Opus => 48_000,
        }
    }

    /// Samples in a frame.
    pub const fn samples(self) -> u32 {
        match self {
            Self::Mp3At44100 => 1_152,
            Self::Mp3At24000 | Self::Mp3At22050 => 576,
            Self::AacAt24000 => 1_024,
            Self::Opus => 960,
        }
    }

    /// A frame of a tone, or of silence.
    pub fn frame(self, tone: Option<Tone>) -> &'static [u8] {
        let row = Self::ALL.iter().position(|kept| *kept == self).unwrap_or(0);
        let place = row * (usize::from(TONES) + 1) + tone.map_or(0, |tone| usize::from(tone.number()) + 1);
        all().nth(place).unwrap_or_default()
    }

    /// What a frame sounds like, if it is one of these.
    pub fn heard(self, frame: &[u8]) -> Option<Option<Tone>> {
        let row = Self::ALL.iter().position(|kept| *kept == self)?;
        let count = usize::from(TONES) + 1;
        let place = all().skip(row * count).take(count).position(|known| known == frame)?;
        // Silence stands first.
        Some(place.checked_sub(1).and_then(|tone| Tone::nth(u8::try_from(tone).ok()?)))
    }
}

fn all() -> impl Iterator<Item = &'static [u8]> {
    let mut rest: &[u8] = include_bytes!("../../tones/frames.bin");
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (frame, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = after;
        Some(frame)
    })
}
