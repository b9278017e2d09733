//! Speech of Workers AI: Deepgram's voices, which answer with sound, and MeloTTS, which answers with a document.
//!
//! Left out: the `websocket` of a binding.

use super::fault;
use crate::deepgram::aura;
use crate::foreign::unfit;
use crate::spoken::{
    is_json, is_text, named, no_more_than, no_sound, primary, speaks_only, tally, uninstructed, unseeded,
    usual_speed,
};
use crate::sse::FRAME_MAX;
use crate::{Heard, Hearing, Voice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Call, Card, Codec, Door, Fault, Sound, Usage, Utterance};

const NAME: &str = "Workers AI";

#[derive(Debug)]
pub(super) struct Mouth;

fn is_melo(model: &str) -> bool {
    model.contains("melotts")
}

impl Voice for Mouth {
    fn makes(&self, card: &Card, wanted: Sound) -> Option<Sound> {
        if !is_melo(&card.model) {
            return aura::makes(wanted);
        }
        // "base64 mp3", and nothing can be told.
        (wanted == Sound::of(Codec::Mp3)).then_some(wanted)
    }

    fn chars_max(&self, card: &Card) -> usize {
        let usual = if is_melo(&card.model) { usize::MAX } else { aura::CHARACTERS };
        card.chars_max.map_or(usual, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        usual_speed(NAME, speak)?;
        uninstructed(NAME, speak)?;
        unseeded(NAME, speak)?;
        no_more_than(NAME, speak, &[])?;
        let body = if is_melo(&door.model) { melo(said)? } else { with_aura(said, &door.model)? };
        let body = body.to_string().into_bytes();
        Ok(Call { uri: door.uri.clone(), headers: door.headers.clone(), body: body.into(), stream: false })
    }

    fn hear(&self, card: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        // A binding may say nothing of what it brings. An mp3 never begins as a document does, samples may.
        Ok(match () {
            () if is_json(headers) => Hearing::document(FRAME_MAX, document),
            () if is_melo(&card.model) => Hearing::either(FRAME_MAX, document),
            () if is_text(headers) => Hearing::document(FRAME_MAX, document),
            () => Hearing::bytes(),
        })
    }

    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, 0)
    }
}

/// It has one voice for each language.
fn melo(said: &Utterance<'_>) -> Result<Value, Fault> {
    if !said.voice.is_empty() {
        return Err(unfit(NAME, "voice", "has no choice of voices with this model"));
    }
    let mut body = json!({ "prompt": said.text });
    if let Some(language) = &said.speak.language {
        body["lang"] = primary(language).to_ascii_lowercase().into();
    }
    Ok(body)
}

fn with_aura(said: &Utterance<'_>, model: &str) -> Result<Value, Fault> {
    // The first generation speaks English; the second has a model for each language.
    let language = model.strip_prefix("@cf/deepgram/aura-2-").unwrap_or("en");
    speaks_only(NAME, said.speak, language)?;
    // "speaker is the bare name (asteria, luna, orion …) not aura-asteria-en".
    let mut body = json!({ "text": said.text, "speaker": named(NAME, said.voice)? });
    let Sound { codec, rate, bitrate } = said.sound;
    let (encoding, container) = aura::encoding(codec);
    body["encoding"] = encoding.into();
    if let Some(container) = container {
        body["container"] = container.into();
    }
    if codec.is_plain() {
        body["sample_rate"] = rate.ok_or_else(|| unfit(NAME, "sample_rate", "has to be told which"))?.into();
    }
    if let Some(bits) = bitrate {
        body["bit_rate"] = bits.into();
    }
    Ok(body)
}

/// `{"audio": "…"}`, within the envelope or without it; or an error.
fn document(body: &[u8], heard: &mut Heard) -> Result<(), Fault> {
    let tree: Value = serde_json::from_slice(body).map_err(|_| no_sound())?;
    if let Some(fault) = fault::within(&tree) {
        return Err(fault);
    }
    let result = if tree["result"].is_object() { &tree["result"] } else { &tree };
    let sound = result["audio"].as_str().and_then(|text| STANDARD.decode(text).ok());
    let sound = sound.ok_or_else(no_sound)?;
    if !sound.is_empty() {
        heard.sound.push(sound.into());
    }
    heard.done = true;
    Ok(())
}
