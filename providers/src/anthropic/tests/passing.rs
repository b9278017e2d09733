//! What passes is told as it would be if it were read, and goes on as it came.

use super::super::{Anthropic, decode};
use crate::{Adapter, Reading, Sse, Watch, wild};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use vocab::{Brief, Caps, Door, Event, Finish, RawChat, Spans, Usage};

/// One frame of a stream that is made up.
fn frame() -> impl Strategy<Value = String> {
    let named = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or("x"));
    let text =
        || prop_oneof![Just(String::new()), ".{0,20}", Just("\"usage\":{\"type\":\"error\"".to_owned())];
    let delta = move |at: u64, delta: Value| {
        named(json!({"type": "content_block_delta", "index": at, "delta": delta}))
    };
    let usage = || {
        prop_oneof![
            (0u64..100).prop_map(|n| json!({ "output_tokens": n })),
            (0u64..100, 0u64..100).prop_map(
                |(i, c)| json!({ "input_tokens": i, "cache_read_input_tokens": c, "output_tokens": 1 })
            ),
            Just(
                json!({ "input_tokens": null, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2} })
            ),
        ]
    };
    prop_oneof![
        4 => (0..3u64, text()).prop_map(move |(at, t)| delta(at, json!({"type": "text_delta", "text": t}))),
        2 => (0..3u64, text()).prop_map(move |(at, t)| delta(at, json!({"type": "thinking_delta", "thinking": t}))),
        2 => (0..3u64, text()).prop_map(move |(at, t)| delta(at, json!({"type": "input_json_delta", "partial_json": t}))),
        1 => text().prop_map(move |t| delta(0, json!({"type": "signature_delta", "signature": t}))),
        1 => text().prop_map(move |t| delta(0, json!({"type": "text_delta", "text": t, "more": [1]}))),
        1 => (0..3u64, text()).prop_map(move |(at, t)| named(json!({"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": t}}))),
        2 => (0..3u64).prop_map(move |at| named(json!({"type": "content_block_start", "index": at, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}))),
        1 => (0..3u64).prop_map(move |at| named(json!({"type": "content_block_stop", "index": at}))),
        1 => usage().prop_map(move |u| named(json!({"type": "message_start", "message": {"id": "m", "usage": u}}))),
        1 => (usage(), prop::sample::select(&["end_turn", "max_tokens", "tool_use"][..]))
            .prop_map(move |(u, stop)| named(json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": u}))),
        1 => text().prop_map(move |t| delta(0, json!({"type": "text_delta", "text": t})).replace('\n', "\r\n")),
        1 => text().prop_map(move |t| format!("data: {}\n\n", json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}))),
        1 => Just("event: ping\ndata: {\"type\":\"ping\"}\n\n".to_owned()),
        1 => Just(": keep alive\n\n".to_owned()),
        1 => Just(named(json!({"type": "message_stop"}))),
        1 => Just(named(json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))),
    ]
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    usage: Option<Usage>,
    content: bool,
    finish: Option<Finish>,
    done: bool,
    text_bytes: usize,
    fault: Option<&'static str>,
}

fn parsed(bytes: &[u8]) -> Told {
    let (mut sse, mut reading, mut events, mut told) =
        (Sse::new(), Reading::default(), vec![], Told::default());
    sse.feed(Bytes::copy_from_slice(bytes));
    while let (None, Ok(Some(frame))) = (told.fault, sse.take()) {
        told.fault =
            decode::frame(&mut reading, frame.event, frame.data, &mut events).err().map(|f| f.name());
    }
    for event in events {
        told.content |= event.is_content();
        match event {
            Event::Text { text, .. } | Event::Reasoning { text, .. } => told.text_bytes += text.len(),
            Event::ToolArgs { fragment, .. } => told.text_bytes += fragment.len(),
            Event::Usage(usage) => told.usage = Some(usage),
            Event::Finish { reason, .. } => told.finish = Some(reason),
            Event::End => told.done = true,
            _ => {}
        }
    }
    if told.fault.is_none() && !told.done {
        told.fault = Some("cut");
    }
    told
}

fn watched(pieces: &[&[u8]]) -> (Told, Vec<u8>) {
    let (mut watch, mut out): (Watch, _) = (Anthropic.watch(false).unwrap(), vec![]);
    let mut fault = None;
    for piece in pieces {
        if let Err(why) = watch.pass(Bytes::copy_from_slice(piece), &mut out) {
            fault = Some(why.name());
            break;
        }
    }
    let fault = fault.or_else(|| watch.end(&mut out).err().map(|f| f.name()));
    let told = Told {
        usage: watch.usage(),
        content: watch.content(),
        finish: watch.finish(),
        done: watch.done(),
        text_bytes: watch.text_bytes(),
        fault,
    };
    (told, out.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_watcher_tells_what_a_parser_tells(
        frames in prop::collection::vec(frame(), 0..14),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let text = frames.concat();
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let should = parsed(bytes);
        for pieces in [pieces, bytes.chunks(1).collect(), vec![bytes]] {
            let (is, out) = watched(&pieces);
            prop_assert_eq!(&is, &should);
            if is.fault.is_none_or(|fault| fault == "cut") {
                prop_assert_eq!(&out, bytes);
            } else {
                prop_assert!(bytes.starts_with(&out));
            }
        }
    }

    #[test]
    fn bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        watched(&[&bytes]);
        watched(&bytes.chunks(1).collect::<Vec<_>>());
    }
}

/// However large a frame is, what is kept of it is not; and it is told as content.
#[test]
fn a_giant_passes() {
    let giant = format!(
        "event: content_block_delta\ndata: {}\n\n",
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x".repeat(300_000)}})
    );
    let rest = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let stream = format!("{giant}{rest}");
    let (told, out) = watched(&stream.as_bytes().chunks(1_000).collect::<Vec<_>>());
    assert_eq!(out, stream.as_bytes());
    assert!(told.content && told.done && told.fault.is_none());
    assert_eq!(told.usage.unwrap().tokens_out(), 9);
    assert!((300_000..302_000).contains(&told.text_bytes), "{}", told.text_bytes);
    let (told, _) = watched(&giant.as_bytes()[..200_000].chunks(1_000).collect::<Vec<_>>());
    assert_eq!(told.fault, Some("cut"));
}

fn raw(body: &str, max_output: u32) -> RawChat {
    let span = |part: &str| body.find(part).map(|at| at..at + part.len());
    let spans = Spans { model: span("\"auto\""), max_tokens: span("9000"), ..Spans::default() };
    let brief = Brief { max_output: Some(max_output), stream: true, ..Brief::default() };
    RawChat { body: Bytes::copy_from_slice(body.as_bytes()), spans, untidy: false, brief, headers: vec![] }
}

fn door(most: Option<u32>) -> Door {
    let mut door = wild::door(&Anthropic, "claude-\"x\"", Caps::all());
    let mut card = (*door.card).clone();
    card.max_output = most;
    door.card = card.into();
    door
}

#[test]
fn nothing_but_the_model_and_too_high_a_limit_is_changed() {
    let body = "{ \"max_tokens\": 9000, \"new\": [1.10, {}], \"model\":\"auto\" }";
    for (most, limit) in [(None, "9000"), (Some(9_000), "9000"), (Some(4_096), "4096")] {
        let call = Anthropic.patch(&raw(body, 9_000), &door(most)).unwrap();
        let sent = String::from_utf8(call.body.concat().to_vec()).unwrap();
        assert_eq!(sent, body.replace("9000", limit).replace("\"auto\"", r#""claude-\"x\"""#));
        assert!(call.stream);
    }
    assert!(Anthropic.patch(&RawChat { untidy: true, ..raw(body, 1) }, &door(None)).is_none());
}

#[test]
fn the_clients_version_and_betas_go_along() {
    let header = |name: &'static str, value: &'static str| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let mut raw = raw("{\"model\":\"auto\"}", 1);
    raw.headers = vec![
        header("anthropic-version", "2023-01-01"),
        header("anthropic-beta", "b-1"),
        header("anthropic-beta", "b-2"),
    ];
    let mut door = door(None);
    std::sync::Arc::make_mut(&mut door.headers).insert("anthropic-beta", HeaderValue::from_static("ours"));
    for call in [Anthropic.patch(&raw, &door).unwrap(), Anthropic.count(&raw, &door).unwrap()] {
        assert_eq!(call.headers["anthropic-version"], "2023-01-01");
        let betas: Vec<_> = call.headers.get_all("anthropic-beta").iter().collect();
        assert_eq!(betas, ["ours", "b-1", "b-2"]);
        assert_eq!(call.headers["x-api-key"], "secret");
    }
}

#[test]
fn tokens_are_asked_for_where_they_are_counted() {
    let call = Anthropic.count(&raw("{\"model\":\"auto\"}", 1), &door(None)).unwrap();
    assert_eq!(call.uri, "https://provider.test/v1/messages/count_tokens");
    assert!(!call.stream);
    assert_eq!(Anthropic.counted(b"{\"input_tokens\": 14}"), Some(14));
    for odd in ["", "{}", "[]", "{\"input_tokens\":-1}", "{\"input_tokens\":\"x\"}"] {
        assert_eq!(Anthropic.counted(odd.as_bytes()), None, "{odd}");
    }
}
