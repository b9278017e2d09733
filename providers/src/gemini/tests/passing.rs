//! What passes: requests in the client's own bytes, and answers in Gemini's.

use super::super::history::BYPASS;
use crate::{Adapter, Gemini, wild};
use bytes::Bytes;
use serde_json::{Value, json};
use vocab::{Brief, Bucket, Caps, RawChat, Span, Spans};

fn raw(body: &str, seals: Vec<Span>, model: Option<Span>) -> RawChat {
    RawChat {
        body: Bytes::copy_from_slice(body.as_bytes()),
        spans: Spans { seals, model, ..Spans::default() },
        untidy: false,
        brief: Brief::default(),
        headers: vec![],
    }
}

fn sent(raw: &RawChat, model: &str) -> String {
    let call = Gemini.patch(raw, &wild::door(&Gemini, model, Caps::empty())).unwrap();
    String::from_utf8(call.body.concat().to_vec()).unwrap()
}

#[test]
fn a_body_goes_as_it_came() {
    let body = " {\"contents\" : [ ],\t\"fieldOfTomorrow\":1e3 }";
    assert_eq!(sent(&raw(body, vec![], None), "gemini-3.8-flash"), body);
}

#[test]
fn seals_of_others_and_lost_ones_are_replaced() {
    let body = r#"{"a":{"functionCall":{}},"b":"theirs"}"#;
    let behind = body.find("}}").unwrap() + 1;
    let theirs = body.find("\"theirs\"").unwrap();
    let seals = vec![behind..behind, theirs..theirs + 8];
    let bypass = format!("\"{BYPASS}\"");
    assert_eq!(
        sent(&raw(body, seals.clone(), None), "gemini-3.8-flash"),
        format!(r#"{{"a":{{"functionCall":{{}},"thoughtSignature":{bypass}}},"b":{bypass}}}"#)
    );
    // The second generation knows no seals of its own; others' it would not take either.
    assert_eq!(sent(&raw(body, seals, None), "gemini-2.5-pro"), body.replace("\"theirs\"", &bypass));
}

#[test]
fn a_named_model_is_the_providers_own() {
    let body = r#"{"model":"models/auto","contents":[]}"#;
    let span = body.find("\"models/auto\"").unwrap();
    let raw = raw(body, vec![], Some(span..span + 13));
    assert_eq!(sent(&raw, "gemini-3.8-flash"), body.replace("auto", "gemini-3.8-flash"));
}

#[test]
fn tokens_are_counted_where_the_model_is() {
    let door = wild::door(&Gemini, "gemini-3.8-flash", Caps::empty());
    let call = Gemini.count(&raw("{}", vec![], None), &door).unwrap();
    assert!(call.uri.path().ends_with("/models/gemini-3.8-flash:countTokens"), "{}", call.uri);
    assert!(!call.stream);
    assert_eq!(Gemini.counted(br#"{"totalTokens": 31, "promptTokensDetails": []}"#), Some(31));
    assert_eq!(Gemini.counted(b"{}"), None);
    assert_eq!(Gemini.counted(b"<html>"), None);
}

fn frame(parts: &Value, more: &str) -> String {
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":{parts},\"role\":\"model\"}},\"index\":0{more}}}],\"usageMetadata\":{{\"promptTokenCount\":7,\"candidatesTokenCount\":9}}}}\r\n\r\n"
    )
}

/// What a watch tells of a stream, in pieces of one size.
fn watched(stream: &str, size: usize) -> (Result<(), vocab::Fault>, crate::Watch, String) {
    let mut watch = Gemini.watch(false).unwrap();
    let mut out = vec![];
    let passed = stream
        .as_bytes()
        .chunks(size)
        .try_for_each(|piece| watch.pass(Bytes::copy_from_slice(piece), &mut out).map(drop));
    let ended = passed.and_then(|()| watch.end(&mut out));
    let out = String::from_utf8(out.concat()).unwrap();
    (ended, watch, out)
}

#[test]
fn a_picture_is_an_answer_however_large() {
    for size in [10, 300_000] {
        let picture = json!([{"inlineData": {"mimeType": "image/png", "data": "A".repeat(size)}}]);
        let stream = frame(&picture, ",\"finishReason\":\"STOP\"");
        for piece in [7, 4_096, stream.len()] {
            let (ended, watch, out) = watched(&stream, piece);
            ended.unwrap();
            assert!(watch.content() && watch.done());
            assert_eq!(watch.usage().unwrap().get(Bucket::Output), 9);
            assert_eq!(out, stream);
        }
        let whole = stream.trim_start_matches("data: ").trim_end();
        let glance = Gemini.glance(&Bytes::copy_from_slice(whole.as_bytes())).unwrap();
        assert!(glance.useful && glance.usage.is_some());
    }
}

#[test]
fn a_large_frame_is_measured_and_its_ending_found() {
    let text = "\\\"ä\\n".repeat(60_000);
    let stream = format!(
        "{}{}",
        frame(&json!([{"text": "a"}]), ""),
        frame(&json!([{"text": "§"}]), ",\"finishReason\":\"MAX_TOKENS\"").replace('§', &text)
    );
    let (ended, watch, out) = watched(&stream, 1_000);
    ended.unwrap();
    assert_eq!(watch.finish(), Some(vocab::Finish::Length));
    assert!(watch.text_bytes() > 200_000, "{}", watch.text_bytes());
    assert_eq!(out, stream);
}

#[test]
fn a_stream_that_stops_is_cut() {
    let begun = frame(&json!([{"text": "a"}]), "");
    let more = frame(&json!([{"text": "bc"}]), "");
    for (stream, whole) in [
        (format!("{begun}{more}"), false),
        (format!("{begun}{more}data: {{\"candi"), false),
        (format!("{begun}{}", frame(&json!([{"text": "b"}]), ",\"finishReason\":\"STOP\"")), true),
        (format!("{begun}{}", frame(&json!([]), ",\"finishReason\":\"STOP\"").trim_end()), true),
    ] {
        let (ended, watch, _) = watched(&stream, 11);
        assert_eq!(ended.is_ok(), whole, "{stream}");
        assert_eq!(watch.usage().unwrap().get(Bucket::Output), 9, "the last figures count");
    }
}
