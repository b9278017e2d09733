//! Laws on streams made up at random, and on bytes that are none.

use super::*;
use crate::Watch;
use crate::{Sse, WorkersAi, wild};
use proptest::prelude::*;
use serde_json::{Value, json};
use vocab::Usage;

const ACCENTS: [&Accent; 6] = [&OPENAI, &GROQ, &LOCAL_LLAMACPP, &OLLAMA, &VLLM, &COMPATIBLE];

/// What one frame of a made-up stream says.
fn piece() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(String::new()),
        ".{0,20}",
        Just("\"usage\":{\"error\":\"finish_reason\"".to_owned())
    ];
    let frame = |value: Value| format!("data: {value}\n\n");
    let delta = move |delta: Value| json!({ "id": "c1", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] });
    let usage =
        (0u64..100, 0u64..100).prop_map(|(p, c)| json!({ "prompt_tokens": p, "completion_tokens": c }));
    prop_oneof![
        4 => text.clone().prop_map(move |t| frame(delta(json!({ "content": t })))),
        2 => (text.clone(), text.clone()).prop_map(move |(t, r)| frame(delta(json!({ "reasoning": t, "refusal": r, "role": "x" })))),
        2 => (0..3, text.clone()).prop_map(move |(i, t)| frame(delta(json!({ "tool_calls": [{ "index": i, "function": { "arguments": t } }] })))),
        1 => (0..3).prop_map(move |i| frame(delta(json!({ "tool_calls": [{ "index": i, "id": "call", "function": { "name": "f", "arguments": "" } }] })))),
        1 => text.clone().prop_map(move |t| frame(json!({ "choices": [{ "delta": { "content": t }, "finish_reason": "stop" }], "usage": null }))),
        1 => usage.clone().prop_map(move |u| frame(json!({ "choices": [], "usage": u }))),
        1 => usage.clone().prop_map(move |u| frame(json!({ "usage": u }))),
        1 => usage.clone().prop_map(move |u| frame(json!({ "choices": [{ "delta": {}, "finish_reason": "" }], "x_groq": { "usage": u } }))),
        1 => text.clone().prop_map(move |t| serde_json::to_string_pretty(&delta(json!({ "content": t }))).unwrap().replace('\n', "\ndata:")).prop_map(|t| format!("event: x\ndata: {t}\n\n")),
        1 => text.prop_map(move |t| format!("data: {}\r\n\r\n", json!({ "choices": [{ "delta": { "content": t } }] }))),
        1 => Just(": ping\n\n".to_owned()),
        1 => Just("data: [DONE]\n\n".to_owned()),
        1 => Just(frame(json!({ "error": null, "choices": [{ "delta": null }] }))),
        1 => Just(frame(json!({ "error": { "message": "overloaded", "type": "server_error" } }))),
    ]
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    usage: Option<Usage>,
    content: bool,
    finished: bool,
    done: bool,
    text_bytes: usize,
    fault: Option<&'static str>,
}

fn parsed(accent: &'static Accent, bytes: &[u8]) -> Told {
    let (mut sse, mut reading, mut events, mut told) =
        (Sse::new(), Reading::default(), vec![], Told::default());
    sse.feed(Bytes::copy_from_slice(bytes));
    while told.fault.is_none() {
        match sse.take() {
            Ok(Some(frame)) => {
                told.fault =
                    OpenAi(accent).decode_frame(&mut reading, &frame, &mut events).err().map(|f| f.name());
            }
            Ok(None) => break,
            Err(fault) => told.fault = Some(fault.name()),
        }
    }
    for event in &events {
        told.content |= event.is_content();
        match event {
            Event::Usage(usage) => told.usage = Some(*usage),
            Event::Finish { .. } => told.finished = true,
            Event::End => told.done = true,
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                told.text_bytes += text.len()
            }
            Event::ToolArgs { fragment, .. } => told.text_bytes += fragment.len(),
            _ => {}
        }
    }
    told
}

fn watched(accent: &'static Accent, pieces: &[&[u8]], drop_usage: bool) -> (Told, Vec<u8>) {
    let (mut watch, mut out, mut saw, mut fault) =
        (OpenAi(accent).watch(drop_usage).unwrap(), vec![], false, None);
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
        finished: watch.finished(),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_watcher_tells_what_a_parser_tells(
        pieces in proptest::collection::vec(piece(), 0..14),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let text = pieces.concat();
        let should = parsed(&OPENAI, text.as_bytes());
        let (is, out) = watched(&OPENAI, &cut(text.as_bytes(), &cuts), false);
        prop_assert_eq!(&is, &should);
        let (single, _) = watched(&OPENAI, &text.as_bytes().chunks(1).collect::<Vec<_>>(), false);
        prop_assert_eq!(&single, &should);
        if is.fault.is_none() {
            prop_assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn the_usage_chunk_and_nothing_else_is_dropped(
        pieces in proptest::collection::vec(piece(), 0..14),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let kept: Vec<&String> = pieces.iter().filter(|p| !p.starts_with("data: {\"choices\":[],\"usage\"") && !p.starts_with("data: {\"usage\"")).collect();
        let kept: String = kept.into_iter().cloned().collect();
        let text = pieces.concat();
        let (is, out) = watched(&OPENAI, &cut(text.as_bytes(), &cuts), true);
        if is.fault.is_none() {
            prop_assert_eq!(String::from_utf8(out).unwrap(), kept);
        }
    }

    #[test]
    fn a_glance_tells_what_a_close_look_tells(
        content in prop_oneof![Just(Value::Null), ".{0,20}".prop_map(Value::from), Just(json!([{ "type": "text", "text": "x" }]))],
        reasoning in prop_oneof![Just(Value::Null), ".{0,9}".prop_map(Value::from)],
        finish in prop_oneof![Just(json!("stop")), Just(json!("length")), Just(json!("tool_calls")), Just(json!("")), Just(json!("abort")), Just(Value::Null), Just(json!(3))],
        calls in prop_oneof![Just(Value::Null), Just(json!([])), Just(json!([{ "id": "a", "function": { "name": "f", "arguments": "{}" } }]))],
        usage in prop_oneof![Just(Value::Null), Just(json!({})), Just(json!({ "prompt_tokens": 3, "completion_tokens": 4 }))],
        extra in prop_oneof![Just(json!({})), Just(json!({ "service_tier": "flex" })), Just(json!({ "error": { "message": "x" } })), Just(json!({ "x_groq": { "id": "r" } }))],
    ) {
        let mut body = json!({ "id": "c", "model": "m", "usage": usage, "choices": [
            { "index": 0, "finish_reason": finish, "message": { "content": content, "reasoning": reasoning, "tool_calls": calls } }] });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let body = Bytes::from(body.to_string());
        prop_assert_eq!(OpenAi(&OPENAI).glance(&body), crate::glance::by_decoding(&OpenAi(&OPENAI), &body));
    }

    #[test]
    fn bytes_that_are_nothing_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in 0u16..1000) {
        survive(&bytes, status);
    }

    #[test]
    fn json_that_is_nonsense_is_survived(value in wild::json(WORDS), status in 100u16..600) {
        survive(value.to_string().as_bytes(), status);
        wild::endures(&OpenAi(&GROQ), value.to_string().as_bytes(), &[value.to_string(), value.to_string()]);
        wild::endures(&WorkersAi, value.to_string().as_bytes(), &[value.to_string(), value.to_string()]);
        survive(format!("data: {value}\n\ndata: {value}\n\n").as_bytes(), status);
    }
}

/// Words of this dialect and of Workers AI, to be put in the wrong places.
const WORDS: &[&str] = &[
    "choices",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "index",
    "id",
    "name",
    "arguments",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "cached_tokens",
    "error",
    "code",
    "type",
    "stop",
    "finish_reason",
    "x_groq",
    "response",
    "result",
    "errors",
    "success",
    "logprobs",
    "usage_breakdown",
    "models",
];

fn survive(bytes: &[u8], status: u16) {
    let adapters: [&dyn Adapter; 3] = [&OpenAi(&OPENAI), &OpenAi(&GROQ), &WorkersAi];
    for adapter in adapters {
        let mut out = vec![];
        let _ = adapter.decode(bytes, &mut out);
        let _ = adapter.glance(&Bytes::copy_from_slice(bytes));
        let _ = adapter.fault(status, &HeaderMap::new(), bytes, Instant::from_secs(1));
        if let Ok(data) = std::str::from_utf8(bytes) {
            let mut reading = Reading::default();
            for _ in 0..2 {
                let _ = adapter.decode_frame(&mut reading, &Frame { event: "", data }, &mut out);
            }
            crate::workers_ai::fault_from_text(data);
        }
    }
    for accent in ACCENTS {
        let mut watch = OpenAi(accent).watch(true).unwrap();
        let mut out = vec![];
        let _ = watch.pass(Bytes::copy_from_slice(bytes), &mut out);
        let _ = watch
            .pass(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"), &mut out);
        let _ = watch.pass(Bytes::copy_from_slice(bytes), &mut out);
        let _ = watch.end(&mut out);
    }
}

#[test]
fn a_list_is_no_answer() {
    for body in ["[[]]", r#"{"choices":[[0,{"content":"x"}]]}"#] {
        let body = Bytes::from(body);
        assert_eq!(OpenAi(&OPENAI).glance(&body), crate::glance::by_decoding(&OpenAi(&OPENAI), &body));
    }
}

#[test]
fn whole_frames_pass_without_a_copy() {
    let mut watch = OpenAi(&OPENAI).watch(true).unwrap();
    let chunk = Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n");
    let mut out = vec![];
    assert_eq!(watch.pass(chunk.clone(), &mut out), Ok(true));
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr(), "it is the same memory");
    out.clear();
    watch.pass(Bytes::from_static(b"data: {\"choices\":[{\"de"), &mut out).unwrap();
    assert!(out.is_empty(), "half a frame is kept back");
}

#[test]
fn a_giant_frame_passes_in_fixed_memory_and_still_tells_its_usage() {
    let mut watch = OpenAi(&COMPATIBLE).watch(false).unwrap();
    let (mut out, mut sent) = (vec![], vec![]);
    let mut pass = |watch: &mut Watch, bytes: &[u8]| {
        sent.extend_from_slice(bytes);
        watch.pass(Bytes::copy_from_slice(bytes), &mut out).unwrap();
    };
    pass(&mut watch, b"data: {\"choices\":[{\"delta\":{\"content\":\"");
    for _ in 0..200 {
        pass(&mut watch, &[b'x'; 1_000]);
    }
    assert!(watch.content());
    assert!(watch.end(&mut vec![]).is_err(), "it is not whole yet");
    pass(&mut watch, b"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"comple");
    pass(&mut watch, b"tion_tokens\":9}}\n");
    pass(&mut watch, b"\ndata: [DONE]\n\n");
    assert_eq!(watch.end(&mut vec![]), Ok(()));
    assert_eq!(watch.usage().map(|u| (u.tokens_in(), u.tokens_out())), Some((7, 9)));
    assert!(watch.finished() && watch.done() && watch.text_bytes() > 200_000);
    assert_eq!(out.concat(), sent);
}

#[test]
fn who_may_end_without_an_end_mark() {
    let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    for (accent, whole) in
        [(&OPENAI, false), (&GROQ, false), (&OLLAMA, false), (&VLLM, false), (&COMPATIBLE, true)]
    {
        let mut watch = OpenAi(accent).watch(false).unwrap();
        watch.pass(Bytes::from_static(stream), &mut vec![]).unwrap();
        assert_eq!(watch.end(&mut vec![]).is_ok(), whole, "{}", accent.name);
    }
    let mut watch = OpenAi(&COMPATIBLE).watch(false).unwrap();
    watch
        .pass(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"), &mut vec![])
        .unwrap();
    assert_eq!(watch.end(&mut vec![]).unwrap_err().name(), "cut", "nor a finish reason");
}

#[test]
fn what_came_before_an_error_goes_out_and_nothing_after() {
    let good = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let bad = b"data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n";
    let (mut watch, mut out) = (OpenAi(&OPENAI).watch(false).unwrap(), vec![]);
    let fault = watch.pass([&good[..], bad, good].concat().into(), &mut out).unwrap_err();
    assert_eq!((fault.name(), out.concat().as_slice()), ("down", &good[..]));
    assert_eq!(watch.pass(Bytes::from_static(good), &mut out).unwrap_err(), fault);
    assert_eq!(out.concat().len(), good.len());
}
