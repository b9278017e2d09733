//! What is asked for, and how the sound comes.

use super::fault;
use crate::entrance::with_query;
use crate::foreign::unfit;
use crate::spoken::{
    ERROR_MAX, counted, is_json, named, no_more_than, primary, rate_for, speaks_only, speed, tally,
    uninstructed, unseeded, usual_speed,
};
use crate::{Hearing, Voice};
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Bucket, Call, Card, Codec, Door, Fault, Sound, Usage, Utterance};

const NAME: &str = "Deepgram";
/// How the names of the models of its own endpoint begin.
pub(super) const FLUX: &str = "flux";
/// "A request limit of 2,000 characters is widely quoted", and nowhere published.
const CHARACTERS: usize = 2_000;
const USUAL_PCM: u32 = 24_000;
const TELEPHONE: [u32; 2] = [8_000, 16_000];
/// Fields of its own that a client may set.
const QUERY: [&str; 2] = ["tag", "mip_opt_out"];

/// What one of its two endpoints makes (the published enumerations of `sample_rate` and `bit_rate`).
struct Makes {
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
const FLUX_MAKES: Makes = Makes {
    pcm: &[8_000, 16_000, 24_000, 32_000, 44_100, 48_000],
    mp3_bits: &[48_000, 8_000, 16_000, 24_000, 32_000, 40_000],
    mp3_rate: None,
};

#[derive(Debug)]
pub(super) struct Mouth;

impl Voice for Mouth {
    fn makes(&self, card: &Card, wanted: Sound) -> Option<Sound> {
        let makes = if card.model.starts_with(FLUX) { FLUX_MAKES } else { AURA };
        let Sound { codec, rate, bitrate } = wanted;
        let within = |least: u32, most: u32| bitrate.is_none_or(|bits| (least..=most).contains(&bits));
        match codec {
            Codec::Mp3 => {
                let at = rate.is_none() || rate == makes.mp3_rate;
                let bits = makes
                    .mp3_bits
                    .iter()
                    .copied()
                    .find(|bits| bitrate.is_none_or(|wanted| wanted == *bits))?;
                at.then_some(Sound { codec, rate: makes.mp3_rate, bitrate: Some(bits) })
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
                let made = rate_for(rate, makes.pcm)?;
                Some(Sound::of(if made == rate && codec == Codec::Wav { codec } else { Codec::Pcm }).at(made))
            }
        }
    }

    fn chars_max(&self, card: &Card) -> usize {
        card.chars_max.map_or(CHARACTERS, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        unseeded(NAME, speak)?;
        uninstructed(NAME, speak)?;
        no_more_than(NAME, speak, &QUERY)?;
        let model = model(&door.model, said.voice, speak.language.as_deref())?;
        if let Some((_, language)) = model.rsplit_once('-') {
            speaks_only(NAME, speak, language)?;
        }
        let mut query = vec![("model", model)];
        query.extend(format(said.sound)?);
        if door.model.starts_with(FLUX) {
            usual_speed(NAME, speak)?;
        } else if let Some(factor) = speed(speak, 1, 1_000) {
            query.push(("speed", factor.to_string()));
        }
        for field in QUERY {
            match speak.extra.get(field) {
                None | Some(Value::Null) => {}
                Some(Value::Array(all)) => query.extend(all.iter().map(|value| (field, plain(value)))),
                Some(value) => query.push((field, plain(value))),
            }
        }
        let uri = with_query(&door.uri, "", &query)
            .ok_or_else(|| unfit(NAME, "voice", "cannot be asked for it"))?;
        let body = json!({ "text": said.text }).to_string().into_bytes();
        Ok(Call { uri, headers: door.headers.clone(), body: body.into(), stream: false })
    }

    fn hear(&self, _: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        if is_json(headers) {
            return Ok(Hearing::document(ERROR_MAX, |body, _| Err(fault::of(200, body))));
        }
        let characters = counted(headers, "dg-char-count");
        Ok(Hearing::bytes().used(characters.map(|n| Usage::default().with(Bucket::Characters, n))))
    }

    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, 0)
    }
}

/// The name that is asked for: `aura-2-thalia-en` for the model `aura-2` and the voice `thalia`, `thalia-en` or
/// `aura-2-thalia-en`. A model may be configured with its voice, and then has no other.
fn model(model: &str, voice: &str, language: Option<&str>) -> Result<String, Fault> {
    let no = |why: &str| Err(unfit(NAME, "voice", why));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain(voice) {
        return no("has no voice of that name");
    }
    // The first generation has no number in its voices' names.
    let family = match model {
        "aura-2" => "aura-2-",
        "aura" | "aura-1" => "aura-",
        "flux-tts" | "flux" => "flux-",
        whole => {
            let same = voice.is_empty() || whole == voice || whole.split('-').any(|part| part == voice);
            return if same {
                Ok(whole.to_owned())
            } else {
                no("speaks with one voice only with this model")
            };
        }
    };
    let voice = named(NAME, voice)?;
    let bare = match voice.strip_prefix(family) {
        Some(rest) if !(family == "aura-" && rest.starts_with("2-")) => rest,
        None if !voice.starts_with("aura-") && !voice.starts_with("flux-") => voice,
        _ => return no("has this voice with another model only"),
    };
    if bare.contains('-') {
        return Ok(format!("{family}{bare}"));
    }
    let language =
        language.map_or_else(|| "en".to_owned(), |language| primary(language).to_ascii_lowercase());
    if plain(&language) {
        Ok(format!("{family}{bare}-{language}"))
    } else {
        no("does not speak that language")
    }
}

fn format(sound: Sound) -> Result<Vec<(&'static str, String)>, Fault> {
    let Sound { codec, rate, bitrate } = sound;
    let (encoding, container) = match codec {
        Codec::Mp3 => ("mp3", None),
        Codec::Opus => ("opus", Some("ogg")),
        Codec::Aac => ("aac", None),
        Codec::Flac => ("flac", None),
        Codec::Wav => ("linear16", Some("wav")),
        Codec::Pcm => ("linear16", Some("none")),
        Codec::Mulaw => ("mulaw", Some("none")),
        Codec::Alaw => ("alaw", Some("none")),
    };
    let mut query = vec![("encoding", encoding.to_owned())];
    query.extend(container.map(|container| ("container", container.to_owned())));
    // "not for mp3, opus, aac": those have one.
    if codec.is_plain() {
        let rate = rate.ok_or_else(|| unfit(NAME, "sample_rate", "has to be told which"))?;
        query.push(("sample_rate", rate.to_string()));
    }
    query.extend(bitrate.map(|bits| ("bit_rate", bits.to_string())));
    Ok(query)
}

/// A value as a query writes it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
