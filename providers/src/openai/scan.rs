//! How much text a frame holds, found without parsing it.
//!
//! A frame of a stream is some 300 bytes of which the text is a dozen. Its `delta` object is found by search and walked
//! string by string; everything else is skipped. What is not written the usual way is given up (None), and the frame is
//! parsed instead.

use json::unescaped_len;
use memchr::memchr2;
use std::ops::Range;

/// The text of a `delta` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// Bytes of text, reasoning, refusal and tool arguments, escapes resolved.
    pub bytes: usize,
    /// Where the text stands (between its quotes), if it is one string and no more.
    pub only: Option<Range<usize>>,
    strings: usize,
}

impl Text {
    fn add(&mut self, inside: Range<usize>) {
        self.strings += 1;
        self.only = (self.strings == 1).then_some(inside);
    }
}

/// The text in a `delta` object, which begins at `object` (after its colon). `begun` knows the indices of the tool
/// calls that may go on.
pub(super) fn delta_text(object: &[u8], begun: impl Fn(u32) -> bool) -> Option<Text> {
    let mut found = Text::default();
    let mut at = blank(object, 0);
    if *object.get(at)? != b'{' {
        return None;
    }
    at += 1;
    let (mut text, mut named, mut unnamed) = (0, 0, 0);
    loop {
        at = blank(object, at);
        match *object.get(at)? {
            b'}' => {
                found.bytes = text + if named > 0 { named } else { unnamed };
                return Some(found);
            }
            b',' => at += 1,
            b'"' => {
                let (key, after) = string(object, at)?;
                at = blank(object, after);
                if *object.get(at)? != b':' {
                    return None;
                }
                at = blank(object, at + 1);
                let first = *object.get(at)?;
                let into = match key {
                    b"content" | b"refusal" => &mut text,
                    b"reasoning_content" => &mut named,
                    b"reasoning" => &mut unnamed,
                    b"role" | b"name" if first == b'"' => {
                        at = string(object, at)?.1;
                        continue;
                    }
                    b"tool_calls" if first == b'[' => {
                        let (bytes, after) = fragments(object, at, &begun, &mut found)?;
                        text += bytes;
                        at = after;
                        continue;
                    }
                    // Audio, and whatever comes next year.
                    _ if first == b'n' => {
                        at = null(object, at)?;
                        continue;
                    }
                    _ => return None,
                };
                if first == b'"' {
                    let (value, after) = string(object, at)?;
                    *into += unescaped_len(value)?;
                    found.add(at + 1..after - 1);
                    at = after;
                } else {
                    at = null(object, at)?;
                }
            }
            _ => return None,
        }
    }
}

/// The bytes of arguments in a list of tool call fragments that begin no call: each has an index that is known and a
/// function with nothing but arguments. Says where the list is over.
fn fragments(
    object: &[u8],
    open: usize,
    begun: impl Fn(u32) -> bool,
    found: &mut Text,
) -> Option<(usize, usize)> {
    let (mut at, mut depth, mut bytes) = (open + 1, 0_u8, 0);
    let mut known = false;
    loop {
        at = blank(object, at);
        match (*object.get(at)?, depth) {
            (b']', 0) => return Some((bytes, at + 1)),
            (b'{', 0) => (depth, known) = (1, false),
            (b'}', 1) if !known => return None,
            (b'}', 1 | 2) => depth -= 1,
            (b',', _) => {}
            (b'"', 1 | 2) => {
                let (key, after) = string(object, at)?;
                at = blank(object, after);
                if *object.get(at)? != b':' {
                    return None;
                }
                at = blank(object, at + 1);
                match (key, *object.get(at)?, depth) {
                    (b"index", b'0'..=b'9', 1) => {
                        let digits = object.get(at..)?.iter().take_while(|b| b.is_ascii_digit()).count();
                        let index = std::str::from_utf8(object.get(at..at + digits)?).ok()?.parse().ok()?;
                        known = begun(index);
                        at += digits;
                    }
                    (b"type", b'"', 1) => at = string(object, at)?.1,
                    (b"function", b'{', 1) => (at, depth) = (at + 1, 2),
                    (b"arguments", b'"', 2) => {
                        let (value, after) = string(object, at)?;
                        bytes += unescaped_len(value)?;
                        found.add(at + 1..after - 1);
                        at = after;
                    }
                    (_, b'n', _) => at = null(object, at)?,
                    _ => return None,
                }
                continue;
            }
            _ => return None,
        }
        at += 1;
    }
}

fn null(object: &[u8], at: usize) -> Option<usize> {
    object.get(at..at + 4).filter(|word| *word == b"null").map(|_| at + 4)
}

fn blank(object: &[u8], mut at: usize) -> usize {
    while object.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The inside of the string that begins at `at`, and where it is over.
pub(super) fn string(object: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let start = at + 1;
    let mut from = start;
    loop {
        let hit = from + memchr2(b'"', b'\\', object.get(from..)?)?;
        if object.get(hit) == Some(&b'"') {
            return Some((object.get(start..hit)?, hit + 1));
        }
        from = hit + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_measured_in_place() {
        for (delta, want) in [
            (r#"{"content":"Hi"}"#, Some(2)),
            (r#"{"role":"assistant","content":"","refusal":null}"#, Some(0)),
            (r#" { "content" : "a\"b\\" , "role" : "x" } "#, Some(4)),
            (r#"{"reasoning":"abc","reasoning_content":"abc"}"#, Some(3)),
            (r#"{"reasoning":"abc"}"#, Some(3)),
            (r#"{"content":"\u00e9\ud834\udd1e"}"#, Some(6)),
            (r#"{"content":"\ud834"}"#, None),
            ("{}", Some(0)),
            (r#"{"tool_calls":[]}"#, Some(0)),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]}"#, Some(3)),
            (
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"a"}}, {"function":{"arguments":"bc"},"index":1}]}"#,
                Some(3),
            ),
            (
                r#"{"tool_calls":[{"index":0,"id":null,"type":"function","function":{"name":null,"arguments":"a"}}]}"#,
                Some(1),
            ),
            (r#"{"tool_calls":[{"index":2,"function":{"arguments":"a"}}]}"#, None),
            (r#"{"tool_calls":[{"function":{"arguments":"a"}}]}"#, None),
            (r#"{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"a"}}]}"#, None),
            (r#"{"tool_calls":null,"content":"x"}"#, Some(1)),
            (r#"{"content":[{"text":"x"}]}"#, None),
            (r#"{"content":"x"#, None),
            ("", None),
        ] {
            assert_eq!(delta_text(delta.as_bytes(), |i| i < 2).map(|t| t.bytes), want, "{delta}");
        }
    }

    proptest! {
        #[test]
        fn any_string_measures_as_long_as_it_is(text in any::<String>()) {
            let json = serde_json::json!({ "content": text }).to_string();
            let found = delta_text(json.as_bytes(), |_| false).unwrap();
            prop_assert_eq!(found.bytes, text.len());
            let inside = &json[found.only.unwrap()];
            prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{inside}\"")).unwrap(), text);
        }

        #[test]
        fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            delta_text(&bytes, |_| true);
        }
    }
}
