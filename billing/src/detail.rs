//! The detail of an entry: JSON with its keys in alphabetical order and no white space, so that one content has one
//! text.

use crate::Line;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use vocab::{Instant, Pico};

const fn not(flag: &bool) -> bool {
    !*flag
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Grant<'a> {
    pub reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Hold<'a> {
    pub estimate: Pico,
    /// Microseconds since 1970.
    pub lease_until: Instant,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a RawValue>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Extend {
    pub lease_until: Instant,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Settle<'a> {
    #[serde(default, skip_serializing_if = "not")]
    pub estimated: bool,
    /// All that was set aside and is given back.
    pub held: Pico,
    /// The `seq` of the hold.
    pub hold: u64,
    pub lines: Cow<'a, [Line]>,
    /// More was used than was set aside.
    #[serde(default, skip_serializing_if = "not")]
    pub over: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Release<'a> {
    pub held: Pico,
    pub hold: u64,
    pub lines: Cow<'a, [Line]>,
    pub why: Cow<'a, str>,
}

/// The text of a detail. Nothing here can fail to be written: no map has a key that is no string.
pub(crate) fn text(detail: &impl Serialize, room: usize) -> String {
    let mut bytes = Vec::with_capacity(room);
    match serde_json::to_writer(&mut bytes, detail) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// A hold's detail. Tags that are no JSON are kept as a JSON string.
pub(crate) fn hold_text(estimate: Pico, lease_until: Instant, tags: &str) -> String {
    if tags.is_empty() {
        return text(&Hold { estimate, lease_until, tags: None }, 80);
    }
    let quoted;
    let tags = match serde_json::from_str::<&RawValue>(tags) {
        Ok(raw) => Some(raw),
        Err(_) => {
            quoted = serde_json::value::to_raw_value(tags).ok();
            quoted.as_deref()
        }
    };
    text(&Hold { estimate, lease_until, tags }, 96 + tags.map_or(0, |raw| raw.get().len()))
}
