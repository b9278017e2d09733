//! A client's own `generateContent` request. The model is in the path, so the body goes as it came, but for two things:
//! a model named in it, and seals that Gemini would refuse because another provider made them or none did.
//!
//! A conversation may have been with other models before. Gemini 3 and later refuse a history whose calls lack their
//! `thoughtSignature` in the current turn, and whose signatures are not their own; the documented value that skips the
//! check stands in for both.

use super::generation;
use super::history::BYPASS;
use crate::openai::splice;
use bytes::Bytes;
use http::Uri;
use vocab::{Call, Door, RawChat, Segments, Span};

pub(super) fn call(raw: &RawChat, door: &Door) -> Option<Call> {
    let stream = raw.brief.stream;
    let uri = if stream { &door.uri_stream } else { &door.uri };
    Some(Call { uri: uri.clone(), headers: door.headers.clone(), body: body(raw, door)?, stream })
}

/// The same for a question how many tokens there are.
pub(super) fn count(raw: &RawChat, door: &Door) -> Option<Call> {
    let uri: Uri = door.uri.to_string().strip_suffix(":generateContent")?.to_owned().parse().ok()?;
    let uri: Uri = format!("{uri}:countTokens").parse().ok()?;
    Some(Call { uri, headers: door.headers.clone(), body: body(raw, door)?, stream: false })
}

fn body(raw: &RawChat, door: &Door) -> Option<Segments> {
    let mut edits: Vec<(Span, Bytes)> = Vec::new();
    if let Some(span) = &raw.spans.model {
        let named = serde_json::Value::from(resource(&door.model)).to_string();
        edits.push((span.clone(), named.into()));
    }
    let signs = generation(&door.model).is_none_or(|g| g >= 3) && door.model.contains("gemini");
    for span in &raw.spans.seals {
        if !span.is_empty() {
            edits.push((span.clone(), format!("\"{BYPASS}\"").into()));
        } else if signs {
            edits.push((span.clone(), format!(",\"thoughtSignature\":\"{BYPASS}\"").into()));
        }
    }
    if edits.is_empty() {
        return Some(raw.body.clone().into());
    }
    splice(&raw.body, edits)
}

/// `models/NAME`, as Google names its models.
pub(super) fn resource(model: &str) -> String {
    if model.starts_with("models/") || model.starts_with("tunedModels/") {
        model.to_owned()
    } else {
        format!("models/{model}")
    }
}

/// `{"totalTokens": 31}`.
pub(super) fn counted(body: &[u8]) -> Option<u64> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    crate::foreign::count(&body["totalTokens"], &mut false)
}
