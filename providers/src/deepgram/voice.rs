//! What is asked for, and how the sound comes.

use super::{aura, fault};
use crate::entrance::with_query;
use crate::foreign::unfit;
use crate::spoken::{
    ERROR_MAX, counted, is_text, named, no_more_than, primary, speaks_only, speed, tally, uninstructed,
    unseeded, usual_speed,
};
use crate::{Hearing, Voice};
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Bucket, Call, Card, Door, Fault, Sound, Usage, Utterance};

const NAME: &str = "Deepgram";
/// How the names of the models of its own endpoint begin.
pub(super) const FLUX: &str = "flux";
/// Fields of its own that a client may set.
const QUERY: [&str; 2] = ["tag", "mip_opt_out"];

#[derive(Debug)]
pub(super) struct Mouth;

impl Voice for Mouth {
    fn makes(&self, card: &Card, wanted: Sound) -> Option<Sound> {
        if card.model.starts_with(FLUX) { aura::FLUX.of(wanted) } else { aura::makes(wanted) }
    }

    fn chars_max(&self, card: &Card) -> usize {
        card.chars_max.map_or(aura::CHARACTERS, |n| n as usize)
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
        if is_text(headers) {
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
    let (encoding, container) = aura::encoding(codec);
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
