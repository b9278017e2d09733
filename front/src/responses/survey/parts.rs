//! Contents: a text, or parts of text, pictures and documents.

use super::Totals;
use crate::json::{
    Array, Found, Items, Maybe, Members, Object, Quoted, Read, Skip, Spoken, Text, Wrong, filled, length,
    owned, say, shortened,
};
use crate::openai::survey::image_url;
use tokens::OPENAI;
use vocab::Caps;

/// The kinds of parts that others can be told too, and the field of each that has to be there.
const KINDS: [(&str, Option<&str>); 5] = [
    ("input_text", Some("text")),
    ("output_text", Some("text")),
    ("refusal", Some("refusal")),
    ("input_image", None),
    ("input_file", None),
];

const FIELDS: [&str; 13] = [
    "type",
    "text",
    "refusal",
    "image_url",
    "file_id",
    "file_url",
    "file_data",
    "filename",
    "detail",
    "annotations",
    "logprobs",
    "prompt_cache_breakpoint",
    // What SDKs' own helpers add to the items that they hand out.
    "parsed",
];

/// What a content has of each kind: the first place of it.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    first: Vec<(&'static str, usize)>,
    /// The first part that is not text.
    pub media: Option<usize>,
}

impl Speaker {
    /// Holds the kinds against those that may stand here, by how they begin.
    pub fn may_be(&self, allowed: &[&str], whose: &str, key: &str) -> Result<(), Wrong> {
        let wrong = self.first.iter().find(|(kind, _)| !allowed.iter().any(|a| kind.starts_with(a)));
        match wrong {
            None => Ok(()),
            Some((kind, at)) => {
                let wrong = Wrong::field(format!("{whose} has no parts of type {kind:?}"));
                Err(wrong.in_key("type").in_item(*at).in_key(key))
            }
        }
    }
}

/// A string, or parts.
pub(super) struct Content<'t> {
    pub all: &'t mut Totals,
    /// Its own path.
    pub at: String,
}

impl<'de> Read<'de> for Content<'_> {
    type Out = Speaker;
    const WANTED: &'static str = "a string or an array of parts";

    fn plain(self, found: Found<'_>) -> Result<Speaker, Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.all.size, text);
                Ok(Speaker::default())
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Speaker, Wrong> {
        let Self { all, at } = self;
        let mut speaker = Speaker::default();
        loop {
            let place = array.count();
            let Some(kind) = array.next(Part { all, content: &at, place })? else { return Ok(speaker) };
            let Some(kind) = kind else { continue };
            if matches!(kind, "input_image" | "input_file") {
                speaker.media.get_or_insert(place);
            }
            if !speaker.first.iter().any(|(known, _)| *known == kind) {
                speaker.first.push((kind, place));
            }
        }
    }
}

/// One part: its kind, where others know it.
struct Part<'t, 'p> {
    all: &'t mut Totals,
    content: &'p str,
    place: usize,
}

#[derive(Default)]
struct Has {
    kind: Option<String>,
    there: u32,
    /// What the picture's address needs.
    image: Option<Caps>,
    low: bool,
    file_id: bool,
    /// Length of a document's base64.
    data: Option<usize>,
    url: bool,
    strange: Option<String>,
}

impl<'de> Read<'de> for Part<'_, '_> {
    type Out = Option<&'static str>;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Option<&'static str>, Wrong> {
        let mut has = Has::default();
        while let Some(key) = object.key(&FIELDS)? {
            if let Some(place) = FIELDS.iter().position(|field| *field == key) {
                has.there |= 1 << place;
            }
            match key {
                "type" => has.kind = Some(object.value(Text(owned))?),
                "text" | "refusal" => drop(object.value(Spoken(&mut self.all.size))?),
                "image_url" => has.image = object.value(Maybe(Text(image_url)))?,
                "file_id" => has.file_id = object.value(Maybe(Text(filled)))?.is_some(),
                "file_data" => has.data = object.value(Maybe(Text(filled)))?,
                "file_url" => has.url = object.value(Maybe(Text(address)))?.is_some(),
                "filename" => drop(object.value(Maybe(Text(length)))?),
                "detail" => has.low = object.value(Maybe(Text(owned)))?.as_deref() == Some("low"),
                // Of an answer given before, and a hint.
                "annotations" | "logprobs" | "prompt_cache_breakpoint" | "parsed" => {
                    object.value(Skip)?;
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        has.strange.get_or_insert_with(|| shortened(object.name()));
                    }
                }
            }
        }
        self.whole(has)
    }
}

impl Part<'_, '_> {
    fn whole(self, has: Has) -> Result<Option<&'static str>, Wrong> {
        let Self { all, content, place } = self;
        let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let Some(kind) = &has.kind else { return Err(Wrong::missing_one_of("type", &names)) };
        let Some((kind, needed)) = KINDS.iter().find(|(name, _)| name == kind).copied() else {
            all.only(format!("{content}[{place}].type"));
            return Ok(None);
        };
        let there =
            |field: &str| FIELDS.iter().position(|f| *f == field).is_some_and(|at| has.there & 1 << at != 0);
        if let Some(needed) = needed.filter(|needed| !there(needed)) {
            let wrong = Wrong::field(format!("the field is missing in a part of type {kind:?}"));
            return Err(wrong.in_key(needed));
        }
        match kind {
            "input_image" => {
                all.needs |= Caps::VISION;
                all.size.frame(if has.low { OPENAI.image_low } else { OPENAI.image }, 1);
                match (has.image, has.file_id) {
                    (Some(needs), false) => all.needs |= needs,
                    (None, true) => all.only(format!("{content}[{place}].file_id")),
                    (Some(_), true) => {
                        return Err(Wrong::field("expected `image_url` or `file_id`, got both"));
                    }
                    (None, false) => return Err(Wrong::missing("image_url")),
                }
            }
            "input_file" => {
                all.needs |= Caps::PDF;
                all.size.frame(OPENAI.document(has.data.unwrap_or(0)), 1);
                match (has.data.is_some(), has.url, has.file_id) {
                    (true, false, false) | (false, true, false) => {}
                    // Only where it was uploaded is the id known.
                    (false, false, true) => all.only(format!("{content}[{place}].file_id")),
                    (false, false, false) => return Err(Wrong::missing("file_data")),
                    _ => {
                        return Err(Wrong::field(
                            "expected one of `file_data`, `file_url` and `file_id`, got several",
                        ));
                    }
                }
            }
            _ => {}
        }
        if let Some(strange) = has.strange {
            all.only(format!("{content}[{place}].{strange}"));
        }
        Ok(Some(kind))
    }
}

fn address(url: Quoted<'_>) -> Result<(), Wrong> {
    let url = url.text();
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(Wrong::field("expected an https URL"))
}
