//! Readers taken along the walk: nearly every request goes this way and no other.

use super::read::{Array, Items, Members, Named, Object, Read};
use super::way;
use super::wrong::Wrong;
use json::{Found, Walk};

/// Reads one value, and nothing may follow it. None where the walk gives up, and for whatever is wrong.
pub fn read<'de, R: Read<'de>>(text: &'de str, reader: R) -> Option<R::Out> {
    let mut walk = Walk::along(text);
    let out = reader.walk(&mut walk).ok()?;
    walk.end().map(|()| out)
}

/// Takes the next value, whatever it is.
#[inline]
pub fn value<'de, R: Read<'de>>(walk: &mut Walk<'de>, reader: R) -> Result<R::Out, Wrong> {
    match walk.value().ok_or_else(Wrong::given_up)? {
        Found::Array => reader.array(Array::new(way::walked(Rest { walk, first: true }))),
        Found::Object => reader.object(Object::new(way::walked(Rest { walk, first: true }))),
        plain => reader.plain(plain),
    }
}

/// What of a container is still to come.
pub struct Rest<'w, 'de> {
    walk: &'w mut Walk<'de>,
    first: bool,
}

impl<'de> Items<'de> for Rest<'_, 'de> {
    #[inline]
    fn next<R: Read<'de>>(&mut self, reader: R) -> Result<Option<R::Out>, Wrong> {
        match self.walk.item(&mut self.first) {
            Some(true) => reader.walk(self.walk).map(Some),
            Some(false) => Ok(None),
            None => Err(Wrong::given_up()),
        }
    }
}

impl<'de> Members<'de> for Rest<'_, 'de> {
    #[inline]
    fn key(&mut self, names: &'static [&'static str]) -> Result<Option<Named<'de>>, Wrong> {
        let Some(key) = self.walk.key(&mut self.first).ok_or_else(Wrong::given_up)? else { return Ok(None) };
        let key = key.text();
        Ok(Some(Named::known(names, &key).unwrap_or(Named::Other(key))))
    }

    #[inline]
    fn value<R: Read<'de>>(&mut self, reader: R) -> Result<R::Out, Wrong> {
        reader.walk(self.walk)
    }

    fn raw(&mut self) -> Result<&'de str, Wrong> {
        self.walk.written(Walk::skip).map(|(written, ())| written).ok_or_else(Wrong::given_up)
    }

    #[inline]
    fn written<R: Read<'de>>(&mut self, reader: R) -> Result<(&'de str, R::Out), Wrong> {
        self.walk.written(|walk| reader.walk(walk).ok()).ok_or_else(Wrong::given_up)
    }
}
