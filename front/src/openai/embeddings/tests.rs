use super::*;
use crate::responses::schema;
use proptest::prelude::*;
use serde_json::json;
use vocab::Bucket;

fn of(body: &Value) -> RawTask {
    survey(body.to_string().into()).unwrap_or_else(|bad| panic!("{body}: {bad}"))
}

#[test]
fn every_form_of_input_is_counted() {
    for (input, count, tokens) in [
        (json!("Hello, world"), 1, None),
        (json!(["Hello", "wörld"]), 2, None),
        (json!([1212, 318, 257]), 1, Some(3)),
        (json!([[1212, 318], [257]]), 2, Some(3)),
        (json!(vec!["x"; 2_048]), 2_048, None),
        (json!(vec![7; 5_000]), 1, Some(5_000)),
    ] {
        let raw = of(&json!({ "model": "m", "input": input }));
        assert_eq!(raw.brief.n, count);
        // Tokens are counted; of text there is an estimate.
        match tokens {
            Some(tokens) => assert_eq!(raw.brief.tokens_in, tokens),
            None => assert!((1..=2 * 2_048).contains(&raw.brief.tokens_in), "{}", raw.brief.tokens_in),
        }
        assert_eq!((raw.brief.kind, raw.form), (Kind::Embedding, Form::List { base64: false }));
    }
}

#[test]
fn the_models_place_is_known_and_the_rest_left_alone() {
    let body =
        r#" {"new": [1, {"model": "x"}], "model" :  "auto", "input": "a", "encoding_format": "base64"}"#;
    let raw = survey(Bytes::from_static(body.as_bytes())).unwrap();
    assert_eq!(&body[raw.models[0].clone()], "\"auto\"");
    assert_eq!((raw.brief.model.as_str(), raw.form), ("auto", Form::List { base64: true }));
    assert_eq!(raw.body, body);
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param, says) in [
        (r#"{"input":"x"}"#, "model", "missing"),
        (r#"{"model":"m"}"#, "input", "missing"),
        (r#"{"model":"m","input":""}"#, "input", "empty string"),
        (r#"{"model":"m","input":[]}"#, "input", "empty array"),
        (r#"{"model":"m","input":["a",""]}"#, "input[1]", "empty string"),
        (r#"{"model":"m","input":["a",1]}"#, "input[1]", "mixture"),
        (r#"{"model":"m","input":[[1],[]]}"#, "input[1]", "empty array"),
        (r#"{"model":"m","input":[[1,-2]]}"#, "input[0][1]", "from 0"),
        (r#"{"model":"m","input":[1.5]}"#, "input[0]", "whole number"),
        (r#"{"model":"m","input":[{"text":"a"}]}"#, "input[0]", "got an object"),
        (r#"{"model":"m","input":7}"#, "input", "got a number"),
        (
            r#"{"model":"m","input":"x","encoding_format":"int8"}"#,
            "encoding_format",
            "allowed: \"float\", \"base64\"",
        ),
        (r#"{"model":"m","input":"x","dimensions":0}"#, "dimensions", "from 1"),
        (r#"{"model":"m","input":"x","user":1}"#, "user", "a string"),
        (r#"{"model":"m","input":"x","input":"y"}"#, "input", "twice"),
    ] {
        let bad = survey(Bytes::from_static(body.as_bytes())).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
        assert!(bad.message.contains(says), "{body}: {bad}");
    }
    let many = json!({ "model": "m", "input": vec!["x"; 2_049] }).to_string();
    assert_eq!(survey(many.into()).unwrap_err().param.as_deref(), Some("input[2048]"));
    for body in ["[]", "7", "{", ""] {
        survey(Bytes::from_static(body.as_bytes())).unwrap_err();
    }
}

#[test]
fn a_request_is_taken_apart() {
    let body = json!({ "model": "m", "input": ["a", "b"], "dimensions": 8, "user": "u", "encoding_format": "base64",
        "truncate": true, "nothing": null });
    let Ok(Task::Embed(embed)) = parse(&of(&body)) else { panic!() };
    assert_eq!((embed.texts, embed.dimensions), (vec!["a".into(), "b".into()], Some(8)));
    assert_eq!(Value::Object(embed.extra), json!({ "truncate": true }));
    for tokens in [json!([1, 2]), json!([[1], [2]])] {
        let bad = parse(&of(&json!({ "model": "m", "input": tokens }))).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some("input"));
        assert!(bad.message.contains("check_embedding_ctx_length"), "{bad}");
    }
}

proptest! {
    /// What is written is read as the very same numbers, either way, and is as OpenAI describes it.
    #[test]
    fn an_answer_says_what_was_made(vectors in prop::collection::vec(prop::collection::vec(-2f32..2.0, 1..20), 1..5)) {
        let usage = Usage::default().with(Bucket::Input, 9);
        for base64 in [false, true] {
            let told: Value = serde_json::from_slice(&whole(&vectors, base64, "m", &usage)).unwrap();
            prop_assert_eq!(&told["usage"], &json!({ "prompt_tokens": 9, "total_tokens": 9 }));
            for (at, vector) in vectors.iter().enumerate() {
                let said = &told["data"][at];
                prop_assert_eq!(&said["index"], &json!(at));
                let read: Vec<f32> = if base64 {
                    let bytes = STANDARD.decode(said["embedding"].as_str().unwrap()).unwrap();
                    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
                } else {
                    serde_json::from_value(said["embedding"].clone()).unwrap()
                };
                prop_assert_eq!(&read, vector);
            }
            if !base64 {
                prop_assert_eq!(schema::of("CreateEmbeddingResponse", &told), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn whatever_comes_is_taken_or_named(body in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        if let Ok(raw) = survey(body.into()) {
            parse(&raw).ok();
        }
    }
}
