//! A frame too large to be kept, made small as it passes.
//!
//! The last event of a stream holds the whole answer again, and the first ones hold the instructions and every tool. What
//! matters of them is a handful of fields. A sieve lets those through and nothing else, so that what is left is a small
//! frame of the same meaning that is read like any other.

use memchr::memchr2;

/// What is left is smaller, or the frame is none of this API.
const LEFT_MAX: usize = 16 << 10;
const KEY_MAX: usize = 64;

/// What stands within which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Frame,
    Response,
    Item,
    Other,
}

impl Inside {
    fn keeps(self, key: &[u8]) -> bool {
        let kept: &[&str] = match self {
            Self::Frame => &[
                "type",
                "sequence_number",
                "output_index",
                "response",
                "item",
                "error",
                "code",
                "message",
                "param",
            ],
            Self::Response => &[
                "id",
                "model",
                "status",
                "error",
                "incomplete_details",
                "usage",
                "service_tier",
                "tool_usage",
            ],
            Self::Item => &["type", "id", "call_id", "name"],
            Self::Other => &[],
        };
        kept.iter().any(|name| name.as_bytes() == key)
    }
}

/// The state of one frame. Fixed memory: at most 16 KiB are kept.
#[derive(Debug)]
pub(super) struct Sieve {
    out: Vec<u8>,
    depth: u32,
    /// What the object at depth 2 is.
    second: Inside,
    in_string: bool,
    escaped: bool,
    /// A string that comes now is a key.
    expects_key: bool,
    in_key: bool,
    key: Vec<u8>,
    /// A value at this depth is being left out.
    dropping: Option<u32>,
    /// How much of `data:` the line began with.
    label: Option<usize>,
    broken: bool,
}

impl Default for Sieve {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            depth: 0,
            second: Inside::Other,
            in_string: false,
            escaped: false,
            expects_key: false,
            in_key: false,
            key: Vec::new(),
            dropping: None,
            label: None,
            broken: false,
        }
    }
}

impl Sieve {
    /// What is left of the frame; None where it was too much.
    pub fn left(self) -> Option<String> {
        let whole = !self.broken && self.depth == 0;
        whole.then(|| String::from_utf8(self.out).ok()).flatten()
    }

    /// Takes more of the frame's data.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.broken {
                return;
            }
            // Nearly everything is inside long strings that nobody asks for.
            if self.in_string && !self.escaped && self.dropping.is_some() {
                let Some(at) = memchr2(b'"', b'\\', bytes) else { return };
                if at > 0 {
                    bytes = bytes.get(at..).unwrap_or_default();
                    continue;
                }
            }
            self.take(*byte);
            bytes = rest;
        }
    }

    fn take(&mut self, byte: u8) {
        if self.in_string {
            self.take_in_string(byte);
            return;
        }
        if let Some(at) = self.label {
            self.label = (b"data:".get(at) == Some(&byte) && at < 4).then_some(at + 1);
            if b"data:".get(at) == Some(&byte) {
                return;
            }
        }
        match byte {
            b'\n' | b'\r' => {
                self.label = Some(0);
                return;
            }
            b'"' => {
                self.in_string = true;
                self.in_key = self.expects_key && self.looks();
                self.key.clear();
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.expects_key = byte == b'{' && self.looks();
            }
            b'}' | b']' => {
                if self.dropping == Some(self.depth) {
                    self.dropping = None;
                }
                self.depth = self.depth.saturating_sub(1);
                self.expects_key = false;
                if self.depth == 1 {
                    self.second = Inside::Other;
                }
            }
            b',' => {
                if self.dropping == Some(self.depth) {
                    self.dropping = None;
                }
                self.expects_key = self.looks();
            }
            b':' if self.expects_key && self.looks() => {
                self.colon();
                return;
            }
            _ => {}
        }
        self.put(byte);
    }

    fn take_in_string(&mut self, byte: u8) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        self.put(byte);
        if ends {
            self.in_string = false;
            self.in_key = false;
        } else if self.in_key && self.key.len() < KEY_MAX {
            self.key.push(byte);
        }
    }

    /// A key is over: is what it names let through?
    fn colon(&mut self) {
        self.expects_key = false;
        self.put(b':');
        let inside = if self.depth == 1 { Inside::Frame } else { self.second };
        if !inside.keeps(&self.key) {
            b"null".iter().for_each(|byte| self.put(*byte));
            self.dropping = Some(self.depth);
        } else if self.depth == 1 {
            self.second = match self.key.as_slice() {
                b"response" => Inside::Response,
                b"item" => Inside::Item,
                _ => Inside::Other,
            };
        }
    }

    /// Whether keys are looked at here.
    fn looks(&self) -> bool {
        self.dropping.is_none() && (self.depth == 1 || (self.depth == 2 && self.second != Inside::Other))
    }

    fn put(&mut self, byte: u8) {
        if self.dropping.is_none() {
            self.broken |= self.out.len() >= LEFT_MAX;
            self.out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sieve;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sieved(text: &str, cut: usize) -> Option<Value> {
        let mut sieve = Sieve::default();
        text.as_bytes().chunks(cut).for_each(|piece| sieve.feed(piece));
        serde_json::from_str(&sieve.left()?).ok()
    }

    #[test]
    fn what_matters_is_left() {
        let usage = json!({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 1}});
        let frame = json!({
            "type": "response.completed", "sequence_number": 9, "obfuscation": "x\"}{",
            "response": {
                "id": "resp_1", "instructions": "say \"usage\": {} \\", "output": [{"content": [{"text": "a,b:{"}]}],
                "status": "incomplete", "incomplete_details": {"reason": "steered"}, "tools": [[], {}], "usage": usage,
                "model": "m", "temperature": 1.0, "metadata": {"usage": "no"}, "error": null, "user": null,
            },
        });
        for text in
            [frame.to_string(), serde_json::to_string_pretty(&frame).unwrap().replace('\n', "\ndata:")]
        {
            for cut in [1, 2, 7, 10_000] {
                let left = sieved(&text, cut).unwrap();
                assert_eq!(left["type"], "response.completed");
                let response = &left["response"];
                assert_eq!(response["usage"], usage);
                assert_eq!(response["incomplete_details"]["reason"], "steered");
                assert_eq!((&response["id"], &response["model"]), (&json!("resp_1"), &json!("m")));
                for dropped in ["output", "instructions", "tools", "metadata"] {
                    assert_eq!(response[dropped], Value::Null, "{dropped}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_much_is_given_up() {
        let frame = json!({"type": "error", "message": "x".repeat(20_000)}).to_string();
        assert_eq!(sieved(&frame, 1_000), None);
        assert_eq!(sieved("{\"type\":", 3), None, "it is not over");
    }

    fn value() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "response", "item", "usage", "output", "type", "a\"b\\", "id", "{", ",",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            word.clone().prop_map(Value::from)
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((word.clone(), inner), 0..5).prop_map(|pairs| Value::Object(
                    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_json_and_true(frame in value(), cut in 1..9_usize) {
            if let Value::Object(frame) = &frame {
                let left = sieved(&Value::Object(frame.clone()).to_string(), cut).unwrap();
                for (key, value) in frame {
                    match key.as_str() {
                        "response" | "item" if value.is_object() => {}
                        "response" | "item" | "type" => prop_assert_eq!(&left[key], value),
                        "output" | "id" | "usage" => prop_assert_eq!(&left[key], &Value::Null),
                        _ => {}
                    }
                }
                if frame.get("response").is_some_and(Value::is_object) {
                    prop_assert_eq!(&left["response"]["usage"], &frame["response"]["usage"]);
                    prop_assert_eq!(&left["response"]["output"], &Value::Null);
                }
            }
        }

        #[test]
        fn anything_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut sieve = Sieve::default();
            sieve.feed(&bytes);
            sieve.left();
        }
    }
}
