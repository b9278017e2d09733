//! Pictures made of pictures: told to OpenAI as they came, or as the JSON that a form means, and to nobody else.

use crate::process::{Setup, Weir};
use crate::upstream::Upstream;
use serde_json::{Value, json};

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

fn edit(more: Value) -> Value {
    let mut body =
        json!({ "model": "gpt-image-lab", "prompt": "In winter", "images": [{ "image_url": PICTURE }] });
    more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
    body
}

#[test]
fn a_picture_is_made_of_another_and_paid_for() {
    let weir = Weir::alone();
    let reply = weir.post("/v1/images/edits", &edit(json!({ "n": 2, "input_fidelity": "high" }))).is(200);
    let said = reply.json();
    assert_eq!(said["data"].as_array().unwrap().len(), 2);
    assert!(said["data"][0]["b64_json"].as_str().is_some_and(|data| !data.is_empty()));
    assert_eq!((reply.told("x-provider"), reply.told("x-model")), ("lab-openai", "gpt-image-lab"));
    let entry = weir.ended(reply.told("x-request-id"));
    assert_eq!(entry["detail"]["lines"][0]["outcome"], "ok");
    // What was given counts.
    let words = weir
        .post("/v1/images/generations", &json!({ "model": "gpt-image-lab", "prompt": "In winter" }))
        .is(200);
    let tokens = |reply: &crate::net::Reply| reply.told("x-tokens-in").parse::<u64>().unwrap();
    assert_eq!(tokens(&reply), tokens(&words) + 323);
    assert_eq!(weir.at_rest().1, 0);
}

/// A form as SDKs send one; its boundary is another each time.
fn form(boundary: &str, n: &str) -> ([(&'static str, String); 2], String) {
    let parts = [
        ("name=\"model\"", "gpt-image-lab"),
        ("name=\"prompt\"", "In winter"),
        ("name=\"n\"", n),
        ("name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png", "picture"),
    ];
    let part =
        |(head, body)| format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let kind = format!("multipart/form-data; boundary={boundary}");
    let body = parts.map(part).concat() + &format!("--{boundary}--\r\n");
    ([("content-type", kind), ("idempotency-key", "edit-1".into())], body)
}

#[test]
fn a_form_is_a_request_like_any_other_and_the_same_when_it_comes_again() {
    let weir = Weir::alone();
    let send = |boundary, n| {
        let (heads, body) = form(boundary, n);
        let heads = heads.each_ref().map(|(name, value)| (*name, value.as_str()));
        weir.ask("POST", "/v1/images/edits", &heads, &body)
    };
    let first = send("one", "2").is(200);
    assert_eq!(first.json()["data"].as_array().unwrap().len(), 2);
    let again = send("another", "2").is(200);
    assert_eq!(again.json(), first.json());
    assert_eq!(again.told("x-request-id"), first.told("x-request-id"));
    assert_eq!(send("third", "1").is(409).json()["error"]["code"], "idempotency_conflict");
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn what_is_sent_is_what_came() {
    const ODD: &str = " {\"images\": [ {\"image_url\":\"https://example.com/a.png\"}] ,\"prompt\":\"p\", \"field_of_tomorrow\": 1.50e0}";
    let (upstream, heard) = Upstream::telling(
        r#"{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#,
    );
    let text = format!(
        "[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"OPENAI_KEY\"]\nmodels = [\"gpt-image-2\"]\n",
        upstream.address
    );
    let weir = Setup::new().config(&text).variable("OPENAI_KEY", "k").start();
    weir.ask("POST", "/v1/images/edits", &[("content-type", "application/json")], ODD).is(200);
    let (head, body) = heard.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /v1/images/edits http/1.1"), "{head}");
    assert_eq!(body, ODD.replacen('{', "{\"model\":\"gpt-image-2\",", 1));
}

#[test]
fn bad_forms_and_files_and_other_providers_are_refused_by_name() {
    let weir = Weir::alone();
    let form = [("content-type", "Multipart/Form-Data; boundary=x")];
    for (body, says) in [
        ("--x--\r\n", "prompt"),
        ("--x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\np\r\n--x--\r\n", "images"),
        ("--x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\np", "cannot be read"),
        ("{}", "cannot be read"),
    ] {
        let refused = weir.ask("POST", "/v1/images/edits", &form, body).is(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{body:?}: {refused}");
    }

    let file =
        weir.post("/v1/images/edits", &edit(json!({ "images": [{ "file_id": "file-1" }] }))).is(400).json();
    assert_eq!(file["error"]["param"], "images[0].file_id");
    for model in ["lab-gemini/gemini-lab-image", "lab-workers/@cf/lab/phoenix"] {
        let refused = weir.post("/v1/images/edits", &edit(json!({ "model": model }))).is(400).json();
        assert_eq!(refused["error"]["param"], "images", "{model}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("openai"), "{refused}");
    }
    for field in [json!({ "stream": true }), json!({ "partial_images": 2 })] {
        for path in ["/v1/images/edits", "/v1/images/generations"] {
            let refused = weir.post(path, &edit(field.clone())).is(400).json();
            assert!(refused["error"]["message"].as_str().unwrap().contains("not streamed"), "{refused}");
        }
    }
    assert_eq!(weir.at_rest().1, 0);
}
