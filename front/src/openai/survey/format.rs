//! The shape of the answer, and the rarer objects.

use super::message::filled;
use crate::json::{Kind, Scan, Seen, Wrong};
use vocab::Caps;

pub(super) fn response_format(scan: &mut Scan<'_>) -> Result<Caps, Wrong> {
    let (mut kind, mut schema) = (None, false);
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "type" => {
                seen.known(0)?;
                kind = Some(scan.one_of(&["text", "json_object", "json_schema"])?);
            }
            "json_schema" => {
                seen.known(1)?;
                if !scan.null()? {
                    json_schema(scan)?;
                    schema = true;
                }
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    match kind {
        None => {
            Err(Wrong::field("the field is missing; allowed: \"text\", \"json_object\", \"json_schema\"")
                .in_key("type"))
        }
        Some("json_schema") if !schema => Err(Wrong::field("the field is missing").in_key("json_schema")),
        Some("json_schema") => Ok(Caps::JSON_SCHEMA),
        Some(kind) if schema => {
            Err(Wrong::field(format!("does not belong to the type {kind:?}")).in_key("json_schema"))
        }
        Some("json_object") => Ok(Caps::JSON_OBJECT),
        Some(_) => Ok(Caps::empty()),
    }
}

fn json_schema(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    let (mut name, mut schema) = (false, false);
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "name" => {
                seen.known(0)?;
                filled(scan.text()?)?;
                name = true;
            }
            "schema" => {
                seen.known(1)?;
                match scan.kind()? {
                    Kind::Object => scan.skip()?,
                    other => {
                        return Err(Wrong::field(format!(
                            "expected a JSON Schema object, got {}",
                            other.name()
                        )));
                    }
                };
                schema = true;
            }
            "description" => {
                seen.known(2)?;
                if !scan.null()? {
                    scan.text()?;
                }
            }
            "strict" => {
                seen.known(3)?;
                if !scan.null()? {
                    scan.bool()?;
                }
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    for (there, key) in [(name, "name"), (schema, "schema")] {
        if !there {
            return Err(Wrong::field("the field is missing").in_key(key));
        }
    }
    Ok(())
}

/// `audio`: the voice and format of spoken answers.
pub(super) fn audio(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "format" => {
                seen.known(0)?;
                scan.one_of(&["wav", "aac", "mp3", "flac", "opus", "pcm16"])?;
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })
}

/// `prediction`: text expected in the answer.
pub(super) fn prediction(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    let mut kind = false;
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        if key == "type" {
            seen.known(0)?;
            scan.one_of(&["content"])?;
            kind = true;
        } else {
            seen.unknown(key)?;
            scan.skip()?;
        }
        Ok(())
    })?;
    if kind { Ok(()) } else { Err(Wrong::field("the field is missing; allowed: \"content\"").in_key("type")) }
}
