//! Transcriptions in every wire format that has them: one subject, six shapes.

use super::{Incoming, Route, Told, header, json as fields};
use crate::ask::{Ask, Refusal, Turn};
use crate::hearing::{Heard, Part, SEGMENT, Script, hear, joined, parts};
use crate::prose::hash;
use crate::scenario::{Flavour, Model, Provider};
use crate::task::Task;
use crate::tokens::Tally;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Dialect, Kind};

/// Whether it is asked here what was said.
pub(crate) fn route(provider: &Provider, method: &str, path: &str, query: &str) -> Option<Route> {
    let named = |model: &str| Route::Hear { model: Some(model.to_owned()), translate: false };
    let form = |translate| Some(Route::Hear { model: None, translate });
    let is = |name: &str| provider.model(name).is_some_and(|model| model.kind == Kind::Stt);
    if method != "POST" {
        return None;
    }
    match provider.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            match path.strip_prefix("/openai").unwrap_or(path).strip_prefix("/v1")? {
                "/audio/transcriptions" => form(false),
                "/audio/translations" => form(true),
                _ => None,
            }
        }
        Dialect::WorkersAi => {
            path.split_once("/ai/run/").filter(|(_, name)| is(name)).map(|(_, name)| named(name))
        }
        Dialect::Deepgram if path == "/v1/listen" => {
            let model = query.split('&').find_map(|pair| pair.strip_prefix("model="));
            Some(named(model.unwrap_or_default()))
        }
        Dialect::Elevenlabs if path == "/v1/speech-to-text" => form(false),
        _ => None,
    }
}

/// The credential where it is not a bearer's.
pub(crate) fn key(provider: &Provider, headers: &HeaderMap) -> Option<String> {
    match provider.dialect {
        Dialect::Elevenlabs => header(headers, "xi-api-key"),
        Dialect::Deepgram => header(headers, "authorization")?.strip_prefix("Token ").map(str::to_owned),
        _ => None,
    }
}

pub(crate) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    let Route::Hear { model, translate } = incoming.route else { return Err(Refusal::bad("No file.")) };
    let mut ask = Ask { n: 1, ..Ask::default() };
    let mut script = match model {
        Some(model) => {
            ask.model.clone_from(model);
            if model.contains("whisper-large") { coded(incoming, &mut ask)? } else { bytes(incoming)? }
        }
        None => form(incoming, *translate, &mut ask)?,
    };
    script.translate |= *translate;
    if incoming.provider.model(&ask.model).is_some_and(|model| model.kind != Kind::Stt) {
        return Err(Refusal::at("model", "This model does not support audio transcription."));
    }
    // Whoever looks for marks finds them in the prompt; the file itself is no text.
    ask.turns.push(Turn { tally: Tally::default(), hash: hash(&[script.heard.text().as_bytes()]) });
    ask.task = Some(Task::Script(script));
    Ok(ask)
}

fn bytes(incoming: &Incoming<'_>) -> Result<Script, Refusal> {
    let kind = header(incoming.headers, "content-type").unwrap_or_default();
    if !(kind.starts_with("audio/") || kind == "application/octet-stream") {
        return Err(Refusal::bad(format!("Content type {kind:?} is no audio")));
    }
    if incoming.body.is_empty() {
        return Err(Refusal::bad("The file is empty."));
    }
    Ok(Script { heard: hear(incoming.body), ..Script::default() })
}

/// `{audio: base64, task, language, initial_prompt}`.
fn coded(incoming: &Incoming<'_>, ask: &mut Ask) -> Result<Script, Refusal> {
    let map = fields::object(incoming.body)?;
    if let Some(stranger) =
        fields::stranger(&map, &["audio", "task", "language", "initial_prompt", "vad_filter", "prefix"])
    {
        return Err(Refusal::bad(format!("unknown property '/{stranger}'")));
    }
    let audio =
        fields::text(&map, "audio")?.ok_or_else(|| Refusal::bad("required properties at '/' are 'audio'"))?;
    let file = STANDARD.decode(audio).map_err(|e| Refusal::bad(format!("audio is no base64: {e}")))?;
    fields::text(&map, "initial_prompt")?.unwrap_or_default().clone_into(&mut ask.last_user);
    let translate = fields::text(&map, "task")? == Some("translate");
    let language = fields::text(&map, "language")?.map(str::to_owned);
    Ok(Script { heard: hear(&file), language, translate, ..Script::default() })
}

const OPENAI_FIELDS: &[&str] = &[
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "timestamp_granularities[]",
    "chunking_strategy",
    "include[]",
    "stream",
];
const ELEVENLABS_FIELDS: &[&str] = &[
    "file",
    "model_id",
    "language_code",
    "tag_audio_events",
    "timestamps_granularity",
    "temperature",
    "diarize",
];

fn form(incoming: &Incoming<'_>, translate: bool, ask: &mut Ask) -> Result<Script, Refusal> {
    let kind = header(incoming.headers, "content-type").unwrap_or_default();
    let all = parts(&kind, incoming.body).ok_or_else(|| Refusal::bad("Could not parse multipart form"))?;
    let scribe = incoming.provider.dialect == Dialect::Elevenlabs;
    let known = if scribe { ELEVENLABS_FIELDS } else { OPENAI_FIELDS };
    if let Some((stranger, ..)) = all.iter().find(|(name, ..)| !known.contains(&name.as_str())) {
        return Err(Refusal::coded(
            "unknown_parameter",
            Some(stranger),
            format!("Unknown parameter: '{stranger}'."),
        ));
    }
    let text = |field: &str| {
        let found = all.iter().find(|(name, ..)| name == field);
        found.and_then(|(.., value)| std::str::from_utf8(value).ok()).filter(|value| !value.is_empty())
    };
    let (model, language) = if scribe { ("model_id", "language_code") } else { ("model", "language") };
    let model = text(model).ok_or_else(|| Refusal::at(model, "you must provide a model parameter"))?;
    model.clone_into(&mut ask.model);
    text("prompt").unwrap_or_default().clone_into(&mut ask.last_user);
    let (_, name, file) = all
        .iter()
        .find(|(name, ..)| name == "file")
        .ok_or_else(|| Refusal::at("file", "you must provide a file"))?;
    if file.is_empty() || name.is_none() {
        return Err(Refusal::at("file", "Audio file might be corrupted or unsupported"));
    }
    let asks = |name: &str| {
        all.iter().any(|(field, _, value)| field.starts_with("timestamp") && *value == name.as_bytes())
    };
    let script = Script {
        heard: hear(file),
        language: text(language).map(str::to_owned),
        translate,
        format: text("response_format").unwrap_or("json").to_owned(),
        words: asks("word"),
        segments: asks("segment"),
    };
    if !scribe {
        speaks_so(incoming.provider.flavour, &ask.model, &script, &all)?;
    }
    Ok(script)
}

/// What formats a server of OpenAI's kind has, by its model.
fn speaks_so(flavour: Flavour, model: &str, script: &Script, all: &[Part<'_>]) -> Result<(), Refusal> {
    let whisper = model.contains("whisper");
    let formats: &[&str] = match flavour {
        Flavour::Groq => &["json", "text", "verbose_json"],
        Flavour::Openai if !whisper => &["json"],
        _ => &["json", "text", "srt", "verbose_json", "vtt"],
    };
    if !formats.contains(&script.format.as_str()) {
        let message = format!("response_format '{}' is not compatible with model '{model}'.", script.format);
        return Err(Refusal::coded("unsupported_value", Some("response_format"), message));
    }
    if (script.words || script.segments) && script.format != "verbose_json" {
        return Err(Refusal::at("timestamp_granularities", "timestamp_granularities needs verbose_json"));
    }
    if script.translate && (!whisper || all.iter().any(|(name, ..)| name == "language")) {
        return Err(Refusal::at("model", "The audio cannot be translated so."));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "no file is that long")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// What was heard, in the words of whoever was asked.
pub(crate) fn whole(told: &Told<'_>, script: &Script) -> Value {
    let Script { heard, .. } = script;
    match told.provider.dialect {
        Dialect::WorkersAi => {
            let result = match told.model.name.as_str() {
                name if name.contains("deepgram/") => deepgram(heard, None),
                name if name.contains("whisper-large") => json!({
                    "transcription_info": {"language": script.language.as_deref().unwrap_or("en"),
                        "language_probability": 0.98, "duration": heard.seconds(), "duration_after_vad": heard.seconds()},
                    "text": heard.text(), "word_count": heard.words.len(),
                    "segments": worded(heard), "vtt": "WEBVTT\n\n"}),
                _ => {
                    json!({"text": heard.text(), "word_count": heard.words.len(), "words": words(heard, "word"), "vtt": "WEBVTT\n\n"})
                }
            };
            json!({"result": result, "success": true, "errors": [], "messages": []})
        }
        Dialect::Deepgram => deepgram(heard, Some(told)),
        Dialect::Elevenlabs => elevenlabs(heard, script),
        _ => openai(told, script),
    }
}

fn words(heard: &Heard, name: &str) -> Value {
    let one = |(word, start, end): &(String, u64, u64)| json!({name: word, "start": seconds(*start), "end": seconds(*end)});
    heard.words.iter().map(one).collect()
}

/// Segments with their words.
fn worded(heard: &Heard) -> Value {
    let one = |(mut segment, part): (Value, &[(String, u64, u64)])| {
        segment["words"] = words(&Heard { words: part.to_vec(), ..Heard::default() }, "word");
        segment
    };
    let segments = segments(heard).as_array().cloned().unwrap_or_default();
    segments.into_iter().zip(heard.words.chunks(SEGMENT)).map(one).collect()
}

fn segments(heard: &Heard) -> Value {
    let one = |(id, part): (usize, &[(String, u64, u64)])| {
        let (start, end) = (part.first().map_or(0, |w| w.1), part.last().map_or(0, |w| w.2));
        json!({"id": id, "seek": 0, "start": seconds(start), "end": seconds(end), "text": format!(" {}", joined(part)),
            "tokens": [50364, 50364 + id], "temperature": 0.0, "avg_logprob": -0.28, "compression_ratio": 1.2, "no_speech_prob": 0.01})
    };
    heard.words.chunks(SEGMENT).enumerate().map(one).collect()
}

fn openai(told: &Told<'_>, script: &Script) -> Value {
    let Script { heard, .. } = script;
    let groq = told.provider.flavour == Flavour::Groq;
    let mut out = if script.format == "verbose_json" {
        let mut out = json!({"task": if script.translate { "translate" } else { "transcribe" },
            "language": "english", "duration": heard.seconds(), "text": heard.text()});
        if script.segments || !script.words {
            out["segments"] = segments(heard);
        }
        if script.words {
            out["words"] = words(heard, "word");
        }
        out
    } else {
        json!({ "text": heard.text() })
    };
    if groq {
        out["x_groq"] = json!({"id": format!("req_{}", told.id())});
        return out;
    }
    let Some(figures) = told.figures() else { return out };
    if told.model.name.contains("whisper") {
        out["usage"] = json!({"type": "duration", "seconds": heard.millis.div_ceil(1_000)});
    } else {
        out["usage"] = json!({"type": "tokens", "input_tokens": figures.input,
            "input_token_details": {"text_tokens": 0, "audio_tokens": figures.input},
            "output_tokens": figures.output, "total_tokens": figures.input + figures.output});
    }
    out
}

fn deepgram(heard: &Heard, told: Option<&Told<'_>>) -> Value {
    let words: Vec<Value> = heard
        .words
        .iter()
        .map(|(word, start, end)| {
            json!({"word": word.to_lowercase(), "start": seconds(*start), "end": seconds(*end), "confidence": 0.98,
                "punctuated_word": word})
        })
        .collect();
    let best = json!({"transcript": heard.text(), "confidence": 0.98, "words": words});
    let mut results = json!({"channels": [{"alternatives": [best], "detected_language": "en"}]});
    let Some(told) = told else {
        return json!({ "results": results });
    };
    let utterances = heard.words.chunks(SEGMENT).map(|part| {
        let (start, end) = (part.first().map_or(0, |w| w.1), part.last().map_or(0, |w| w.2));
        json!({"start": seconds(start), "end": seconds(end), "confidence": 0.98, "channel": 0, "transcript": joined(part)})
    });
    results["utterances"] = utterances.collect();
    let metadata = json!({"request_id": told.id(), "duration": heard.seconds(), "channels": 1, "models": [told.model.name]});
    json!({"metadata": metadata, "results": results})
}

fn elevenlabs(heard: &Heard, script: &Script) -> Value {
    let mut all = Vec::new();
    for (at, (word, start, end)) in heard.words.iter().enumerate() {
        if at > 0 {
            all.push(json!({"text": " ", "start": seconds(*start), "end": seconds(*start), "type": "spacing", "logprob": 0.0}));
        }
        all.push(json!({"text": word, "start": seconds(*start), "end": seconds(*end), "type": "word", "logprob": -0.1}));
    }
    json!({"language_code": script.language.as_deref().unwrap_or("eng"), "language_probability": 0.98, "text": heard.text(), "words": all})
}

/// Tokens of sound and of text, where they are counted.
pub(crate) fn tokens(model: &Model, heard: &Heard) -> (u64, u64) {
    if model.per_minute.is_some() {
        return (0, 0);
    }
    (heard.millis.div_ceil(100), crate::tokens::tokens(&heard.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_is_as_long_as_it_is() {
        let samples = vec![0u8; 32_000];
        let mut file =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
        file.extend_from_slice(&(samples.len() as u32).to_le_bytes());
        file.extend_from_slice(&samples);
        let heard = hear(&file);
        assert_eq!((heard.millis, heard.words.len()), (1_000, 2));
        assert_eq!(heard.words.last().map(|word| word.2), Some(1_000));
        file.push(1);
        assert_ne!(hear(&file).text(), heard.text(), "other bytes, other words");
    }

    #[test]
    fn forms_are_whole_or_none() {
        let body = b"--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nx\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\r\n--\r\n\r\n--b--\r\n";
        let all = parts("multipart/form-data; boundary=b", body).unwrap();
        assert_eq!(all[0], ("model".to_owned(), None, &b"x"[..]));
        assert_eq!(all[1], ("file".to_owned(), Some("a.wav".to_owned()), &b"\r\n--\r\n"[..]));
        for cut in [10, body.len() / 2, body.len() - 8] {
            assert!(parts("multipart/form-data; boundary=b", &body[..cut]).is_none(), "{cut}");
        }
    }
}
