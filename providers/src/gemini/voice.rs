//! Speech, which its models make as they chat: plain samples in base64, within replies like any other.
//!
//! Left out: two speakers at once (`multiSpeakerVoiceConfig`), and voices made from a sample.

use super::decode::{Ending, ending};
use super::{fault, usage};
use crate::foreign::{said, unfit};
use crate::spoken::{is_json, named, no_more_than, tally, usual_speed};
use crate::sse::FRAME_MAX;
use crate::{Heard, Hearing, Voice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::{Bucket, Call, Card, Codec, Door, Fault, Frame, Sound, Usage, Utterance};

const NAME: &str = "Gemini";
/// "audio/L16;codec=pcm;rate=24000 (16-bit mono PCM)". The samples are little-endian, whatever L16 is elsewhere.
const RATE: u32 = 24_000;
/// "25 audio tokens per second".
const TOKENS_PER_MINUTE: u64 = 25 * 60;
/// The context of these models is 8,192 tokens, and no script needs more than two for a character.
const CHARACTERS: usize = 4_000;

#[derive(Debug)]
pub(super) struct Mouth;

impl Voice for Mouth {
    fn makes(&self, _: &Card, wanted: Sound) -> Option<Sound> {
        wanted.codec.is_plain().then(|| Sound::of(Codec::Pcm).at(RATE))
    }

    fn chars_max(&self, card: &Card) -> usize {
        card.chars_max.map_or(CHARACTERS, |n| n as usize)
    }

    fn encode(&self, said: &Utterance<'_>, door: &Door) -> Result<Call, Fault> {
        let speak = said.speak;
        usual_speed(NAME, speak)?;
        no_more_than(NAME, speak, &[])?;
        if said.sound.codec != Codec::Pcm {
            return Err(unfit(NAME, "response_format", "makes plain samples only"));
        }
        let voice = json!({ "prebuiltVoiceConfig": { "voiceName": named(NAME, said.voice)? } });
        let mut speech = json!({ "voiceConfig": voice });
        if let Some(language) = &speak.language {
            speech["languageCode"] = language.as_str().into();
        }
        let mut generation = json!({ "responseModalities": ["AUDIO"], "speechConfig": speech });
        if let Some(seed) = speak.seed {
            generation["seed"] = seed.into();
        }
        let mut part = json!({ "text": said.text });
        // What stands in the text is spoken; how, stands beside it (google-genai 3.4.0, `Part.speechMetadata`).
        if let Some(instructions) = &speak.instructions {
            part["speechMetadata"] = json!({ "style": instructions });
        }
        let contents = json!([{ "role": "user", "parts": [part] }]);
        let body = json!({ "contents": contents, "generationConfig": generation }).to_string().into_bytes();
        Ok(Call {
            uri: door.uri_stream.clone(),
            headers: door.headers.clone(),
            body: body.into(),
            stream: true,
        })
    }

    /// Without `alt=sse` it is one JSON array, and from some that stand before it one reply.
    fn hear(&self, _: &Card, headers: &HeaderMap) -> Result<Hearing, Fault> {
        Ok(if is_json(headers) { Hearing::document(FRAME_MAX, whole) } else { Hearing::frames(frame) })
    }

    fn usage(&self, card: &Card, text: &str, millis: u64) -> Usage {
        tally(card, self.characters(text), millis, TOKENS_PER_MINUTE)
    }
}

fn whole(body: &[u8], heard: &mut Heard) -> Result<(), Fault> {
    let tree: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("gemini: no JSON: {e}")))?;
    replies(&tree, heard)?;
    // The body came to its own end, so nothing was cut.
    if heard.over || !heard.sound.is_empty() {
        heard.done = true;
        return Ok(());
    }
    Err(Fault::Garbled("gemini: a reply with neither sound nor a reason".into()))
}

fn frame(frame: &Frame<'_>, heard: &mut Heard) -> Result<(), Fault> {
    let data = frame.data.trim();
    // This dialect has no [DONE], but some of what stands before it adds one.
    if data.is_empty() || data == "[DONE]" {
        return Ok(());
    }
    let tree: Value =
        serde_json::from_str(data).map_err(|e| Fault::Garbled(format!("gemini: a frame is no JSON: {e}")))?;
    replies(&tree, heard)
}

fn replies(tree: &Value, heard: &mut Heard) -> Result<(), Fault> {
    match tree {
        Value::Array(all) => all.iter().try_for_each(|each| reply(each, heard)),
        one => reply(one, heard),
    }
}

fn reply(reply: &Value, heard: &mut Heard) -> Result<(), Fault> {
    if reply["error"].is_object() {
        return Err(fault::within(reply));
    }
    let before = heard.usage.unwrap_or_default();
    heard.usage = usage::reply(reply, &before).map(of_sound).or(heard.usage);
    let candidate = &reply["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        sound(&part["inlineData"], heard)?;
    }
    if reply["promptFeedback"]["blockReason"].as_str().is_some_and(|r| !r.ends_with("_UNSPECIFIED")) {
        return Err(Fault::Filtered("gemini: the text was blocked".into()));
    }
    let reason = candidate["finishReason"].as_str().unwrap_or_default();
    match ending(reason) {
        Ending::None => {}
        Ending::Stop => heard.over = true,
        Ending::Length => {
            return Err(Fault::TooLong("gemini: the sound is longer than the model makes".into()));
        }
        Ending::Filter => return Err(Fault::Filtered(format!("gemini: {}", said(reason)))),
        Ending::Failed => {
            return Err(Fault::Garbled(format!("gemini: the generation failed: {}", said(reason))));
        }
    }
    // The figures stand in the frame with the reason, or in one of their own after it.
    heard.done |= heard.over && reply["usageMetadata"].is_object();
    Ok(())
}

fn sound(inline: &Value, heard: &mut Heard) -> Result<(), Fault> {
    let Some(data) = inline["data"].as_str().filter(|data| !data.is_empty()) else { return Ok(()) };
    let mime = inline["mimeType"].as_str().unwrap_or_default();
    if !is_known(mime) {
        return Err(Fault::Garbled(format!("gemini: the sound came as {}", said(mime))));
    }
    let sound =
        STANDARD.decode(data).map_err(|_| Fault::Garbled("gemini: the sound is not base64".into()))?;
    heard.sound.push(sound.into());
    Ok(())
}

/// `audio/L16;codec=pcm;rate=24000`, in any spelling; what is said of it has to be what is expected.
fn is_known(mime: &str) -> bool {
    let lower = mime.to_ascii_lowercase();
    let mut parts = lower.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    matches!(kind, "audio/l16" | "audio/pcm" | "audio/x-l16")
        && parts.all(|part| match part.split_once('=') {
            Some(("rate", rate)) => rate.parse() == Ok(RATE),
            Some(("channels", channels)) => channels == "1",
            _ => true,
        })
}

/// Only sound is asked for: what is not said to be anything else is that.
fn of_sound(usage: Usage) -> Usage {
    let (text, sound) = (usage.get(Bucket::Output), usage.get(Bucket::OutputAudio));
    if sound > 0 {
        return usage;
    }
    usage.with(Bucket::Output, 0).with(Bucket::OutputAudio, text)
}
