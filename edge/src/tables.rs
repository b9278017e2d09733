//! A configuration's text as the types that it is read into.
//!
//! The text is parsed by `toml`. What it holds is put into types from here: `toml`'s own way is made anew for every field of
//! every type, which is an eighth of what the Worker would weigh, and this one once for each type. It reads the same and
//! finds fault in the same words, with line and column (`tests`). Dates are no part of any configuration, and are refused.

#[cfg(test)]
mod tests;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

type Span = Range<usize>;

/// Reads a text.
///
/// # Errors
/// What is wrong with it and where, in several lines.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let table = DeTable::parse(text).map_err(|wrong| wrong.to_string())?;
    let span = table.span();
    let whole = Node { value: DeValue::Table(table.into_inner()), span };
    T::deserialize(whole).map_err(|wrong| wrong.told(text))
}

/// What is wrong, and where, once that is known.
#[derive(Debug)]
struct Wrong(Box<(String, Option<Span>)>);

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self(Box::new((what.into(), None)))
    }

    /// Where it is, unless that was said already from closer by.
    fn at(mut self, span: &Span) -> Self {
        self.0.1.get_or_insert_with(|| span.clone());
        self
    }

    /// As `toml` says it.
    fn told(&self, text: &str) -> String {
        let (what, span) = &*self.0;
        let Some(span) = span else { return format!("{what}\n") };
        let before = text.get(..span.start).unwrap_or(text);
        let (number, begin) = (before.matches('\n').count(), before.rfind('\n').map_or(0, |at| at + 1));
        let line = text.split('\n').nth(number).unwrap_or_default();
        let column = before.get(begin..).unwrap_or_default().chars().count();
        let marks = span.len().min(line.len().saturating_sub(column)).max(1);
        let number = (number + 1).to_string();
        let gutter = " ".repeat(number.len() + 1);
        format!(
            "TOML parse error at line {number}, column {}\n{gutter}|\n{number} | {line}\n{gutter}| {}{}\n{what}\n",
            column + 1,
            " ".repeat(column),
            "^".repeat(marks),
        )
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }
}

/// A value, and where it stands.
struct Node<'a> {
    value: DeValue<'a>,
    span: Span,
}

impl<'a> From<Spanned<DeValue<'a>>> for Node<'a> {
    fn from(value: Spanned<DeValue<'a>>) -> Self {
        Self { span: value.span(), value: value.into_inner() }
    }
}

fn whole<T>(number: &DeInteger<'_>, parse: fn(&str, u32) -> Result<T, std::num::ParseIntError>) -> Option<T> {
    parse(number.as_str(), number.radix()).ok()
}

// Never inline: each of these is made for each type that is read, and once is enough.
impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Wrong;

    #[inline(never)]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let Self { value, span } = self;
        match value {
            DeValue::String(text) => visitor.visit_str(&text),
            DeValue::Integer(number) => match whole(&number, i64::from_str_radix) {
                Some(small) => visitor.visit_i64(small),
                None => match whole(&number, i128::from_str_radix) {
                    Some(large) => visitor.visit_i128(large),
                    None => Err(Wrong::new("integer number overflowed")),
                },
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Wrong::new("floating-point number overflowed")),
            },
            DeValue::Boolean(flag) => visitor.visit_bool(flag),
            DeValue::Datetime(_) => Err(Wrong::new("a date is no part of a configuration")),
            DeValue::Array(list) => visitor.visit_seq(List(list.into_iter())),
            DeValue::Table(table) => visitor.visit_map(Table { rest: table.into_iter(), value: None }),
        }
        .map_err(|wrong: Wrong| wrong.at(&span))
    }

    #[inline(never)]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let span = self.span.clone();
        visitor.visit_some(self).map_err(|wrong: Wrong| wrong.at(&span))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let span = self.span.clone();
        visitor.visit_newtype_struct(self).map_err(|wrong: Wrong| wrong.at(&span))
    }

    #[inline(never)]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let Self { value, span } = self;
        match value {
            DeValue::String(text) => visitor.visit_enum(StrDeserializer::new(&text)),
            DeValue::Table(table) => {
                let mut rest = table.into_iter();
                match (rest.next(), rest.next()) {
                    (Some((name, value)), None) => visitor.visit_enum(Variant { name, value: value.into() }),
                    (None, _) => Err(Wrong::new("wanted exactly 1 element, found 0 elements")),
                    (Some(_), Some(_)) => Err(Wrong::new("wanted exactly 1 element, more than 1 element")),
                }
            }
            _ => Err(Wrong::new("wanted string or table")),
        }
        .map_err(|wrong: Wrong| wrong.at(&span))
    }

    forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string seq struct bytes byte_buf map unit ignored_any
        unit_struct tuple_struct tuple identifier
    }
}

struct List<'a>(std::vec::IntoIter<Spanned<DeValue<'a>>>);

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Wrong;

    #[inline(never)]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.0.next().map(|value| seed.deserialize(Node::from(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Table<'a, I> {
    rest: I,
    value: Option<Spanned<DeValue<'a>>>,
}

impl<'de, I: Iterator<Item = (Spanned<DeString<'de>>, Spanned<DeValue<'de>>)>> MapAccess<'de>
    for Table<'de, I>
{
    type Error = Wrong;

    #[inline(never)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        named(seed, &name).map(Some)
    }

    #[inline(never)]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        match self.value.take() {
            Some(value) => {
                let span = value.span();
                seed.deserialize(Node::from(value)).map_err(|wrong: Wrong| wrong.at(&span))
            }
            None => Err(Wrong::new("a value before its name")),
        }
    }
}

fn named<'de, K: DeserializeSeed<'de>>(seed: K, name: &Spanned<DeString<'_>>) -> Result<K::Value, Wrong> {
    seed.deserialize(StrDeserializer::<Wrong>::new(name.get_ref())).map_err(|wrong| wrong.at(&name.span()))
}

/// A variant that is named by its table's only key.
struct Variant<'a> {
    name: Spanned<DeString<'a>>,
    value: Node<'a>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Wrong;
    type Variant = Node<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Node<'de>), Wrong> {
        named(seed, &self.name).map(|variant| (variant, self.value))
    }
}

impl<'de> VariantAccess<'de> for Node<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match &self.value {
            DeValue::Table(table) if table.is_empty() => Ok(()),
            DeValue::Table(_) => Err(Wrong::new("expected empty table").at(&self.span)),
            other => {
                Err(Wrong::custom(format_args!("expected table, found {}", other.type_str())).at(&self.span))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_any(visitor)
    }
}
