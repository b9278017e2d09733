//! What all JWTs have in common, whoever signs them and however (RFC 7515, 7519): three parts of base64url, two of them
//! JSON objects in which every name stands once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use vocab::Instant;

/// The longest text that a claim may hold.
const LONGEST: usize = 128;

/// A claim that is there and is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unusable;

/// Header, payload and signature, as they stand.
pub(crate) fn parts(token: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = token.split(|b| *b == b'.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(head), Some(payload), Some(signature), None) => Some([head, payload, signature]),
        _ => None,
    }
}

/// Without padding, and with unused bits zero: one token has one text.
pub(crate) fn decoded(part: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7519, 4 leaves it open whether a name that comes twice is refused or the last of them counts. Two readers that
/// differ would see two callers, so it is refused.
#[derive(Clone, PartialEq)]
pub(crate) struct Object(BTreeMap<String, Value>);

impl Object {
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Of a part of a token.
    pub fn of(part: &[u8]) -> Option<Self> {
        Self::read(&decoded(part)?)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn is(&self, name: &str, text: &str) -> bool {
        self.0.get(name).and_then(Value::as_str) == Some(text)
    }

    pub fn is_regardless_of_case(&self, name: &str, text: &str) -> bool {
        self.0.get(name).and_then(Value::as_str).is_some_and(|t| t.eq_ignore_ascii_case(text))
    }

    /// A text, or one of several: an audience may be either (RFC 7519, 4.1.3).
    pub fn names(&self, name: &str, text: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(text)),
            _ => self.is(name, text),
        }
    }

    /// A moment in whole seconds.
    pub fn seconds(&self, name: &str) -> Result<Option<Instant>, Unusable> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        value.as_u64().map(Instant::from_secs).map(Some).ok_or(Unusable)
    }

    /// Text that can be shown and logged as it is.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Unusable> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        value.as_str().filter(|text| is_plain(text)).map(Some).ok_or(Unusable)
    }

    pub fn to_map(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// 1 to 128 characters, none of them a control character.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name stands twice"));
                    }
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Once)
    }
}
