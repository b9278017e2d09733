//! The pictures that pictures are to be made of.

use crate::json::{Array, Found, Items, Members, Object, Read, Skip, Text, Wrong, filled};

/// "you can provide up to 16 images" (API reference).
const MOST: usize = 16;

/// How many there are.
pub(super) struct References;

impl<'de> Read<'de> for References {
    type Out = usize;
    const WANTED: &'static str = "an array of pictures like {\"image_url\": …}";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<usize, Wrong> {
        while array.next(Reference)?.is_some() {}
        match array.count() {
            0 => Err(Wrong::field("expected at least one picture, got an empty array")),
            many if many > MOST => {
                Err(Wrong::field(format!("at most {MOST} pictures are taken, got {many}")))
            }
            count => Ok(count),
        }
    }
}

/// A picture by its address, or in it. One that was uploaded is with one provider, where the next cannot find it.
pub(super) struct Reference;

impl<'de> Read<'de> for Reference {
    type Out = ();
    const WANTED: &'static str = "a picture like {\"image_url\": …}";

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        Err(Wrong::instead_of(found, Self::WANTED))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut there = false;
        while let Some(key) = object.key(&["image_url", "file_id"])? {
            match key {
                "image_url" => {
                    object.value(Text(filled))?;
                    there = true;
                }
                "file_id" => {
                    let message = "no files are kept here; send the picture itself as image_url: \"data:image/png;base64,…\"";
                    return Err(Wrong::field(message).in_key("file_id"));
                }
                _ => drop(object.value(Skip)?),
            }
        }
        if there { Ok(()) } else { Err(Wrong::missing("image_url")) }
    }
}
