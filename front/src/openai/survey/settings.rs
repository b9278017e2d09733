//! The small top-level fields.

use crate::json::{
    Array, Bool, Each, Found, Items, Maybe, Members, Object, Quoted, Read, Real, Skip, Text, Wrong, length,
    shortened,
};

/// Longer names are no model's.
const MODEL_BYTES_MAX: usize = 256;
const STOPS_MAX: usize = 4;

pub(crate) fn model(name: Quoted<'_>) -> Result<String, Wrong> {
    let name = name.text();
    if name.trim().is_empty() {
        return Err(Wrong::field(
            "expected the name of a model or of a policy like \"auto\", got an empty string",
        ));
    }
    if name.len() > MODEL_BYTES_MAX {
        return Err(Wrong::field(format!(
            "a name has at most {MODEL_BYTES_MAX} bytes, this one has {}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Wrong::field(format!("{:?} holds a control character", shortened(&name))));
    }
    Ok(name.into_owned())
}

/// Whether usage is to be in the stream.
pub(super) struct StreamOptions;

impl<'de> Read<'de> for StreamOptions {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut include_usage = false;
        while let Some(key) = object.key(&["include_usage", "include_obfuscation"])? {
            match key {
                "include_usage" => include_usage = object.value(Maybe(Bool))?.unwrap_or(false),
                "include_obfuscation" => drop(object.value(Maybe(Bool))?),
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(include_usage)
    }
}

/// Whether there is any.
pub(super) struct Stop;

impl<'de> Read<'de> for Stop {
    type Out = bool;
    const WANTED: &'static str = "a string or an array of at most 4 strings";

    fn plain(self, found: Found<'_>) -> Result<bool, Wrong> {
        match found {
            Found::Text(_) => Ok(true),
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, array: Array<A>) -> Result<bool, Wrong> {
        let few = |at, _| {
            if at < STOPS_MAX {
                return Ok(());
            }
            Err(Wrong::field(format!("at most {STOPS_MAX} stop sequences are taken")))
        };
        Each(Text(length), few).array(array).map(|count| count > 0)
    }
}

/// Whether there is any.
pub(super) struct LogitBias;

impl<'de> Read<'de> for LogitBias {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut any = false;
        while object.any_key()?.is_some() {
            object.value(Real(-100.0, 100.0))?;
            any = true;
        }
        Ok(any)
    }
}

pub(super) struct Metadata;

impl<'de> Read<'de> for Metadata {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        while object.any_key()?.is_some() {
            object.value(Text(length))?;
        }
        Ok(())
    }
}

/// A field of an older form of the protocol, and what took its place.
pub(super) struct Old(pub &'static str);

impl Read<'_> for Old {
    type Out = ();

    fn plain(self, _: Found<'_>) -> Result<(), Wrong> {
        Err(Wrong::field(format!("this old form is not served; send `{}` instead", self.0)))
    }
}
