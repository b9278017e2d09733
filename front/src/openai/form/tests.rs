use super::*;
use futures::executor::block_on;

const KIND: &[u8] = b"multipart/form-data; boundary=\"b d\"";

fn part(head: &str, body: &str) -> String {
    format!("--b d\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
}

fn read(parts: &[String]) -> Result<Value, BadInput> {
    let body = format!("{}--b d--\r\n", parts.concat());
    block_on(edit(KIND, body.into())).map(|json| serde_json::from_slice(&json).unwrap())
}

#[test]
fn a_form_is_the_json_that_means_the_same() {
    let parts = [
        part("name=\"prompt\"", "Ω in\r\nwinter"),
        part("name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png", "one"),
        part("name=\"image[]\"; filename=\"b\"\r\nContent-Type: application/octet-stream", "RIFF1234WEBP"),
        part("name=\"mask\"; filename=\"m\"", "two"),
        part("name=\"n\"", "2"),
        part("name=\"stream\"", "false"),
        part("name=\"size\"", "1024x1024"),
        part("name=\"field_of_tomorrow\"", "1"),
    ];
    let expected = json!({
        "prompt": "Ω in\r\nwinter",
        "mask": { "image_url": "data:application/octet-stream;base64,dHdv" },
        "n": 2,
        "stream": false,
        "size": "1024x1024",
        "field_of_tomorrow": "1",
        "images": [
            { "image_url": "data:image/png;base64,b25l" },
            { "image_url": "data:image/webp;base64,UklGRjEyMzRXRUJQ" },
        ],
    });
    assert_eq!(read(&parts).unwrap(), expected);
}

#[test]
fn what_cannot_be_is_left_for_whoever_reads_the_fields() {
    assert_eq!(read(&[part("name=\"n\"", "two")]).unwrap(), json!({ "n": "two" }));
    assert_eq!(read(&[]).unwrap(), json!({}));
}

#[test]
fn a_form_that_is_none_says_so() {
    let twice = read(&[part("name=\"prompt\"", "a"), part("name=\"prompt\"", "b")]).unwrap_err();
    assert_eq!(twice.param.as_deref(), Some("prompt"));
    let many: Vec<_> = (0..65).map(|n| part(&format!("name=\"f{n}\""), "")).collect();
    assert!(read(&many).unwrap_err().message.contains("64 parts"));
    let cut = block_on(edit(KIND, part("name=\"prompt\"", "a").into()));
    assert!(cut.unwrap_err().message.contains("cannot be read"));
    for kind in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"]
    {
        let body = format!("{}--b d--\r\n", part("name=\"a\"", "b"));
        assert!(block_on(edit(kind.as_bytes(), body.into())).is_err(), "{kind}");
    }
    assert!(is_form(b"Multipart/Form-Data; boundary=x") && !is_form(b"application/json") && !is_form(b""));
}
