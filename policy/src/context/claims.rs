//! A JSON object in which every name stands once.

use super::BadContext;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use vocab::Instant;

/// The longest text that a claim may hold.
const LONGEST: usize = 128;

/// RFC 7519, 4 leaves it open whether a name that comes twice is refused or the last of them counts. Two readers that
/// differ would see two callers, so it is refused.
pub(super) struct Object(BTreeMap<String, Value>);

impl Object {
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
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
    pub fn seconds(&self, name: &'static str) -> Result<Option<Instant>, BadContext> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        value.as_u64().map(Instant::from_secs).map(Some).ok_or(BadContext::Claim(name))
    }

    /// Text that can be shown and logged as it is.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, BadContext> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let plain = |text: &&str| {
            !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
        };
        value.as_str().filter(plain).map(Some).ok_or(BadContext::Claim(name))
    }
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
