//! What is asked for, and how the sound comes.

use super::fault;
use crate::foreign::unfit;
use crate::spoken::{
    ERROR_MAX, has_words, is_text, named, no_more_than, primary, rate_for, speed, tally, uninstructed,
    unseeded,
};
use crate::{Hearing, Voice};
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Call, Card, Codec, Door, Fault, Sound, Usage, Utterance};

const NAME: &str = "Cartesia";
const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
const BIT_RATES: [u32; 5] = [32_000, 64_000, 96_000, 128_000, 192_000];
const USUAL_MP3: (u32, u32) = (44_100, 128_000);
const USUAL_PCM: u32 = 24_000;
const TELEPHONE: u32 = 8_000;
/// Fields of its own that a client may set.
const FIELDS: [&str; 5] = ["generation_config", "pronunciation_dict_id", "normalization", "locale", "save"];

#[derive(Debug)]
pub(super) struct Mouth;

impl Voice for Mouth {
    fn makes(&self, _: &Card, wanted: Sound) -> Option<Sound> {
        let Sound { codec, rate, bitrate } = wanted;
        match codec {
            Codec::Mp3 => {
                let (rate, bitrate) = (rate.unwrap_or(USUAL_MP3.0), bitrate.unwrap_or(USUAL_MP3.1));
                let has = RATES.contains(&rate) && BIT_RATES.contains(&bitrate);
                has.then_some(Sound { codec, rate: Some(rate), bitrate: Some(bitrate) })
            }
            Codec::Opus | Codec::Aac | Codec::Flac => None,
            Codec::Wav | Codec::Pcm | Codec::Mulaw | Codec::Alaw => {
                let usual = if matches!(codec, Codec::Mulaw | Codec::Alaw) { TELEPHONE } else { USUAL_PCM };
                let rate = rate.unwrap_or(usual);
                let made = rate_for(rate, &RATES)?;
                // Of another rate it has to be made anew, of samples that have lost nothing.
                Some(Sound::of(if made == rate { codec } else { Codec::Pcm }).at(made))
            }
        }
    }

    /// "413: too long" is all that is said of it.
    fn chars_max(&self, card: &Card) -> usize {
        card.chars_max.map_or(usize::MAX, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        unseeded(NAME, speak)?;
        uninstructed(NAME, speak)?;
        no_more_than(NAME, speak, &FIELDS)?;
        // "transcripts of only punctuation or spaces are refused as invalid" (cartesia-ai/cartesia-js#78).
        if !has_words(said.text) {
            return Err(unfit(NAME, "input", "speaks no texts without words"));
        }
        // With old dates `mode` is needed, with new ones it does no harm.
        let voice = json!({ "mode": "id", "id": named(NAME, said.voice)? });
        let mut body = json!({
            "model_id": &*door.model,
            "transcript": said.text,
            "voice": voice,
            "output_format": format(said.sound)?,
        });
        for field in FIELDS {
            if let Some(value) = speak.extra.get(field) {
                body[field] = value.clone();
            }
        }
        // "language, locale: one of the two".
        if let (Some(language), None) = (&speak.language, speak.extra.get("locale")) {
            body["language"] = primary(language).to_ascii_lowercase().into();
        }
        if let Some(factor) = speed(speak, 60, 150) {
            if !body["generation_config"].is_object() {
                body["generation_config"] = json!({});
            }
            body["generation_config"]["speed"] = factor;
        }
        let body = body.to_string().into_bytes();
        Ok(Call { uri: door.uri.clone(), headers: door.headers.clone(), body: body.into(), stream: false })
    }

    fn hear(&self, _: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        if is_text(headers) {
            return Ok(Hearing::document(ERROR_MAX, |body, _| Err(fault::of(200, body))));
        }
        Ok(Hearing::bytes())
    }

    /// "No usage in replies: count Unicode characters of the transcript."
    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, 0)
    }
}

fn format(sound: Sound) -> Result<Value, Fault> {
    let no = || unfit(NAME, "response_format", "does not make it");
    let rate = sound.rate.ok_or_else(no)?;
    let raw = |encoding: &str| json!({ "container": "raw", "encoding": encoding, "sample_rate": rate });
    Ok(match sound.codec {
        Codec::Mp3 => {
            json!({ "container": "mp3", "sample_rate": rate, "bit_rate": sound.bitrate.ok_or_else(no)? })
        }
        Codec::Wav => json!({ "container": "wav", "encoding": "pcm_s16le", "sample_rate": rate }),
        Codec::Pcm => raw("pcm_s16le"),
        Codec::Mulaw => raw("pcm_mulaw"),
        Codec::Alaw => raw("pcm_alaw"),
        Codec::Opus | Codec::Aac | Codec::Flac => return Err(no()),
    })
}
