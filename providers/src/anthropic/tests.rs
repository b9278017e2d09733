mod passing;

use super::*;
use crate::wild;
use proptest::prelude::*;
use serde_json::json;
use vocab::{Bucket, Modifiers};

#[test]
fn usage_is_billed_as_the_bookkeeper_says() {
    assert_eq!(wild::usage_cases(include_str!("../../golden/anthropic/usage-cases.json"), usage::read), 6);
}

#[test]
fn usage_of_another_format_is_none() {
    assert_eq!(usage::read("openai.chat", &json!({"input_tokens": 1})), None);
    assert_eq!(usage::read("anthropic.messages.stream", &json!({"frames": [{"type": "ping"}]})), None);
    assert_eq!(usage::read("anthropic.messages", &json!("many")), None);
}

#[test]
fn the_last_value_of_each_field_wins_and_null_is_none() {
    let frames = json!({"frames": [
        {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1,
            "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200}, "speed": "fast"}}},
        {"type": "message_delta", "usage": {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 40}}},
        {"type": "message_delta", "usage": {"input_tokens": null, "output_tokens": 60,
            "cache_creation_input_tokens": 700, "server_tool_use": null, "speed": null}},
    ]});
    let usage = usage::read("anthropic.messages.stream", &frames).unwrap();
    assert_eq!(
        (usage.get(Bucket::Input), usage.get(Bucket::Output), usage.get(Bucket::Reasoning)),
        (25, 20, 40)
    );
    assert_eq!((usage.get(Bucket::CacheWrite), usage.get(Bucket::CacheWriteLong)), (500, 200));
    assert_eq!((usage.modifiers, usage.anomaly), (Modifiers::FAST, false));
}

#[test]
fn writes_without_a_split_are_short_lived() {
    let usage =
        usage::read("anthropic.messages", &json!({"cache_creation_input_tokens": 7, "cache_creation": null}));
    assert_eq!(usage.map(|u| (u.get(Bucket::CacheWrite), u.get(Bucket::CacheWriteLong))), Some((7, 0)));
    let odd = usage::read(
        "anthropic.messages",
        &json!({"input_tokens": -4, "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 9}}),
    )
    .unwrap();
    assert_eq!((odd.tokens_in(), odd.tokens_out(), odd.anomaly), (0, 5, true));
}

#[test]
fn keys_and_tokens_travel_in_their_own_headers() {
    let card = wild::door(&Anthropic, "m", Caps::all()).card;
    let door = |key: &str, headers: Vec<(String, String)>| {
        let at =
            Address { base_url: "https://provider.test/v1/".to_owned(), key: Some(key.to_owned()), headers };
        Anthropic.door(&at, Arc::clone(&card), "claude-sonnet-5-5").unwrap()
    };
    let plain = door("sk-ant-api03-hush", vec![]);
    assert_eq!(plain.uri.to_string(), "https://provider.test/v1/messages");
    assert_eq!(plain.headers["x-api-key"], "sk-ant-api03-hush");
    assert_eq!(plain.headers["anthropic-version"], "2023-06-01");
    assert!(!format!("{plain:?} {:?}", plain.headers).contains("hush"));
    let person = door("sk-ant-oat01-hush", vec![("anthropic-version".to_owned(), "2030-01-01".to_owned())]);
    assert_eq!(person.headers["authorization"], "Bearer sk-ant-oat01-hush");
    assert!(!person.headers.contains_key("x-api-key"));
    assert_eq!(person.headers["anthropic-version"], "2030-01-01");
}

#[test]
fn what_cannot_be_told_is_named() {
    let door = wild::door(&Anthropic, "claude-sonnet-4-5", Caps::all());
    for (field, mut chat) in [
        ("n", json!({"n": 2})),
        ("logprobs", json!({"logprobs": 0})),
        ("frequency_penalty", json!({"frequency_penalty": 0.1})),
        ("presence_penalty", json!({"presence_penalty": -0.1})),
        ("stop", json!({"stop": ["\n"]})),
        ("logit_bias", json!({"extra": {"logit_bias": {"1": 1}}})),
        ("service_tier", json!({"extra": {"service_tier": "flex"}})),
        ("verbosity", json!({"extra": {"verbosity": "high"}})),
        ("store", json!({"extra": {"store": true}})),
        (
            "tools",
            json!({"tools": [{"name": "f", "strict": true,
            "parameters": {"type": "object", "additionalProperties": {"type": "string"}}}]}),
        ),
    ] {
        chat["messages"] = json!([{"role": "user", "parts": [{"text": "a"}]}]);
        let chat: Chat = serde_json::from_value(chat).unwrap();
        match Anthropic.encode(&chat, &door) {
            Err(Fault::Unfit(why)) => assert!(why.starts_with(&format!("{field}: ")), "{why}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

const WORDS: &[&str] = &[
    "type",
    "message_start",
    "message",
    "content_block_start",
    "content_block",
    "content_block_delta",
    "delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
    "error",
    "index",
    "text",
    "text_delta",
    "thinking",
    "thinking_delta",
    "signature",
    "signature_delta",
    "tool_use",
    "input",
    "input_json_delta",
    "partial_json",
    "id",
    "name",
    "stop_reason",
    "end_turn",
    "usage",
    "input_tokens",
    "output_tokens",
    "cache_creation",
    "cache_creation_input_tokens",
    "ephemeral_1h_input_tokens",
    "output_tokens_details",
    "thinking_tokens",
    "content",
    "overloaded_error",
    "invalid_request_error",
    "server_tool_use",
    "web_search_requests",
    "speed",
    "fast",
];

fn near_event() -> impl Strategy<Value = serde_json::Value> {
    let kind = proptest::sample::select(WORDS);
    (kind, proptest::sample::select(WORDS), 0..4_u32, wild::json(WORDS), any::<String>()).prop_map(
        |(kind, inner, index, odd, text)| {
            json!({"type": kind, "index": index, "message": {"usage": odd}, "usage": odd,
                "content": [{"type": inner, "text": text, "input": odd}],
                "content_block": {"type": inner, "text": text, "input": odd},
                "delta": {"type": inner, "text": text, "partial_json": text, "stop_reason": inner}})
        },
    )
}

proptest! {
    #[test]
    fn bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        wild::endures(&Anthropic, &bytes, &[text]);
    }

    #[test]
    fn json_does_no_harm(
        whole in prop_oneof![wild::json(WORDS), near_event()],
        frames in proptest::collection::vec(prop_oneof![wild::json(WORDS), near_event()].prop_map(|v| v.to_string()), 0..8),
    ) {
        wild::endures(&Anthropic, whole.to_string().as_bytes(), &frames);
    }

    /// Every call that begins is given arguments before the end, and only calls that began are.
    #[test]
    fn calls_begin_before_their_arguments(frames in proptest::collection::vec(near_event(), 0..12)) {
        let (mut reading, mut events) = (Reading::default(), vec![]);
        for frame in &frames {
            let data = frame.to_string();
            if Anthropic.decode_frame(&mut reading, &Frame { event: "", data: &data }, &mut events).is_err() {
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
    fn any_chat_is_encoded_or_refused(chat in wild::chat()) {
        wild::encodes(&Anthropic, &wild::door(&Anthropic, "claude-sonnet-5-5", Caps::all()), &chat);
    }
}
