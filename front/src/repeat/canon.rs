//! When two bodies are one.
//!
//! Two JSON texts are one where they differ in white space, in the order of an object's fields, or in how characters of a string
//! are escaped, and in nothing else: `1` and `1.0` are two, as are `{}` and `{"a":null}`. What is no JSON is one with itself.

use policy::Digest;
use sha2::{Digest as _, Sha256};

/// Deeper than this nothing is read anyway.
const DEPTH_MAX: usize = 128;

/// A body, as far as it is to be compared.
pub struct Canon<'a> {
    body: &'a [u8],
    /// The fields of an object, in order, each with its value as it is hashed.
    fields: Option<Vec<Field>>,
}

type Field = (String, Vec<u8>);

impl<'a> Canon<'a> {
    pub fn of(body: &'a [u8]) -> Self {
        // What is not let through by those whose rules count is not walked along by this one, which checks little.
        let valid = serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok();
        let fields = if valid { Walk { bytes: body, at: 0 }.object_alone() } else { None };
        Self { body, fields }
    }

    /// Of all of it but the fields with these names.
    pub fn digest(&self, without: &[&str]) -> Digest {
        let mut hash = Sha256::new();
        match &self.fields {
            Some(fields) => {
                hash.update(b"{");
                sum(&mut hash, fields.iter().filter(|(name, _)| !without.contains(&name.as_str())));
            }
            None => {
                hash.update(b"?");
                hash.update(self.body);
            }
        }
        Digest::from_bytes(hash.finalize().into())
    }

    /// A field that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.as_ref()?.iter().find(|(known, _)| known == name)?;
        let text = value.strip_prefix(b"\"")?.get(8..)?;
        std::str::from_utf8(text).ok()
    }
}

fn sum<'a>(hash: &mut Sha256, fields: impl Iterator<Item = &'a Field>) {
    for (name, value) in fields {
        for bytes in [name.as_bytes(), value] {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
}

/// Along a text that is JSON. Gives up where it is not, or is too deep.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn object_alone(&mut self) -> Option<Vec<Field>> {
        let fields = if self.next()? == b'{' { self.object(0)? } else { return None };
        self.peek().is_none().then_some(fields)
    }

    /// The next byte that means something; it stays.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Behind the brace that opens one: its fields in order. Of a name that is there twice both stay.
    fn object(&mut self, depth: usize) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(fields);
        }
        loop {
            if self.next()? != b'"' {
                return None;
            }
            let name = self.string()?;
            if self.next()? != b':' {
                return None;
            }
            let mut value = Vec::new();
            self.value(&mut value, depth + 1)?;
            fields.push((name, value));
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(fields)
    }

    /// Appends what a value is hashed as. An object is its hash, so what is in it is copied once however deep it stands.
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.next()? {
            b'{' => {
                let fields = self.object(depth)?;
                let mut hash = Sha256::new();
                sum(&mut hash, fields.iter());
                out.push(b'{');
                out.extend_from_slice(&hash.finalize());
            }
            b'[' => {
                out.push(b'[');
                if self.peek()? == b']' {
                    self.at += 1;
                } else {
                    loop {
                        self.value(out, depth + 1)?;
                        match self.next()? {
                            b',' => out.push(b','),
                            b']' => break,
                            _ => return None,
                        }
                    }
                }
                out.push(b']');
            }
            b'"' => {
                let text = self.string()?;
                out.push(b'"');
                out.extend_from_slice(&(text.len() as u64).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            // A number or a word, which ends where something else begins.
            first => {
                out.push(first);
                let rest = self.bytes.get(self.at..)?;
                let more = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'.' | b'+' | b'-');
                let length = rest.iter().take_while(more).count();
                out.extend_from_slice(rest.get(..length)?);
                self.at += length;
            }
        }
        Some(())
    }

    /// Behind the quote that opens one.
    fn string(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let mut length = 0;
        let mut escaped = false;
        loop {
            match rest.get(length)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    length += 2;
                }
                _ => length += 1,
            }
        }
        let begin = self.at;
        self.at += length + 1;
        if escaped {
            return serde_json::from_slice(self.bytes.get(begin - 1..self.at)?).ok();
        }
        std::str::from_utf8(rest.get(..length)?).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn digest(text: &str) -> Digest {
        Canon::of(text.as_bytes()).digest(&[])
    }

    #[test]
    fn what_is_written_otherwise_is_the_same() {
        let one = digest(r#"{"model":"m","messages":[{"role":"user","content":"é\n"}],"n":1}"#);
        for same in [
            r#" { "n" : 1 , "messages" : [ { "content" : "\u00e9\u000a" , "role" : "user" } ] , "model" : "m" } "#,
            "{\"n\":1,\r\n\t\"model\":\"\\u006d\",\"messages\":[{\"role\":\"user\",\"content\":\"é\\n\"}]}",
        ] {
            assert_eq!(one, digest(same), "{same}");
        }
    }

    #[test]
    fn what_says_something_else_is_another() {
        let texts = [
            r#"{}"#,
            r#"{"a":null}"#,
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":10}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,0]}"#,
            r#"{"a":[10]}"#,
            r#"{"a":[[1],0]}"#,
            r#"{"a":[[1,0]]}"#,
            r#"{"a":{"1":0}}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{"a":18446744073709551617}"#,
            r#"{"A":1}"#,
            r#"{"a":true}"#,
            r#"{"a":"true"}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":""}"#,
            r#"{"":1}"#,
            r#"[]"#,
            r#"[1]"#,
            r#"{"a":1"#,
            r#"{"a":1}}"#,
            "",
            " ",
            "x",
        ];
        for (at, one) in texts.iter().enumerate() {
            for other in &texts[at + 1..] {
                assert_ne!(digest(one), digest(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn fields_can_be_left_out_and_read() {
        let canon = Canon::of(br#"{"user":"u","model":"auto:\u0063heap","n":1}"#);
        assert_eq!(canon.text("model"), Some("auto:cheap"));
        assert_eq!((canon.text("n"), canon.text("x")), (None, None));
        let without = Canon::of(br#"{"n":1,"model":"auto:cheap"}"#);
        assert_eq!(canon.digest(&["user"]), without.digest(&["user"]));
        assert_ne!(canon.digest(&[]), without.digest(&[]));
    }

    #[test]
    fn what_is_too_deep_or_broken_is_one_with_itself_alone() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        for text in
            [deep(100), deep(127), deep(200), deep(100_000), "[".repeat(1_000_000), "{\"a\":\"\\".into()]
        {
            assert_eq!(digest(&text), digest(&text));
            assert_ne!(digest(&text), digest(&format!("{text} x")));
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
            "[\\x00-\\x1f\"\\\\]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("\\PC{0,3}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    /// The same with every object's fields the other way round.
    fn turned(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                Value::Object(fields.iter().rev().map(|(k, v)| (k.clone(), turned(v))).collect())
            }
            Value::Array(items) => items.iter().map(turned).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn order_and_white_space_mean_nothing_and_all_else_does(one in any_value(), other in any_value()) {
            let (one, other) = (json!({"x": one}), json!({"x": other}));
            let said = digest(&one.to_string());
            prop_assert_eq!(said, digest(&serde_json::to_string_pretty(&turned(&one)).unwrap()));
            // The order of fields is part of neither.
            prop_assert_eq!(one == other, said == digest(&other.to_string()));
        }

        #[test]
        fn any_bytes_are_one_with_themselves(bytes in prop::collection::vec(any::<u8>(), 0..60), more in any::<u8>()) {
            let digest = |bytes: &[u8]| Canon::of(bytes).digest(&[]);
            prop_assert_eq!(digest(&bytes), digest(&bytes));
            let longer = [&bytes[..], &[more, b'x']].concat();
            prop_assert_ne!(digest(&bytes), digest(&longer));
        }
    }
}
