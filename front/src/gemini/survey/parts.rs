//! One part of a content: text, bytes, a call, a response.

use super::super::names::Names;
use super::super::seal;
use super::contents::behind;
use super::{flag, span};
use crate::gemini::parse::kinds::{Stuff, link, stuff};
use crate::json::{
    AnyObject, Each, Maybe, Members, Object, Quoted, Read, Skip, Spoken, Text, Wrong, filled, length, owned,
    shortened,
};
use tokens::{GEMINI, Size};
use vocab::{Caps, Span};

/// What a part is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// What the model thought.
    Thought,
    Call,
    Result,
    Media,
    /// What only Gemini knows, or nothing but a seal.
    #[default]
    Foreign,
}

/// A part looked through.
#[derive(Default)]
pub(super) struct PartFound {
    pub kind: Kind,
    pub size: Size,
    pub needs: Caps,
    pub only: Vec<String>,
    /// There is a seal on it, whoever's.
    pub sealed: bool,
    /// The value of a seal that another provider made.
    pub foreign_seal: Option<Span>,
    /// Where a call's seal can be put in.
    pub seal_place: Option<Span>,
}

#[derive(Clone, Copy)]
pub(super) struct Part<'de> {
    pub body: &'de str,
}

const FIELDS: [&str; 12] = [
    "text",
    "thought",
    "thoughtSignature",
    "thought_signature",
    "functionCall",
    "function_call",
    "functionResponse",
    "function_response",
    "inlineData",
    "inline_data",
    "fileData",
    "file_data",
];

impl<'de> Read<'de> for Part<'de> {
    type Out = PartFound;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<PartFound, Wrong> {
        let mut found = PartFound::default();
        let mut thought = false;
        let mut kinds: Vec<&'static str> = Vec::new();
        let mut names = Names::of(&FIELDS);
        while let Some(key) = names.next(&mut object)? {
            let there = match key {
                "text" => {
                    let text = object.value(Maybe(Spoken(&mut found.size)))?;
                    text.map(|_| found.kind = Kind::Text)
                }
                "thought" => {
                    thought = flag(&mut object)?;
                    continue;
                }
                "thoughtSignature" => {
                    let (raw, others) = object.written(Maybe(Text(signature)))?;
                    found.sealed = others.is_some();
                    found.foreign_seal = others.unwrap_or(false).then(|| span(self.body, raw));
                    continue;
                }
                "functionCall" => {
                    let (raw, call) = object.written(Maybe(Call))?;
                    call.map(|call| {
                        found.seal_place = Some(behind(self.body, raw));
                        found.size.define(call.bytes);
                        found.size.frame(GEMINI.call, 1);
                        found.only.extend(call.only);
                        found.kind = Kind::Call;
                    })
                }
                "functionResponse" => object.value(Maybe(Response))?.map(|response| {
                    found.size.define(response.bytes);
                    found.size.frame(GEMINI.call, 1);
                    found.needs |= response.needs;
                    found.only.extend(response.only);
                    found.kind = Kind::Result;
                }),
                "inlineData" => object.value(Maybe(Blob))?.map(|blob| found.bytes(&blob, "inlineData")),
                "fileData" => object.value(Maybe(File))?.map(|file| found.bytes(&file, "fileData")),
                _ => {
                    object.value(Skip)?;
                    found.only.push(shortened(object.name()));
                    continue;
                }
            };
            if there.is_some() {
                kinds.push(key);
            }
        }
        if let [first, second, ..] = kinds.as_slice() {
            let message = format!("a part is one thing; this one has `{first}` and `{second}`");
            return Err(Wrong::field(message));
        }
        if kinds.is_empty() && found.only.is_empty() && !found.sealed {
            let known = "text, functionCall, functionResponse, inlineData or fileData";
            return Err(Wrong::field(format!("a part must have one of {known}")));
        }
        if thought && found.kind == Kind::Text {
            found.kind = Kind::Thought;
        }
        Ok(found)
    }
}

impl PartFound {
    fn bytes(&mut self, blob: &Bytes, field: &str) {
        self.kind = Kind::Media;
        self.needs |= blob.needs;
        self.size.frame(blob.tokens, 1);
        if blob.needs.contains(Caps::GEMINI_ONLY) {
            self.only.push(format!("{field}.mimeType {}", shortened(&blob.mime)));
        }
        self.only.extend(blob.only.iter().map(|name| format!("{field}.{name}")));
    }
}

#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
fn signature(text: Quoted<'_>) -> Result<bool, Wrong> {
    Ok(seal::is_others(&text.text()))
}

/// A call or a response: its size.
#[derive(Default)]
struct Called {
    bytes: usize,
    needs: Caps,
    only: Vec<String>,
}

#[derive(Clone, Copy)]
struct Call;

impl<'de> Read<'de> for Call {
    type Out = Called;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Called, Wrong> {
        let mut called = Called::default();
        let mut name = false;
        while let Some(key) = object.key(&["name", "args", "id"])? {
            match key {
                "name" => {
                    called.bytes += object.value(Text(filled))?;
                    name = true;
                }
                "args" => called.bytes += object.value(Maybe(AnyObject))?.unwrap_or(0),
                "id" => drop(object.value(Maybe(Text(length)))?),
                _ => {
                    object.value(Skip)?;
                    called.only.push(format!("functionCall.{}", shortened(object.name())));
                }
            }
        }
        if name { Ok(called) } else { Err(Wrong::missing("name")) }
    }
}

#[derive(Clone, Copy)]
struct Response;

impl<'de> Read<'de> for Response {
    type Out = Called;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Called, Wrong> {
        let mut called = Called::default();
        let mut name = false;
        while let Some(key) = object.key(&["name", "response", "id", "parts"])? {
            match key {
                "name" => {
                    object.value(Text(filled))?;
                    name = true;
                }
                "response" => called.bytes += object.value(Maybe(AnyObject))?.unwrap_or(0),
                "id" => drop(object.value(Maybe(Text(length)))?),
                "parts" => {
                    let Called { needs, only, .. } = &mut called;
                    let each = |_, blob: Option<Bytes>| {
                        match blob {
                            Some(blob) if blob.only.is_empty() => *needs |= blob.needs,
                            _ => only.push("functionResponse.parts".to_owned()),
                        }
                        Ok(())
                    };
                    object.value(Maybe(Each(ResponsePart, each)))?;
                }
                _ => {
                    object.value(Skip)?;
                    called.only.push(format!("functionResponse.{}", shortened(object.name())));
                }
            }
        }
        if name { Ok(called) } else { Err(Wrong::missing("name")) }
    }
}

/// Bytes in a function's response; None for anything but bytes in place.
#[derive(Clone, Copy)]
struct ResponsePart;

impl<'de> Read<'de> for ResponsePart {
    type Out = Option<Bytes>;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Option<Bytes>, Wrong> {
        let (mut blob, mut more) = (None, false);
        let mut names = Names::of(&["inlineData", "inline_data"]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "inlineData" => blob = object.value(Maybe(Blob))?,
                _ => {
                    object.value(Skip)?;
                    more = true;
                }
            }
        }
        Ok(blob.filter(|_| !more))
    }
}

/// Bytes, in place or by their address.
struct Bytes {
    mime: String,
    needs: Caps,
    tokens: u32,
    only: Vec<String>,
}

impl Bytes {
    fn of(mime: String, stuff: Stuff, base64: Option<usize>, only: Vec<String>) -> Self {
        let (needs, tokens) = match (stuff, base64) {
            (Stuff::Image, _) => (Caps::VISION, GEMINI.image),
            (Stuff::Document, Some(base64)) => (Caps::PDF, GEMINI.document(base64)),
            (Stuff::Audio(_), Some(base64)) => (Caps::AUDIO_IN, GEMINI.sound(base64)),
            (Stuff::Other, Some(base64)) => (Caps::GEMINI_ONLY, GEMINI.document(base64)),
            (Stuff::Document, None) => (Caps::PDF, GEMINI.document(0)),
            (Stuff::Audio(_) | Stuff::Other, None) => (Caps::GEMINI_ONLY, GEMINI.document(0)),
        };
        let needs = if base64.is_none() { needs | Caps::IMAGE_URL } else { needs };
        Self { mime, needs, tokens, only }
    }
}

#[derive(Clone, Copy)]
struct Blob;

impl<'de> Read<'de> for Blob {
    type Out = Bytes;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Bytes, Wrong> {
        let (mut mime, mut data, mut only) = (None, None, Vec::new());
        let mut names = Names::of(&["mimeType", "mime_type", "data", "displayName", "display_name"]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "mimeType" => mime = Some(object.value(Text(owned))?),
                "data" => data = Some(object.value(Text(base64))?),
                "displayName" => drop(object.value(Maybe(Text(length)))?),
                _ => {
                    object.value(Skip)?;
                    only.push(shortened(object.name()));
                }
            }
        }
        let Some(mime) = mime.filter(|mime| !mime.is_empty()) else { return Err(Wrong::missing("mimeType")) };
        let data = data.ok_or_else(|| Wrong::missing("data"))?;
        let stuff = stuff(&mime);
        Ok(Bytes::of(mime, stuff, Some(data), only))
    }
}

/// The length of base64 in either alphabet. Looked at only as far as its letters go: what it holds is the model's
/// matter.
fn base64(text: Quoted<'_>) -> Result<usize, Wrong> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b);
    match text.plain() {
        Some("") => Err(Wrong::field("expected base64, got an empty string")),
        Some(plain) if plain.bytes().all(letter) => Ok(plain.len()),
        // A slash may be escaped.
        _ if text.text().bytes().all(letter) => Ok(text.len()),
        _ => Err(Wrong::field("expected base64, got other characters")),
    }
}

#[derive(Clone, Copy)]
struct File;

impl<'de> Read<'de> for File {
    type Out = Bytes;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Bytes, Wrong> {
        let (mut mime, mut uri, mut only) = (None, None, Vec::new());
        let mut names =
            Names::of(&["mimeType", "mime_type", "fileUri", "file_uri", "displayName", "display_name"]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "mimeType" => mime = object.value(Maybe(Text(owned)))?,
                "fileUri" => uri = Some(object.value(Text(owned))?),
                "displayName" => drop(object.value(Maybe(Text(length)))?),
                _ => {
                    object.value(Skip)?;
                    only.push(shortened(object.name()));
                }
            }
        }
        let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return Err(Wrong::missing("fileUri")) };
        let mime = mime.unwrap_or_default();
        let stuff = link(&uri, &mime);
        if stuff == Stuff::Other {
            only.push("fileUri".to_owned());
        }
        Ok(Bytes::of(mime, stuff, None, only))
    }
}
