//! The fields of one object of a catalogue file.

use super::{Origin, Source};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Effort, Instant, Quality};

/// Takes fields out of an object one by one, so that what is left over at the end is unknown.
pub(super) struct Reader<'a> {
    /// Stands before every message, e.g. `price: `.
    pub place: String,
    pub fields: Map<String, Value>,
    pub problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    pub fn say(&mut self, message: String) {
        self.problems.push(format!("{}{message}", self.place));
    }

    pub fn wrong(&mut self, name: &str, value: &Value, expected: &str) {
        self.say(format!("{name} is {value}; {expected} was expected"));
    }

    /// None for an absent field and for null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|v| !v.is_null())
    }

    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(name, &other, "a text");
                None
            }
        }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        if self.fields.get(name).is_none_or(Value::is_null) {
            self.say(format!("{name} is missing"));
        }
        self.optional_text(name)
    }

    pub fn word<T: serde::de::DeserializeOwned>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let word = serde_json::from_value(Value::String(text.clone())).ok();
        if word.is_none() {
            self.say(format!("{name} is {text:?}; one of {expected} was expected"));
        }
        word
    }

    /// A whole number above zero.
    pub fn count(&mut self, name: &str) -> Option<u32> {
        let value = self.take(name)?;
        let count = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        if count.is_none() {
            self.wrong(name, &value, "a whole number above zero (leave it out where it is unknown)");
        }
        count
    }

    pub fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.wrong(name, &other, "true or false");
                false
            }
        }
    }

    pub fn share(&mut self, name: &str) -> Option<f64> {
        let value = self.take(name);
        let share = value.as_ref().and_then(Value::as_f64).filter(|s| (0.0..=1.0).contains(s));
        if share.is_none() {
            self.wrong(name, &value.unwrap_or(Value::Null), "a number from 0 to 1");
        }
        share
    }

    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(map) => Some(map),
            other => {
                self.wrong(name, &other, "an object");
                None
            }
        }
    }

    pub fn objects(&mut self, name: &str) -> Vec<Map<String, Value>> {
        let list = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.wrong(name, &other, "a list of objects");
                return Vec::new();
            }
        };
        let mut objects = Vec::with_capacity(list.len());
        for item in list {
            match item {
                Value::Object(map) => objects.push(map),
                other => self.wrong(name, &other, "a list of objects"),
            }
        }
        objects
    }

    pub fn names<T>(&mut self, name: &str, known: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let list = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.wrong(name, &other, "a list of names");
                return Vec::new();
            }
        };
        let mut found = Vec::with_capacity(list.len());
        for item in list {
            match item.as_str().and_then(&known) {
                Some(value) => found.push(value),
                None => self.say(format!("{name} holds {item}, which is unknown")),
            }
        }
        found
    }

    pub fn quality(&mut self) -> (Option<Quality>, Option<Origin>) {
        let Some(fields) = self.object("quality") else {
            return (None, None);
        };
        let mut inner = Reader { place: "quality: ".into(), fields, problems: self.problems };
        let (mean, confidence) = (inner.share("mean"), inner.share("confidence"));
        let origin = inner.origin();
        inner.rest();
        let quality = mean.zip(confidence).map(|(mean, confidence)| Quality { mean, confidence });
        (quality, origin)
    }

    pub fn latency(&mut self) -> (Option<u32>, Option<u32>, Option<Origin>) {
        let Some(fields) = self.object("latency") else {
            return (None, None, None);
        };
        let mut inner = Reader { place: "latency: ".into(), fields, problems: self.problems };
        let (ttft, speed) = (inner.count("ttft_ms"), inner.count("tokens_per_s"));
        if ttft.is_some_and(|ms| ms > 3_600_000) {
            inner.say("ttft_ms is above an hour".into());
        }
        if speed.is_some_and(|s| s > 100_000) {
            inner.say("tokens_per_s is above 100,000".into());
        }
        let origin = inner.origin();
        inner.rest();
        (ttft, speed, origin)
    }

    pub fn origin(&mut self) -> Option<Origin> {
        let (source, date) = (self.text("source"), self.text("date"));
        let effort = self.optional_text("effort").and_then(|name| {
            let effort = Effort::named(&name);
            if effort.is_none() {
                self.say(format!("effort {name:?} is unknown"));
            }
            effort
        });
        let date = date.filter(|d| is_partial_date(d)).or_else(|| {
            self.say("date has to be YYYY, YYYY-MM or YYYY-MM-DD".into());
            None
        });
        Some(Origin { source: source?, date: date?, effort })
    }

    pub fn sources(&mut self, known: &BTreeMap<String, Source>) -> BTreeMap<String, String> {
        let mut sources = BTreeMap::new();
        for (key, date) in self.object("sources").unwrap_or_default() {
            if !known.contains_key(&key) {
                self.say(format!("source {key:?} is not described under sources"));
            }
            match date.as_str().filter(|d| is_partial_date(d)) {
                Some(date) => {
                    sources.insert(key, date.to_owned());
                }
                None => self
                    .say(format!("date of source {key} is {date}; YYYY, YYYY-MM or YYYY-MM-DD was expected")),
            }
        }
        sources
    }

    /// Reports what nobody took: a misspelt field must not be a field left out.
    pub fn rest(&mut self) {
        let left: BTreeSet<String> =
            std::mem::take(&mut self.fields).into_iter().map(|(name, _)| name).collect();
        for name in left {
            self.say(format!("unknown field {name:?}"));
        }
    }
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn is_partial_date(text: &str) -> bool {
    let full = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    Instant::parse_date(&full).is_some()
}
