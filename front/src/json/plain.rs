//! Readers of single values.

use super::read::{Array, Items, Members, Object, Read};
use super::wrong::{Wrong, shortened};
use json::{Found, Quoted, Walk};
use std::fmt::Display;
use tokens::Size;

pub struct Bool;

impl Read<'_> for Bool {
    type Out = bool;
    const WANTED: &'static str = "a boolean";

    fn plain(self, found: Found<'_>) -> Result<bool, Wrong> {
        match found {
            Found::Bool(value) => Ok(value),
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }
}

/// A string, handed to a function. Where it has escapes, they are only resolved if that asks for the text.
#[derive(Clone, Copy)]
pub struct Text<F>(pub F);

impl<T, F: FnOnce(Quoted<'_>) -> Result<T, Wrong>> Read<'_> for Text<F> {
    type Out = T;
    const WANTED: &'static str = "a string";

    #[inline]
    fn plain(self, found: Found<'_>) -> Result<T, Wrong> {
        match found {
            Found::Text(text) => self.0(text),
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }
}

/// The length of a text.
#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
pub fn length(text: Quoted<'_>) -> Result<usize, Wrong> {
    Ok(text.len())
}

/// The length of a text that must say something.
pub fn filled(text: Quoted<'_>) -> Result<usize, Wrong> {
    match text.len() {
        0 => Err(Wrong::field("expected a text, got an empty string")),
        length => Ok(length),
    }
}

/// A text that counts for what it is made of. Its length.
pub struct Spoken<'s>(pub &'s mut Size);

impl Read<'_> for Spoken<'_> {
    type Out = usize;
    const WANTED: &'static str = "a string";

    fn plain(self, found: Found<'_>) -> Result<usize, Wrong> {
        match found {
            Found::Text(text) => {
                say(self.0, text);
                Ok(text.len())
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }
}

/// Counts a text for what it is made of.
pub fn say(size: &mut Size, text: Quoted<'_>) {
    size.say(&match text.plain() {
        Some(plain) => tokens::Text::of(plain),
        None => tokens::Text::written(text.written(), text.len(), |part, piece| {
            json::spell(part, |without| piece(without.as_bytes()));
        }),
    });
}

/// The text itself.
#[allow(clippy::unnecessary_wraps, reason = "a reader's function")]
pub fn owned(text: Quoted<'_>) -> Result<String, Wrong> {
    Ok(text.text().into_owned())
}

/// A string that is one of these.
#[derive(Clone, Copy)]
pub struct OneOf(pub &'static [&'static str]);

impl Read<'_> for OneOf {
    type Out = &'static str;

    fn plain(self, found: Found<'_>) -> Result<&'static str, Wrong> {
        let Found::Text(said) = found else {
            return Err(Wrong::instead_of(found, format_args!("one of {}", listed(self.0))));
        };
        let said = said.text();
        self.0.iter().find(|known| **known == said).copied().ok_or_else(|| {
            Wrong::field(format!("{:?} is not known; allowed: {}", shortened(&said), listed(self.0)))
        })
    }
}

/// As they are allowed: in quotes.
pub fn listed(allowed: &[&str]) -> String {
    allowed.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>().join(", ")
}

/// A whole number within bounds.
#[derive(Clone, Copy)]
pub struct Whole(pub i64, pub i64);

impl Read<'_> for Whole {
    type Out = i64;

    fn plain(self, found: Found<'_>) -> Result<i64, Wrong> {
        let Self(least, most) = self;
        let whole = match found {
            Found::Whole(n) => i64::try_from(n).ok().filter(|n| (least..=most).contains(n)),
            _ => None,
        };
        whole.ok_or_else(|| outside(found, &format!("a whole number from {least} to {most}")))
    }
}

/// A number within bounds.
#[derive(Clone, Copy)]
pub struct Real(pub f64, pub f64);

impl Read<'_> for Real {
    type Out = f64;

    fn plain(self, found: Found<'_>) -> Result<f64, Wrong> {
        let Self(least, most) = self;
        let real = match found {
            Found::Whole(n) => Some(n as f64),
            Found::Real(n) => Some(n),
            _ => None,
        };
        let within = real.filter(|n| (least..=most).contains(n));
        within.ok_or_else(|| outside(found, &format!("a number from {least} to {most}")))
    }
}

#[cold]
fn outside(found: Found<'_>, wanted: &str) -> Wrong {
    let got = |n: &dyn Display| Wrong::field(format!("expected {wanted}, got {n}"));
    match found {
        Found::Whole(n) => got(&n),
        Found::Real(n) => got(&n),
        other => Wrong::instead_of(other, wanted),
    }
}

/// None for an explicit null.
#[derive(Clone, Copy)]
pub struct Maybe<R>(pub R);

impl<'de, R: Read<'de>> Read<'de> for Maybe<R> {
    type Out = Option<R::Out>;
    const WANTED: &'static str = R::WANTED;

    #[inline]
    fn plain(self, found: Found<'_>) -> Result<Self::Out, Wrong> {
        match found {
            Found::Null => Ok(None),
            other => self.0.plain(other).map(Some),
        }
    }

    fn array<A: Items<'de>>(self, array: Array<A>) -> Result<Self::Out, Wrong> {
        self.0.array(array).map(Some)
    }

    fn object<M: Members<'de>>(self, object: Object<'de, M>) -> Result<Self::Out, Wrong> {
        self.0.object(object).map(Some)
    }
}

/// An array of alike items: the reader of each, and what is done with it and its place. How many there were.
pub struct Each<R, F>(pub R, pub F);

impl<'de, R: Read<'de> + Copy, F: FnMut(usize, R::Out) -> Result<(), Wrong>> Read<'de> for Each<R, F> {
    type Out = usize;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(mut self, mut array: Array<A>) -> Result<usize, Wrong> {
        while let Some(item) = array.next(self.0)? {
            let at = array.count() - 1;
            self.1(at, item).map_err(|wrong| wrong.in_item(at))?;
        }
        Ok(array.count())
    }
}

/// Any value. Its length as JSON without white space, roughly: escapes are counted as what they stand for.
#[derive(Clone, Copy)]
pub struct Skip;

impl<'de> Read<'de> for Skip {
    type Out = usize;
    const WANTED: &'static str = "a value";

    fn plain(self, found: Found<'_>) -> Result<usize, Wrong> {
        Ok(match found {
            Found::Text(text) => text.len() + 2,
            _ => 4,
        })
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<usize, Wrong> {
        let mut length = 1;
        while let Some(item) = array.next(Self)? {
            length += item + 1;
        }
        Ok(length.max(2))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let mut length = 1;
        while let Some(key) = object.any_key()? {
            length += key.len() + 4;
            length += object.value(Self)?;
        }
        Ok(length.max(2))
    }

    fn walk(self, walk: &mut Walk<'de>) -> Result<usize, Wrong> {
        walk.measure().ok_or_else(Wrong::given_up)
    }
}

/// An object with anything in it.
#[derive(Clone, Copy)]
pub struct AnyObject;

impl<'de> Read<'de> for AnyObject {
    type Out = usize;

    fn object<M: Members<'de>>(self, object: Object<'de, M>) -> Result<usize, Wrong> {
        Skip.object(object)
    }
}
