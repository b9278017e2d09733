//! What clients are sent, looked at as text, and the law that a stream adds up to the whole.

use super::{Chunks, Label, whole};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vocab::{Bucket, Event, Finish, Usage};

fn label() -> Label {
    Label { id: "chatcmpl-req".into(), created: 1_763_690_000, model: "m".into() }
}

fn text(choice: u32, text: &str) -> Event {
    Event::Text { choice, text: text.into(), logprobs: None }
}

fn usage() -> Event {
    Event::Usage(
        Usage::default()
            .with(Bucket::Input, 9)
            .with(Bucket::CacheRead, 10)
            .with(Bucket::Output, 7)
            .with(Bucket::Reasoning, 3),
    )
}

fn tools() -> Vec<Event> {
    let start = |index: u32, id: &str| Event::ToolStart {
        choice: 0,
        index,
        id: id.into(),
        name: "f".into(),
        signature: None,
    };
    let args = |index: u32, fragment: &str| Event::ToolArgs { choice: 0, index, fragment: fragment.into() };
    vec![
        Event::Start { id: "up-1".into(), model: "big".into() },
        Event::Reasoning { choice: 0, text: "hm".into() },
        start(0, "a"),
        args(0, "{\"x\":"),
        start(5, "b"),
        args(5, "{}"),
        args(0, "1}"),
        Event::Finish { choice: 0, reason: Finish::ToolCalls },
        usage(),
        Event::End,
    ]
}

fn stream(events: &[Event], include_usage: bool) -> String {
    let mut chunks = Chunks::new(label(), include_usage);
    let mut out = vec![];
    for event in events {
        chunks.event(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_whole_answer_reads_like_openais() {
    let events =
        [text(0, "Hi \"you\"\n"), Event::Finish { choice: 0, reason: Finish::Stop }, usage(), Event::End];
    assert_eq!(
        String::from_utf8(whole(&events, &label())).unwrap(),
        r#"{"id":"chatcmpl-req","object":"chat.completion","created":1763690000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \"you\"\n","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":10,"cache_write_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"system_fingerprint":null}"#
    );
}

#[test]
fn calls_have_places_of_their_own() {
    let told: Value = serde_json::from_slice(&whole(&tools(), &label())).unwrap();
    let message = &told["choices"][0]["message"];
    assert_eq!((&told["id"], &told["model"]), (&json!("up-1"), &json!("big")));
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["reasoning_content"], "hm");
    assert_eq!(
        message["tool_calls"][0],
        json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } })
    );
    assert_eq!(message["tool_calls"][1]["function"]["arguments"], "{}");
    assert_eq!(told["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn a_stream_reads_like_openais() {
    let head = r#"data: {"id":"up-1","object":"chat.completion.chunk","created":1763690000,"model":"big","system_fingerprint":null,"choices":["#;
    let chunk = |delta: &str, finish: &str| {
        format!(
            "{head}{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let call = |rest: &str| chunk(&format!(r#""tool_calls":[{{{rest}}}]"#), "null");
    let used = r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":10,"cache_write_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#;
    let expected = [
        chunk(r#""role":"assistant","content":"","refusal":null"#, "null"),
        chunk(r#""reasoning_content":"hm""#, "null"),
        call(r#""index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}"#),
        call(r#""index":0,"function":{"arguments":"{\"x\":"}"#),
        call(r#""index":1,"id":"b","type":"function","function":{"name":"f","arguments":""}"#),
        call(r#""index":1,"function":{"arguments":"{}"}"#),
        call(r#""index":0,"function":{"arguments":"1}"}"#),
        chunk("", r#""tool_calls""#),
        format!("{head}],\"usage\":{used}}}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(stream(&tools(), true), expected.concat());
}

#[test]
fn who_did_not_ask_for_usage_sees_none() {
    let plain = stream(&tools(), false);
    assert!(!plain.contains("usage"));
    assert!(plain.ends_with("data: [DONE]\n\n"));
}

#[test]
fn what_a_provider_forgets_to_say_is_said() {
    let silent = stream(&[Event::End], false);
    assert!(silent.contains(r#""role":"assistant""#) && silent.contains(r#""finish_reason":"stop""#));
    let cut = stream(&[text(0, "half")], false);
    assert!(!cut.contains("[DONE]") && !cut.contains(r#""finish_reason":"stop""#), "no end mark without one");
}

/// Texts that grow, and what the sum of them is called here.
const FIELDS: [(&str, &str); 4] = [
    ("content", "content"),
    ("refusal", "refusal"),
    ("reasoning_content", "reasoning"),
    ("reasoning_signature", "seal"),
];

/// What a client adds up from the chunks.
fn folded(stream: &str) -> (BTreeMap<u64, Value>, Value) {
    let mut choices: BTreeMap<u64, Value> = BTreeMap::new();
    let mut usage = Value::Null;
    for frame in stream.split("\n\n").filter(|f| !f.is_empty() && *f != "data: [DONE]") {
        let chunk: Value = serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap();
        if !chunk["usage"].is_null() {
            assert_eq!(chunk["choices"], json!([]), "usage comes in a chunk of its own");
            usage = chunk["usage"].clone();
        }
        for choice in chunk["choices"].as_array().unwrap() {
            let known = choices.entry(choice["index"].as_u64().unwrap());
            let first = matches!(known, std::collections::btree_map::Entry::Vacant(_));
            let sum = known.or_insert_with(
                || json!({ "content": "", "refusal": "", "reasoning": "", "seal": "", "calls": [], "finish": null }),
            );
            assert_eq!(choice["delta"].get("role").is_some(), first, "the role comes first and once");
            assert!(sum["finish"].is_null(), "nothing after the end of a choice");
            for (from, to) in FIELDS {
                if let Some(more) = choice["delta"][from].as_str() {
                    sum[to] = (sum[to].as_str().unwrap().to_owned() + more).into();
                }
            }
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let (place, calls) =
                    (call["index"].as_u64().unwrap() as usize, sum["calls"].as_array_mut().unwrap());
                if place == calls.len() {
                    calls.push(json!({ "id": call["id"], "arguments": "" }));
                }
                let args = calls[place]["arguments"].as_str().unwrap().to_owned();
                calls[place]["arguments"] = (args + call["function"]["arguments"].as_str().unwrap()).into();
            }
            sum["finish"] = choice["finish_reason"].clone();
        }
    }
    (choices, usage)
}

fn event() -> impl Strategy<Value = Event> {
    let choice = 0u32..2;
    prop_oneof![
        (choice.clone(), ".{0,8}").prop_map(|(c, t)| text(c, &t)),
        (choice.clone(), ".{0,8}").prop_map(|(choice, text)| Event::Reasoning { choice, text }),
        (choice.clone(), ".{0,8}").prop_map(|(choice, text)| Event::Refusal { choice, text }),
        (choice.clone(), ".{0,8}").prop_map(|(choice, signature)| Event::Signature { choice, signature }),
        (choice.clone(), 0u32..3, "[a-z]{1,4}").prop_map(|(choice, index, id)| Event::ToolStart {
            choice,
            index,
            id,
            name: "f".into(),
            signature: None
        }),
        (choice, 0u32..3, ".{0,8}").prop_map(|(choice, index, fragment)| Event::ToolArgs {
            choice,
            index,
            fragment
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_streamed_adds_up_to_the_whole(mut events in prop::collection::vec(event(), 1..20)) {
        events.extend([usage(), Event::End]);
        let told: Value = serde_json::from_slice(&whole(&events, &label())).unwrap();
        let (choices, usage) = folded(&stream(&events, true));
        prop_assert_eq!(&usage, &told["usage"]);
        for choice in told["choices"].as_array().unwrap() {
            let message = &choice["message"];
            let Some(sum) = choices.get(&choice["index"].as_u64().unwrap()) else {
                // A choice that said nothing but empty pieces need not have begun.
                prop_assert_eq!(message["content"].as_str().unwrap_or(""), "");
                continue;
            };
            for (whole, chunks) in FIELDS {
                prop_assert_eq!(message[whole].as_str().unwrap_or(""), sum[chunks].as_str().unwrap());
            }
            prop_assert_eq!(&choice["finish_reason"], &sum["finish"]);
            let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
            prop_assert_eq!(calls.len(), sum["calls"].as_array().unwrap().len());
            for (call, streamed) in calls.iter().zip(sum["calls"].as_array().unwrap()) {
                prop_assert_eq!(&call["id"], &streamed["id"]);
                prop_assert_eq!(&call["function"]["arguments"], &streamed["arguments"]);
            }
        }
    }
}
