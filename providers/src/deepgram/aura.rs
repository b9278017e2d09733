//! What the Aura voices make, wherever they run.

use crate::spoken::rate_for;
use vocab::{Codec, Sound};

/// "A request limit of 2,000 characters is widely quoted", and nowhere published.
pub(crate) const CHARACTERS: usize = 2_000;
const USUAL_PCM: u32 = 24_000;
const TELEPHONE: [u32; 2] = [8_000, 16_000];

/// What one of its endpoints makes (the published enumerations of `sample_rate` and `bit_rate`).
pub(super) struct Makes {
    pcm: &'static [u32],
    mp3_bits: &'static [u32],
    /// "Sample rate is fixed and not configurable (22050 Hz)"; not said of the other endpoint.
    mp3_rate: Option<u32>,
}

const AURA: Makes = Makes {
    pcm: &[8_000, 16_000, 24_000, 32_000, 48_000],
    mp3_bits: &[48_000, 32_000],
    mp3_rate: Some(22_050),
};
pub(super) const FLUX: Makes = Makes {
    pcm: &[8_000, 16_000, 24_000, 32_000, 44_100, 48_000],
    mp3_bits: &[48_000, 8_000, 16_000, 24_000, 32_000, 40_000],
    mp3_rate: None,
};

pub(crate) fn makes(wanted: Sound) -> Option<Sound> {
    AURA.of(wanted)
}

impl Makes {
    pub(super) fn of(&self, wanted: Sound) -> Option<Sound> {
        let Sound { codec, rate, bitrate } = wanted;
        let within = |least: u32, most: u32| bitrate.is_none_or(|bits| (least..=most).contains(&bits));
        match codec {
            Codec::Mp3 => {
                let at = rate.is_none() || rate == self.mp3_rate;
                let bits =
                    self.mp3_bits.iter().copied().find(|bits| bitrate.is_none_or(|want| want == *bits))?;
                at.then_some(Sound { codec, rate: self.mp3_rate, bitrate: Some(bits) })
            }
            // "Sample rate is fixed at 48000 Hz"; bit rates 4000 to 650000.
            Codec::Opus => {
                let can = rate.is_none_or(|rate| rate == 48_000) && within(4_000, 650_000);
                can.then_some(Sound { rate: Some(48_000), ..wanted })
            }
            Codec::Aac => (rate.is_none() && within(4_000, 192_000)).then_some(wanted),
            Codec::Flac => rate.is_none().then_some(Sound::of(codec)),
            Codec::Mulaw | Codec::Alaw if rate.is_none_or(|rate| TELEPHONE.contains(&rate)) => {
                Some(Sound::of(codec).at(rate.unwrap_or(TELEPHONE[0])))
            }
            Codec::Wav | Codec::Pcm | Codec::Mulaw | Codec::Alaw => {
                let rate = rate.unwrap_or(USUAL_PCM);
                let made = rate_for(rate, self.pcm)?;
                let same = made == rate && codec == Codec::Wav;
                Some(Sound::of(if same { codec } else { Codec::Pcm }).at(made))
            }
        }
    }
}

/// The encoding and the container that a codec is told as.
pub(crate) const fn encoding(codec: Codec) -> (&'static str, Option<&'static str>) {
    match codec {
        Codec::Mp3 => ("mp3", None),
        Codec::Opus => ("opus", Some("ogg")),
        Codec::Aac => ("aac", None),
        Codec::Flac => ("flac", None),
        Codec::Wav => ("linear16", Some("wav")),
        Codec::Pcm => ("linear16", Some("none")),
        Codec::Mulaw => ("mulaw", Some("none")),
        Codec::Alaw => ("alaw", Some("none")),
    }
}
