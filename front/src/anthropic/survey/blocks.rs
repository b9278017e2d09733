//! The blocks of a content: text, pictures, documents, calls and their results, thoughts.

use super::Totals;
use super::sources::{DOCUMENT, IMAGE, Source};
use crate::anthropic::seal;
use crate::json::{
    AnyObject, Array, Bool, Found, Items, Maybe, Members, Object, Quoted, Read, Skip, Spoken, Text, Wrong,
    filled, length, owned, parsed, say, shortened,
};
use std::fmt;
use tokens::ANTHROPIC;

/// The kinds of blocks that others can be told too: the values of `type`.
pub(super) const KINDS: [&str; 7] =
    ["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"];

const FIELDS: [&str; 20] = [
    "type",
    "text",
    "id",
    "name",
    "input",
    "tool_use_id",
    "content",
    "is_error",
    "source",
    "thinking",
    "signature",
    "data",
    "title",
    "context",
    "citations",
    "cache_control",
    "caller",
    "toolset_name",
    "transformations",
    seal::ON_CALL,
];

/// Where a block stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    System { block: usize },
    Message { at: usize, block: usize },
    Result { at: usize, block: usize, inner: usize },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { block } => write!(f, "system[{block}]"),
            Self::Message { at, block } => write!(f, "messages[{at}].content[{block}]"),
            Self::Result { at, block, inner } => {
                write!(f, "messages[{at}].content[{block}].content[{inner}]")
            }
        }
    }
}

/// One block; the place of its kind in [`KINDS`], or beyond them where only Anthropic knows it.
pub(super) struct Block<'t> {
    pub all: &'t mut Totals,
    pub place: Place,
}

impl<'de> Read<'de> for Block<'_> {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let mut reading = Reading { all: self.all, place: self.place, kind: None, there: 0 };
        // Only the kind tells what a field has to be; it nearly always comes first.
        let mut early: Vec<(&'static str, String, &'de str)> = Vec::new();
        while let Some(key) = object.key(&FIELDS)? {
            if key == "type" {
                let kind = object.value(Text(owned))?;
                reading.kind = Some(KINDS.iter().position(|k| *k == kind).unwrap_or(KINDS.len()));
            } else if reading.kind.is_some() {
                let name = if key.is_empty() { shortened(object.name()) } else { String::new() };
                reading.field(key, &name, &mut Now(&mut object))?;
            } else {
                let name = object.name().to_owned();
                early.push((key, name, object.raw()?));
            }
        }
        if reading.kind.is_none() {
            return Err(Wrong::missing_one_of("type", &KINDS));
        }
        for (key, name, raw) in early {
            reading.field(key, &shortened(&name), &mut Late { raw, name: &name })?;
        }
        reading.whole()
    }
}

/// What gives up the value of a field.
trait Give<'de> {
    fn give<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong>;
}

struct Now<'o, 'de, M>(&'o mut Object<'de, M>);

impl<'de, M: Members<'de>> Give<'de> for Now<'_, 'de, M> {
    fn give<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        self.0.value(reader)
    }
}

/// A value that was passed over before its meaning was known.
struct Late<'n, 'de> {
    raw: &'de str,
    name: &'n str,
}

impl<'de> Give<'de> for Late<'_, 'de> {
    fn give<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        parsed::read(self.raw, reader).map_err(|wrong| wrong.in_key(self.name))
    }
}

struct Reading<'t> {
    all: &'t mut Totals,
    place: Place,
    /// See [`Block`]; None until it is known.
    kind: Option<usize>,
    /// The fields that were there, a bit each by their place in [`FIELDS`].
    there: u32,
}

impl Reading<'_> {
    fn kind(&self) -> &'static str {
        self.kind.and_then(|kind| KINDS.get(kind).copied()).unwrap_or("")
    }

    fn only(&mut self, field: &str) {
        let path = format!("{}.{field}", self.place);
        self.all.only(path);
    }

    /// Takes a field whose kind of block is known. `name` is what the caller wrote, where `key` is empty.
    fn field<'de>(&mut self, key: &'static str, name: &str, value: &mut impl Give<'de>) -> Result<(), Wrong> {
        if let Some(place) = FIELDS.iter().position(|field| *field == key) {
            self.there |= 1 << place;
        }
        match (self.kind(), key) {
            // Whatever it is, it goes to Anthropic as it came, and is read there.
            ("", _) => self.all.size.define(value.give(Skip)?),
            (_, "cache_control") => drop(value.give(Maybe(AnyObject))?),
            ("text", "text") | ("thinking", "thinking") => drop(value.give(Spoken(&mut self.all.size))?),
            // Of an answer that was given before: what it leans on was there then.
            ("text", "citations") => {
                self.all.untidy |= value.give(Maybe(Sources))?.unwrap_or(false);
            }
            ("image", "source") => self.source(&IMAGE, value)?,
            ("document", "source") => self.source(&DOCUMENT, value)?,
            ("document", "title") => {
                value.give(Maybe(Spoken(&mut self.all.size)))?;
            }
            ("document", "citations") => {
                if value.give(Maybe(Citations))?.unwrap_or(false) {
                    self.only(key);
                }
            }
            ("tool_use", "id") => drop(value.give(Text(filled))?),
            ("tool_use", "name") => self.all.size.define(value.give(Text(filled))?),
            ("tool_use", "input") => {
                self.all.size.define(value.give(AnyObject)?);
                self.all.size.frame(ANTHROPIC.call, 1);
            }
            ("tool_use", "caller") => {
                if !value.give(Maybe(Caller))?.unwrap_or(true) {
                    self.only(key);
                }
            }
            ("tool_use", seal::ON_CALL) => {
                self.all.untidy |= value.give(Maybe(Text(length)))?.is_some();
            }
            ("tool_result", "tool_use_id") => drop(value.give(Text(filled))?),
            ("tool_result", "content") => {
                let content = Answered { all: self.all, place: self.place };
                value.give(Maybe(content))?;
            }
            ("tool_result", "is_error") => drop(value.give(Maybe(Bool))?),
            ("thinking", "signature") => self.all.untidy |= value.give(Text(foreign))?,
            ("redacted_thinking", "data") => drop(value.give(Text(length))?),
            _ => {
                if value.give(Maybe(Skip))?.is_some() {
                    let field = if key.is_empty() { name } else { key };
                    self.only(field);
                }
            }
        }
        Ok(())
    }

    fn source<'de>(
        &mut self,
        kinds: &'static super::sources::Kinds,
        value: &mut impl Give<'de>,
    ) -> Result<(), Wrong> {
        let found = value.give(Source(kinds))?;
        self.all.needs |= found.needs;
        self.all.size.frame(found.tokens, 1);
        self.all.size.define(found.text);
        if found.only {
            self.only("source.type");
        }
        Ok(())
    }

    /// Holds the fields against the kind.
    fn whole(self) -> Result<usize, Wrong> {
        let needed: &[&str] = match self.kind() {
            "text" => &["text"],
            "image" | "document" => &["source"],
            "tool_use" => &["id", "name", "input"],
            "tool_result" => &["tool_use_id"],
            "thinking" => &["thinking", "signature"],
            "redacted_thinking" => &["data"],
            _ => {
                self.all.only(format!("{}.type", self.place));
                &[]
            }
        };
        for (place, name) in FIELDS.iter().enumerate() {
            if needed.contains(name) && self.there & (1 << place) == 0 {
                let kind = self.kind();
                let wrong = Wrong::field(format!("the field is missing in a block of type {kind:?}"));
                return Err(wrong.in_key(name));
            }
        }
        Ok(self.kind.unwrap_or(KINDS.len()))
    }
}

/// Whether a signature is none of Anthropic's.
#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
fn foreign(signature: Quoted<'_>) -> Result<bool, Wrong> {
    Ok(signature.is_empty() || seal::is_ours(&signature.text()))
}

/// Whether there is one among them that was not Anthropic's.
struct Sources;

impl<'de> Read<'de> for Sources {
    type Out = bool;
    const WANTED: &'static str = "an array of citations";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<bool, Wrong> {
        let mut ours = false;
        while let Some(foreign) = array.next(Cited)? {
            ours |= foreign;
        }
        Ok(ours)
    }
}

struct Cited;

impl<'de> Read<'de> for Cited {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut ours = false;
        while let Some(key) = object.key(&["encrypted_index"])? {
            match key {
                "encrypted_index" => ours = object.value(Maybe(Text(foreign)))?.unwrap_or(false),
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(ours)
    }
}

/// Whether passages are to be cited.
struct Citations;

impl<'de> Read<'de> for Citations {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut enabled = false;
        while let Some(key) = object.key(&["enabled"])? {
            match key {
                "enabled" => enabled = object.value(Maybe(Bool))?.unwrap_or(false),
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(enabled)
    }
}

/// Whether the model itself called, and not code that it wrote.
struct Caller;

impl<'de> Read<'de> for Caller {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut direct = false;
        while let Some(key) = object.key(&["type"])? {
            match key {
                "type" => direct = object.value(Text(owned))? == "direct",
                _ => drop(object.value(Skip)?),
            }
        }
        Ok(direct)
    }
}

/// What a tool answered: a string, or blocks.
struct Answered<'t> {
    all: &'t mut Totals,
    place: Place,
}

impl<'de> Read<'de> for Answered<'_> {
    type Out = ();
    const WANTED: &'static str = "a string or an array of blocks";

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.all.size, text);
                Ok(())
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<(), Wrong> {
        let Self { all, place } = self;
        let (at, block) = match place {
            Place::Message { at, block } | Place::Result { at, block, .. } => (at, block),
            Place::System { block } => (0, block),
        };
        loop {
            let inner = array.count();
            let Some(kind) = array.next(Block { all, place: Place::Result { at, block, inner } })? else {
                return Ok(());
            };
            if let Some(kind @ ("tool_use" | "tool_result" | "thinking" | "redacted_thinking")) =
                KINDS.get(kind).copied()
            {
                let wrong = Wrong::field(format!("the result of a tool has no blocks of type {kind:?}"));
                return Err(wrong.in_key("type").in_item(inner));
            }
        }
    }
}
