//! Text that is to be heard.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How sound is written down. One channel always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Mp3,
    /// In Ogg.
    Opus,
    Aac,
    Flac,
    /// 16-bit samples behind a RIFF header.
    Wav,
    /// 16-bit samples, little-endian, without a header.
    Pcm,
    /// G.711, 8 bits a sample, without a header.
    Mulaw,
    Alaw,
}

impl Codec {
    pub const ALL: [Self; 8] =
        [Self::Mp3, Self::Opus, Self::Aac, Self::Flac, Self::Wav, Self::Pcm, Self::Mulaw, Self::Alaw];

    /// As clients write it, and the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Pcm => "pcm",
            Self::Mulaw => "mulaw",
            Self::Alaw => "alaw",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Samples that can be put end to end, mixed and resampled while they come: headers aside, nothing has to be decoded
    /// from what came before.
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::Wav | Self::Pcm | Self::Mulaw | Self::Alaw)
    }
}

/// A codec with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sound {
    pub codec: Codec,
    /// Samples a second; None is what the provider usually does, or what the container says.
    pub rate: Option<u32>,
    /// Bits a second, for codecs that are told; None is what the provider usually does.
    pub bitrate: Option<u32>,
}

impl Sound {
    pub const fn of(codec: Codec) -> Self {
        Self { codec, rate: None, bitrate: None }
    }

    #[must_use]
    pub const fn at(self, rate: u32) -> Self {
        Self { rate: Some(rate), ..self }
    }
}

/// What a client wants to hear, in no provider's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Speak {
    /// Not empty, and not of blanks alone.
    pub text: String,
    /// A logical voice (`calm`) or one of a provider's own; empty is the configured default.
    pub voice: String,
    pub sound: Sound,
    /// Percent of the usual speed; None is 100.
    pub speed: Option<u16>,
    /// BCP 47, like `en` or `pt-BR`; None leaves it to the text and the voice.
    pub language: Option<String>,
    /// How it is to be said, for models that can be told.
    pub instructions: Option<String>,
    pub seed: Option<u32>,
    /// Fields that have no counterpart above, by the client's names.
    pub extra: Map<String, Value>,
}

/// A part of it as one call to one provider.
#[derive(Clone, Copy, Debug)]
pub struct Utterance<'a> {
    /// At most as many characters as the provider takes.
    pub text: &'a str,
    /// What is said right before and after it by other calls, for providers that mind their tone; empty at the ends.
    pub before: &'a str,
    pub after: &'a str,
    /// The provider's own name of the voice.
    pub voice: &'a str,
    /// As the provider is to make it, which is not always as the client is to have it.
    pub sound: Sound,
    /// All that is the same for every part. Its text is the whole of it, its voice as the client named it.
    pub speak: &'a Speak,
}
