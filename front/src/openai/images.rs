//! OpenAI's `images/generations`, both ways, and its `images/edits` as JSON, which only it understands.

mod references;
#[cfg(test)]
mod tests;

use super::survey::{model, span};
use super::write::{json, number};
use crate::json::{
    Bool, Found, Maybe, Members, Object, OneOf, Quoted, Read, Skip, Spoken, Text, Whole, Wrong, length, look,
    read, shortened,
};
use bytes::Bytes;
use references::{Reference, References};
use relay::BadInput;
use serde_json::{Map, Value};
use tokens::{Family, Size};
use vocab::{Brief, Bucket, Draw, Form, Grade, Kind, Picture, RawTask, Task, Usage};

/// "Must be between 1 and 10" (API reference, `n`).
const PICTURES_MAX: i64 = 10;
/// Twice what the largest model makes; bounds the arithmetic on it.
const SIDE_MAX: u16 = 16_384;

/// Tokens of a picture that is given: "4160 (square) or 6240" of high fidelity and a few hundred more (the guide to image
/// generation), twice, as such tokens cost up to twice what those of a text do.
const SOURCE: u32 = 2 * 6_600;

const FIELDS: [&str; 17] = [
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "response_format",
    "style",
    "moderation",
    "user",
    "stream",
    "partial_images",
    "images",
    "mask",
    "input_fidelity",
];
const GRADES: [&str; 8] = ["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"];

/// Looks through a request. Fields we do not know are let through: they reach providers of the same dialect as they came.
pub fn survey(body: Bytes) -> Result<RawTask, BadInput> {
    let raw = look(&body, |text| read(text, Request { body: text, form: Form::Pictures }))?;
    Ok(RawTask { body, ..raw })
}

/// The same of a request to make pictures of pictures.
pub fn survey_edit(body: Bytes) -> Result<RawTask, BadInput> {
    let raw = look(&body, |text| read(text, Request { body: text, form: Form::Edits }))?;
    Ok(RawTask { body, ..raw })
}

/// Nobody but OpenAI is told what pictures are to be made of.
pub fn parse_edit(_: &RawTask) -> Result<Task, BadInput> {
    let message = "pictures are made of pictures by providers of kind openai only: name a model of theirs, like \"gpt-image-2\"";
    Err(BadInput::at("images", message))
}

#[derive(Clone, Copy)]
struct Request<'de> {
    body: &'de str,
    form: Form,
}

impl<'de> Read<'de> for Request<'de> {
    type Out = RawTask;

    fn plain(self, _: Found<'_>) -> Result<RawTask, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"model\": …, \"prompt\": …}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<RawTask, Wrong> {
        let start = self.body.len() - self.body.trim_start_matches([' ', '\t', '\r', '\n']).len() + 1;
        // Who names no model leaves the choice.
        let mut brief = Brief { model: "auto".into(), kind: Kind::Image, n: 1, ..Brief::default() };
        let (mut models, mut prompt) = (vec![], None);
        let edits = self.form == Form::Edits;
        let (mut given, mut sources) = (None, 0);
        while let Some(key) = object.key(&FIELDS)? {
            match key {
                "model" => {
                    let (raw, name) = object.written(Maybe(Text(model)))?;
                    models.push(span(self.body, raw));
                    brief.model = name.unwrap_or(brief.model);
                }
                "prompt" => {
                    let mut size = Size::default();
                    if object.value(Spoken(&mut size))? == 0 {
                        return Err(Wrong::field("expected a text, got an empty string").in_key("prompt"));
                    }
                    prompt = Some(size);
                }
                "n" => {
                    let n = object.value(Maybe(Whole(1, PICTURES_MAX)))?;
                    brief.n = n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
                }
                "size" => brief.canvas.size = object.value(Maybe(Text(size)))?.flatten(),
                "quality" => brief.canvas.grade = object.value(Maybe(OneOf(&GRADES)))?.and_then(grade),
                "images" if edits => given = Some(object.value(References)?),
                "mask" if edits => sources += usize::from(object.value(Maybe(Reference))?.is_some()),
                "input_fidelity" if edits => drop(object.value(Maybe(OneOf(&["high", "low"])))?),
                _ => looks(key, &mut object)?,
            }
        }
        let mut size = prompt.ok_or_else(|| Wrong::missing("prompt"))?;
        if edits {
            sources += given.ok_or_else(|| Wrong::missing("images"))?;
            size.frame(SOURCE, sources);
        }
        brief.size = size.into();
        brief.tokens_in = Family::Other.likely(&brief.size);
        Ok(RawTask { body: Bytes::new(), form: self.form, models, start, brief })
    }
}

/// How pictures look and how they are told: checked, and left as it is.
fn looks<'de, M: Members<'de>>(key: &str, object: &mut Object<'de, M>) -> Result<(), Wrong> {
    match key {
        "background" => drop(object.value(Maybe(OneOf(&["transparent", "opaque", "auto"])))?),
        // Drawings in SVG are paid for by what another model thought of them, which no price here covers.
        "output_format" => drop(object.value(Maybe(OneOf(&["png", "jpeg", "webp", "gif"])))?),
        "output_compression" => drop(object.value(Maybe(Whole(0, 100)))?),
        "response_format" => drop(object.value(Maybe(OneOf(&["url", "b64_json"])))?),
        "style" => drop(object.value(Maybe(OneOf(&["vivid", "natural"])))?),
        "moderation" => drop(object.value(Maybe(OneOf(&["low", "auto"])))?),
        "user" => drop(object.value(Maybe(Text(length)))?),
        "stream" if object.value(Maybe(Bool))? == Some(true) => {
            let message = "pictures are not streamed here; leave it out and the whole picture comes at once";
            return Err(Wrong::field(message).in_key(key));
        }
        "stream" => {}
        "partial_images" if object.value(Maybe(Whole(0, 3)))?.is_some_and(|n| n > 0) => {
            return Err(Wrong::field(
                "pictures are not streamed here, so there are no parts of them; leave it out",
            )
            .in_key(key));
        }
        "partial_images" => {}
        _ => drop(object.value(Skip)?),
    }
    Ok(())
}

/// None for `auto`.
fn size(text: Quoted<'_>) -> Result<Option<(u16, u16)>, Wrong> {
    let text = text.text();
    if text == "auto" {
        return Ok(None);
    }
    let side = |digits: &str| digits.parse().ok().filter(|side| (1..=SIDE_MAX).contains(side));
    let sides = text.split_once('x').and_then(|(across, down)| side(across).zip(side(down)));
    sides.map(Some).ok_or_else(|| {
        let message = format!("expected \"auto\" or pixels like \"1024x1024\", got {:?}", shortened(&text));
        Wrong::field(message)
    })
}

/// None for `auto`.
fn grade(quality: &str) -> Option<Grade> {
    Some(match quality {
        "low" => Grade::Low,
        "medium" | "standard" => Grade::Medium,
        "high" | "hd" => Grade::High,
        "xhigh" => Grade::Xhigh,
        "max" => Grade::Max,
        _ => return None,
    })
}

/// A request that [`survey`] has accepted, taken apart for providers of another dialect.
pub fn parse(raw: &RawTask) -> Result<Task, BadInput> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let prompt = match fields.remove("prompt") {
        Some(Value::String(prompt)) => prompt,
        _ => String::new(),
    };
    // The door knows the model, the brief the number; nothing is streamed.
    for ours in ["model", "n", "stream", "partial_images"] {
        fields.remove(ours);
    }
    fields.retain(|_, value| !value.is_null());
    let Brief { n, canvas, .. } = raw.brief;
    Ok(Task::Draw(Draw { prompt, n, canvas, fields }))
}

/// Pictures in OpenAI's words.
pub fn whole(pictures: &[Picture], created: u64, usage: &Usage) -> Vec<u8> {
    let size: usize = pictures.iter().map(|picture| picture.data.len() + 32).sum();
    let mut out = Vec::with_capacity(320 + size);
    out.extend_from_slice(br#"{"created":"#);
    number(&mut out, created);
    out.extend_from_slice(br#","data":["#);
    for (at, picture) in pictures.iter().enumerate() {
        out.extend_from_slice(if at > 0 { br#",{"b64_json":"# } else { br#"{"b64_json":"# });
        json(&mut out, &picture.data);
        out.push(b'}');
    }
    out.push(b']');
    let format = pictures.first().and_then(|picture| picture.mime.strip_prefix("image/"));
    if let Some(format) = format.filter(|format| ["png", "jpeg", "webp"].contains(format)) {
        out.extend_from_slice(br#","output_format":"#);
        json(&mut out, format);
    }
    // What is paid for by the picture has no tokens.
    if usage.tokens_out() > 0 {
        let (image_in, image_out) = (usage.get(Bucket::InputImage), usage.get(Bucket::OutputImage));
        let (input, output) = (usage.tokens_in(), usage.tokens_out());
        for (text, count) in [
            (r#","usage":{"input_tokens":"#, input),
            (r#","input_tokens_details":{"text_tokens":"#, input - image_in),
            (r#","image_tokens":"#, image_in),
            (r#"},"output_tokens":"#, output),
            (r#","output_tokens_details":{"text_tokens":"#, output - image_out),
            (r#","image_tokens":"#, image_out),
            (r#"},"total_tokens":"#, input.saturating_add(output)),
        ] {
            out.extend_from_slice(text.as_bytes());
            number(&mut out, count);
        }
        out.push(b'}');
    }
    out.push(b'}');
    out
}
