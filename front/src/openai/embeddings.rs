//! OpenAI's `embeddings`, both ways.

#[cfg(test)]
mod tests;

use super::survey::model;
use super::write::{json, number};
use crate::json::{
    Array, Each, Found, Items, Maybe, Members, Object, OneOf, Quoted, Read, Skip, Text, Whole, Wrong, length,
    look, read, say,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use relay::BadInput;
use serde_json::{Map, Value};
use tokens::{Family, Size};
use vocab::{Brief, Embed, Form, Kind, RawTask, Task, Usage};

/// "any array must be 2048 dimensions or less" (API reference): so many texts, or lists of tokens, at once.
const INPUTS_MAX: usize = 2_048;
/// More than any model's vectors have.
const DIMENSIONS_MAX: i64 = 65_536;

/// Looks through a request.
pub fn survey(body: Bytes) -> Result<RawTask, BadInput> {
    let raw = look(&body, |text| read(text, Request { body: text }))?;
    Ok(RawTask { body, ..raw })
}

#[derive(Clone, Copy)]
struct Request<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Request<'de> {
    type Out = RawTask;

    fn plain(self, _: Found<'_>) -> Result<RawTask, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"model\": …, \"input\": …}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<RawTask, Wrong> {
        let (mut named, mut inputs, mut base64) = (None, None, false);
        while let Some(key) = object.key(&["model", "input", "encoding_format", "dimensions", "user"])? {
            match key {
                "model" => {
                    let (raw, name) = object.written(Text(model))?;
                    named = Some((super::survey::span(self.body, raw), name));
                }
                "input" => inputs = Some(object.value(Input)?),
                "encoding_format" => {
                    base64 = object.value(Maybe(OneOf(&["float", "base64"])))? == Some("base64");
                }
                "dimensions" => drop(object.value(Maybe(Whole(1, DIMENSIONS_MAX)))?),
                "user" => drop(object.value(Maybe(Text(length)))?),
                _ => drop(object.value(Skip)?),
            }
        }
        let (span, model) = named.ok_or_else(|| Wrong::missing("model"))?;
        let Inputs { count, size } = inputs.ok_or_else(|| Wrong::missing("input"))?;
        let brief = Brief {
            model,
            kind: Kind::Embedding,
            n: u32::try_from(count).unwrap_or(u32::MAX),
            tokens_in: Family::Other.likely(&size),
            size: size.into(),
            ..Brief::default()
        };
        let models = vec![span];
        Ok(RawTask { body: Bytes::new(), form: Form::List { base64 }, models, start: 0, brief })
    }
}

/// What is to become vectors, added up.
#[derive(Clone, Copy)]
struct Inputs {
    count: usize,
    size: Size,
}

/// A text, several, or either as tokens.
#[derive(Clone, Copy)]
struct Input;

const INPUT: &str = "a string, an array of strings, an array of token numbers, or an array of such arrays";

fn filled(text: Quoted<'_>, size: &mut Size) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong::field("an empty string has no embedding; leave it out"));
    }
    say(size, text);
    Ok(())
}

impl<'de> Read<'de> for Input {
    type Out = Inputs;
    const WANTED: &'static str = INPUT;

    fn plain(self, found: Found<'_>) -> Result<Inputs, Wrong> {
        match found {
            Found::Text(text) => {
                let mut size = Size::default();
                filled(text, &mut size)?;
                Ok(Inputs { count: 1, size })
            }
            other => Err(Wrong::instead_of(other, INPUT)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Inputs, Wrong> {
        let (mut first, mut size) = (None, Size::default());
        while let Some(what) = array.next(Item(&mut size))? {
            let at = array.count() - 1;
            if *first.get_or_insert(what) != what {
                return Err(Wrong::field(format!("expected {INPUT}, got a mixture")).in_item(at));
            }
            if at >= INPUTS_MAX && what != What::Token {
                return Err(
                    Wrong::field(format!("at most {INPUTS_MAX} inputs are taken at once")).in_item(at)
                );
            }
        }
        match first {
            None => Err(Wrong::field(format!("expected {INPUT}, got an empty array"))),
            Some(What::Token) => Ok(Inputs { count: 1, size }),
            Some(_) => Ok(Inputs { count: array.count(), size }),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Text,
    Token,
    Tokens,
}

/// One of the array. What it is; its size is added.
struct Item<'s>(&'s mut Size);

impl<'de> Read<'de> for Item<'_> {
    type Out = What;

    fn plain(self, found: Found<'_>) -> Result<What, Wrong> {
        match found {
            Found::Text(text) => filled(text, self.0).map(|()| What::Text),
            number @ (Found::Whole(_) | Found::Real(_)) => {
                Token.plain(number)?;
                self.0.frame(1, 1);
                Ok(What::Token)
            }
            other => Err(Wrong::instead_of(other, "a string, a token number or an array of them")),
        }
    }

    fn array<A: Items<'de>>(self, array: Array<A>) -> Result<What, Wrong> {
        match Each(Token, |_, ()| Ok(())).array(array)? {
            0 => Err(Wrong::field("an empty array has no embedding; leave it out")),
            count => {
                self.0.frame(1, count);
                Ok(What::Tokens)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Token;

impl Read<'_> for Token {
    type Out = ();

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        Whole(0, i64::from(u32::MAX)).plain(found).map(drop)
    }
}

/// A request that [`survey`] has accepted, taken apart for providers of another dialect.
pub fn parse(raw: &RawTask) -> Result<Task, BadInput> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    let texts = match fields.remove("input") {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(all)) => all.into_iter().map(string).collect(),
        _ => None,
    };
    let Some(texts) = texts else {
        let message = "input: tokens mean something only to the servers that speak OpenAI's own embeddings; for this \
                       model send text (LangChain: check_embedding_ctx_length=False)";
        return Err(BadInput::at("input", message));
    };
    let dimensions = fields.remove("dimensions").and_then(|d| u32::try_from(d.as_u64()?).ok());
    // The door knows the model, and in which encoding the client is answered is not the provider's matter.
    for ours in ["model", "encoding_format", "user"] {
        fields.remove(ours);
    }
    fields.retain(|_, value| !value.is_null());
    Ok(Task::Embed(Embed { texts, dimensions, purpose: None, extra: fields }))
}

fn string(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

/// A list of embeddings.
pub fn whole(vectors: &[Vec<f32>], base64: bool, model: &str, usage: &Usage) -> Vec<u8> {
    let numbers: usize = vectors.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(128 + vectors.len() * 64 + numbers * if base64 { 6 } else { 14 });
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (index, vector) in vectors.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"object":"embedding","index":"#);
        number(&mut out, index as u64);
        out.extend_from_slice(br#","embedding":"#);
        if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
            json(&mut out, &STANDARD.encode(bytes));
        } else {
            json(&mut out, vector);
        }
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"model":"#);
    json(&mut out, model);
    for text in [r#","usage":{"prompt_tokens":"#, r#","total_tokens":"#] {
        out.extend_from_slice(text.as_bytes());
        number(&mut out, usage.tokens_in());
    }
    out.extend_from_slice(b"}}");
    out
}
