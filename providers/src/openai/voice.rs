//! OpenAI's `audio/speech`, which Groq and other servers have under the same name.
//!
//! "Audio mode has no usage": the models that are billed by tokens are asked for frames, whose last one tells it.
//!
//! Groq's types list formats and rates that its voices refuse: `wav` at the rate that it says itself is all that is asked for.

use super::{COMPATIBLE, OPENAI, fault, usage};
use crate::spoken::{
    ERROR_MAX, is_text, media_type, named, no_more_than, no_sound, speaks_only, speed, tally, uninstructed,
    unseeded,
};
use crate::{Heard, Hearing, Voice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use vocab::{Call, Card, Codec, Door, Fault, Frame, Sound, Usage, Utterance};

/// Who speaks with this accent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouth {
    Openai,
    /// Groq's voices: one format, short texts, no usage.
    Orpheus,
    /// Any other server that has the path.
    Plain,
}

/// "pcm (24 kHz 16-bit mono)".
const RATE: u32 = 24_000;
/// "The maximum length is 4096 characters" (API reference, `input`).
const OPENAI_CHARACTERS: usize = 4_096;
/// "Input is capped at 200 characters by the server" (coval-ai/benchmarks#167).
const ORPHEUS_CHARACTERS: usize = 200;
/// "roughly $0.015 per minute of speech" at 12 USD for a million.
const TOKENS_PER_MINUTE: u64 = 1_250;

impl Mouth {
    const fn name(self) -> &'static str {
        match self {
            Self::Openai => "OpenAI",
            Self::Orpheus => "Groq",
            Self::Plain => "the OpenAI-compatible server",
        }
    }

    /// Frames, and with them usage: "sse is not supported for tts-1 or tts-1-hd".
    fn frames(self, model: &str) -> bool {
        self == Self::Openai && !is_tts_1(model)
    }
}

fn is_tts_1(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name == "tts-1" || name.starts_with("tts-1-")
}

impl Voice for Mouth {
    fn makes(&self, _: &Card, wanted: Sound) -> Option<Sound> {
        let open = wanted.rate.is_none() && wanted.bitrate.is_none();
        match (self, wanted.codec) {
            // "response_format must be one of [wav]" (roryeckel/wyoming_openai#43), at the rate that it says itself.
            (Self::Orpheus, codec) => codec.is_plain().then(|| Sound::of(Codec::Wav)),
            // Neither a rate nor a bit rate can be told.
            (_, Codec::Mp3 | Codec::Opus | Codec::Aac | Codec::Flac) => open.then_some(wanted),
            (_, Codec::Wav) if wanted.rate.is_none() => Some(Sound::of(Codec::Wav)),
            (Self::Openai, _) => Some(Sound::of(Codec::Pcm).at(RATE)),
            // Whose samples have which rate is not known, but a header says it.
            (Self::Plain, _) => Some(Sound::of(Codec::Wav)),
        }
    }

    fn chars_max(&self, card: &Card) -> usize {
        let usual = match self {
            Self::Openai => OPENAI_CHARACTERS,
            Self::Orpheus => ORPHEUS_CHARACTERS,
            Self::Plain => usize::MAX,
        };
        card.chars_max.map_or(usual, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        unseeded(self.name(), speak)?;
        let mut body = Map::new();
        match self {
            Self::Plain => body.extend(speak.extra.clone()),
            _ => no_more_than(self.name(), speak, &[])?,
        }
        body.insert("model".into(), (&*door.model).into());
        body.insert("input".into(), said.text.into());
        body.insert("voice".into(), self.voice(named(self.name(), said.voice)?));
        body.insert("response_format".into(), said.sound.codec.name().into());
        // "Select a value from 0.25 to 4.0".
        if let Some(factor) = speed(speak, 25, 400) {
            body.insert("speed".into(), factor);
        }
        match self {
            Self::Orpheus => {
                let arabic = door.model.contains("arabic");
                speaks_only(self.name(), speak, if arabic { "ar" } else { "en" })?;
                uninstructed(self.name(), speak)?;
            }
            Self::Openai if is_tts_1(&door.model) => uninstructed(self.name(), speak)?,
            Self::Openai | Self::Plain => {
                if let Some(instructions) = &speak.instructions {
                    body.insert("instructions".into(), instructions.as_str().into());
                }
            }
        }
        let stream = self.frames(&door.model);
        if stream {
            body.insert("stream_format".into(), "sse".into());
        }
        let body = Value::Object(body).to_string().into_bytes();
        Ok(Call { uri: door.uri.clone(), headers: door.headers.clone(), body: body.into(), stream })
    }

    /// By what came rather than by what was asked for: a server that does not know the field for frames leaves it out.
    fn hear(&self, _: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        Ok(match media_type(headers).as_str() {
            "text/event-stream" => Hearing::frames(frame),
            _ if is_text(headers) => Hearing::document(ERROR_MAX, error),
            _ => Hearing::bytes(),
        })
    }

    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, TOKENS_PER_MINUTE)
    }
}

impl Mouth {
    /// "a custom voice object with an `id`, for example `{ "id": "voice_1234" }`" (API reference, `voice`).
    fn voice(self, name: &str) -> Value {
        if self == Self::Openai && name.starts_with("voice_") { json!({ "id": name }) } else { name.into() }
    }
}

fn frame(frame: &Frame<'_>, heard: &mut Heard) -> Result<(), Fault> {
    if frame.data.trim() == "[DONE]" {
        return Ok(());
    }
    let tree: Value = serde_json::from_str(frame.data)
        .map_err(|e| Fault::Garbled(format!("a frame of the sound is not JSON: {e}")))?;
    if let Some(fault) = fault::within(&OPENAI, &tree) {
        return Err(fault);
    }
    match tree["type"].as_str() {
        Some("speech.audio.delta") => {
            let sound = tree["audio"].as_str().and_then(|text| STANDARD.decode(text).ok());
            let sound = sound.ok_or_else(|| Fault::Garbled("a frame of the sound is not base64".into()))?;
            if !sound.is_empty() {
                heard.sound.push(sound.into());
            }
        }
        Some("speech.audio.done") => {
            heard.usage = usage::read("openai.speech.sse", &tree["usage"], "").or(heard.usage);
            heard.done = true;
        }
        // Others may be added.
        _ => {}
    }
    Ok(())
}

/// Words where sound should be: an error, or nothing that is known.
fn error(body: &[u8], _: &mut Heard) -> Result<(), Fault> {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    Err(fault::within(&COMPATIBLE, &tree).unwrap_or_else(no_sound))
}
