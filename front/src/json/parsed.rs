//! Readers lent to `serde_json`: the judge of everything that the walk gives up.

use super::read::{Array, Items, Members, Named, Object, Read};
use super::wrong::Wrong;
use json::{Found, Quoted};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads one value, and nothing may follow it.
pub fn read<'de, R: Read<'de>>(text: &'de str, reader: R) -> Result<R::Out, Wrong> {
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let out = Bridge { reader, wrong: &mut wrong }.deserialize(&mut json);
    out.and_then(|out| json.end().map(|()| out)).map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
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
        self.give(|reader| reader.plain(Found::Text(Quoted::plainly(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Out, A::Error> {
        self.give(|reader| reader.array(Array::new(Parsed(items))))
    }

    fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<R::Out, M::Error> {
        self.give(|reader| reader.object(Object::new(Parsed(fields))))
    }
}

/// What of a container is still to come.
struct Parsed<A>(A);

impl<'de, A: SeqAccess<'de>> Items<'de> for Parsed<A> {
    #[inline]
    fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
        let mut wrong = None;
        let item = self.0.next_element_seed(Bridge { reader, wrong: &mut wrong });
        item.map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
    }
}

impl<'de, M: MapAccess<'de>> Members<'de> for Parsed<M> {
    #[inline]
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong> {
        self.0.next_key_seed(Key(names)).map_err(Wrong::syntax)
    }

    #[inline]
    fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        let mut wrong = None;
        let value = self.0.next_value_seed(Bridge { reader, wrong: &mut wrong });
        value.map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
    }

    fn raw(&mut self) -> Result<&'de str, Wrong> {
        self.0.next_value::<&RawValue>().map(RawValue::get).map_err(Wrong::syntax)
    }

    fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong> {
        let raw = self.raw()?;
        Ok((raw, read(raw, reader)?))
    }
}

/// A key, held against the names we know before anything is kept of it.
struct Key(&'static [&'static str]);

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
        Ok(Named::known(self.0, key).unwrap_or(Named::Other(Cow::Borrowed(key))))
    }

    fn visit_str<E>(self, key: &str) -> Result<Named<'de>, E> {
        Ok(Named::known(self.0, key).unwrap_or_else(|| Named::Other(Cow::Owned(key.to_owned()))))
    }
}
