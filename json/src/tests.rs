use crate::{Found, Quoted, Walk, unescaped_len};
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// All of a text, by the walk's values.
fn walked(text: &str) -> Option<Value> {
    let mut walk = Walk::along(text);
    let value = value(&mut walk)?;
    walk.end().map(|()| value)
}

fn value(walk: &mut Walk<'_>) -> Option<Value> {
    let mut first = true;
    Some(match walk.value()? {
        Found::Null => Value::Null,
        Found::Bool(value) => value.into(),
        Found::Whole(n) => Value::Number(Number::from_i128(n)?),
        Found::Real(n) => n.into(),
        Found::Text(text) => {
            let resolved = text.text().into_owned();
            assert_eq!(resolved.len(), text.len());
            assert_eq!(text.is_empty(), resolved.is_empty());
            assert_eq!(unescaped_len(text.written().as_bytes()), Some(resolved.len()));
            assert_eq!(text.plain().is_some(), !text.written().contains('\\'));
            resolved.into()
        }
        Found::Array => {
            let mut items = Vec::new();
            while walk.item(&mut first)? {
                items.push(value(walk)?);
            }
            items.into()
        }
        Found::Object => {
            let mut fields = Map::new();
            while let Some(key) = walk.key(&mut first)? {
                fields.insert(key.text().into_owned(), value(walk)?);
            }
            fields.into()
        }
    })
}

fn skipped(text: &str) -> bool {
    let mut walk = Walk::along(text);
    walk.skip().and_then(|()| walk.end()).is_some()
}

fn measured(text: &str) -> Option<usize> {
    let mut walk = Walk::along(text);
    let length = walk.measure()?;
    walk.end().map(|()| length)
}

/// What is walked is what the judge reads; what is skipped the judge reads too.
fn agrees(text: &str) -> bool {
    let theirs = serde_json::from_str::<Value>(text);
    let ours = walked(text);
    if let Some(ours) = &ours {
        assert_eq!(Some(ours), theirs.as_ref().ok(), "{text}");
        assert!(skipped(text), "{text}");
    }
    assert!(!skipped(text) || theirs.is_ok(), "{text}: {theirs:?}");
    assert_eq!(measured(text).is_some(), skipped(text), "{text}");
    ours.is_some()
}

#[test]
fn the_usual_is_walked() {
    for text in [
        r#" {"a":[1,-2.5,0,{"b":null}],"c":"\u00e9\n","d":true,"e":{},"f":[]} "#,
        "{\n  \"a\" : [ 1 , 2 ] ,\r\n\t\"\" : { \"b\" : false }\n}",
        r#"["","a","\"","\\","\/","\b\f\n\r\t","\u0000","\uD834\uDD1E","\ud83d\ude00x","é","\u00E9"]"#,
        r#"{"a\u0062":1,"a":1,"a":2}"#,
        "0",
        "-0",
        "-0.0",
        "0.7",
        "12345678.1234567",
        "0.00000000000001",
        "9999999999999999999",
        "-9223372036854775807",
        "\"\u{7f}\u{80}\u{ffff}\"",
        "null",
        " true\n",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ] {
        assert!(agrees(text), "{text}");
    }
}

#[test]
fn the_unusual_is_given_up() {
    for text in [
        "-9223372036854775808",
        "99999999999999999999",
        "0.1234567890123456",
        "1e5",
        "1E-5",
        "1e999",
        "-1e99",
        &format!("{}{}", "[".repeat(65), "]".repeat(65)),
        &format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65)),
    ] {
        assert!(!agrees(text), "{text}");
    }
}

#[test]
fn the_wrong_is_given_up() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "fals",
        "[",
        "{",
        "]",
        "[]]",
        "{}}",
        "[,]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "{,}",
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a" 1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1"#,
        r#"{"a":1}x"#,
        r#"{"a":1]"#,
        "[1}",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "-.5",
        "1.e5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "1_0",
        "NaN",
        "'a'",
        "\"",
        "\"a",
        r#""\"#,
        r#""\""#,
        r#""\x""#,
        r#""\u""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\ud834""#,
        r#""\ud834\ud834""#,
        r#""\udd1e""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ud83d\u0061""#,
        "\"\n\"",
        "\"\0\"",
        "\"\\\n\"",
        "\u{feff}{}",
        "\u{a0}1",
        "\u{c}1",
        "\u{b}1",
        "/**/1",
    ] {
        assert!(!agrees(text), "{text}");
        assert!(!skipped(text), "{text}");
    }
}

#[test]
fn skipping_takes_numbers_whose_value_is_not_asked() {
    for text in ["-5.5122365e-07", "0.12345678901234567890123", "1e5", "-9223372036854775808", "1E+05", "0e0"]
    {
        assert!(skipped(text) && !agrees(text), "{text}");
    }
    for text in ["1e100", "1e-100", "12345678901234567890", "1e", "0e+", "-"] {
        assert!(!skipped(text), "{text}");
    }
}

#[test]
fn a_value_is_measured_roughly() {
    for (text, length) in [
        (r#""""#, 2),
        (r#""a\u00e9\n""#, 6),
        ("[]", 2),
        (" { } ", 2),
        (r#"["a", "b"]"#, 9),
        (r#"{ "a" : "b", "" : [1, null] }"#, 1 + 8 + 15),
        ("12.5e3", 4),
    ] {
        assert_eq!(measured(text), Some(length), "{text}");
    }
}

#[test]
fn single_steps_take_what_they_name() {
    let mut walk = Walk::along(r#" { "a" : 5 , "b" : null , "c" : "x" , "d" : [ 1 ] , "e" : 0 } "#);
    let mut seen = vec![];
    let done = walk.object(|walk, key| {
        seen.push(key);
        match key {
            "a" => (walk.count()? == 5).then_some(()),
            "b" => (walk.string_or_null()?.is_none() && walk.peek()? == b',').then_some(()),
            "c" => (walk.string_or_null()?? == Quoted::plainly("x")).then_some(()),
            "d" => {
                let (written, items) = walk.written(|walk| {
                    let mut items = 0;
                    walk.array(|walk| walk.skip().map(|()| items += 1)).map(|()| items)
                })?;
                (written == "[ 1 ]" && items == 1).then_some(())
            }
            _ => walk.is_null()?.eq(&false).then_some(()),
        }
    });
    assert_eq!((done, walk.end()), (Some(()), Some(())));
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    for text in ["-5", "5.0", "5e0", "\"5\"", "05", ""] {
        assert_eq!(Walk::along(text).count(), None, "{text}");
    }
    for text in ["5", "true", "[]", ""] {
        assert_eq!(Walk::along(text).string_or_null(), None, "{text}");
        assert_eq!(Walk::along(text).object(|_, _| None), None, "{text}");
    }
    assert_eq!(Walk::along("{}").array(|_| None), None);
    assert_eq!(Walk::along(r#"{"\u0061":1}"#).object(|walk, _| walk.skip()), None, "a key with an escape");
}

#[test]
fn what_is_left_early_is_not_over() {
    let mut walk = Walk::along("[1]");
    assert_eq!((walk.value(), walk.value()), (Some(Found::Array), Some(Found::Whole(1))));
    assert_eq!(walk.end(), None);
    let mut walk = Walk::along("[");
    assert_eq!((walk.value(), walk.end()), (Some(Found::Array), None));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<i16>().prop_map(Into::into),
        (any::<i32>(), 0..9).prop_map(|(n, places)| (f64::from(n) / 10_f64.powi(places)).into()),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[a-z\"\\\\\n\u{1}é😀]{0,80}".prop_map(Into::into),
        "[ -~]{500,600}".prop_map(Into::into),
    ];
    leaf.prop_recursive(8, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((".{0,9}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same text with some of its characters written as escapes, where they may be.
fn escaped(text: &str, which: &[bool]) -> String {
    let (mut out, mut inside, mut after) = (String::new(), false, false);
    for (at, c) in text.chars().enumerate() {
        let special = after || matches!(c, '"' | '\\');
        inside ^= c == '"' && !after;
        after = c == '\\' && !after;
        if inside && !special && which[at % which.len()] {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

proptest! {
    #[test]
    fn json_is_walked_as_it_is_read(value in json(), which in prop::collection::vec(prop::bool::weighted(0.1), 1..40)) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            // Within a `\u0041` the digits are not escaped again: they come after a backslash and a letter, so only whole
            // values without one are tried.
            agrees(&text);
            if !text.contains("\\u") {
                agrees(&escaped(&text, &which));
            }
        }
    }

    #[test]
    fn a_slip_in_it_is_judged_alike(value in json(), place in any::<prop::sample::Index>(), new: char, how in 0..4) {
        let mut text: Vec<char> = value.to_string().chars().collect();
        let at = place.index(text.len());
        match how {
            0 => text[at] = new,
            1 => text[at] = char::from(b"\"\\,:[]{}019.-eEtnu\n "[new as usize % 20]),
            2 => drop(text.remove(at)),
            _ => text.truncate(at),
        }
        agrees(&text.into_iter().collect::<String>());
    }

    #[test]
    fn numbers_are_read_alike(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        agrees(&text);
    }

    #[test]
    fn anything_like_json_is_judged_alike(text in r#"[\[\]{}",:0-9eE+\-.truefalsn\\ud8DcC \n]{0,40}"#) {
        agrees(&text);
    }

    #[test]
    fn any_text_is_measured(text in any::<String>()) {
        let written = Value::from(text.as_str()).to_string();
        prop_assert_eq!(unescaped_len(&written.as_bytes()[1..written.len() - 1]), Some(text.len()));
        let quoted = Quoted::plainly(&text);
        prop_assert_eq!(quoted.len(), text.len());
        prop_assert_eq!(quoted.text(), text.as_str());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        unescaped_len(&bytes);
    }
}
