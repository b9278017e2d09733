//! The shape of the answer, and the rarer objects.

use crate::json::{
    AnyObject, Bool, Found, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong, filled, length,
};
use vocab::Caps;

/// `response_format`: what it needs.
pub(super) struct ResponseFormat;

const FORMATS: [&str; 3] = ["text", "json_object", "json_schema"];

impl<'de> Read<'de> for ResponseFormat {
    type Out = Caps;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Caps, Wrong> {
        let (mut kind, mut schema) = (None, false);
        while let Some(key) = object.key(&["type", "json_schema"])? {
            match key {
                "type" => kind = Some(object.value(OneOf(&FORMATS))?),
                "json_schema" => schema = object.value(Maybe(NamedSchema))?.is_some(),
                _ => drop(object.value(Skip)?),
            }
        }
        match kind {
            None => Err(Wrong::missing_one_of("type", &FORMATS)),
            Some("json_schema") if !schema => Err(Wrong::missing("json_schema")),
            Some("json_schema") => Ok(Caps::JSON_SCHEMA),
            Some(kind) if schema => {
                Err(Wrong::field(format!("does not belong to the type {kind:?}")).in_key("json_schema"))
            }
            Some("json_object") => Ok(Caps::JSON_OBJECT),
            Some(_) => Ok(Caps::empty()),
        }
    }
}

struct NamedSchema;

impl<'de> Read<'de> for NamedSchema {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let (mut name, mut schema) = (false, false);
        while let Some(key) = object.key(&["name", "schema", "description", "strict"])? {
            match key {
                "name" => {
                    object.value(Text(filled))?;
                    name = true;
                }
                "schema" => {
                    object.value(Schema)?;
                    schema = true;
                }
                "description" => drop(object.value(Maybe(Text(length)))?),
                "strict" => drop(object.value(Maybe(Bool))?),
                _ => drop(object.value(Skip)?),
            }
        }
        for (there, key) in [(name, "name"), (schema, "schema")] {
            if !there {
                return Err(Wrong::missing(key));
            }
        }
        Ok(())
    }
}

/// A JSON Schema: its length.
pub(super) struct Schema;

impl<'de> Read<'de> for Schema {
    type Out = usize;

    fn plain(self, found: Found<'_>) -> Result<usize, Wrong> {
        Err(Wrong::instead_of(found, "a JSON Schema object"))
    }

    fn object<M: Members<'de>>(self, object: Object<'de, M>) -> Result<usize, Wrong> {
        AnyObject.object(object)
    }
}

/// `audio`: the voice and format of spoken answers.
pub(super) struct Audio;

impl<'de> Read<'de> for Audio {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        while let Some(key) = object.key(&["format"])? {
            match key {
                "format" => drop(object.value(OneOf(&["wav", "aac", "mp3", "flac", "opus", "pcm16"]))?),
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(())
    }
}

/// `prediction`: text expected in the answer.
pub(super) struct Prediction;

impl<'de> Read<'de> for Prediction {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut kind = None;
        while let Some(key) = object.key(&["type"])? {
            match key {
                "type" => kind = Some(object.value(OneOf(&["content"]))?),
                _ => drop(object.value(Skip)?),
            }
        }
        kind.map(drop).ok_or_else(|| Wrong::missing_one_of("type", &["content"]))
    }
}
