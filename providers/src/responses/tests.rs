//! Laws on streams made up at random, on bytes that are none, and on what is too large to be kept.

use super::*;
use crate::{Sse, wild};
use proptest::prelude::*;
use serde_json::{Value, json};
use vocab::Usage;

const WORDS: &[&str] = &[
    "type",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
    "response",
    "item",
    "output",
    "output_index",
    "message",
    "reasoning",
    "function_call",
    "call_id",
    "id",
    "name",
    "arguments",
    "content",
    "output_text",
    "text",
    "delta",
    "summary",
    "encrypted_content",
    "logprobs",
    "status",
    "completed",
    "failed",
    "incomplete_details",
    "reason",
    "usage",
    "input_tokens",
    "output_tokens",
    "input_tokens_details",
    "cached_tokens",
    "cache_write_tokens_details",
    "tool_usage",
    "web_search",
    "num_requests",
    "code",
    "server_error",
    "service_tier",
];

/// What one frame of a made-up stream says.
fn piece() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(String::new()),
        ".{0,12}",
        Just("\"type\":\"response.completed\"}\n\ndata: {".to_owned())
    ];
    let kind = prop::sample::select(
        &[
            "response.output_text.delta",
            "response.refusal.delta",
            "response.reasoning_summary_text.delta",
            "response.reasoning_text.delta",
            "response.function_call_arguments.delta",
        ][..],
    );
    let item = (0..5, text.clone(), text.clone()).prop_map(|(what, a, b)| match what {
        0 => json!({"type": "message", "content": [{"type": "output_text", "text": a}, {"type": "refusal", "refusal": b}]}),
        1 => json!({"type": "reasoning", "id": "rs", "summary": [{"text": a}, {"text": b}], "encrypted_content": b}),
        2 => json!({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": a}]}),
        3 => json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": a}),
        _ => json!({"type": "web_search_call", "id": a}),
    });
    let usage = (0u64..90, 0u64..90).prop_map(|(i, o)| json!({"input_tokens": i, "output_tokens": o}));
    let place = 0..3_u32;
    prop_oneof![
        8 => (kind, place.clone(), text).prop_map(|(kind, at, text)| json!({"type": kind, "output_index": at, "delta": text})),
        3 => (place.clone(), item.clone()).prop_map(|(at, item)| json!({"type": "response.output_item.added", "output_index": at, "item": item})),
        3 => (place.clone(), item.clone()).prop_map(|(at, item)| json!({"type": "response.output_item.done", "output_index": at, "item": item})),
        1 => (place.clone(), ".{0,9}").prop_map(|(at, text)| json!({"type": "response.function_call_arguments.done", "output_index": at, "arguments": text})),
        1 => place.prop_map(|at| json!({"type": "response.reasoning_summary_part.added", "output_index": at})),
        1 => Just(json!({"type": "response.created", "response": {"id": "r", "model": "m"}})),
        1 => (usage, prop::collection::vec(item, 0..3)).prop_map(|(usage, output)| json!({"type": "response.completed", "response": {"output": output, "usage": usage}})),
        1 => Just(json!({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}, "usage": {"input_tokens": 1}}})),
        1 => Just(json!({"type": "error", "code": "rate_limit_exceeded", "message": "x"})),
    ]
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    usage: Option<Usage>,
    content: bool,
    done: bool,
    text_bytes: usize,
    fault: Option<&'static str>,
}

fn parsed(bytes: &[u8]) -> Told {
    let (mut sse, mut reading, mut events, mut told) =
        (Sse::new(), Reading::default(), vec![], Told::default());
    sse.feed(Bytes::copy_from_slice(bytes));
    while told.fault.is_none() {
        match sse.take() {
            Ok(Some(frame)) => {
                told.fault =
                    Responses.decode_frame(&mut reading, &frame, &mut events).err().map(|f| f.name());
            }
            Ok(None) => break,
            Err(fault) => told.fault = Some(fault.name()),
        }
    }
    for event in &events {
        told.content |= event.is_content();
        match event {
            Event::Usage(usage) => told.usage = Some(*usage),
            Event::End => told.done = true,
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                told.text_bytes += text.len();
            }
            Event::ToolArgs { fragment, .. } => told.text_bytes += fragment.len(),
            _ => {}
        }
    }
    told
}

fn watched(pieces: &[&[u8]]) -> (Told, Vec<u8>) {
    let (mut watch, mut out, mut saw, mut fault) = (Responses.watch(false).unwrap(), vec![], false, None);
    for piece in pieces {
        match watch.pass(Bytes::copy_from_slice(piece), &mut out) {
            Ok(content) => saw |= content,
            Err(found) => {
                fault = Some(found.name());
                break;
            }
        }
    }
    assert!(fault.is_some() || saw == watch.content());
    let told = Told {
        usage: watch.usage(),
        content: watch.content(),
        done: watch.done(),
        text_bytes: watch.text_bytes(),
        fault,
    };
    (told, out.concat())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect()
}

fn framed(pieces: &[Value], named: bool, eol: &str) -> String {
    let frame = |piece: &Value| {
        let name = piece["type"].as_str().unwrap_or_default();
        let event = if named { format!("event: {name}{eol}") } else { String::new() };
        format!("{event}data: {piece}{eol}{eol}")
    };
    pieces.iter().map(frame).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_watcher_tells_what_a_parser_tells(
        pieces in prop::collection::vec(piece(), 0..16),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        named in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let text = framed(&pieces, named, if crlf { "\r\n" } else { "\n" });
        let should = parsed(text.as_bytes());
        let (is, out) = watched(&cut(text.as_bytes(), &cuts));
        prop_assert_eq!(&is, &should);
        let (single, _) = watched(&text.as_bytes().chunks(1).collect::<Vec<_>>());
        prop_assert_eq!(&single, &should);
        if is.fault.is_none() {
            prop_assert_eq!(out, text.as_bytes());
        }
    }

    /// Only calls that have begun are given arguments, and they are counted from 0.
    #[test]
    fn calls_begin_before_their_arguments(pieces in prop::collection::vec(piece(), 0..16)) {
        let (mut reading, mut events) = (Reading::default(), vec![]);
        for piece in &pieces {
            let data = piece.to_string();
            if Responses.decode_frame(&mut reading, &Frame { event: "", data: &data }, &mut events).is_err() {
                break;
            }
        }
        let mut begun = 0;
        for event in &events {
            match event {
                Event::ToolStart { index, .. } => {
                    prop_assert_eq!(*index, begun);
                    begun += 1;
                }
                Event::ToolArgs { index, .. } => prop_assert!(*index < begun),
                _ => {}
            }
        }
    }

    #[test]
    fn bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        wild::endures(&Responses, &bytes, &[text]);
        let mut watch = Responses.watch(false).unwrap();
        let _ = watch.pass(bytes.clone().into(), &mut vec![]);
        let _ = watch.pass(bytes.into(), &mut vec![]);
        let _ = watch.end(&mut vec![]);
    }

    #[test]
    fn json_does_no_harm(
        whole in wild::json(WORDS),
        frames in prop::collection::vec(prop_oneof![wild::json(WORDS), piece()].prop_map(|v| v.to_string()), 0..10),
    ) {
        wild::endures(&Responses, whole.to_string().as_bytes(), &frames);
    }

    #[test]
    fn any_chat_is_encoded_or_refused(chat in wild::chat()) {
        wild::encodes(&Responses, &wild::door(&Responses, "gpt-6-sol", Caps::all()), &chat);
    }

    /// Whatever the client's bytes are, what goes out is as good as what came in.
    #[test]
    fn a_patch_is_json_or_none(mut body in wild::json(WORDS), stream in any::<bool>()) {
        if let Value::Object(body) = &mut body {
            body.insert("input".into(), "x".into());
        }
        let raw = RawChat {
            body: Bytes::from(body.to_string()),
            spans: vocab::Spans::default(),
            untidy: false,
            brief: vocab::Brief { stream, ..vocab::Brief::default() },
            headers: vec![],
        };
        if let Some(call) = Responses.patch(&raw, &wild::door(&Responses, "gpt-6-sol", Caps::all())) {
            let sent: Value = serde_json::from_slice(&call.body.concat()).unwrap();
            prop_assert_eq!((&sent["model"], &sent["store"]), (&json!("gpt-6-sol"), &json!(false)));
            prop_assert_eq!(sent["stream"] == true, stream);
            for (key, value) in body.as_object().unwrap() {
                if !["model", "store", "stream", "include"].contains(&key.as_str()) {
                    prop_assert_eq!(&sent[key], value);
                }
            }
        }
    }
}

#[test]
fn whole_frames_pass_without_a_copy() {
    let mut watch = Responses.watch(false).unwrap();
    let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a"});
    let chunk = Bytes::from(framed(&[delta.clone(), delta], true, "\n"));
    let mut out = vec![];
    assert_eq!(watch.pass(chunk.clone(), &mut out), Ok(true));
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr(), "it is the same memory");
    out.clear();
    watch.pass(Bytes::from_static(b"event: response.output_text.delta\ndata: {\"ty"), &mut out).unwrap();
    assert!(out.is_empty(), "half a frame is kept back");
}

/// The opening repeats the instructions and the end the whole answer: neither has to fit.
#[test]
fn frames_of_any_size_pass_in_fixed_memory_and_are_read_all_the_same() {
    let long = "x\\\"}{\n".repeat(60_000);
    let usage = json!({"input_tokens": 7, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 9});
    let created =
        json!({"type": "response.created", "response": {"id": "r", "instructions": long, "model": "m"}});
    let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "abc"});
    let done = |text: &str| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
    let completed = json!({"type": "response.completed", "response": {
        "output": [done(&long)], "status": "completed", "tools": [long], "usage": usage, "metadata": {"a": long}}});
    for size in [1_000, 70_000, 10_000_000] {
        for eol in ["\n", "\r\n"] {
            let text = framed(&[created.clone(), delta.clone()], true, eol);
            let mut watch = Responses.watch(false).unwrap();
            let (mut out, mut content) = (vec![], false);
            for chunk in text.as_bytes().chunks(size) {
                content |= watch.pass(Bytes::copy_from_slice(chunk), &mut out).unwrap();
            }
            assert!(content && watch.text_bytes() == 3, "what was asked is not what is said");
            assert!(watch.end(&mut vec![]).is_err(), "it is not over");
            let mut sent = text;
            let rest = framed(std::slice::from_ref(&completed), true, eol);
            for chunk in rest.as_bytes().chunks(size) {
                watch.pass(Bytes::copy_from_slice(chunk), &mut out).unwrap();
            }
            sent += &rest;
            assert_eq!(watch.end(&mut out), Ok(()));
            assert_eq!(watch.usage().map(|u| (u.tokens_in(), u.tokens_out())), Some((7, 9)));
            assert_eq!((watch.finish(), watch.text_bytes()), (Some(vocab::Finish::Stop), 3));
            assert_eq!(out.concat(), sent.as_bytes());
        }
    }
}

#[test]
fn a_piece_too_large_to_be_kept_is_counted() {
    let long = "y".repeat(200_000);
    let args = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": long});
    let text = framed(
        &[
            json!({"type": "response.output_item.done", "output_index": 0, "item": args}),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": long}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "message",
                "content": [{"type": "output_text", "text": long}]}}),
            json!({"type": "response.completed", "response": {"status": "completed"}}),
        ],
        true,
        "\n",
    );
    let (told, out) = watched(&text.as_bytes().chunks(1_500).collect::<Vec<_>>());
    assert!((400_000..410_000).contains(&told.text_bytes), "{}", told.text_bytes);
    assert!(told.content && told.done && told.fault.is_none());
    assert_eq!(out, text.as_bytes());
    let mut watch = Responses.watch(false).unwrap();
    watch.pass(Bytes::from(text), &mut vec![]).unwrap();
    assert_eq!(watch.finish(), Some(vocab::Finish::ToolCalls));
}

#[test]
fn what_came_before_a_failure_goes_out_and_nothing_after() {
    let good =
        framed(&[json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a"})], true, "\n");
    let bad = framed(&[json!({"type": "error", "code": "server_error", "message": "x"})], true, "\n");
    let (mut watch, mut out) = (Responses.watch(false).unwrap(), vec![]);
    let fault = watch.pass(format!("{good}{bad}{good}").into(), &mut out).unwrap_err();
    assert_eq!((fault.name(), out.concat()), ("down", good.clone().into_bytes()));
    assert_eq!(watch.pass(good.clone().into(), &mut out).unwrap_err(), fault);
    assert_eq!(out.concat().len(), good.len());
}

#[test]
fn keys_travel_as_bearers() {
    let door = wild::door(&Responses, "gpt-6-sol", Caps::all());
    assert_eq!(door.uri.to_string(), "https://provider.test/v1/responses");
    assert_eq!(door.headers["authorization"], "Bearer secret");
    assert!(!format!("{door:?} {:?}", door.headers).contains("secret"));
}

fn raw(body: &Value) -> RawChat {
    RawChat {
        body: Bytes::from(body.to_string()),
        spans: vocab::Spans::default(),
        untidy: false,
        brief: vocab::Brief::default(),
        headers: vec![],
    }
}

/// What the wire format alone can say needs no word of a model's card; reasoning of others needs another way.
#[test]
fn what_only_this_api_knows_passes_and_strangers_reasoning_does_not() {
    let door = wild::door(&Responses, "gpt-6-sol", Caps::empty());
    let mut asked = raw(&json!({"model": "auto", "input": "x", "tools": [{"type": "web_search"}]}));
    asked.brief.needs = Caps::RESPONSES_ONLY;
    let sent: Value = serde_json::from_slice(&Responses.patch(&asked, &door).unwrap().body.concat()).unwrap();
    assert_eq!(sent["tools"], json!([{"type": "web_search"}]));
    asked.untidy = true;
    assert!(Responses.patch(&asked, &door).is_none() && Responses.count(&asked, &door).is_none());
}

#[test]
fn tokens_are_asked_for_in_the_clients_own_words() {
    let door = wild::door(&Responses, "gpt-6-sol", Caps::all());
    let call = Responses.count(&raw(&json!({"input": "x", "model": "auto"})), &door).unwrap();
    assert!(call.uri.path().ends_with("/responses/input_tokens") && !call.stream, "{}", call.uri);
    assert_eq!(call.body.concat(), r#"{"input":"x","model":"gpt-6-sol"}"#);
    assert_eq!(Responses.counted(br#"{"object":"response.input_tokens","input_tokens":11}"#), Some(11));
    assert_eq!(Responses.counted(b"[]"), None);
    let stored = raw(&json!({"input": "x", "model": "auto", "previous_response_id": "resp_1"}));
    assert!(Responses.count(&stored, &door).is_none());
}

#[test]
fn a_summary_is_asked_of_whoever_thinks() {
    let chat = vocab::Chat {
        messages: vec![vocab::Message::text(vocab::Role::User, "x")],
        summary: Some("auto".into()),
        ..vocab::Chat::default()
    };
    let asked = |caps| {
        let call = Responses.encode(&chat, &wild::door(&Responses, "m", caps)).unwrap();
        serde_json::from_slice::<Value>(&call.body.concat()).unwrap()["reasoning"].clone()
    };
    assert_eq!(asked(Caps::REASONING), json!({"summary": "auto"}));
    assert_eq!(asked(Caps::empty()), Value::Null);
}
