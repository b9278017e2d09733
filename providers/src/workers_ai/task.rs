//! Embeddings and pictures of Workers AI: one path for all models, a shape of its own for nearly each.

use super::fault;
use crate::Product;
use crate::foreign::{harmless, unfit};
use crate::openai::usage;
use crate::pictures::mime;
use crate::vectors::numbers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use json::Walk;
use serde_json::{Value, json};
use vocab::{Call, Door, Draw, Embed, Fault, Grade, Kind, Made, Picture, Task};

const NAME: &str = "Workers AI";
/// "text: string or array of at most 100".
pub(super) const TEXTS_MAX: usize = 100;
/// The one size of a model that is told none, and the one that is asked for where the client leaves it open.
const SIDE: u16 = 1024;

/// Pictures of this model come in one size, after few steps ("steps: max 8, default 4").
fn is_schnell(model: &str) -> bool {
    model.contains("schnell")
}

/// The steps that a model is told to take: more of them make a better picture. Always said, as they are paid for.
pub(crate) fn steps(model: &str, grade: Option<Grade>) -> u32 {
    // "max 8" there; elsewhere the usual default of 20, which is also the most that some take.
    let [low, medium, high] = match model {
        model if is_schnell(model) => [2, 4, 8],
        model if model.contains("leonardo") => [10, 25, 40],
        _ => [10, 20, 20],
    };
    match grade {
        Some(Grade::Low) => low,
        None | Some(Grade::Medium) => medium,
        // More than the most is not to be had.
        Some(Grade::High | Grade::Xhigh | Grade::Max) => high,
    }
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
    let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
    if let Some((field, _)) = embed.extra.iter().find(|(field, value)| !harmless(field, value)) {
        return no(field, "does not know it");
    }
    if embed.dimensions.is_some() {
        return no("dimensions", "makes vectors of one length only");
    }
    if embed.texts.len() > TEXTS_MAX {
        return no("input", "takes at most 100 texts at a time");
    }
    // Only one family tells questions and documents apart.
    let field = match embed.purpose.as_deref() {
        None => "text",
        Some("RETRIEVAL_QUERY") if model.contains("qwen3-embedding") => "queries",
        Some("RETRIEVAL_DOCUMENT") if model.contains("qwen3-embedding") => "documents",
        Some(_) => return no("taskType", "makes no vectors for this purpose with this model"),
    };
    Ok(json!({ field: embed.texts }))
}

fn drawing(draw: &Draw, model: &str) -> Result<Value, Fault> {
    let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
    if model.contains("flux-2") {
        return no("model", "is asked for pictures of this model by forms, which are not spoken here");
    }
    if draw.n > 1 {
        return no("n", "makes one picture at a time");
    }
    for (field, value) in &draw.fields {
        match (field.as_str(), value.as_str()) {
            ("size" | "quality", _)
            | ("background", Some("auto" | "opaque"))
            | ("moderation", Some("auto"))
            | ("response_format", Some("b64_json")) => {}
            ("output_format", Some("jpeg")) if is_schnell(model) => {}
            ("response_format", _) => return no(field, "gives pictures as b64_json only"),
            _ if harmless(field, value) => {}
            _ => return no(field, "cannot be told with this model"),
        }
    }
    let (across, down) = draw.canvas.size.unwrap_or((SIDE, SIDE));
    let steps = steps(model, draw.canvas.grade);
    if is_schnell(model) {
        if (across, down) != (SIDE, SIDE) {
            return no("size", "makes pictures of 1024x1024 only with this model");
        }
        return Ok(json!({ "prompt": draw.prompt, "steps": steps }));
    }
    Ok(json!({ "prompt": draw.prompt, "width": across, "height": down, "num_steps": steps }))
}

pub(super) fn read(kind: Kind, body: &Bytes) -> Result<Product, Fault> {
    if let (Kind::Image, Some(mime)) = (kind, mime(body)) {
        let picture = Picture { mime: mime.to_owned(), data: STANDARD.encode(body) };
        return Ok(Product {
            made: Some(Made::Pictures(vec![picture])),
            count: 1,
            usage: None,
            filtered: false,
        });
    }
    let text = simdutf8::basic::from_utf8(body).ok();
    if let Some(product) = text.filter(|_| kind == Kind::Embedding).and_then(vectors) {
        return Ok(product);
    }
    let tree: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
    if let Some(fault) = fault::within(&tree) {
        return Err(fault);
    }
    let result = if tree["result"].is_null() { &tree } else { &tree["result"] };
    let data = result["image"].as_str().or_else(|| result.as_str()).filter(|_| kind == Kind::Image);
    let picture = data.and_then(|data| {
        // Some come as an address that holds what it points to.
        let data = data.rsplit_once(";base64,").map_or(data, |(_, data)| data);
        let begin = STANDARD.decode(data.get(..16)?).ok()?;
        Some(Picture { mime: mime(&begin)?.to_owned(), data: data.to_owned() })
    });
    let Some(picture) = picture else {
        return Err(Fault::Garbled("the answer holds nothing that was asked for".into()));
    };
    Ok(Product { made: Some(Made::Pictures(vec![picture])), count: 1, usage: None, filtered: false })
}

/// `{shape, data, pooling}`, in the REST envelope or bare as a binding gives it. None for an error.
fn vectors(text: &str) -> Option<Product> {
    let (mut all, mut used) = (None, None);
    let mut walk = Walk::along(text);
    top(&mut walk, &mut all, &mut used, true)?;
    walk.end()?;
    let all: Vec<Vec<f32>> = all?;
    Some(Product { count: all.len(), made: Some(Made::Vectors(all)), usage: used, filtered: false })
}

fn top(
    walk: &mut Walk<'_>,
    all: &mut Option<Vec<Vec<f32>>>,
    used: &mut Option<vocab::Usage>,
    outer: bool,
) -> Option<()> {
    walk.object(|walk, key| match key {
        "result" if outer && walk.peek()? == b'{' => top(walk, all, used, false),
        "data" => {
            let all = all.get_or_insert_default();
            walk.array(|walk| {
                all.push(numbers(walk, true)?);
                Some(())
            })
        }
        "usage" => {
            let (written, ()) = walk.written(Walk::skip)?;
            *used = serde_json::from_str(written).ok().as_ref().and_then(usage::chat);
            Some(())
        }
        "success" if outer => (walk.peek()? == b't').then(|| walk.skip())?,
        "error" => walk.is_null()?.then_some(()),
        _ => walk.skip(),
    })
}
