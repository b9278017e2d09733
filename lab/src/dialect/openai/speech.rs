//! OpenAI's `audio/speech` as a server reads and answers it, with Groq's accent.

use crate::ask::{Ask, Refusal};
use crate::dialect::json::{self, Object};
use crate::dialect::{Incoming, Told, voice};
use crate::scenario::Flavour;
use crate::sound::{Coding, Format, Sample};
use crate::task::{Speech, coded};
use crate::trouble::Kind;
use crate::wire::{Part, Piece};
use serde_json::json;

const FIELDS: &[&str] =
    &["model", "input", "voice", "response_format", "speed", "instructions", "stream_format"];
/// "max 4096 characters"; "Input is capped at 200 characters by the server".
const CHARACTERS: u32 = 4_096;
const GROQ_CHARACTERS: u32 = 200;

pub(super) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    let Incoming { provider, body, .. } = incoming;
    let groq = provider.flavour == Flavour::Groq;
    let map = json::object(body)?;
    if let (Some(stranger), Flavour::Openai) = (json::stranger(&map, FIELDS), provider.flavour) {
        let message = format!("Unknown parameter: '{stranger}'.");
        return Err(Refusal::coded("unknown_parameter", Some(stranger), message));
    }
    let missing = |field: &str| {
        Refusal::coded(
            "missing_required_parameter",
            Some(field),
            format!("Missing required parameter: '{field}'."),
        )
    };
    let name = json::text(&map, "model")?.ok_or_else(|| missing("model"))?;
    let text = json::text(&map, "input")?.ok_or_else(|| missing("input"))?;
    let by = voice::voice(&map).ok_or_else(|| missing("voice"))?;
    let model = provider.model(name);
    if model.is_some_and(|model| model.kind != vocab::Kind::Tts) {
        return Err(Refusal::at("model", format!("The model `{name}` does not support speech.")));
    }
    if text.is_empty() {
        return Err(Refusal::at(
            "input",
            "Invalid 'input': string too short. Expected a string with minimum length 1.",
        ));
    }
    let usual = if groq { GROQ_CHARACTERS } else { CHARACTERS };
    if let Some((length, most)) = voice::too_long(model, text, usual) {
        let message = format!(
            "Invalid 'input': string too long. Expected a string with maximum length {most}, but got a string with length {length} instead."
        );
        return Err(Refusal::coded("string_above_max_length", Some("input"), message));
    }
    if !voice::has_voice(model, by) {
        let known = model.map(|model| model.voices.join(", ")).unwrap_or_default();
        let message = format!("Invalid value: '{by}'. Supported values are: {known}.");
        return Err(Refusal::coded("invalid_value", Some("voice"), message));
    }
    let format = if groq { groq_format(&map)? } else { format(&map)? };
    let percent = voice::percent(&map, "speed", 0.25, 4.0)?;
    let speech = Speech { text: text.to_owned(), format, percent, context: None };
    let sse = match json::text(&map, "stream_format")? {
        None | Some("audio") => false,
        Some("sse") if !name.starts_with("tts-1") => true,
        Some(_) => {
            let message = "Unsupported value: 'stream_format' does not support it with this model.";
            return Err(Refusal::coded("unsupported_value", Some("stream_format"), message));
        }
    };
    Ok(Ask { sse, ..voice::ask(name, speech) })
}

fn format(map: &Object) -> Result<Format, Refusal> {
    let coding = match json::text(map, "response_format")?.unwrap_or("mp3") {
        "mp3" => Coding::Mp3,
        "opus" => Coding::Opus,
        "aac" => Coding::Aac,
        "flac" => Coding::Flac,
        "wav" => Coding::Wav(Sample::S16),
        "pcm" => Coding::Raw(Sample::S16),
        other => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav', and 'pcm'."
            );
            return Err(Refusal::coded("invalid_value", Some("response_format"), message));
        }
    };
    Ok(Format { coding, rate: 24_000 })
}

/// "a real reply is 400 \"response_format must be one of [wav]\"".
fn groq_format(map: &Object) -> Result<Format, Refusal> {
    if json::text(map, "response_format")?.is_some_and(|format| format != "wav") {
        return Err(Refusal::at("response_format", "response_format must be one of [wav]"));
    }
    let rate = json::count(map, "sample_rate", 8_000, 48_000)?.unwrap_or(24_000);
    Ok(Format { coding: Coding::Wav(Sample::S16), rate })
}

/// In audio mode there is no usage; in frames it comes with the last one.
pub(super) fn frames(told: &Told<'_>) -> Vec<Piece> {
    let Some(speech) = voice::speech(told) else { return Vec::new() };
    if !told.ask.sse {
        return voice::bytes(told, false);
    }
    let mut out: Vec<Piece> = voice::sound(told, speech)
        .iter()
        .map(|chunk| {
            let frame = json!({"type": "speech.audio.delta", "audio": coded(&chunk.bytes)});
            Piece::json(Part::Content, frame, chunk.ms)
        })
        .collect();
    let figures = told.figures();
    let mut done = json!({"type": "speech.audio.done"});
    if let Some(figures) = figures {
        done["usage"] = json!({"input_tokens": figures.input, "output_tokens": figures.output,
            "total_tokens": figures.input + figures.output});
    }
    let made = out.last().map_or(0, |piece| piece.tokens);
    for _ in 0..=u8::from(told.troubles.has(Kind::UsageTwice)) {
        out.push(Piece::json(Part::End, done.clone(), made).reporting(figures));
    }
    out
}
