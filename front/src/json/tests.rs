use super::{Kind, Scan};
use proptest::prelude::*;
use serde_json::Value;

fn accepts(body: &[u8]) -> bool {
    let read = || {
        let mut scan = Scan::new(body)?;
        scan.skip()?;
        scan.end()
    };
    read().is_ok()
}

/// Exactly what `serde_json` accepts, no more and no less.
fn agrees(body: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(body);
    assert_eq!(accepts(body), theirs.is_ok(), "{:?}: {theirs:?}", String::from_utf8_lossy(body));
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

/// A special byte at every place of strings of every length: the strides of the string scan have no blind spot.
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

#[test]
fn spans_and_texts_are_exact() {
    let body = br#" { "a\u0062" : [1, "x\n"] , "c":"plain" } "#;
    let mut scan = Scan::new(body).unwrap();
    let mut found = vec![];
    scan.object(|scan, key| {
        if scan.kind()? == Kind::Text {
            found.push((key.to_string(), scan.text()?.said().into_owned()));
        } else {
            let span = scan.skip()?;
            found.push((key.to_string(), scan.slice(span).to_owned()));
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [("ab".into(), "[1, \"x\\n\"]".into()), ("c".into(), "plain".to_owned())]);
}

#[test]
fn faults_say_where() {
    for (body, line, column) in [("{\n  \"a\": x\n}", 2, 8), ("", 1, 1), ("{\"é\": 01}", 1, 8)] {
        let mut scan = Scan::new(body.as_bytes()).unwrap();
        let wrong = scan.skip().and_then(|_| scan.end()).unwrap_err().told(body.as_bytes());
        assert!(
            wrong.message.contains(&format!("line {line}, column {column}:")),
            "{body}: {}",
            wrong.message
        );
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
