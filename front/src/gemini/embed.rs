//! Google's `embedContent` and `batchEmbedContents`, both ways.

#[cfg(test)]
mod tests;

use super::names::Names;
use super::survey::{named, span};
use crate::json::{
    Array, Each, Found, Items, Maybe, Members, Object, Quoted, Read, Skip, Spoken, Text, Whole, Wrong,
    length, look, read, shortened,
};
use crate::openai::write::{json, number};
use bytes::Bytes;
use relay::BadInput;
use serde_json::{Map, Value};
use tokens::{Family, Size};
use vocab::{Brief, Caps, Embed, Form, Kind, RawTask, Span, Task, Usage};

/// "at most 100 requests can be in one batch" (Google's own answer to more).
const REQUESTS_MAX: usize = 100;
const DIMENSIONS_MAX: i64 = 65_536;
/// A picture, a sound or a page: nobody has looked.
const MEDIA: u32 = 1_500;

/// Looks through a request for `model`, as the path names it.
pub fn survey(body: Bytes, model: &str, form: Form) -> Result<RawTask, BadInput> {
    named(model)?;
    let All { count, size, needs, models } = look(&body, |text| match form {
        Form::One => read(text, Request { body: text, model }),
        _ => read(text, Requests { body: text, model }),
    })?;
    let brief = Brief {
        model: model.to_owned(),
        kind: Kind::Embedding,
        needs,
        n: u32::try_from(count).unwrap_or(u32::MAX),
        tokens_in: Family::Other.likely(&size),
        size: size.into(),
        ..Brief::default()
    };
    Ok(RawTask { body, form, models, start: 0, brief })
}

/// One request or several, added up.
#[derive(Default)]
struct All {
    count: usize,
    size: Size,
    needs: Caps,
    models: Vec<Span>,
}

/// A batch.
#[derive(Clone, Copy)]
struct Requests<'de, 'm> {
    body: &'de str,
    model: &'m str,
}

impl<'de> Read<'de> for Requests<'de, '_> {
    type Out = All;

    fn plain(self, _: Found<'_>) -> Result<All, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"requests\": […]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<All, Wrong> {
        let mut all = All::default();
        // The model belongs into the path, but where a request is only explained it can be nowhere else.
        while let Some(key) = object.key(&["requests", "model"])? {
            if key != "requests" {
                object.value(Skip)?;
                all.needs.set(Caps::GEMINI_ONLY, key.is_empty() || all.needs.contains(Caps::GEMINI_ONLY));
                continue;
            }
            let add = |at, one: All| {
                if at >= REQUESTS_MAX {
                    return Err(Wrong::field(format!("at most {REQUESTS_MAX} requests are taken at once")));
                }
                all.count += 1;
                all.size.add(&one.size);
                all.needs |= one.needs;
                all.models.extend(one.models);
                Ok(())
            };
            object.value(Each(Request { body: self.body, model: self.model }, add))?;
        }
        if all.count == 0 {
            let wanted = "expected an array of at least one request like {\"content\": …}";
            return Err(Wrong::field(wanted).in_key("requests"));
        }
        Ok(all)
    }
}

/// One of them.
#[derive(Clone, Copy)]
struct Request<'de, 'm> {
    body: &'de str,
    model: &'m str,
}

const FIELDS: [&str; 7] =
    ["model", "content", "title", "taskType", "task_type", "outputDimensionality", "output_dimensionality"];

impl<'de> Read<'de> for Request<'de, '_> {
    type Out = All;

    fn plain(self, found: Found<'_>) -> Result<All, Wrong> {
        Err(Wrong::instead_of(found, "an object like {\"content\": {\"parts\": […]}}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<All, Wrong> {
        let mut all = All { count: 1, ..All::default() };
        let mut content = false;
        let mut names = Names::of(&FIELDS);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "model" => {
                    let same = |text: Quoted<'_>| {
                        let text = text.text();
                        let name = text.strip_prefix("models/").unwrap_or(&text);
                        if name == self.model {
                            return Ok(());
                        }
                        let (is, path) = (shortened(name), shortened(self.model));
                        Err(Wrong::field(format!(
                            "{is:?} is another model than {path:?}, which the path names"
                        )))
                    };
                    let (raw, ()) = object.written(Text(same))?;
                    all.models.push(span(self.body, raw));
                }
                "content" => {
                    object.value(Content(&mut all))?;
                    content = true;
                }
                "title" | "taskType" => drop(object.value(Maybe(Text(length)))?),
                "outputDimensionality" => drop(object.value(Maybe(Whole(1, DIMENSIONS_MAX)))?),
                _ => {
                    object.value(Skip)?;
                    all.needs |= Caps::GEMINI_ONLY;
                }
            }
        }
        if content { Ok(all) } else { Err(Wrong::missing("content")) }
    }
}

struct Content<'a>(&'a mut All);

impl<'de> Read<'de> for Content<'_> {
    type Out = ();

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        Err(Wrong::instead_of(found, "a content like {\"parts\": [{\"text\": …}]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut there = false;
        while let Some(key) = object.key(&["parts", "role"])? {
            match key {
                "parts" => {
                    object.value(Parts(self.0))?;
                    there = true;
                }
                _ => drop(object.value(Skip)?),
            }
        }
        if there { Ok(()) } else { Err(Wrong::missing("parts")) }
    }
}

struct Parts<'a>(&'a mut All);

impl<'de> Read<'de> for Parts<'_> {
    type Out = ();
    const WANTED: &'static str = "an array of parts";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<(), Wrong> {
        while array.next(Part(self.0))?.is_some() {}
        if array.count() == 0 {
            return Err(Wrong::field("expected at least one part, got an empty array"));
        }
        Ok(())
    }
}

struct Part<'a>(&'a mut All);

impl<'de> Read<'de> for Part<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let all = self.0;
        while let Some(key) = object.key(&["text"])? {
            if key.is_empty() {
                object.value(Skip)?;
                all.size.frame(MEDIA, 1);
                all.needs |= Caps::GEMINI_ONLY;
            } else {
                object.value(Spoken(&mut all.size))?;
            }
        }
        Ok(())
    }
}

/// A request that [`survey`] has accepted, taken apart for providers of another dialect. They make one list of vectors, all
/// alike, of nothing but texts: what asks for more is named.
pub fn parse(raw: &RawTask) -> Result<Task, BadInput> {
    let tree: Value = serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let Value::Object(mut tree) = tree else { return Err(BadInput::new("the body is no object")) };
    let requests = match raw.form {
        Form::One => vec![(String::new(), Value::Object(tree))],
        _ => match tree.remove("requests") {
            Some(Value::Array(all)) => {
                all.into_iter().enumerate().map(|(at, one)| (format!("requests[{at}]."), one)).collect()
            }
            _ => vec![],
        },
    };
    let mut embed = Embed::default();
    for (at, (place, request)) in requests.into_iter().enumerate() {
        let Value::Object(request) = request else { continue };
        let (text, dimensions, purpose) = one(&place, request)?;
        embed.texts.push(text);
        for (field, differs) in
            [("outputDimensionality", embed.dimensions != dimensions), ("taskType", embed.purpose != purpose)]
        {
            if at > 0 && differs {
                return Err(only(format!("{place}{field}"), "something else than the requests before it"));
            }
        }
        (embed.dimensions, embed.purpose) = (dimensions, purpose);
    }
    Ok(Task::Embed(embed))
}

fn only(path: String, what: &str) -> BadInput {
    BadInput::at(path.clone(), format!("{path}: only a Gemini model can be told {what}"))
}

/// Its text, its dimensions, its purpose.
fn one(place: &str, request: Map<String, Value>) -> Result<(String, Option<u32>, Option<String>), BadInput> {
    let (mut text, mut dimensions, mut purpose) = (String::new(), None, None);
    for (key, value) in request {
        match (key.as_str(), value) {
            ("model", _) | (_, Value::Null) => {}
            ("content", mut content) => {
                let Value::Array(parts) = content["parts"].take() else { continue };
                for (at, part) in parts.into_iter().enumerate() {
                    let Value::Object(part) = part else { continue };
                    for (key, value) in part {
                        match value {
                            Value::String(said) if key == "text" => {
                                if !text.is_empty() {
                                    text.push('\n');
                                }
                                text.push_str(&said);
                            }
                            _ => {
                                let key = shortened(&key);
                                return Err(only(format!("{place}content.parts[{at}].{key}"), "that"));
                            }
                        }
                    }
                }
            }
            ("outputDimensionality" | "output_dimensionality", value) => {
                dimensions = value.as_u64().and_then(|d| u32::try_from(d).ok());
            }
            ("taskType" | "task_type", Value::String(word)) => {
                purpose = Some(word).filter(|word| word != "TASK_TYPE_UNSPECIFIED");
            }
            (key, _) => return Err(only(format!("{place}{}", shortened(key)), "that")),
        }
    }
    Ok((text, dimensions, purpose))
}

/// One vector, or those of a batch.
pub fn whole(vectors: &[Vec<f32>], form: Form, usage: &Usage) -> Vec<u8> {
    let numbers: usize = vectors.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(128 + vectors.len() * 16 + numbers * 14);
    let values = |out: &mut Vec<u8>, vector: &Vec<f32>| {
        out.extend_from_slice(br#"{"values":"#);
        json(out, vector);
        out.push(b'}');
    };
    if form == Form::One {
        out.extend_from_slice(br#"{"embedding":"#);
        vectors.iter().take(1).for_each(|vector| values(&mut out, vector));
    } else {
        out.extend_from_slice(br#"{"embeddings":["#);
        for (at, vector) in vectors.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            values(&mut out, vector);
        }
        out.push(b']');
    }
    for text in [r#","usageMetadata":{"promptTokenCount":"#, r#","totalTokenCount":"#] {
        out.extend_from_slice(text.as_bytes());
        number(&mut out, usage.tokens_in());
    }
    out.extend_from_slice(b"}}");
    out
}
