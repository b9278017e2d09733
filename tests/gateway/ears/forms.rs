//! Forms as clients write them, and as nobody should.

use super::{BOUNDARY, LISTENERS, PATH, Part, WHISPERED, form, hear, posted, wav, whispers};
use crate::net::{Conn, request};
use crate::process::{Setup, Weir};
use crate::upstream::Upstream;
use serde_json::json;

#[test]
fn fields_come_in_any_order_beside_a_file_that_is_kept() {
    let weir = Weir::alone();
    let file = wav(2_000);
    let fields: [Part<'_>; 3] = [
        ("file", Some("a.wav"), &file),
        ("model", None, b"lab-groq/whisper-large-lab"),
        ("response_format", None, b"verbose_json"),
    ];
    let mut told = None;
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 0, 1]] {
        let parts: Vec<Part<'_>> = order.iter().map(|at| fields[*at]).collect();
        let mut said = weir.open().ask(&posted(PATH, &[], &form(&parts))).is(200).json();
        said["x_groq"].take();
        assert_eq!(*told.get_or_insert(said.clone()), said, "{order:?}");
    }
}

#[test]
fn a_form_may_come_in_any_pieces() {
    let weir = Weir::alone();
    let body = form(&[("model", None, b"lab-openai/whisper-lab"), ("file", Some("a.wav"), &wav(300))]);
    let whole = weir.open().ask(&posted(PATH, &[], &body)).is(200).json();
    // Byte by byte over the beginning, then in larger pieces; once with a length and once in chunks.
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut conn = weir.open();
    let head =
        request("POST", PATH, &[("content-type", &kind), ("content-length", &body.len().to_string())], b"");
    conn.send(&head);
    for piece in body[..400].chunks(1).chain(body[400..].chunks(777)) {
        conn.send(piece);
    }
    assert_eq!(conn.reply().unwrap().is(200).json()["text"], whole["text"]);

    conn.send(&request("POST", PATH, &[("content-type", &kind), ("transfer-encoding", "chunked")], b""));
    for piece in body.chunks(333) {
        conn.send(format!("{:x}\r\n", piece.len()).as_bytes()).send(piece).send(b"\r\n");
    }
    conn.send(b"0\r\n\r\n");
    assert_eq!(conn.reply().unwrap().is(200).json()["text"], whole["text"]);
    // The connection goes on.
    assert_eq!(conn.ask(&posted(PATH, &[], &body)).is(200).json()["text"], whole["text"]);
}

#[test]
fn what_is_wrong_with_a_form_is_said_and_nobody_is_asked() {
    let upstream = Upstream::start(|call| call.whole("200 OK", WHISPERED));
    let weir = whispers(&[&upstream], "").start();
    let file = wav(200);
    let model: Part<'_> = ("model", None, b"alpha-whisper");
    let sound: Part<'_> = ("file", Some("a.wav"), &file);
    let good = form(&[model, sound]);
    let cut = |n: usize| good[..good.len() - n].to_vec();
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"".to_vec(), 400, "invalid_form"),
        (b"no form at all".to_vec(), 400, "invalid_form"),
        (cut(4), 400, "invalid_form"),
        (cut(BOUNDARY.len() + 20), 400, "invalid_form"),
        // What is before the first boundary is nothing, and so is the model.
        (good.iter().skip(3).copied().collect(), 400, "invalid_request"),
        (form(&[sound]), 400, "invalid_request"),
        (form(&[model]), 400, "invalid_request"),
        (form(&[model, ("file", Some("a.wav"), b"")]), 400, "invalid_request"),
        (form(&[model, sound, sound]), 400, "invalid_request"),
        (form(&[model, model, sound]), 400, "invalid_request"),
        (form(&[model, ("language", None, b"\xff\xfe"), sound]), 400, "invalid_request"),
        (form(&[model, ("language", None, b"en\r\nx: y"), sound]), 400, "invalid_request"),
        (form(&[model, ("temperature", None, b"hot"), sound]), 400, "invalid_request"),
        (form(&[model, ("temperature", None, b"NaN"), sound]), 400, "invalid_request"),
        (form(&[model, ("response_format", None, b"pdf"), sound]), 400, "invalid_request"),
        (form(&[model, ("timestamp_granularities[]", None, b"word"), sound]), 400, "invalid_request"),
        (form(&[("model", None, b""), sound]), 400, "invalid_request"),
        (form(&[("model", None, b"nobody's"), sound]), 404, "model_not_found"),
        (form(&[model, ("prompt", None, &vec![b'x'; (1 << 20) + 1]), sound]), 413, "invalid_request"),
        (form(&vec![("include[]", None, &b"logprobs"[..]); 200]), 400, "invalid_form"),
    ];
    for (body, status, code) in cases {
        let reply = weir.open().ask(&posted(PATH, &[], &body)).is(status);
        assert_eq!(reply.json()["error"]["code"], code, "{}", reply.text());
    }
    for kind in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "audio/wav",
        "multipart/mixed; boundary=b",
    ] {
        let reply = weir.ask("POST", PATH, &[("content-type", kind)], "{}").is(415);
        assert_eq!(reply.json()["error"]["code"], "unsupported_media_type", "{kind}");
    }
    let reply = weir.open().ask(&posted(PATH, &[("content-encoding", "gzip")], &good)).is(415);
    assert_eq!(reply.json()["error"]["code"], "unsupported_encoding");
    weir.ask("GET", PATH, &[], "").is(405);
    assert_eq!(upstream.calls(), 0);
    // And a good one behind all that.
    weir.open().ask(&posted(PATH, &[], &good)).is(200);
    assert_eq!(upstream.calls(), 1);
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn names_of_files_are_anybodys_and_break_nothing() {
    let (upstream, heard) = Upstream::telling(WHISPERED);
    let weir = whispers(&[&upstream], "").start();
    for (name, told) in [
        ("naïve – 水 🙂.wav", "filename=\"naïve – 水 🙂.wav\""),
        ("a%22; name=%22model.wav", "filename=\"a%22; name=%22model.wav\""),
        ("back\\\\slash.wav", "filename=\"back\\slash.wav\""),
        ("", "filename=\"audio\""),
    ] {
        heard.lock().unwrap().clear();
        let parts: [Part<'_>; 2] = [("model", None, b"alpha-whisper"), ("file", Some(name), &wav(100))];
        weir.open().ask(&posted(PATH, &[], &form(&parts))).is(200);
        let (head, body) = heard.lock().unwrap()[0].clone();
        assert!(body.contains(told), "{told}: {body}");
        assert_eq!(body.matches("name=\"model\"").count(), 1, "{body}");
        assert!(head.contains("content-type: multipart/form-data; boundary=weir-"), "{head}");
        // All of it is there, so its length is said.
        assert!(head.contains("content-length: ") && !head.contains("chunked"), "{head}");
        assert!(body.contains("\"response_format\"\r\n\r\nverbose_json\r\n"), "{body}");
    }
}

/// A boundary that could be known would let a file say what it costs.
#[test]
fn boundaries_are_never_the_same() {
    let (upstream, heard) = Upstream::telling(WHISPERED);
    let weir = whispers(&[&upstream], "").start();
    for _ in 0..3 {
        let body = form(&[("model", None, b"alpha-whisper"), ("file", Some("a.wav"), &wav(100))]);
        weir.open().ask(&posted(PATH, &[("x-weir-seed", "7")], &body)).is(200);
    }
    let heard = heard.lock().unwrap();
    let boundaries: std::collections::BTreeSet<&str> = heard
        .iter()
        .map(|(head, _)| head.split_once("boundary=").unwrap().1.lines().next().unwrap())
        .collect();
    assert_eq!(boundaries.len(), 3);
}

#[test]
fn fields_behind_a_file_that_went_by_are_refused_with_their_name() {
    let (upstream, heard) = Upstream::telling(WHISPERED);
    let weir = whispers(&[&upstream], "[service]\nupload_window = 262144\nbody_max = 600000\n").start();
    let file = vec![7u8; 500_000];
    let late =
        form(&[("model", None, b"alpha-whisper"), ("file", Some("a.mp3"), &file), ("language", None, b"en")]);
    let reply = weir.open().ask(&posted(PATH, &[], &late)).is(400);
    assert_eq!(reply.json()["error"]["param"], "language");
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("before the file"));
    assert!(heard.lock().unwrap().is_empty(), "no provider had all of it");
    // Without a model the file waits for it, up to the size of any body.
    let first = form(&[("file", Some("a.mp3"), &file), ("model", None, b"alpha-whisper")]);
    weir.open().ask(&posted(PATH, &[], &first)).is(200);
    let file = vec![7u8; 700_000];
    let large = form(&[("file", Some("a.mp3"), &file), ("model", None, b"alpha-whisper")]);
    let reply = weir.open().ask(&posted(PATH, &[], &large)).is(413);
    assert_eq!(reply.json()["error"]["param"], "file");
    let ordered = form(&[("model", None, b"alpha-whisper"), ("file", Some("a.mp3"), &file)]);
    weir.open().ask(&posted(PATH, &[], &ordered)).is(200);
    assert!(heard.lock().unwrap().last().unwrap().0.contains("transfer-encoding: chunked"));
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn fields_that_only_some_know_go_there() {
    let (upstream, heard) = Upstream::telling(r#"{"text":"Hello"}"#);
    let config = format!(
        "[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"K\"]\nmodels = [\"gpt-4o-transcribe\"]\n",
        upstream.address
    );
    let weir = Setup::new().config(&config).variable("K", "k").start();
    let fields = [
        ("include[]", "logprobs"),
        ("chunking_strategy", "auto"),
        ("prompt", "Weir, naïve"),
        ("temperature", "0.5"),
    ];
    let reply = hear(&weir, "gpt-4o-transcribe", &wav(1_000), &fields).is(200);
    assert_eq!(reply.text(), r#"{"text":"Hello"}"#, "as it came");
    let body = heard.lock().unwrap()[0].1.clone();
    for (name, value) in fields {
        assert!(body.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n")), "{body}");
    }
    // Nothing told what it used, so the sound itself is counted.
    let line = super::line(&weir, &reply);
    assert_eq!(
        (&line["usage"]["input_audio"], &line["usage"]["estimated"]),
        (&json!(17), &json!(true)),
        "{line}"
    );
    let weir = Weir::alone();
    let refused = hear(&weir, LISTENERS[2].0, &wav(1_000), &[("chunking_strategy", "auto")]).is(422);
    assert_eq!(refused.json()["error"]["param"], "chunking_strategy");
}

#[test]
fn expect_100_is_answered_as_curl_wants_it() {
    let weir = Weir::alone();
    let body = form(&[("model", None, b"lab-openai/whisper-lab"), ("file", Some("a.wav"), &wav(40_000))]);
    let head = posted(PATH, &[("expect", "100-continue"), ("content-length", &body.len().to_string())], b"");
    let mut conn: Conn = weir.open();
    conn.send(&head);
    assert_eq!(conn.head().unwrap().status, 100);
    conn.send(&body);
    conn.reply().unwrap().is(200);
}
