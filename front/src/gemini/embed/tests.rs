use super::*;
use proptest::prelude::*;
use serde_json::json;
use vocab::Bucket;

fn of(body: &Value, form: Form) -> RawTask {
    survey(body.to_string().into(), "m", form).unwrap_or_else(|bad| panic!("{body}: {bad}"))
}

fn text(text: &str) -> Value {
    json!({ "content": { "role": "user", "parts": [{ "text": text }] } })
}

fn taken(body: &Value, form: Form) -> Result<Embed, BadInput> {
    match parse(&of(body, form))? {
        Task::Embed(embed) => Ok(embed),
        other @ Task::Draw(_) => panic!("{other:?}"),
    }
}

#[test]
fn one_and_a_batch_say_the_same() {
    let mut one = text("Hello, world");
    one["outputDimensionality"] = json!(8);
    one["taskType"] = json!("RETRIEVAL_QUERY");
    one["model"] = json!("models/m");
    let batch = json!({ "requests": [one, one] });
    let (single, both) = (of(&one, Form::One), of(&batch, Form::Batch));
    assert_eq!((single.brief.n, single.models.len()), (1, 1));
    assert_eq!((both.brief.n, both.models.len()), (2, 2));
    assert!(single.brief.tokens_in > 1 && both.brief.tokens_in > single.brief.tokens_in);
    for span in both.models {
        assert_eq!(&both.body[span], b"\"models/m\"");
    }
    let (single, both) = (taken(&one, Form::One).unwrap(), taken(&batch, Form::Batch).unwrap());
    assert_eq!(both.texts, [single.texts.clone(), single.texts].concat());
    assert_eq!((both.dimensions, both.purpose.as_deref()), (Some(8), Some("RETRIEVAL_QUERY")));
    // In the other spelling, and with a purpose that is none.
    let other = json!({ "content": { "parts": [{ "text": "a" }, { "text": "b" }] }, "output_dimensionality": 4,
        "task_type": "TASK_TYPE_UNSPECIFIED", "title": null });
    let other = taken(&other, Form::One).unwrap();
    assert_eq!((other.texts, other.dimensions, other.purpose), (vec!["a\nb".to_owned()], Some(4), None));
}

#[test]
fn what_is_wrong_is_named() {
    for (body, form, param) in [
        (json!({}), Form::One, "content"),
        (json!({ "content": {} }), Form::One, "content.parts"),
        (json!({ "content": { "parts": [] } }), Form::One, "content.parts"),
        (json!({ "content": { "parts": [{ "text": 1 }] } }), Form::One, "content.parts[0].text"),
        (json!({ "content": "a" }), Form::One, "content"),
        (
            json!({ "content": { "parts": [{ "text": "a" }] }, "outputDimensionality": 0 }),
            Form::One,
            "outputDimensionality",
        ),
        (json!({ "content": { "parts": [{ "text": "a" }] }, "model": "models/other" }), Form::One, "model"),
        (json!({}), Form::Batch, "requests"),
        (json!({ "requests": [] }), Form::Batch, "requests"),
        (json!({ "requests": [{}] }), Form::Batch, "requests[0].content"),
        (
            json!({ "requests": [text("a"), { "content": { "parts": [{ "text": "b" }] }, "model": "n" }] }),
            Form::Batch,
            "requests[1].model",
        ),
        (json!({ "requests": vec![text("a"); 101] }), Form::Batch, "requests[100]"),
    ] {
        let bad = survey(body.to_string().into(), "m", form).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
    }
    assert_eq!(survey(Bytes::from_static(b"{}"), "", Form::One).unwrap_err().param.as_deref(), Some("model"));
}

/// What only Gemini has words for goes to Gemini alone, and is named where there is none.
#[test]
fn what_cannot_be_said_otherwise_is_named() {
    let media = json!({ "content": { "parts": [{ "text": "a" }, { "inlineData": { "mimeType": "image/png", "data": "AA==" } }] } });
    let mut titled = text("a");
    titled["title"] = json!("A title");
    let mut strange = text("a");
    strange["autoTruncate"] = json!(true);
    let mut longer = text("b");
    longer["outputDimensionality"] = json!(9);
    for (body, form, path, only) in [
        (media.clone(), Form::One, "content.parts[1].inlineData", true),
        (titled, Form::One, "title", false),
        (strange, Form::One, "autoTruncate", true),
        (json!({ "requests": [text("a"), longer] }), Form::Batch, "requests[1].outputDimensionality", false),
        (json!({ "requests": [media] }), Form::Batch, "requests[0].content.parts[1].inlineData", true),
    ] {
        let raw = of(&body, form);
        assert_eq!(raw.brief.needs.contains(Caps::GEMINI_ONLY), only, "{body}");
        let bad = parse(&raw).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(path), "{bad}");
        assert!(bad.message.contains("only a Gemini model"), "{bad}");
    }
}

proptest! {
    #[test]
    fn an_answer_says_what_was_made(vectors in prop::collection::vec(prop::collection::vec(-2f32..2.0, 1..20), 1..5)) {
        let usage = Usage::default().with(Bucket::Input, 9);
        let told: Value = serde_json::from_slice(&whole(&vectors, Form::Batch, &usage)).unwrap();
        for (at, vector) in vectors.iter().enumerate() {
            let read: Vec<f32> = serde_json::from_value(told["embeddings"][at]["values"].clone()).unwrap();
            prop_assert_eq!(&read, vector);
        }
        prop_assert_eq!(&told["usageMetadata"]["promptTokenCount"], &json!(9));
        let one: Value = serde_json::from_slice(&whole(&vectors, Form::One, &usage)).unwrap();
        prop_assert_eq!(&one["embedding"], &told["embeddings"][0]);
    }

    #[test]
    fn whatever_comes_is_taken_or_named(body in "[\\[\\]{}\":,a-z0-9 ]{0,60}", one in any::<bool>()) {
        let form = if one { Form::One } else { Form::Batch };
        if let Ok(raw) = survey(body.into(), "m", form) {
            parse(&raw).ok();
        }
    }
}
