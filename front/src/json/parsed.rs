//! Readers lent to `serde_json`: the judge of everything that the walk gives up.
//!
//! Readers are lent as objects, so that a parser is made once, and not once for each of them: few bodies come here, and
//! those that do mostly to be refused.

use super::read::{Array, Items, Members, Named, Object, Read};
use super::way;
use super::wrong::Wrong;
use json::{Found, Quoted};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads one value, and nothing may follow it.
pub fn read<'de, R: Read<'de>>(text: &'de str, reader: R) -> Result<R::Out, Wrong> {
    let mut lent = Lent { reader: Some(reader), out: None };
    judge(text, &mut lent)?;
    lent.out()
}

fn judge<'de>(text: &'de str, reader: &mut dyn Take<'de>) -> Result<(), Wrong> {
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Bridge { reader, wrong: &mut wrong }.deserialize(&mut json);
    read.and_then(|()| json.end()).map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
}

/// A reader whose kind is not known any more.
pub trait Take<'de> {
    fn plain(&mut self, found: Found<'_>) -> Result<(), Wrong>;
    fn array(&mut self, items: &mut dyn Row<'de>) -> Result<(), Wrong>;
    fn object(&mut self, fields: &mut dyn Fields<'de>) -> Result<(), Wrong>;
}

struct Lent<R, T> {
    reader: Option<R>,
    out: Option<T>,
}

impl<R, T> Lent<R, T> {
    fn taken(&mut self) -> Result<R, Wrong> {
        self.reader.take().ok_or_else(Wrong::given_up)
    }

    fn out(self) -> Result<T, Wrong> {
        self.out.ok_or_else(Wrong::given_up)
    }
}

impl<'de, R: Read<'de>> Take<'de> for Lent<R, R::Out> {
    fn plain(&mut self, found: Found<'_>) -> Result<(), Wrong> {
        self.out = Some(self.taken()?.plain(found)?);
        Ok(())
    }

    fn array(&mut self, items: &mut dyn Row<'de>) -> Result<(), Wrong> {
        self.out = Some(self.taken()?.array(Array::new(way::parsed(Parsed(items))))?);
        Ok(())
    }

    fn object(&mut self, fields: &mut dyn Fields<'de>) -> Result<(), Wrong> {
        self.out = Some(self.taken()?.object(Object::new(way::parsed(Parsed(fields))))?);
        Ok(())
    }
}

/// Lends a reader to `serde`, and keeps its fault beside the error, which could only hold a text.
struct Bridge<'w, 'de> {
    reader: &'w mut dyn Take<'de>,
    wrong: &'w mut Option<Wrong>,
}

impl<'de> Bridge<'_, 'de> {
    fn give<E: Error>(self, read: impl FnOnce(&mut dyn Take<'de>) -> Result<(), Wrong>) -> Result<(), E> {
        read(self.reader).map_err(|wrong| {
            *self.wrong = Some(wrong);
            E::custom("")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Bridge<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bridge<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Bool(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Whole(value.into())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Whole(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Real(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.give(|reader| reader.plain(Found::Text(Quoted::plainly(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.give(|reader| reader.array(&mut Access(items)))
    }

    fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<(), M::Error> {
        self.give(|reader| reader.object(&mut Access(fields)))
    }
}

/// An array of `serde_json`'s whose kind is not known any more.
pub trait Row<'de> {
    /// Whether there was another item.
    fn item(&mut self, reader: &mut dyn Take<'de>) -> Result<bool, Wrong>;
}

/// An object of `serde_json`'s whose kind is not known any more.
pub trait Fields<'de> {
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong>;
    fn value(&mut self, reader: &mut dyn Take<'de>) -> Result<(), Wrong>;
    fn raw(&mut self) -> Result<&'de str, Wrong>;
}

struct Access<A>(A);

impl<'de, A: SeqAccess<'de>> Row<'de> for Access<A> {
    fn item(&mut self, reader: &mut dyn Take<'de>) -> Result<bool, Wrong> {
        let mut wrong = None;
        let item = self.0.next_element_seed(Bridge { reader, wrong: &mut wrong });
        item.map(|item| item.is_some()).map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
    }
}

impl<'de, M: MapAccess<'de>> Fields<'de> for Access<M> {
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong> {
        self.0.next_key_seed(Key(names)).map_err(Wrong::syntax)
    }

    fn value(&mut self, reader: &mut dyn Take<'de>) -> Result<(), Wrong> {
        let mut wrong = None;
        let value = self.0.next_value_seed(Bridge { reader, wrong: &mut wrong });
        value.map_err(|e| wrong.unwrap_or_else(|| Wrong::syntax(e)))
    }

    fn raw(&mut self) -> Result<&'de str, Wrong> {
        self.0.next_value::<&RawValue>().map(RawValue::get).map_err(Wrong::syntax)
    }
}

/// What of a container is still to come.
pub struct Parsed<'w, S: ?Sized>(&'w mut S);

impl<'de> Items<'de> for Parsed<'_, dyn Row<'de> + '_> {
    fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
        let mut lent = Lent { reader: Some(reader), out: None };
        if self.0.item(&mut lent)? { lent.out().map(Some) } else { Ok(None) }
    }
}

impl<'de> Members<'de> for Parsed<'_, dyn Fields<'de> + '_> {
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong> {
        self.0.key(names)
    }

    fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        let mut lent = Lent { reader: Some(reader), out: None };
        self.0.value(&mut lent)?;
        lent.out()
    }

    fn raw(&mut self) -> Result<&'de str, Wrong> {
        self.0.raw()
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

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Named<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Named<'de>, E> {
        Ok(Named::known(self.0, key).unwrap_or(Named::Other(Cow::Borrowed(key))))
    }

    fn visit_str<E>(self, key: &str) -> Result<Named<'de>, E> {
        Ok(Named::known(self.0, key).unwrap_or_else(|| Named::Other(Cow::Owned(key.to_owned()))))
    }
}
