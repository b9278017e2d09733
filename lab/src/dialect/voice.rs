//! What all dialects have in common that speak: the sound itself, and what can be wrong with it or with what was asked.

use super::Told;
use super::json::{self, Object};
use crate::ask::{Ask, Refusal, Turn};
use crate::prose::hash;
use crate::scenario::Model;
use crate::sound::{Chunk, Coding, Format, Passage, Sample, chunks, passages};
use crate::task::{Speech, Task, coded};
use crate::tokens::{Tally, chars};
use crate::trouble::Kind;
use crate::wire::Piece;
use serde_json::Value;

/// What a model is asked to say, as an [`Ask`] that is answered in a stream.
pub(super) fn ask(model: &str, speech: Speech) -> Ask {
    let mut tally = Tally::default();
    tally.text(&speech.text);
    Ask {
        model: model.to_owned(),
        n: 1,
        stream: true,
        turns: vec![Turn { tally, hash: hash(&[speech.text.as_bytes()]) }],
        last_user: speech.text.clone(),
        task: Some(Task::Speech(speech)),
        ..Ask::default()
    }
}

pub(super) fn speech<'t>(told: &'t Told<'_>) -> Option<&'t Speech> {
    match &told.ask.task {
        Some(Task::Speech(speech)) => Some(speech),
        _ => None,
    }
}

/// As `content-type` says it.
pub(super) fn kind(told: &Told<'_>) -> Option<String> {
    speech(told).map(|speech| made(told, speech).kind())
}

/// The format that is made, which may not be what was asked for.
pub(super) fn made(told: &Told<'_>, speech: &Speech) -> Format {
    let mut format = speech.format;
    if let Some(trouble) = told.troubles.get(Kind::WrongRate) {
        format.rate = trouble.size.unwrap_or(if format.rate == 16_000 { 8_000 } else { 16_000 }).max(1_000);
    }
    format
}

/// The sound in pieces.
pub(super) fn sound(told: &Told<'_>, speech: &Speech) -> Vec<Chunk> {
    if told.troubles.has(Kind::ZeroTokens) {
        return Vec::new();
    }
    let mut passages = passages(&speech.text, told.model.ms_per_character, speech.percent);
    if told.troubles.has(Kind::Silence) {
        passages.iter_mut().for_each(|passage: &mut Passage| passage.tone = None);
    }
    chunks(&passages, made(told, speech))
}

/// The sound as a body. `reports`: its head told the usage.
pub(super) fn bytes(told: &Told<'_>, reports: bool) -> Vec<Piece> {
    let Some(speech) = speech(told) else { return Vec::new() };
    let mut pieces: Vec<Piece> =
        sound(told, speech).into_iter().map(|chunk| Piece::bytes(chunk.bytes, chunk.ms)).collect();
    if let Some(first) = pieces.first_mut().filter(|_| reports) {
        first.reported = told.figures();
    }
    pieces
}

/// All of the sound at once, in base64.
pub(super) fn whole(told: &Told<'_>, speech: &Speech) -> String {
    coded(&sound(told, speech).iter().flat_map(|chunk| chunk.bytes.to_vec()).collect::<Vec<u8>>())
}

/// Whether there is such a voice.
pub(super) fn has_voice(model: Option<&Model>, voice: &str) -> bool {
    model.is_none_or(|model| model.voices.is_empty() || model.voices.iter().any(|known| known == voice))
}

/// A text that is longer than the model takes, or than `usual` where the scenario does not say: its length and the limit.
pub(super) fn too_long(model: Option<&Model>, text: &str, usual: u32) -> Option<(u64, u32)> {
    let most = model.and_then(|model| model.max_characters).unwrap_or(usual);
    let length = chars(text);
    (length > u64::from(most)).then_some((length, most))
}

/// A factor, as percent.
pub(super) fn percent(map: &Object, key: &str, least: f64, most: f64) -> Result<u32, Refusal> {
    let factor = json::real(map, key, least, most)?.unwrap_or(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds")]
    let percent = (factor * 100.0).round() as u32;
    Ok(percent)
}

/// What a query says of a name, with its escapes undone.
pub(super) fn in_query(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?;
    let mut out = Vec::new();
    let mut bytes = pair.1.bytes();
    while let Some(byte) = bytes.next() {
        let hex =
            |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|n| u8::try_from(n).ok());
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// Aura's formats, which Deepgram has in a query and Workers AI in a body. `Err` names what does not go together.
pub(super) fn aura(
    encoding: Option<&str>,
    container: Option<&str>,
    rate: Option<u32>,
) -> Result<Format, &'static str> {
    let rate_of = |usual: u32, range: std::ops::RangeInclusive<u32>| match rate {
        None => Ok(usual),
        Some(rate) if range.contains(&rate) => Ok(rate),
        Some(_) => Err("sample_rate"),
    };
    let plain = |sample, rate| match container {
        None | Some("wav") => Ok(Format { coding: Coding::Wav(sample), rate }),
        Some("none") => Ok(Format { coding: Coding::Raw(sample), rate }),
        Some(_) => Err("container"),
    };
    let fixed = |coding, own: &str, of| match (rate, container) {
        (Some(_), _) => Err("sample_rate"),
        (None, Some(other)) if other != own => Err("container"),
        _ => Ok(Format { coding, rate: of }),
    };
    match encoding.unwrap_or("mp3") {
        "mp3" => fixed(Coding::Mp3, "none", 22_050),
        "aac" => fixed(Coding::Aac, "none", 24_000),
        "opus" => fixed(Coding::Opus, "ogg", 48_000),
        "flac" => Ok(Format { coding: Coding::Flac, rate: rate_of(24_000, 8_000..=48_000)? }),
        "linear16" => plain(Sample::S16, rate_of(24_000, 8_000..=48_000)?),
        "mulaw" => plain(Sample::Mulaw, rate_of(8_000, 8_000..=16_000)?),
        "alaw" => plain(Sample::Alaw, rate_of(8_000, 8_000..=16_000)?),
        _ => Err("encoding"),
    }
}

/// A voice by its name, or by an object with it in `id`.
pub(super) fn voice(map: &Object) -> Option<&str> {
    match json::get(map, "voice")? {
        Value::String(name) => Some(name),
        Value::Object(inner) => inner.get("id").and_then(Value::as_str),
        _ => None,
    }
}
