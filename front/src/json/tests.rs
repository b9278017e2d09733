use super::{Found, Members, Object, Read, Skip, Text, Wrong, check, owned, parsed, read, text, walked};
use proptest::prelude::*;
use serde_json::Value;

fn accepts(body: &[u8]) -> bool {
    check(body).is_ok()
}

/// Exactly what `serde_json` accepts, no more and no less.
fn agrees(body: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(body);
    assert_eq!(accepts(body), theirs.is_ok(), "{:?}: {theirs:?}", String::from_utf8_lossy(body));
    // What is walked is what is read, by its length at least.
    if let Ok(text) = text(body)
        && let Some(walked) = walked::read(text, Skip)
    {
        assert_eq!(Ok(walked), parsed::read(text, Skip), "{text}");
    }
}

#[test]
fn verdicts_are_those_of_serde_json() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "tru",
        "false",
        "[]",
        "[ ]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{}",
        "{ }",
        "{,}",
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1,"a":2}"#,
        "0",
        "-0",
        "-",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e",
        "1e+",
        "1e5",
        "1E-5",
        "1e999",
        "-1e999",
        "0e999",
        "1e-999",
        "NaN",
        "Infinity",
        "+1",
        "0x1",
        "1_0",
        r#""""#,
        r#"""#,
        r#""\"#,
        r#""\""#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u00e9""#,
        r#""\ud800""#,
        r#""\ud800\ud800""#,
        r#""\udc00""#,
        r#""\ud83d\ude00""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        "\"\n\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"\0\"",
        r#""\u0000""#,
        "\u{feff}{}",
        "{} x",
        "{}{}",
        "[[[]]",
        "[]]",
        "'a'",
        "/**/1",
        "\u{a0}1",
    ] {
        agrees(text.as_bytes());
    }
    agrees(b"\"\xff\"");
    agrees(b"\"\xed\xa0\x80\"");
    let digits = |n| "9".repeat(n);
    for number in [digits(308), digits(309), digits(400), format!("0.{}", digits(400))] {
        agrees(number.as_bytes());
    }
}

#[test]
fn nesting_ends_where_serde_jsons_does() {
    for depth in [1, 126, 127, 128, 129, 200, 100_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let inner = if open == "[" { "" } else { "1" };
            agrees(format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)).as_bytes());
            agrees(open.repeat(depth).as_bytes());
        }
    }
}

#[test]
fn no_byte_of_a_string_is_skipped() {
    for length in 0..200 {
        let clean = format!("\"{}\"", "x".repeat(length));
        assert!(accepts(clean.as_bytes()));
        for place in 0..length {
            for special in [b'"', b'\\', b'\n', 0x1f, 0] {
                let mut body = clean.clone().into_bytes();
                body[1 + place] = special;
                agrees(&body);
            }
        }
    }
}

/// Keys and values, the texts as they are meant and others as they are written.
#[derive(Clone, Copy)]
struct Told;

impl<'de> Read<'de> for Told {
    type Out = Vec<(String, String)>;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Self::Out, Wrong> {
        let mut all = vec![];
        while let Some(key) = object.key(&["ab", "c"])? {
            let value = match key {
                "c" => object.value(Text(owned))?,
                _ => object.written(Skip)?.0.to_owned(),
            };
            all.push((object.name().to_owned(), value));
        }
        Ok(all)
    }
}

fn told(body: &str) -> Result<Vec<(String, String)>, String> {
    let told = text(body.as_bytes()).and_then(|text| read(text, Told));
    assert_eq!(walked::read(body, Told).as_ref(), told.as_ref().ok(), "{body}");
    told.map_err(|wrong| wrong.told(body.as_bytes()).message)
}

#[test]
fn keys_texts_and_written_values_are_exact() {
    let found = told(r#" { "a\u0062" : [1, "x\n"] , "c":"pl\u0061in", "d":{} } "#).unwrap();
    let pairs = [("ab", r#"[1, "x\n"]"#), ("c", "plain"), ("d", "{}")];
    assert_eq!(found, pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
}

#[test]
fn faults_say_where() {
    for (body, says) in [
        ("{\n  \"a\": x\n}", "line 2, column 8: expected value"),
        ("", "line 1, column 0: EOF"),
        ("{\"a\": 01}", "line 1, column 8: invalid number"),
        ("{\"c\": 5}", "c: expected a string, got a number"),
        ("{\"c\": \"\", \"\\u0063\": \"\"}", "c: the field is there twice"),
        ("{\"x\": 1, \"x\": 1}", "x: the field is there twice"),
        ("{\"ab\": [1, \"\\ud800\"]}", "line 1, column 19: unexpected end of hex escape"),
        ("[]", "expected an object, got an array"),
    ] {
        let said = told(body).unwrap_err();
        assert!(said.contains(says), "{body}: {said}");
    }
    let bytes = check(b"{\n\"a\":\"\xff\"}").unwrap_err().message;
    assert!(bytes.contains("line 2, column 6: the bytes here are not UTF-8"), "{bytes}");
    assert!(check("\u{feff}{}".as_bytes()).unwrap_err().message.contains("byte order mark"));
    assert_eq!(
        Wrong::instead_of(Found::Real(0.5), "a string"),
        Wrong::field("expected a string, got a number")
    );
}

#[test]
fn a_skipped_value_tells_its_length() {
    for (value, length) in [(r#""abc""#, 5), ("[]", 2), ("{}", 2), (r#"["a","b"]"#, 9), (r#"{"a":"b"}"#, 9)] {
        assert_eq!(read(value, Skip), Ok(length), "{value}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_judged_alike(body in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees(&body);
    }

    #[test]
    fn anything_like_json_is_judged_alike(body in r#"[\[\]{}",:0-9eE+\-.truefalsn\\ud8DcC \n]{0,40}"#) {
        agrees(body.as_bytes());
    }

    #[test]
    fn json_is_taken_and_a_slip_in_it_judged_alike(value in value(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut body = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert!(accepts(&body));
        let place = place.index(body.len());
        body[place] = byte;
        agrees(&body);
        body.truncate(place);
        agrees(&body);
    }
}
