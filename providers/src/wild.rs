//! JSON that no provider ever sent, in the words that providers use: for tests that nothing we are sent can hurt.

use crate::{Adapter, Address, Reading};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::sync::Arc;
use vocab::{Caps, Card, Door, Event, Frame, Instant, Kind, Status};

/// Any JSON whose keys and strings are often among `words`.
pub(crate) fn json(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let word =
        prop_oneof![4 => proptest::sample::select(words).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        (0..70_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => proptest::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Takes anything for an answer, a stream and an error; no panic, and never two ends.
pub(crate) fn endures(adapter: &dyn Adapter, bytes: &[u8], frames: &[String]) {
    let ends = |events: &[Event]| events.iter().filter(|e| **e == Event::End).count();
    let mut events = Vec::new();
    let whole = adapter.decode(bytes, &mut events);
    assert_eq!(ends(&events), usize::from(whole.is_ok()), "{events:?}");
    let glance = adapter.glance(&bytes.to_vec().into());
    assert_eq!(glance.is_ok(), whole.is_ok());
    for status in [200, 400, 429, 500, 529] {
        let fault = adapter.fault(status, &http::HeaderMap::new(), bytes, Instant::from_secs(1_795_219_200));
        assert!(fault.message().len() < 600);
    }
    let (mut reading, mut events) = (Reading::default(), Vec::new());
    for data in frames {
        // As the relay does: a fault ends it.
        if adapter.decode_frame(&mut reading, &Frame { event: "", data }, &mut events).is_err() {
            break;
        }
        if events.contains(&Event::End) {
            break;
        }
    }
    assert!(ends(&events) <= 1, "{events:?}");
}

pub(crate) fn door(adapter: &dyn Adapter, model: &str, caps: Caps) -> Door {
    let card = Card {
        provider: "test".to_owned(),
        model: model.to_owned(),
        kind: Kind::Chat,
        status: Status::Active,
        context: None,
        max_output: None,
        chars_max: None,
        caps,
        efforts: vec![],
        reasons_always: false,
        quality: None,
        ttft_ms: None,
        tokens_per_s: None,
        price: None,
        shutdown: None,
    };
    let at = Address {
        base_url: "https://provider.test/v1".to_owned(),
        key: Some("secret".to_owned()),
        headers: vec![],
    };
    adapter.door(&at, Arc::new(card), model).unwrap()
}

/// Any chat that the front could hand on: roles in any order, results of no call, arguments that are no JSON.
pub(crate) fn chat() -> impl Strategy<Value = vocab::Chat> {
    use vocab::{Media, Message, Part, Role, ToolCall};
    let text = || prop_oneof![Just(String::new()), Just("{\"a\":1}".to_owned()), any::<String>()];
    let id = || proptest::sample::select(&["c1", "c2", "c:3", ""][..]).prop_map(str::to_owned);
    let part = prop_oneof![
        text().prop_map(Part::Text),
        text().prop_map(Part::Refusal),
        (text(), proptest::option::of(text()))
            .prop_map(|(text, signature)| Part::Thinking { text, signature }),
        text().prop_map(|url| Part::Image { source: Media::Url(url), detail: None }),
        text().prop_map(|data| Part::File {
            source: Media::Inline { mime: "application/pdf".to_owned(), data },
            name: None
        }),
    ];
    let call = (id(), text(), text(), proptest::option::of(text()))
        .prop_map(|(id, name, arguments, signature)| ToolCall { id, name, arguments, signature });
    let roles = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];
    let message = (
        proptest::sample::select(roles.to_vec()),
        proptest::collection::vec(part, 0..3),
        proptest::collection::vec(call, 0..3),
        proptest::option::of(id()),
    )
        .prop_map(|(role, parts, tool_calls, tool_call_id)| Message {
            role,
            parts,
            name: None,
            tool_calls: if role == Role::Assistant { tool_calls } else { vec![] },
            tool_call_id,
        });
    let schema = json(&["type", "object", "properties", "items", "anyOf", "additionalProperties", "enum"]);
    (proptest::collection::vec(message, 0..6), schema, any::<bool>()).prop_map(
        |(messages, schema, stream)| vocab::Chat {
            messages,
            tools: vec![vocab::Tool {
                name: "f".to_owned(),
                description: None,
                parameters: Some(schema),
                strict: Some(stream),
            }],
            stream,
            ..vocab::Chat::default()
        },
    )
}

/// What was encoded is JSON and goes where it should; what was not says why.
pub(crate) fn encodes(adapter: &dyn Adapter, door: &Door, chat: &vocab::Chat) {
    match adapter.encode(chat, door) {
        Ok(call) => {
            let body: Value = serde_json::from_slice(&call.body.concat()).unwrap();
            assert!(body.is_object());
            assert_eq!(call.stream, chat.stream);
        }
        Err(fault) => assert!(matches!(fault.name(), "unfit" | "rejected"), "{fault}"),
    }
}

/// Usage cases as a bookkeeper wrote them: what was reported, and what has to be billed.
pub(crate) fn usage_cases(cases: &str, read: fn(&str, &Value) -> Option<vocab::Usage>) -> usize {
    use vocab::Bucket;
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    for case in &cases {
        let title = &case["title"];
        let usage =
            read(case["format"].as_str().unwrap(), &case["usage"]).unwrap_or_else(|| panic!("{title}: none"));
        let billed = case["billed"].as_object().unwrap();
        for bucket in Bucket::ALL.into_iter().filter(|b| *b != Bucket::Reasoning) {
            // Thoughts are billed as output, and stand in one line with it.
            let thoughts = if bucket == Bucket::Output { usage.get(Bucket::Reasoning) } else { 0 };
            let expected = billed.get(bucket.name()).map_or(0, |n| n.as_u64().unwrap());
            assert_eq!(usage.get(bucket) + thoughts, expected, "{title}: {}", bucket.name());
        }
        assert!(!usage.anomaly, "{title}");
    }
    cases.len()
}
