//! One item of the input: a message, a call, what a tool returned, reasoning.

use super::parts::{Content, Speaker};
use super::{Totals, stored};
use crate::json::{
    Array, Found, Items, Maybe, Members, Object, OneOf, Quoted, Read, Skip, Spoken, Text, Wrong, filled,
    length, owned, parsed, shortened,
};
use crate::responses::seal;
use tokens::{OPENAI, Size};

const FIELDS: [&str; 13] = [
    "type",
    "role",
    "content",
    "call_id",
    "name",
    "arguments",
    "output",
    "summary",
    "encrypted_content",
    "id",
    "status",
    "phase",
    // What SDKs' own helpers add to the items that they hand out.
    "parsed_arguments",
];

pub(super) const ROLES: [&str; 4] = ["user", "assistant", "system", "developer"];

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Call,
    Output,
    Reasoning,
    /// An item of another kind, which only Responses providers know.
    Other,
}

impl Kind {
    fn named(name: &str) -> Result<Self, Wrong> {
        Ok(match name {
            "message" => Self::Message,
            "function_call" => Self::Call,
            "function_call_output" => Self::Output,
            "reasoning" => Self::Reasoning,
            "item_reference" => return Err(stored::reference()),
            _ => Self::Other,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "function_call",
            Self::Output => "function_call_output",
            Self::Reasoning => "reasoning",
            Self::Other => "",
        }
    }

    const fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Message => &["role", "content"],
            Self::Call => &["call_id", "name", "arguments"],
            Self::Output => &["call_id", "output"],
            Self::Reasoning => &["summary"],
            Self::Other => &[],
        }
    }
}

pub(super) struct Item<'t> {
    pub all: &'t mut Totals,
    pub at: usize,
}

impl<'de> Read<'de> for Item<'_> {
    type Out = Kind;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Kind, Wrong> {
        let Self { all, at } = self;
        let mut reading = Reading { all, at, kind: None, role: None, parts: None, there: 0, sealed: false };
        // Only the kind tells what a field has to be. It nearly always comes first, or the role does, which only messages have.
        let mut early: Vec<(&'static str, String, &'de str)> = Vec::new();
        while let Some(key) = object.key(&FIELDS)? {
            match (key, reading.kind) {
                ("type", _) => {
                    let name = object.value(Maybe(Text(owned)))?;
                    if let Some(name) = name {
                        reading.kind = Some(Kind::named(&name)?);
                    }
                }
                ("role", None) => {
                    reading.kind = Some(Kind::Message);
                    reading.field(key, "", &mut Now(&mut object))?;
                }
                (_, Some(_)) => {
                    let name = if key.is_empty() { shortened(object.name()) } else { String::new() };
                    reading.field(key, &name, &mut Now(&mut object))?;
                }
                (_, None) => {
                    let name = object.name().to_owned();
                    early.push((key, name, object.raw()?));
                }
            }
        }
        if reading.kind.is_none() {
            // "type: item_reference, or null".
            if early.iter().any(|(key, ..)| *key == "id") && !early.iter().any(|(key, ..)| *key == "content")
            {
                return Err(stored::reference());
            }
            return Err(Wrong::missing_one_of("role", &ROLES));
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
    at: usize,
    kind: Option<Kind>,
    role: Option<&'static str>,
    parts: Option<Speaker>,
    /// The fields that were there, a bit each by their place in [`FIELDS`].
    there: u32,
    /// There is reasoning that its provider can take back as it is.
    sealed: bool,
}

impl Reading<'_> {
    fn only(&mut self, field: &str) {
        let path = format!("input[{}].{field}", self.at);
        self.all.only(path);
    }

    /// Takes a field of an item whose kind is known. `name` is what the caller wrote, where `key` is empty.
    fn field<'de>(&mut self, key: &'static str, name: &str, value: &mut impl Give<'de>) -> Result<(), Wrong> {
        if let Some(place) = FIELDS.iter().position(|field| *field == key) {
            self.there |= 1 << place;
        }
        match (self.kind.unwrap_or(Kind::Other), key) {
            // Whatever it is, it goes to a Responses provider as it came, and is read there.
            (Kind::Other, _) => self.all.size.define(value.give(Skip)?),
            (_, "id" | "status" | "phase") => drop(value.give(Maybe(Text(length)))?),
            (Kind::Message, "role") => self.role = Some(value.give(OneOf(&ROLES))?),
            (Kind::Message, "content") => {
                let at = format!("input[{}].content", self.at);
                self.parts = Some(value.give(Content { all: self.all, at })?);
            }
            (Kind::Call, "name") => self.all.size.define(value.give(Text(filled))?),
            (Kind::Call, "arguments") => drop(value.give(Spoken(&mut self.all.size))?),
            (Kind::Call, "parsed_arguments") => drop(value.give(Skip)?),
            (Kind::Call | Kind::Output, "call_id") => {
                value.give(Text(filled))?;
                self.all.size.frame(OPENAI.call / 2, 1);
            }
            (Kind::Output, "output") => {
                let at = format!("input[{}].output", self.at);
                value.give(Content { all: self.all, at })?.may_be(
                    &["input_"],
                    "the result of a tool",
                    "output",
                )?;
            }
            // Says whose result it is once more.
            (Kind::Output, "name") => drop(value.give(Maybe(Text(length)))?),
            (Kind::Reasoning, "summary") => {
                value.give(Thoughts(&mut self.all.size))?;
            }
            (Kind::Reasoning, "content") => {
                value.give(Maybe(Thoughts(&mut self.all.size)))?;
            }
            (Kind::Reasoning, "encrypted_content") => {
                self.sealed = value.give(Maybe(Text(own)))?.unwrap_or(false);
            }
            _ => {
                if value.give(Maybe(Skip))?.is_some() {
                    let field = if key.is_empty() { name } else { key };
                    self.only(field);
                }
            }
        }
        Ok(())
    }

    /// Holds the fields against the kind.
    fn whole(mut self) -> Result<Kind, Wrong> {
        let kind = self.kind.unwrap_or(Kind::Other);
        for (place, name) in FIELDS.iter().enumerate() {
            if kind.needed().contains(name) && self.there & (1 << place) == 0 {
                if *name == "role" {
                    return Err(Wrong::missing_one_of(name, &ROLES));
                }
                let wrong =
                    Wrong::field(format!("the field is missing in an item of type {:?}", kind.name()));
                return Err(wrong.in_key(name));
            }
        }
        match kind {
            Kind::Other => self.only("type"),
            Kind::Reasoning => self.all.untidy |= !self.sealed,
            Kind::Message => {
                let role = self.role.unwrap_or_default();
                let parts = self.parts.take().unwrap_or_default();
                match role {
                    "assistant" => {
                        parts.may_be(&["output_text", "refusal"], "an assistant message", "content")?;
                    }
                    "user" => parts.may_be(&["input_"], "a user message", "content")?,
                    _ => {
                        if let Some(media) = &parts.media {
                            self.only(&format!("content[{media}].type"));
                        }
                        parts.may_be(&["input_"], &format!("a {role} message"), "content")?;
                    }
                }
            }
            Kind::Call | Kind::Output => {}
        }
        Ok(kind)
    }
}

/// Whether encrypted reasoning is a Responses provider's own.
#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
fn own(sealed: Quoted<'_>) -> Result<bool, Wrong> {
    Ok(!sealed.is_empty() && !seal::is_ours(&sealed.text()))
}

/// Pieces of a summary, or of reasoning itself.
struct Thoughts<'s>(&'s mut Size);

impl<'de> Read<'de> for Thoughts<'_> {
    type Out = ();
    const WANTED: &'static str = "an array";

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        Err(Wrong::instead_of(found, Self::WANTED))
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<(), Wrong> {
        while array.next(Thought(self.0))?.is_some() {}
        Ok(())
    }
}

struct Thought<'s>(&'s mut Size);

impl<'de> Read<'de> for Thought<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut text = None;
        while let Some(key) = object.key(&["type", "text"])? {
            match key {
                "text" => text = Some(object.value(Spoken(self.0)).map(drop)?),
                _ => drop(object.value(Skip)?),
            }
        }
        text.ok_or_else(|| Wrong::missing("text"))
    }
}
