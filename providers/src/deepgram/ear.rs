//! Deepgram, `POST /v1/listen`: the file is the body, and all that is asked of it stands in the query.

use crate::ear::{Coding, Ear, Framed, Understood, garbled, mime_of, said, seconds, sentences, timed};
use crate::foreign::unfit;
use crate::openai::usage;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Uri};
use serde_json::{Value, json};
use vocab::{Call, Door, Fault, Listen, Script, Transcript};

const NAME: &str = "Deepgram";

#[derive(Clone, Copy, Debug)]
pub(super) struct Listener;

impl Ear for Listener {
    fn encode(&self, listen: &Listen, door: &Door, _: &str) -> Result<Framed, Fault> {
        plain(NAME, listen)?;
        if listen.prompt.is_some() {
            return Err(unfit(NAME, "prompt", "takes no prompt"));
        }
        // Punctuation and figures as the others write them.
        let mut query = format!("model={}&smart_format=true", encoded(&door.model));
        match &listen.language {
            Some(language) => query.push_str(&format!("&language={}", encoded(language))),
            // Without it everything is taken for English.
            None => query.push_str("&detect_language=true"),
        }
        if listen.script.is_timed() {
            query.push_str("&utterances=true");
        }
        let uri = with_query(&door.uri, &query).ok_or_else(|| unfit(NAME, "model", "has no such model"))?;
        let kind = HeaderValue::from_str(&mime_of(&listen.mime, &listen.file));
        let mut headers = (*door.headers).clone();
        headers.insert(CONTENT_TYPE, kind.map_err(|e| Fault::Unfit(format!("file: {e}")))?);
        let call = Call { uri, headers: headers.into(), body: Bytes::new().into(), stream: false };
        Ok(Framed { call, before: Bytes::new(), coding: Coding::Plain, after: Bytes::new() })
    }

    fn read(&self, listen: &Listen, _: &Door, body: &Bytes) -> Result<Understood, Fault> {
        let tree: Value = serde_json::from_slice(body)
            .map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
        results(&tree, listen)
    }
}

/// What the others have no words for.
pub(crate) fn plain(name: &str, listen: &Listen) -> Result<(), Fault> {
    let no = |field: &str, why: &str| Err(unfit(name, field, why));
    if listen.translate {
        return no("model", "does not translate");
    }
    if listen.script == Script::Diarized {
        return no("response_format", "is not asked who spoke: diarized_json is not to be had");
    }
    if listen.temperature.is_some() {
        return no("temperature", "knows none");
    }
    match listen.extra.first() {
        Some((field, _)) => no(field, "does not know it"),
        None => Ok(()),
    }
}

/// `{metadata, results}`, with Workers AI without the former.
pub(crate) fn results(tree: &Value, listen: &Listen) -> Result<Understood, Fault> {
    let channel = &tree["results"]["channels"][0];
    let said_best = &channel["alternatives"][0];
    let Some(text) = said_best["transcript"].as_str() else { return Err(garbled("no transcript")) };
    let words = said(&said_best["words"], &["punctuated_word", "word"]);
    let utterances = said(&tree["results"]["utterances"], &["transcript"]);
    let duration = json!({ "request_audio_seconds": tree["metadata"]["duration"] });
    let transcript = Transcript {
        text: text.to_owned(),
        language: channel["detected_language"].as_str().map(str::to_owned),
        duration: seconds(&tree["metadata"]["duration"]),
        segments: if utterances.is_empty() { sentences(&words) } else { utterances },
        words,
    };
    Ok(Understood {
        transcript: Some(timed(transcript, listen)?),
        usage: usage::read("request-derived", &duration, ""),
    })
}

/// Everything but letters and digits by its bytes.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn with_query(uri: &Uri, query: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{query}", uri.path()).parse().ok()?);
    Uri::from_parts(parts).ok()
}
