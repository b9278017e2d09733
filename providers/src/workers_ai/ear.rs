//! Whisper and Nova on Workers AI: one path, and a shape of its own for each.

use super::fault;
use crate::deepgram::{plain, results};
use crate::ear::{Coding, Ear, Framed, Understood, garbled, mime_of, said, seconds, sentences, timed};
use crate::foreign::unfit;
use crate::openai::usage;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use vocab::{Call, Door, Fault, Listen, Said, Script, Transcript};

const NAME: &str = "Workers AI";

#[derive(Clone, Copy, Debug)]
pub(super) struct Listener;

/// How a model takes a file.
enum Family {
    /// `{audio: base64, …}`
    Json,
    /// The bytes, with nothing to say about them.
    Bytes,
    /// The same, answered as Deepgram does.
    Nova,
}

impl Family {
    fn of(model: &str) -> Self {
        match model {
            model if model.contains("whisper-large") => Self::Json,
            model if model.contains("deepgram/") => Self::Nova,
            _ => Self::Bytes,
        }
    }
}

impl Ear for Listener {
    fn encode(&self, listen: &Listen, door: &Door, _: &str) -> Result<Framed, Fault> {
        let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
        let family = Family::of(&door.model);
        if let Family::Json = family {
            return json(listen, door);
        }
        plain(NAME, listen)?;
        if listen.prompt.is_some() {
            return no("prompt", "takes no prompt with this model");
        }
        if listen.language.is_some() {
            return no("language", "is not told the language with this model");
        }
        // A binding is given values, not bytes.
        if door.uri.scheme_str() == Some("binding") {
            return no("model", "is asked over a binding for whisper-large-v3-turbo only");
        }
        let kind = HeaderValue::from_str(&mime_of(&listen.mime, &listen.file));
        let mut headers = (*door.headers).clone();
        headers.insert(CONTENT_TYPE, kind.map_err(|e| Fault::Unfit(format!("file: {e}")))?);
        let call = Call { headers: headers.into(), ..empty(door) };
        Ok(Framed { call, before: Bytes::new(), coding: Coding::Plain, after: Bytes::new() })
    }

    fn read(&self, listen: &Listen, door: &Door, body: &Bytes) -> Result<Understood, Fault> {
        let tree: Value = serde_json::from_slice(body)
            .map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
        if let Some(fault) = fault::within(&tree) {
            return Err(fault);
        }
        // In the REST envelope, or bare as a binding gives it.
        let result = if tree["result"].is_null() { &tree } else { &tree["result"] };
        if let Family::Nova = Family::of(&door.model) {
            return results(result, listen);
        }
        let Some(text) = result["text"].as_str() else { return Err(garbled("no text")) };
        let segments = said(&result["segments"], &["text"]);
        let parts = result["segments"].as_array().into_iter().flatten();
        let mut words: Vec<Said> = parts.flat_map(|part| said(&part["words"], &["word"])).collect();
        if words.is_empty() {
            words = said(&result["words"], &["word"]);
        }
        let info = &result["transcription_info"];
        let transcript = Transcript {
            text: text.to_owned(),
            language: info["language"].as_str().map(str::to_owned),
            duration: seconds(&info["duration"]),
            segments: if segments.is_empty() { sentences(&words) } else { segments },
            words,
        };
        Ok(Understood {
            transcript: Some(timed(transcript, listen)?),
            usage: usage::read("workers-ai.native", result, ""),
        })
    }
}

fn empty(door: &Door) -> Call {
    Call { uri: door.uri.clone(), headers: door.headers.clone(), body: Bytes::new().into(), stream: false }
}

fn json(listen: &Listen, door: &Door) -> Result<Framed, Fault> {
    let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
    if listen.script == Script::Diarized {
        return no("response_format", "is not asked who spoke: diarized_json is not to be had");
    }
    if listen.temperature.is_some() {
        return no("temperature", "knows none");
    }
    if let Some((field, _)) = listen.extra.first() {
        return no(field, "does not know it");
    }
    let mut fields = Map::new();
    fields.insert("task".into(), if listen.translate { "translate" } else { "transcribe" }.into());
    for (name, value) in [("language", &listen.language), ("initial_prompt", &listen.prompt)] {
        if let Some(value) = value {
            fields.insert(name.into(), value.as_str().into());
        }
    }
    // The file is the last of the fields.
    let mut before = Value::Object(fields).to_string();
    before.pop();
    before.push_str(r#","audio":""#);
    Ok(Framed {
        call: empty(door),
        before: before.into(),
        coding: Coding::Base64,
        after: Bytes::from_static(b"\"}"),
    })
}
