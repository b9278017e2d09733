use super::*;
use crate::responses::schema;
use serde_json::json;

fn of(body: &Value) -> RawTask {
    survey(body.to_string().into()).unwrap_or_else(|bad| panic!("{body}: {bad}"))
}

#[test]
fn what_the_price_depends_on_is_seen() {
    let raw = of(
        &json!({ "model": "gpt-image-2", "prompt": "A weir in a river", "n": 3, "size": "1536x1024", "quality": "hd" }),
    );
    let Brief { kind, n, tokens_in, canvas, .. } = raw.brief;
    assert_eq!((kind, n), (Kind::Image, 3));
    assert!((3..9).contains(&tokens_in), "{tokens_in}");
    assert_eq!((canvas.size, canvas.grade), (Some((1536, 1024)), Some(Grade::High)));
    let raw = of(
        &json!({ "prompt": "p", "model": null, "size": "auto", "quality": "auto", "n": null, "new_field": [1] }),
    );
    assert_eq!(
        (raw.brief.model.as_str(), raw.brief.n, raw.brief.canvas),
        ("auto", 1, vocab::Canvas::default())
    );
    assert_eq!(raw.models.len(), 1, "null is replaced where it stands");
    let raw = survey(Bytes::from_static(b"\n {\"prompt\":\"p\"}")).unwrap();
    assert_eq!((raw.models.len(), raw.start), (0, 3));
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param, says) in [
        (r#"{"model":"m"}"#, "prompt", "missing"),
        (r#"{"prompt":""}"#, "prompt", "empty"),
        (r#"{"prompt":"p","n":11}"#, "n", "from 1 to 10"),
        (r#"{"prompt":"p","size":"huge"}"#, "size", "1024x1024"),
        (r#"{"prompt":"p","size":"0x9"}"#, "size", "1024x1024"),
        (r#"{"prompt":"p","size":"99999x9"}"#, "size", "1024x1024"),
        (r#"{"prompt":"p","quality":"fine"}"#, "quality", "allowed"),
        (r#"{"prompt":"p","output_format":"svg"}"#, "output_format", "allowed"),
        (r#"{"prompt":"p","response_format":"b64"}"#, "response_format", "allowed"),
        (r#"{"prompt":"p","background":"red"}"#, "background", "allowed"),
        (r#"{"prompt":"p","stream":true}"#, "stream", "not streamed"),
        (r#"{"prompt":"p","partial_images":2}"#, "partial_images", "not streamed"),
        (r#"{"prompt":"p","style":"bold"}"#, "style", "allowed"),
        (r#"{"prompt":"p","moderation":"none"}"#, "moderation", "allowed"),
        (r#"{"prompt":"p","output_compression":101}"#, "output_compression", "from 0 to 100"),
    ] {
        let bad = survey(Bytes::from_static(body.as_bytes())).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
        assert!(bad.message.contains(says), "{body}: {bad}");
    }
    of(&json!({ "prompt": "p", "stream": false, "partial_images": 0 }));
}

#[test]
fn pictures_of_pictures_are_seen_and_nothing_else_is_taken_for_one() {
    let edit = |body: &Value| survey_edit(body.to_string().into());
    let one = json!({ "image_url": "data:image/png;base64,iVBORw0KGgo=" });
    let raw =
        edit(&json!({ "model": "gpt-image-2", "prompt": "p", "images": [one, one], "mask": one, "n": 2,
        "input_fidelity": "high", "size": "1024x1536" }))
        .unwrap();
    assert_eq!((raw.form, raw.brief.n, raw.brief.canvas.size), (Form::Edits, 2, Some((1024, 1536))));
    // Three of them, whatever is in them.
    assert!((39_600..39_620).contains(&raw.brief.tokens_in), "{}", raw.brief.tokens_in);
    assert_eq!(parse_edit(&raw).unwrap_err().param.as_deref(), Some("images"));
    for (body, param, says) in [
        (json!({ "prompt": "p" }), "images", "missing"),
        (json!({ "images": [one] }), "prompt", "missing"),
        (json!({ "prompt": "p", "images": [] }), "images", "at least one"),
        (json!({ "prompt": "p", "images": vec![one.clone(); 17] }), "images", "at most 16"),
        (json!({ "prompt": "p", "images": one }), "images", "array"),
        (json!({ "prompt": "p", "images": ["data:image/png;base64,AA=="] }), "images[0]", "image_url"),
        (json!({ "prompt": "p", "images": [one, {}] }), "images[1].image_url", "missing"),
        (
            json!({ "prompt": "p", "images": [{ "file_id": "file-1" }] }),
            "images[0].file_id",
            "no files are kept",
        ),
        (
            json!({ "prompt": "p", "images": [one], "mask": { "file_id": "f" } }),
            "mask.file_id",
            "no files are kept",
        ),
        (json!({ "prompt": "p", "images": [one], "stream": true }), "stream", "not streamed"),
        (json!({ "prompt": "p", "images": [one], "partial_images": 1 }), "partial_images", "not streamed"),
    ] {
        let bad = edit(&body).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(param), "{body}: {bad}");
        assert!(bad.message.contains(says), "{body}: {bad}");
    }
    // Elsewhere the field is one like any other.
    assert_eq!(of(&json!({ "prompt": "p", "images": "x" })).form, Form::Pictures);
}

#[test]
fn a_request_is_taken_apart() {
    let body = json!({ "model": "m", "prompt": "p", "n": 2, "size": "512x512", "stream": false, "user": "u", "style": null });
    let Ok(Task::Draw(draw)) = parse(&of(&body)) else { panic!() };
    assert_eq!((draw.prompt.as_str(), draw.n, draw.canvas.size), ("p", 2, Some((512, 512))));
    assert_eq!(Value::Object(draw.fields), json!({ "size": "512x512", "user": "u" }));
}

#[test]
fn an_answer_is_as_openai_describes_it() {
    let picture = |mime: &str| Picture { mime: mime.into(), data: "iVBORw0KGgo=".into() };
    let counted =
        Usage::default().with(Bucket::Input, 20).with(Bucket::OutputImage, 1_290).with(Bucket::Output, 3);
    let told: Value =
        serde_json::from_slice(&whole(&[picture("image/png"), picture("image/png")], 7, &counted)).unwrap();
    assert_eq!(schema::of("ImagesResponse", &told), Vec::<String>::new());
    assert_eq!(told["data"][1]["b64_json"], "iVBORw0KGgo=");
    assert_eq!(told["output_format"], "png");
    assert_eq!(told["usage"]["output_tokens_details"], json!({ "text_tokens": 3, "image_tokens": 1_290 }));
    assert_eq!(told["usage"]["total_tokens"], 1_313);
    // Paid for by the tile: no tokens are made up. And of a format that OpenAI has no name for, none is told.
    let tiles = Usage::default().with(Bucket::Tiles, 4);
    let told: Value = serde_json::from_slice(&whole(&[picture("image/avif")], 7, &tiles)).unwrap();
    assert_eq!(told, json!({ "created": 7, "data": [{ "b64_json": "iVBORw0KGgo=" }] }));
}
