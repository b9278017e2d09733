//! What is asked for, and how the sound comes.

use super::fault;
use crate::entrance::with_query;
use crate::foreign::unfit;
use crate::spoken::{ERROR_MAX, is_text, named, no_more_than, primary, rate_for, speed, tally, uninstructed};
use crate::{Hearing, Voice};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use vocab::{Bucket, Call, Card, Codec, Door, Fault, Sound, Usage, Utterance};

const NAME: &str = "ElevenLabs";
/// Kilobits a second by rate: `mp3_22050_32`, `mp3_24000_48`, `mp3_44100_{32,64,96,128,192}`. The first is the usual one.
const MP3: [(u32, &[u32]); 3] = [(44_100, &[128, 32, 64, 96, 192]), (24_000, &[48]), (22_050, &[32])];
const OPUS: (u32, &[u32]) = (48_000, &[128, 32, 64, 96, 192]);
/// Rates of plain samples. "44.1 kHz PCM or WAV needs Pro": what is above is made of these.
const PCM: [u32; 5] = [8_000, 16_000, 22_050, 24_000, 32_000];
const USUAL_PCM: u32 = 24_000;
const TELEPHONE: u32 = 8_000;
/// The smallest limit of any of its models, for one that is not known ("v3 3,000").
const CHARACTERS: usize = 3_000;

/// Fields of its own that a client may set, in the body and in the query.
const BODY: [&str; 9] = [
    "voice_settings",
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "pronunciation_dictionary_locators",
    "apply_text_normalization",
    "apply_language_text_normalization",
    "use_pvc_as_ivc",
];
const QUERY: [&str; 2] = ["enable_logging", "optimize_streaming_latency"];

#[derive(Debug)]
pub(super) struct Mouth;

impl Voice for Mouth {
    fn makes(&self, _: &Card, wanted: Sound) -> Option<Sound> {
        match wanted.codec {
            Codec::Mp3 => MP3.into_iter().find_map(|made| compressed(wanted, made)),
            Codec::Opus => compressed(wanted, OPUS),
            Codec::Aac | Codec::Flac => None,
            Codec::Mulaw | Codec::Alaw if wanted.rate.is_none_or(|rate| rate == TELEPHONE) => {
                Some(Sound::of(wanted.codec).at(TELEPHONE))
            }
            Codec::Wav | Codec::Pcm | Codec::Mulaw | Codec::Alaw => {
                let rate = rate_for(wanted.rate.unwrap_or(USUAL_PCM), &PCM)?;
                Some(Sound::of(Codec::Pcm).at(rate))
            }
        }
    }

    fn chars_max(&self, card: &Card) -> usize {
        card.chars_max.map_or(CHARACTERS, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        let voice = named(NAME, said.voice)?;
        if !voice.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(unfit(NAME, "voice", "has no voice of that name: its voices are told by their ids"));
        }
        // "v3 and v4 take tags inside the text": nothing that could be told for a client.
        uninstructed(NAME, speak)?;
        let known: Vec<&str> = BODY.into_iter().chain(QUERY).collect();
        no_more_than(NAME, speak, &known)?;

        let extra = |field: &&str| Some((String::from(*field), speak.extra.get(*field)?.clone()));
        let mut body: Map<String, Value> = BODY.iter().filter_map(extra).collect();
        body.insert("text".into(), said.text.into());
        body.insert("model_id".into(), (&*door.model).into());
        if let Some(language) = &speak.language {
            body.insert("language_code".into(), primary(language).to_ascii_lowercase().into());
        }
        if let Some(seed) = speak.seed {
            body.insert("seed".into(), seed.into());
        }
        if let Some(factor) = speed(speak, 70, 120) {
            let settings = body.entry("voice_settings").or_insert_with(|| json!({}));
            if !settings.is_object() {
                *settings = json!({});
            }
            settings["speed"] = factor;
        }
        // What a client says of its whole text goes to its ends only.
        for (field, text) in [("previous_text", last(said.before)), ("next_text", first(said.after))] {
            if !text.is_empty() && minds_neighbours(&door.model) {
                body.insert(field.into(), text.into());
            }
        }

        let format = format(said.sound)?;
        let mut query = vec![("output_format", format)];
        query.extend(QUERY.iter().filter_map(|field| Some((*field, plain(speak.extra.get(*field)?)))));
        let uri = with_query(&door.uri, &format!("/{voice}/stream"), &query)
            .ok_or_else(|| unfit(NAME, "voice", "cannot be asked for it"))?;
        let body = Value::Object(body).to_string().into_bytes();
        Ok(Call { uri, headers: door.headers.clone(), body: body.into(), stream: false })
    }

    fn hear(&self, card: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        if is_text(headers) {
            return Ok(Hearing::document(ERROR_MAX, |body, _| Err(fault::of(200, body))));
        }
        Ok(Hearing::bytes().used(cost(card, headers)))
    }

    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, 0)
    }
}

/// "Providing previous_text or next_text is not yet supported with the 'eleven_v3' model": a 400 (pipecat-ai/pipecat#4925), and
/// of `eleven_v3_conversational` the same is told (home-assistant/core#182944). Of later ones nothing is known.
fn minds_neighbours(model: &str) -> bool {
    model.contains("_v2")
}

/// What is said right before and after is what decides the tone: so many characters of it.
const NEIGHBOURS: usize = 500;

fn first(text: &str) -> &str {
    text.char_indices().nth(NEIGHBOURS).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn last(text: &str) -> &str {
    text.char_indices().nth_back(NEIGHBOURS - 1).map_or(text, |(start, _)| text.get(start..).unwrap_or(text))
}

/// The first of these that is as wanted.
fn compressed(wanted: Sound, (rate, kilobits): (u32, &[u32])) -> Option<Sound> {
    if wanted.rate.is_some_and(|wanted| wanted != rate) {
        return None;
    }
    let mut bits = kilobits.iter().map(|k| k * 1_000);
    let bitrate = bits.find(|bits| wanted.bitrate.is_none_or(|wanted| wanted == *bits))?;
    Some(Sound { codec: wanted.codec, rate: Some(rate), bitrate: Some(bitrate) })
}

/// The word for it: `mp3_44100_128`, `pcm_24000`.
fn format(sound: Sound) -> Result<String, Fault> {
    let no = || unfit(NAME, "response_format", "does not make it");
    let rate = sound.rate.ok_or_else(no)?;
    Ok(match sound.codec {
        Codec::Mp3 | Codec::Opus => {
            format!("{}_{rate}_{}", sound.codec.name(), sound.bitrate.ok_or_else(no)? / 1_000)
        }
        Codec::Pcm | Codec::Alaw => format!("{}_{rate}", sound.codec.name()),
        Codec::Mulaw => format!("ulaw_{rate}"),
        Codec::Wav | Codec::Aac | Codec::Flac => return Err(no()),
    })
}

/// A value as a query writes it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cost(card: &Card, headers: &HeaderMap) -> Option<Usage> {
    let credits = headers.get("character-cost")?.to_str().ok()?;
    Some(Usage::default().with(Bucket::Characters, characters_of(credits, &card.model)?))
}

/// The characters that so many credits of this model paid for: "Flash and Turbo cost 0.5 credit per character, others 1".
/// The price sheet has the conversational model at half the list price as well. None where it is no number.
pub fn characters_of(credits: &str, model: &str) -> Option<u64> {
    let (whole, part) = credits.trim().split_once('.').unwrap_or((credits.trim(), ""));
    if !part.bytes().all(|b| b.is_ascii_digit()) || part.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<9}").parse().ok()?;
    let half = ["flash", "turbo", "conversational"].into_iter().any(|kind| model.contains(kind));
    let each = if half { 2 } else { 1 };
    Some(whole.saturating_mul(each).saturating_add((part * each).div_ceil(1_000_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_cut_between_characters() {
        let long: String = "äé👋語".chars().cycle().take(2 * NEIGHBOURS + 1).collect();
        assert_eq!(first(&long).chars().count(), NEIGHBOURS);
        assert_eq!(last(&long).chars().count(), NEIGHBOURS);
        assert!(long.starts_with(first(&long)) && long.ends_with(last(&long)));
        for short in ["", "a", "äé👋語"] {
            assert_eq!((first(short), last(short)), (short, short));
        }
    }

    #[test]
    fn credits_are_characters() {
        for (credits, model, characters) in [
            ("1000", "eleven_multilingual_v2", Some(1_000)),
            ("500", "eleven_flash_v2_5", Some(1_000)),
            ("12.5", "eleven_turbo_v2", Some(25)),
            ("12.5", "eleven_v4", Some(13)),
            (" 7 ", "eleven_v3_conversational", Some(14)),
            ("18446744073709551615", "eleven_flash_v2", Some(u64::MAX)),
            ("-1", "eleven_v3", None),
            ("1e3", "eleven_v3", None),
            ("1.2.3", "eleven_v3", None),
            ("0.1234567890", "eleven_v3", None),
            ("", "eleven_v3", None),
        ] {
            assert_eq!(characters_of(credits, model), characters, "{credits} of {model}");
        }
    }
}
