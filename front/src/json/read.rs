//! Readers of JSON that name what is wrong, and where.

use super::plain::Skip;
use super::wrong::Wrong;
use super::{parsed, walked};
use json::{Found, Walk};
use relay::BadInput;
use std::borrow::Cow;

/// More fields that we do not know than this are no honest request.
const UNKNOWN_MAX: usize = 64;

/// What takes one value.
pub trait Read<'de>: Sized {
    type Out;

    /// What is taken, for messages.
    const WANTED: &'static str = "an object";

    /// Takes what is no container. Also told of containers, where those are not taken: they must be refused.
    fn plain(self, found: Found<'_>) -> Result<Self::Out, Wrong> {
        Err(Wrong::instead_of(found, Self::WANTED))
    }

    fn array<A: Items<'de>>(self, _: Array<A>) -> Result<Self::Out, Wrong> {
        self.plain(Found::Array)
    }

    fn object<M: Members<'de>>(self, _: Object<'de, M>) -> Result<Self::Out, Wrong> {
        self.plain(Found::Object)
    }

    /// Takes the next value of a walk. As it is, unless there is a shorter way to the same.
    #[inline]
    fn walk(self, walk: &mut Walk<'de>) -> Result<Self::Out, Wrong> {
        walked::value(walk, self)
    }
}

/// Where the items of an array come from.
pub trait Items<'de> {
    /// Takes the next item; None at the end.
    fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong>;
}

/// Where the fields of an object come from.
pub trait Members<'de> {
    /// The next key, held against the names we know before anything is kept of it; None at the end.
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong>;

    /// Takes the value of the key.
    fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong>;

    /// The value of the key as it is written. It has JSON's form, but only reading it checks the rest.
    fn raw(&mut self) -> Result<&'de str, Wrong>;

    /// The value of the key as it is written, and read.
    fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong>;
}

/// A key.
pub enum Named<'de> {
    /// One of the names, and its place among them.
    Known(usize, &'static str),
    Other(Cow<'de, str>),
}

impl Named<'_> {
    /// The name that a key is.
    #[inline]
    pub fn known<'de>(names: &'static [&'static str], key: &str) -> Option<Named<'de>> {
        // Most names differ in their lengths or in how they begin.
        let first = key.as_bytes().first();
        let same =
            |name: &&'static str| name.len() == key.len() && name.as_bytes().first() == first && *name == key;
        let place = names.iter().position(same)?;
        Some(Named::Known(place, names.get(place)?))
    }
}

/// What is found in a body; or what is wrong with it, as its sender is told.
pub fn look<T>(body: &[u8], find: impl FnOnce(&str) -> Result<T, Wrong>) -> Result<T, BadInput> {
    text(body).and_then(find).map_err(|wrong| wrong.told(body))
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

/// Reads one value, and nothing may follow it. The walk does it, and where it gives up, or anything is wrong, `serde_json`
/// does it again from the beginning: only that has a verdict, and words for it. Hence a reader that can be had twice.
pub fn read<'de, R: Read<'de> + Clone>(text: &'de str, reader: R) -> Result<R::Out, Wrong> {
    match walked::read(text, reader.clone()) {
        Some(out) => Ok(out),
        None => parsed::read(text, reader),
    }
}

/// Whether all of a body is JSON.
pub fn check(body: &[u8]) -> Result<(), BadInput> {
    text(body).and_then(|text| read(text, Skip)).map(drop).map_err(|wrong| wrong.told(body))
}

/// An array being read.
pub struct Array<A> {
    items: A,
    count: usize,
}

impl<A> Array<A> {
    pub(super) const fn new(items: A) -> Self {
        Self { items, count: 0 }
    }
}

impl<'de, A: Items<'de>> Array<A> {
    /// Takes the next item. None at the end, and only then may the array be left.
    #[inline]
    pub fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
        let item = self.items.next(reader).map_err(|wrong| wrong.in_item(self.count))?;
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

impl<M> Object<'_, M> {
    #[inline]
    pub(super) const fn new(fields: M) -> Self {
        Self { fields, key: Cow::Borrowed(""), known: 0, unknown: Vec::new() }
    }
}

impl<'de, M: Members<'de>> Object<'de, M> {
    /// The next key that is one of `names` (at most 64), `""` for any other, None at the end. The same key again is
    /// a fault.
    #[inline]
    pub fn key(&mut self, names: &'static [&'static str]) -> Result<Option<&'static str>, Wrong> {
        match self.fields.key(names)? {
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
        match self.fields.key(&[])? {
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
        self.fields.value(reader).map_err(|wrong| wrong.in_key(&self.key))
    }

    /// The value of the key as it is written. It has JSON's form, but only reading it checks the rest.
    pub fn raw(&mut self) -> Result<&'de str, Wrong> {
        self.fields.raw().map_err(|wrong| wrong.in_key(&self.key))
    }

    /// The value of the key as it is written, and read.
    #[inline]
    pub fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong> {
        self.fields.written(reader).map_err(|wrong| wrong.in_key(&self.key))
    }
}
