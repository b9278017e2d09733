//! The details that every request writes, as text: a hold's and a settlement's.
//!
//! The same text that `serde_json` gives for the same values (a property test holds them together), at a quarter of its
//! cost: keys are known, amounts are digits, and names seldom have anything to escape.

use crate::Line;
use vocab::{Instant, Pico, Usage};

/// JSON in the making.
#[derive(Default)]
pub(crate) struct Json(String);

impl Json {
    pub fn with_room(room: usize) -> Self {
        Self(String::with_capacity(room))
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// As it is.
    pub fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    pub fn number(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number));
    }

    pub fn time(&mut self, at: Instant) {
        self.number(at.as_micros());
    }

    pub fn money(&mut self, amount: Pico) {
        self.0.push('"');
        amount.text().add_to(&mut self.0);
        self.0.push('"');
    }

    pub fn string(&mut self, text: &str) {
        if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
            // A string can always be written.
            self.raw(&serde_json::to_string(text).unwrap_or_default());
            return;
        }
        self.0.push('"');
        self.raw(text);
        self.0.push('"');
    }

    pub fn lines(&mut self, lines: &[Line]) {
        self.0.push('[');
        for (n, line) in lines.iter().enumerate() {
            self.raw(if n == 0 { "{\"provider\":" } else { ",{\"provider\":" });
            self.string(&line.provider);
            self.raw(",\"model\":");
            self.string(&line.model);
            self.raw(",\"usage\":");
            self.usage(&line.usage);
            if let Some(price) = &line.price {
                self.raw(",\"price\":");
                self.string(price);
            }
            self.raw(",\"amount\":");
            self.money(line.amount);
            self.raw(",\"outcome\":");
            self.string(&line.outcome);
            self.0.push('}');
        }
        self.0.push(']');
    }

    fn usage(&mut self, usage: &Usage) {
        self.0.push('{');
        let first = self.0.len();
        for (bucket, count) in usage.counted() {
            self.key(first, bucket.name());
            self.number(count);
        }
        for (flag, set) in
            [("estimated", usage.estimated), ("partial", usage.partial), ("anomaly", usage.anomaly)]
        {
            if set {
                self.key(first, flag);
                self.raw("true");
            }
        }
        if !usage.modifiers.is_empty() {
            self.key(first, "modifiers");
            self.number(usage.modifiers.bits().into());
        }
        self.0.push('}');
    }

    fn key(&mut self, first: usize, key: &'static str) {
        self.raw(if self.0.len() == first { "\"" } else { ",\"" });
        self.raw(key);
        self.raw("\":");
    }
}
