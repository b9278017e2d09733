//! Speech out: OpenAI's `audio/speech`, our own `voice/tts`, and ElevenLabs' `text-to-speech`.

pub mod elevenlabs;
mod events;
pub mod openai;
pub mod own;
#[cfg(test)]
mod tests;

pub use events::Deltas;

use relay::{BadInput, Words};
use std::sync::Arc;
use tokens::{Family, Size, Text};
use vocab::{Brief, Codec, Kind, Sound, Speak};

/// Samples a second of what has no header, unless asked otherwise: OpenAI's "24 kHz 16-bit signed, low-endian".
const PCM_RATE: u32 = 24_000;
/// Of telephones.
const G711_RATE: u32 = 8_000;
const RATE_LEAST: u64 = 8_000;
const RATE_MOST: u64 = 48_000;

/// A request understood.
#[derive(Debug)]
pub struct Spoken {
    pub speak: Speak,
    /// The model or policy as the client named it.
    pub model: String,
    /// The sound is to be told in events.
    pub events: bool,
}

impl Spoken {
    pub fn words(self) -> Words {
        let brief = self.brief();
        Words::Speak { speak: Arc::new(self.speak), brief }
    }

    /// What the router needs to know of it.
    pub fn brief(&self) -> Brief {
        let mut size = Size::default();
        size.say(&Text::of(&self.speak.text));
        Brief {
            model: self.model.clone(),
            kind: Kind::Tts,
            n: 1,
            stream: self.events,
            tokens_in: Family::Other.likely(&size),
            size: size.into(),
            ..Brief::default()
        }
    }
}

/// A text that can be said, by the name of its field.
fn said(field: &str, text: Option<String>) -> Result<String, BadInput> {
    let text = text.ok_or_else(|| BadInput::at(field, format!("{field}: the field is missing")))?;
    if text.trim().is_empty() {
        return Err(BadInput::at(field, format!("{field}: expected a text, got an empty one")));
    }
    Ok(text)
}

/// One of the formats, by its name.
fn codec(field: &str, name: &str) -> Result<Codec, BadInput> {
    Codec::named(name).ok_or_else(|| {
        let known: Vec<&str> = Codec::ALL.into_iter().map(Codec::name).collect();
        let name = crate::json::shortened(name);
        BadInput::at(field, format!("{field}: {name:?} is not known; allowed: {}", known.join(", ")))
    })
}

/// With the rate that a codec without a header has where nobody says.
fn sound(codec: Codec, rate: Option<u32>) -> Sound {
    let usual = match codec {
        Codec::Pcm => Some(PCM_RATE),
        Codec::Mulaw | Codec::Alaw => Some(G711_RATE),
        _ => None,
    };
    Sound { rate: rate.or(usual), ..Sound::of(codec) }
}
