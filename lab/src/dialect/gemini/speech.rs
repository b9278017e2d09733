//! Gemini's models that speak, as a server reads and answers them.

use super::say;
use super::task::{said, unknown};
use crate::ask::{Ask, Refusal};
use crate::dialect::json;
use crate::dialect::{Incoming, Told, voice};
use crate::sound::{Coding, Format, Sample};
use crate::task::{Speech, coded};
use crate::trouble::Kind as Trouble;
use crate::wire::{Part, Piece};
use serde_json::{Value, json};
use vocab::Kind;

const FIELDS: &[&str] =
    &["contents", "generationConfig", "model", "safetySettings", "serviceTier", "systemInstruction"];
const CONFIG_FIELDS: &[&str] =
    &["responseModalities", "speechConfig", "temperature", "candidateCount", "seed", "topP"];

pub(super) fn read(incoming: &Incoming<'_>, name: &str, stream: bool, sse: bool) -> Result<Ask, Refusal> {
    let map = json::object(incoming.body)?;
    if let Some(stranger) = json::stranger(&map, FIELDS) {
        return Err(unknown(stranger));
    }
    let missing = |what: &str| Refusal::bad(format!("* GenerateContentRequest.{what}: is required"));
    let config = json::inner(&map, "generationConfig")?.ok_or_else(|| missing("generation_config"))?;
    if let Some(stranger) = json::stranger(config, CONFIG_FIELDS) {
        return Err(unknown(stranger));
    }
    if config.get("responseModalities") != Some(&json!(["AUDIO"])) {
        return Err(Refusal::bad(
            "The requested combination of response modalities (TEXT) is not supported by the model.",
        ));
    }
    let spoken = json::inner(config, "speechConfig")?.ok_or_else(|| missing("speech_config"))?;
    if let Some(stranger) =
        json::stranger(spoken, &["voiceConfig", "multiSpeakerVoiceConfig", "languageCode"])
    {
        return Err(unknown(stranger));
    }
    let by = spoken
        .get("voiceConfig")
        .and_then(|v| v.pointer("/prebuiltVoiceConfig/voiceName"))
        .and_then(Value::as_str);
    let model = incoming.provider.model(name);
    if let Some(by) = by.filter(|by| !voice::has_voice(model, by)) {
        return Err(Refusal::bad(format!("Voice name {by} is not supported.")));
    }
    let mut text = String::new();
    for content in json::list(&map, "contents")?.unwrap_or(&[]) {
        let Value::Object(content) = content else { return Err(Refusal::bad("contents: not an object")) };
        text.push_str(&said(content)?.0);
    }
    if text.is_empty() {
        return Err(Refusal::bad("GenerateContentRequest.contents: contents is not specified"));
    }
    if let Some((length, most)) = voice::too_long(model, &text, 32_000) {
        return Err(Refusal::bad(format!(
            "The input has {length} characters, which exceeds the maximum of {most}."
        )));
    }
    let format = Format { coding: Coding::Raw(Sample::S16), rate: 24_000 };
    let speech = Speech { text, format, percent: 100, context: None };
    Ok(Ask { stream, sse, ..voice::ask(name, speech) })
}

fn candidate(told: &Told<'_>, speech: &Speech, data: Option<String>, last: bool) -> Value {
    let mime = voice::made(told, speech).kind();
    let parts: Vec<Value> =
        data.map(|data| json!({"inlineData": {"mimeType": mime, "data": data}})).into_iter().collect();
    let mut one = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if last {
        one["finishReason"] = "STOP".into();
    }
    json!({"candidates": [one], "modelVersion": told.model.name, "responseId": told.id()})
}

fn with_usage(mut frame: Value, told: &Told<'_>) -> Value {
    if let Some(figures) = told.figures() {
        frame["usageMetadata"] = say::usage(told, figures);
        frame["usageMetadata"]["candidatesTokensDetails"] =
            json!([{"modality": "AUDIO", "tokenCount": figures.output}]);
    }
    frame
}

/// "A blocked prompt has no candidates at all" and status 200.
fn blocked(told: &Told<'_>) -> Option<Value> {
    told.troubles.has(Trouble::ContentFilter).then(|| {
        with_usage(
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": told.model.name,
            "responseId": told.id()}),
            told,
        )
    })
}

pub(super) fn whole(told: &Told<'_>, speech: &Speech) -> Value {
    if let Some(page) = blocked(told) {
        return page;
    }
    let data = Some(voice::whole(told, speech)).filter(|data| !data.is_empty());
    with_usage(candidate(told, speech, data, true), told)
}

/// Sound as it is made; the last frame has the reason and the usage.
pub(super) fn frames(told: &Told<'_>, speech: &Speech) -> Vec<Piece> {
    if let Some(frame) = blocked(told) {
        return vec![Piece::json(Part::Close, frame, 0)];
    }
    let mut out: Vec<Piece> = voice::sound(told, speech)
        .iter()
        .map(|chunk| {
            let frame = candidate(told, speech, Some(coded(&chunk.bytes)), false);
            Piece::json(Part::Content, frame, chunk.ms)
        })
        .collect();
    let made = out.last().map_or(0, |piece| piece.tokens);
    let last = with_usage(candidate(told, speech, None, true), told);
    out.push(Piece::json(Part::Close, last, made).reporting(told.figures()));
    out
}

/// Whether this model is one that speaks.
pub(super) fn speaks(kind: Option<Kind>) -> bool {
    kind == Some(Kind::Tts)
}
