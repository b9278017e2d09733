//! OpenAI's `embeddings` and `images/generations`, which nearly every server has under the same names.

use super::{Accent, fault, patch, usage};
use crate::Product;
use crate::foreign::unfit;
use crate::vectors::{Written, vector};
use bytes::Bytes;
use http::Uri;
use json::Walk;
use serde_json::{Map, Value};
use vocab::{Call, Door, Draw, Embed, Fault, Form, Kind, Made, RawTask, Task, Usage};

/// Where a kind of work is asked for; None for chats and for what is not spoken here.
pub(super) const fn path(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Embedding => Some("embeddings"),
        Kind::Image => Some("images/generations"),
        Kind::Tts => Some("audio/speech"),
        Kind::Stt => Some(super::ear::PATH),
        _ => None,
    }
}

/// Where pictures are made of pictures, beside where they are made of words.
const EDITS: &str = "images/edits";

pub(super) const fn speaks(accent: &Accent, form: Form) -> bool {
    match form {
        Form::List { .. } | Form::Pictures => true,
        Form::Edits => accent.edits,
        Form::One | Form::Batch => false,
    }
}

/// The body as it came but for the model's name.
pub(super) fn patch(raw: &RawTask, door: &Door) -> Option<Call> {
    // Those models refuse the field even where it asks for what they do anyway.
    let refused = || raw.form == Form::Pictures && always_inline(&door.model);
    if refused() && memchr::memmem::find(&raw.body, b"\"response_format\"").is_some() {
        return None;
    }
    let edit = match raw.models.first() {
        Some(span) => (span.clone(), door.model_json.clone()),
        None => {
            let model = Value::from(&*door.model);
            (raw.start..raw.start, format!("\"model\":{model},").into())
        }
    };
    let body = patch::apply(&raw.body, vec![edit])?;
    let uri = match raw.form {
        Form::Edits => edits(&door.uri)?,
        _ => door.uri.clone(),
    };
    Some(Call { uri, headers: door.headers.clone(), body, stream: false })
}

/// The door to pictures, one path on.
fn edits(door: &Uri) -> Option<Uri> {
    let (path, query) = (door.path(), door.query());
    let path = format!("{}{EDITS}", path.strip_suffix(path_of_pictures())?);
    let path = query.map_or(path.clone(), |query| format!("{path}?{query}"));
    let mut parts = door.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

const fn path_of_pictures() -> &'static str {
    match path(Kind::Image) {
        Some(path) => path,
        None => "",
    }
}

/// "response_format isn't supported for the GPT image models, which always return base64-encoded images" (API reference).
fn always_inline(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.starts_with("gpt-image") || name.starts_with("chatgpt-image")
}

pub(super) fn encode(accent: &Accent, task: &Task, door: &Door) -> Result<Call, Fault> {
    let mut body = match task {
        Task::Embed(embed) => embedding(accent, embed)?,
        Task::Draw(draw) => drawing(accent, draw, &door.model)?,
    };
    body.insert("model".into(), (&*door.model).into());
    let body = Value::Object(body).to_string().into_bytes();
    Ok(Call { uri: door.uri.clone(), headers: door.headers.clone(), body: body.into(), stream: false })
}

fn embedding(accent: &Accent, embed: &Embed) -> Result<Map<String, Value>, Fault> {
    if embed.purpose.is_some() {
        return Err(unfit(accent.name, "taskType", "makes the same vectors for every purpose"));
    }
    if let Some(field) = embed.extra.keys().next() {
        return Err(unfit(accent.name, field, "does not know it"));
    }
    let mut body = Map::new();
    body.insert("input".into(), embed.texts.clone().into());
    if let Some(dimensions) = embed.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    Ok(body)
}

fn drawing(accent: &Accent, draw: &Draw, model: &str) -> Result<Map<String, Value>, Fault> {
    let mut body = draw.fields.clone();
    body.insert("prompt".into(), draw.prompt.as_str().into());
    if draw.n > 1 {
        body.insert("n".into(), draw.n.into());
    }
    if always_inline(model) && body.remove("response_format").is_some_and(|format| format == "url") {
        return Err(unfit(accent.name, "response_format", "gives this model's pictures as b64_json only"));
    }
    Ok(body)
}

/// An answer to either.
pub(super) fn read(accent: &Accent, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
    let text = simdutf8::basic::from_utf8(body).ok();
    let found = match passing {
        Some(Form::Pictures | Form::Edits) => text.and_then(pictures),
        Some(Form::List { base64 }) => {
            let wanted = if base64 { Written::Base64 } else { Written::Numbers };
            let as_wanted = text.and_then(|text| list(text, Some(wanted)));
            as_wanted.or_else(|| text.and_then(|text| list(text, None)))
        }
        _ => text.and_then(|text| list(text, None)),
    };
    found.ok_or_else(|| {
        let tree: Value = serde_json::from_slice(body).unwrap_or_default();
        let garbled = || Fault::Garbled("the answer holds nothing that was asked for".into());
        fault::within(accent, &tree).unwrap_or_else(garbled)
    })
}

/// A list of embeddings. With `wanted` it is only looked at, and None where one is written otherwise.
fn list(text: &str, wanted: Option<Written>) -> Option<Product> {
    let (mut all, mut count, mut usage) = (Vec::new(), 0, None);
    top(text, &mut usage, |walk| {
        let (mut place, mut found) = (None, None);
        walk.object(|walk, key| match key {
            "index" => {
                place = Some(walk.count()?);
                Some(())
            }
            "embedding" => {
                found = Some(vector(walk, wanted.is_none())?);
                Some(())
            }
            _ => walk.skip(),
        })?;
        let (written, numbers) = found?;
        if wanted.is_some_and(|wanted| wanted != written) {
            return None;
        }
        all.push((place.unwrap_or(count as u64), numbers));
        count += 1;
        Some(())
    })?;
    let made = wanted.is_none().then(|| {
        all.sort_by_key(|(place, _)| *place);
        Made::Vectors(all.into_iter().map(|(_, vector)| vector).collect())
    });
    Some(Product { made, count, usage, filtered: false })
}

/// Pictures, looked at: each has its bytes or an address.
fn pictures(text: &str) -> Option<Product> {
    let (mut count, mut usage) = (0, None);
    top(text, &mut usage, |walk| {
        let mut there = false;
        walk.object(|walk, key| match key {
            "b64_json" | "url" => {
                there |= walk.string_or_null()?.is_some_and(|text| !text.is_empty());
                Some(())
            }
            _ => walk.skip(),
        })?;
        count += usize::from(there);
        Some(())
    })?;
    Some(Product { made: None, count, usage, filtered: false })
}

/// Walks along `data`, and takes the usage. None for an error.
fn top(
    text: &str,
    usage: &mut Option<Usage>,
    mut item: impl FnMut(&mut Walk<'_>) -> Option<()>,
) -> Option<()> {
    let mut walk = Walk::along(text);
    let mut data = false;
    walk.object(|walk, key| match key {
        "data" => {
            data = true;
            walk.array(&mut item)
        }
        "usage" => {
            let (written, ()) = walk.written(Walk::skip)?;
            *usage = serde_json::from_str(written).ok().as_ref().and_then(usage::task);
            Some(())
        }
        "error" => walk.is_null()?.then_some(()),
        _ => walk.skip(),
    })?;
    walk.end()?;
    data.then_some(())
}
