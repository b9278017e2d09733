//! The parts of a content: text, pictures, sound, documents.

use super::message::Messages;
use crate::json::{Maybe, Members, Object, OneOf, Quoted, Read, Skip, Spoken, Text, Wrong, filled, length};
use tokens::OPENAI;
use vocab::Caps;

/// The kinds of parts: the values of `type`, and the names of the fields that go with them.
pub(super) const PARTS: [&str; 5] = ["text", "image_url", "input_audio", "file", "refusal"];
const FIELDS: [&str; 6] = ["text", "image_url", "input_audio", "file", "refusal", "type"];

/// One part; the place of its kind in [`PARTS`].
pub(super) struct Part<'m>(pub &'m mut Messages);

impl<'de> Read<'de> for Part<'_> {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let Self(all) = self;
        let mut kind = None;
        let mut there = [false; PARTS.len()];
        while let Some(key) = object.key(&FIELDS)? {
            let given = match key {
                "type" => {
                    kind = Some(object.value(OneOf(&PARTS))?);
                    continue;
                }
                "image_url" => object.value(Maybe(Image(all)))?,
                "input_audio" => object.value(Maybe(Audio(all)))?,
                "file" => object.value(Maybe(File(all)))?,
                "text" | "refusal" => object.value(Maybe(Spoken(&mut all.size)))?.map(drop),
                _ => {
                    all.untidy = true;
                    object.value(Skip)?;
                    continue;
                }
            };
            all.untidy |= given.is_none();
            for (name, there) in PARTS.iter().zip(&mut there) {
                *there |= *name == key && given.is_some();
            }
        }
        let Some(own) = kind else { return Err(Wrong::missing_one_of("type", &PARTS)) };
        for (name, there) in PARTS.iter().zip(there) {
            if *name == own && !there {
                let wrong = Wrong::field(format!("the field is missing in a part of type {own:?}"));
                return Err(wrong.in_key(name));
            }
            if *name != own && there {
                return Err(Wrong::field(format!("a part of type {own:?} has no such field")).in_key(name));
            }
        }
        Ok(PARTS.iter().position(|name| *name == own).unwrap_or(0))
    }
}

struct Image<'m>(&'m mut Messages);

impl<'de> Read<'de> for Image<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut tokens = OPENAI.image;
        let mut needs = None;
        while let Some(key) = object.key(&["url", "detail"])? {
            match key {
                "url" => needs = Some(object.value(Text(image_url))?),
                "detail" => {
                    let detail = object.value(Maybe(OneOf(&["auto", "low", "high", "original"])))?;
                    if detail == Some("low") {
                        tokens = OPENAI.image_low;
                    }
                }
                _ => drop(object.value(Skip)?),
            }
        }
        self.0.needs |= Caps::VISION | needs.ok_or_else(|| Wrong::missing("url"))?;
        self.0.size.frame(tokens, 1);
        Ok(())
    }
}

struct Audio<'m>(&'m mut Messages);

impl<'de> Read<'de> for Audio<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        const FORMATS: [&str; 2] = ["wav", "mp3"];
        let (mut data, mut format) = (None, None);
        while let Some(key) = object.key(&["data", "format"])? {
            match key {
                "data" => data = Some(object.value(Text(base64))?),
                "format" => format = Some(object.value(OneOf(&FORMATS))?),
                _ => drop(object.value(Skip)?),
            }
        }
        let data = data.ok_or_else(|| Wrong::missing("data"))?;
        format.ok_or_else(|| Wrong::missing_one_of("format", &FORMATS))?;
        self.0.needs |= Caps::AUDIO_IN;
        self.0.size.frame(OPENAI.sound(data), 1);
        Ok(())
    }
}

struct File<'m>(&'m mut Messages);

impl<'de> Read<'de> for File<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let (mut data, mut id) = (None, None);
        while let Some(key) = object.key(&["file_data", "file_id", "filename"])? {
            match key {
                "file_data" => data = object.value(Maybe(Text(length)))?,
                "file_id" => id = object.value(Maybe(Text(filled)))?,
                "filename" => drop(object.value(Maybe(Text(length)))?),
                _ => drop(object.value(Skip)?),
            }
        }
        let Self(all) = self;
        all.needs |= Caps::PDF;
        match (data, id) {
            (Some(data), None) => all.size.frame(OPENAI.document(data), 1),
            // Only where it was uploaded is the id known.
            (None, Some(_)) => {
                all.needs |= Caps::OPENAI_ONLY;
                all.size.frame(OPENAI.document(0), 1);
            }
            (Some(_), Some(_)) => return Err(Wrong::field("expected `file_data` or `file_id`, got both")),
            (None, None) => return Err(Wrong::field("expected `file_data` or `file_id`, got neither")),
        }
        Ok(())
    }
}

/// What an image's address needs of a model besides eyes.
pub(crate) fn image_url(url: Quoted<'_>) -> Result<Caps, Wrong> {
    let url = url.text();
    if let Some(rest) = url.strip_prefix("data:") {
        let Some((mime, data)) = rest.split_once(";base64,") else {
            return Err(Wrong::field("a data URL must be like \"data:image/png;base64,…\""));
        };
        if !mime.starts_with("image/") {
            return Err(Wrong::field("a data URL of an image must begin with \"data:image/\""));
        }
        base64(Quoted::plainly(data))?;
        return Ok(Caps::empty());
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Caps::IMAGE_URL);
    }
    Err(Wrong::field("expected an https URL or a data URL with base64"))
}

/// Its length, if there is anything; the content is the provider's to decode.
fn base64(data: Quoted<'_>) -> Result<usize, Wrong> {
    if data.is_empty() {
        return Err(Wrong::field("the base64 data is empty"));
    }
    Ok(data.len())
}
