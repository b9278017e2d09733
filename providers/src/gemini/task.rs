//! Google's `embedContent` and `batchEmbedContents`; and pictures, which its models make as they chat.
//!
//! "gemini-embedding-001: shortened vectors are not normalised": for clients of another dialect, who know nothing of that,
//! they are.

use super::patch::resource;
use super::{decode, fault, generation, usage};
use crate::Product;
use crate::foreign::{harmless, unfit};
use crate::openai::splice;
use crate::vectors::{normalised, numbers};
use bytes::Bytes;
use json::Walk;
use serde_json::{Map, Value, json};
use vocab::{
    Call, Canvas, Door, Draw, Embed, Event, Fault, Finish, Form, Kind, Made, Picture, RawTask, Task,
};

const NAME: &str = "Gemini";
/// "at most 100 requests can be in one batch" (Google's own answer to more).
pub(super) const TEXTS_MAX: usize = 100;
/// What a door to an embedding model leads to: it takes one text as well as many.
pub(super) const VERB: &str = "batchEmbedContents";

/// The body as it came but for the model's name, which stands in each request of a batch.
pub(super) fn patch(raw: &RawTask, door: &Door) -> Option<Call> {
    let uri = match raw.form {
        Form::One => format!("{}embedContent", door.uri.to_string().strip_suffix(VERB)?).parse().ok()?,
        _ => door.uri.clone(),
    };
    let name: Bytes = Value::from(resource(&door.model)).to_string().into();
    let edits = raw.models.iter().map(|span| (span.clone(), name.clone())).collect();
    Some(Call { uri, headers: door.headers.clone(), body: splice(&raw.body, edits)?, stream: false })
}

pub(super) fn encode(task: &Task, door: &Door) -> Result<Call, Fault> {
    let body = match task {
        Task::Embed(embed) => embedding(embed, &door.model)?,
        Task::Draw(draw) => drawing(draw, &door.model)?,
    };
    let body = body.to_string().into_bytes();
    Ok(Call { uri: door.uri.clone(), headers: door.headers.clone(), body: body.into(), stream: false })
}

fn embedding(embed: &Embed, model: &str) -> Result<Value, Fault> {
    if let Some((field, _)) = embed.extra.iter().find(|(field, value)| !harmless(field, value)) {
        return Err(unfit(NAME, field, "does not know it"));
    }
    if embed.texts.len() > TEXTS_MAX {
        return Err(unfit(NAME, "input", "takes at most 100 texts at a time"));
    }
    let one = |text: &String| {
        let mut request = json!({ "model": resource(model), "content": { "parts": [{ "text": text }] } });
        if let Some(dimensions) = embed.dimensions {
            request["outputDimensionality"] = dimensions.into();
        }
        if let Some(purpose) = &embed.purpose {
            request["taskType"] = purpose.as_str().into();
        }
        request
    };
    Ok(json!({ "requests": embed.texts.iter().map(one).collect::<Vec<_>>() }))
}

/// The sides that pictures can have (ai.google.dev, image generation: `aspectRatio`).
const RATIOS: [(u32, u32); 10] =
    [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];

/// The size is told as the ratio of its sides and, where the model knows that, as the nearest of its own sizes.
fn drawing(draw: &Draw, model: &str) -> Result<Value, Fault> {
    let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
    if draw.n > 1 {
        return no("n", "makes one picture at a time");
    }
    for (field, value) in &draw.fields {
        match (field.as_str(), value.as_str()) {
            ("size", _)
            | ("quality" | "background" | "moderation", Some("auto"))
            | ("response_format", Some("b64_json")) => {}
            ("response_format", _) => return no(field, "gives pictures as b64_json only"),
            _ if harmless(field, value) => {}
            _ => return no(field, "cannot be told"),
        }
    }
    let mut config = Map::new();
    if let Canvas { size: Some((across, down)), .. } = draw.canvas {
        let Some((a, b)) = RATIOS.into_iter().find(|(a, b)| u32::from(across) * b == u32::from(down) * a)
        else {
            return no("size", "makes pictures of other proportions only");
        };
        config.insert("aspectRatio".into(), format!("{a}:{b}").into());
        // "imageSize: 1K, 2K, 4K", not known to the second generation.
        let large = across.max(down);
        if large > 1_536 {
            if generation(model).is_some_and(|g| g < 3) {
                return no("size", "makes no larger pictures with this model");
            }
            config.insert("imageSize".into(), if large > 3_072 { "4K" } else { "2K" }.into());
        }
    }
    let mut generation = json!({ "responseModalities": ["TEXT", "IMAGE"] });
    if !config.is_empty() {
        generation["imageConfig"] = config.into();
    }
    let contents = json!([{ "role": "user", "parts": [{ "text": draw.prompt }] }]);
    Ok(json!({ "contents": contents, "generationConfig": generation }))
}

pub(super) fn read(kind: Kind, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
    if kind == Kind::Image {
        return pictures(body);
    }
    let text = simdutf8::basic::from_utf8(body).ok();
    let found = text.and_then(|text| match passing {
        Some(form) => vectors(text, Some(form)).or_else(|| vectors(text, None)),
        None => vectors(text, None),
    });
    found.ok_or_else(|| match serde_json::from_slice::<Value>(body) {
        Ok(tree) if tree["error"].is_object() => fault::within(&tree),
        _ => Fault::Garbled("gemini: the answer holds no vectors".to_owned()),
    })
}

/// With `passing` the answer is only looked at, and None where it has not that form.
fn vectors(text: &str, passing: Option<Form>) -> Option<Product> {
    let keep = passing.is_none();
    let (mut all, mut count, mut used, mut form) = (Vec::new(), 0, None, None);
    let mut walk = Walk::along(text);
    let mut one = |walk: &mut Walk<'_>| {
        let mut found = None;
        walk.object(|walk, key| match key {
            "values" => {
                found = Some(numbers(walk, keep)?);
                Some(())
            }
            _ => walk.skip(),
        })?;
        all.push(normalised(found?));
        count += 1;
        Some(())
    };
    walk.object(|walk, key| match key {
        "embedding" => {
            form = Some(Form::One);
            one(walk)
        }
        "embeddings" => {
            form = Some(Form::Batch);
            walk.array(&mut one)
        }
        "usageMetadata" => {
            let (written, ()) = walk.written(Walk::skip)?;
            used = serde_json::from_str(written)
                .ok()
                .as_ref()
                .and_then(|u| usage::read("gemini.embedContent", u));
            Some(())
        }
        "error" => None,
        _ => walk.skip(),
    })?;
    walk.end()?;
    if form.is_none() || passing.is_some_and(|passing| Some(passing) != form) {
        return None;
    }
    Some(Product { made: keep.then_some(Made::Vectors(all)), count, usage: used, filtered: false })
}

/// The pictures among what was said.
fn pictures(body: &[u8]) -> Result<Product, Fault> {
    let tree: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("gemini: no JSON: {e}")))?;
    let mut events = Vec::new();
    decode::whole(&tree, &mut events)?;
    let parts = tree["candidates"].as_array().into_iter().flatten();
    let parts = parts.filter_map(|candidate| candidate["content"]["parts"].as_array()).flatten();
    // What it drew while it thought is not what was asked for.
    let shown = parts.filter(|part| part["thought"] != true).filter_map(|part| {
        let picture = &part["inlineData"];
        let (mime, data) = (picture["mimeType"].as_str()?, picture["data"].as_str()?);
        let is = mime.starts_with("image/") && !data.is_empty();
        is.then(|| Picture { mime: mime.to_owned(), data: data.to_owned() })
    });
    let shown: Vec<Picture> = shown.collect();
    let (mut usage, mut filtered) = (None, false);
    for event in &events {
        match event {
            Event::Finish { reason: Finish::ContentFilter, .. } => filtered = true,
            Event::Usage(used) => usage = Some(*used),
            _ => {}
        }
    }
    filtered &= shown.is_empty();
    Ok(Product { count: shown.len(), made: Some(Made::Pictures(shown)), usage, filtered })
}
