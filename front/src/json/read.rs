//! From `serde`'s visitor to readers that name what is wrong, and where.

use super::plain::Skip;
use super::wrong::Wrong;
use relay::BadInput;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// More fields that we do not know than this are no honest request.
const UNKNOWN_MAX: usize = 64;

/// A value that is no container, or which container it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'s> {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    /// Unescaped.
    Text(&'s str),
    Array,
    Object,
}

impl Found<'_> {
    /// With its article, for messages.
    const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Real(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    /// It is of the wrong kind.
    #[cold]
    pub fn instead_of(&self, wanted: impl fmt::Display) -> Wrong {
        Wrong::field(format!("expected {wanted}, got {}", self.name()))
    }
}

/// What takes one value.
pub trait Read<'de>: Sized {
    type Out;

    /// What is taken, for messages.
    const WANTED: &'static str = "an object";

    /// Takes what is no container. Also told of containers, where those are not taken: they must be refused.
    fn plain(self, found: Found<'_>) -> Result<Self::Out, Wrong> {
        Err(found.instead_of(Self::WANTED))
    }

    fn array<A: SeqAccess<'de>>(self, _: Array<A>) -> Result<Self::Out, Wrong> {
        self.plain(Found::Array)
    }

    fn object<M: MapAccess<'de>>(self, _: Object<'de, M>) -> Result<Self::Out, Wrong> {
        self.plain(Found::Object)
    }
}

/// A body as text: UTF-8 without a byte order mark.
pub fn text(body: &[u8]) -> Result<&str, Wrong> {
    match simdutf8::compat::from_utf8(body) {
        Ok(text) if text.starts_with('\u{FEFF}') => {
            Err(Wrong::syntax("it begins with a byte order mark; send it without at line 1 column 1"))
        }
        Ok(text) => Ok(text),
        Err(error) => {
            let good = body.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|b| **b == b'\n').count();
            let column = 1 + good.iter().rev().take_while(|b| **b != b'\n').count();
            Err(Wrong::syntax(format_args!("the bytes here are not UTF-8 at line {line} column {column}")))
        }
    }
}

/// Reads one value, and nothing may follow it.
pub fn read<'de, R: Read<'de>>(text: &'de str, reader: R) -> Result<R::Out, Wrong> {
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let out = Bridge { reader, wrong: &mut wrong }.deserialize(&mut json);
    out.and_then(|out| json.end().map(|()| out)).map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
}

/// Whether all of a body is JSON.
pub fn check(body: &[u8]) -> Result<(), BadInput> {
    text(body).and_then(|text| read(text, Skip)).map(drop).map_err(|wrong| wrong.told(body))
}

/// Lends a reader to `serde`, and keeps its fault beside the error, which could only hold a text.
struct Bridge<'w, R> {
    reader: R,
    wrong: &'w mut Option<Wrong>,
}

impl<R> Bridge<'_, R> {
    #[inline]
    fn give<'de, E: Error>(self, read: impl FnOnce(R) -> Result<R::Out, Wrong>) -> Result<R::Out, E>
    where
        R: Read<'de>,
    {
        read(self.reader).map_err(|wrong| {
            *self.wrong = Some(wrong);
            E::custom("")
        })
    }
}

impl<'de, R: Read<'de>> DeserializeSeed<'de> for Bridge<'_, R> {
    type Value = R::Out;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R::Out, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Read<'de>> Visitor<'de> for Bridge<'_, R> {
    type Value = R::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::WANTED)
    }

    fn visit_unit<E: Error>(self) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Bool(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Whole(value.into())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Whole(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Real(value)))
    }

    #[inline]
    fn visit_str<E: Error>(self, value: &str) -> Result<R::Out, E> {
        self.give(|reader| reader.plain(Found::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Out, A::Error> {
        self.give(|reader| reader.array(Array { items, count: 0 }))
    }

    fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<R::Out, M::Error> {
        let object = Object { fields, key: Cow::Borrowed(""), known: 0, unknown: Vec::new() };
        self.give(|reader| reader.object(object))
    }
}

/// An array being read.
pub struct Array<A> {
    items: A,
    count: usize,
}

impl<'de, A: SeqAccess<'de>> Array<A> {
    /// Takes the next item. None at the end, and only then may the array be left.
    #[inline]
    pub fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
        let mut wrong = None;
        let item = self.items.next_element_seed(Bridge { reader, wrong: &mut wrong });
        let item = item.map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)).in_item(self.count))?;
        self.count += usize::from(item.is_some());
        Ok(item)
    }

    /// How many items have been taken.
    pub const fn count(&self) -> usize {
        self.count
    }
}

/// An object being read. Every key must be followed by its value.
pub struct Object<'de, M> {
    fields: M,
    key: Cow<'de, str>,
    known: u64,
    unknown: Vec<Cow<'de, str>>,
}

impl<'de, M: MapAccess<'de>> Object<'de, M> {
    /// The next key that is one of `names` (at most 64), `""` for any other, None at the end. The same key again is
    /// a fault.
    #[inline]
    pub fn key(&mut self, names: &'static [&'static str]) -> Result<Option<&'static str>, Wrong> {
        match self.fields.next_key_seed(Key(names)).map_err(Wrong::syntax)? {
            None => Ok(None),
            Some(Named::Known(place, name)) => {
                self.key = Cow::Borrowed(name);
                let bit = 1u64 << place;
                if self.known & bit != 0 {
                    return Err(self.twice());
                }
                self.known |= bit;
                Ok(Some(name))
            }
            Some(Named::Other(key)) => {
                self.key = key;
                self.stranger()?;
                Ok(Some(""))
            }
        }
    }

    /// The next key, where keys are the caller's own: any number, not held against each other.
    pub fn any_key(&mut self) -> Result<Option<&str>, Wrong> {
        match self.fields.next_key_seed(Key(&[])).map_err(Wrong::syntax)? {
            Some(Named::Other(key)) => {
                self.key = key;
                Ok(Some(&self.key))
            }
            _ => Ok(None),
        }
    }

    /// The key as the caller wrote it.
    pub fn name(&self) -> &str {
        &self.key
    }

    fn stranger(&mut self) -> Result<(), Wrong> {
        if self.unknown.contains(&self.key) {
            return Err(self.twice());
        }
        if self.unknown.len() == UNKNOWN_MAX {
            let message = format!("more than {UNKNOWN_MAX} unknown fields in one object");
            return Err(Wrong::field(message).in_key(&self.key));
        }
        self.unknown.push(self.key.clone());
        Ok(())
    }

    #[cold]
    fn twice(&self) -> Wrong {
        Wrong::field("the field is there twice; send it once").in_key(&self.key)
    }

    /// Takes the value of the key.
    #[inline]
    pub fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        let mut wrong = None;
        let value = self.fields.next_value_seed(Bridge { reader, wrong: &mut wrong });
        value.map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)).in_key(&self.key))
    }

    /// The value of the key as it is written. It has JSON's form, but only reading it checks the rest.
    pub fn raw(&mut self) -> Result<&'de str, Wrong> {
        let raw = self.fields.next_value::<&RawValue>();
        raw.map(RawValue::get).map_err(|e| Wrong::syntax(e).in_key(&self.key))
    }

    /// The value of the key as it is written, and read.
    pub fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong> {
        let raw = self.raw()?;
        let out = read(raw, reader).map_err(|wrong| wrong.in_key(&self.key))?;
        Ok((raw, out))
    }
}

enum Named<'de> {
    Known(usize, &'static str),
    Other(Cow<'de, str>),
}

/// A key, held against the names we know before anything is kept of it.
struct Key(&'static [&'static str]);

impl Key {
    #[inline]
    fn known<'de>(&self, key: &str) -> Option<Named<'de>> {
        let place = self.0.iter().position(|name| *name == key)?;
        Some(Named::Known(place, self.0.get(place)?))
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Named<'de>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Named<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Named<'de>, E> {
        Ok(self.known(key).unwrap_or(Named::Other(Cow::Borrowed(key))))
    }

    fn visit_str<E>(self, key: &str) -> Result<Named<'de>, E> {
        Ok(self.known(key).unwrap_or_else(|| Named::Other(Cow::Owned(key.to_owned()))))
    }
}
