//! What clients ask, in each of their protocols; and what every provider is told of it.

use bytes::Bytes;
use providers::openai::{GROQ, OLLAMA, OPENAI};
use providers::{Adapter, Address, Anthropic, Gemini, OpenAi, Responses, WorkersAi};
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use vocab::{Caps, Card, Chat, Dialect, Door, Effort, Kind, RawChat, Status};

static WORLD: LazyLock<Vec<(Box<dyn Adapter>, Door)>> = LazyLock::new(|| {
    let all: Vec<Box<dyn Adapter>> = vec![
        Box::new(OpenAi(&OPENAI)),
        Box::new(OpenAi(&GROQ)),
        Box::new(OpenAi(&OLLAMA)),
        Box::new(Responses),
        Box::new(Gemini),
        Box::new(Anthropic),
        Box::new(WorkersAi),
    ];
    all.into_iter()
        .map(|adapter| {
            let door = door(&*adapter);
            (adapter, door)
        })
        .collect()
});

fn door(adapter: &dyn Adapter) -> Door {
    let card = Card {
        provider: "p".into(),
        model: "m".into(),
        kind: Kind::Chat,
        status: Status::Active,
        context: Some(128_000),
        max_output: Some(16_384),
        chars_max: None,
        caps: Caps::all(),
        efforts: vec![Effort::Low, Effort::High],
        reasons_always: false,
        quality: None,
        ttft_ms: None,
        tokens_per_s: None,
        price: None,
        shutdown: None,
    };
    let at = Address { base_url: "http://127.0.0.1:1/v1".into(), key: Some("key".into()), headers: vec![] };
    adapter.door(&at, Arc::new(card), "m").expect("a plain address")
}

pub fn chat(bytes: &[u8]) {
    if let Ok(raw) = front::openai::survey(Bytes::copy_from_slice(bytes)) {
        asked(&raw, front::openai::parse(&raw).ok(), Dialect::OpenaiChat);
    }
}

pub fn messages(bytes: &[u8]) {
    use front::anthropic::{Wanted, parse, survey};
    let _ = survey(Bytes::copy_from_slice(bytes), Wanted::Count);
    if let Ok(surveyed) = survey(Bytes::copy_from_slice(bytes), Wanted::Answer) {
        let chat = surveyed.only.is_empty().then(|| parse(&surveyed.raw).ok()).flatten();
        asked(&surveyed.raw, chat, Dialect::Anthropic);
    }
}

pub fn gemini(bytes: &[u8]) {
    use front::gemini::{parse, survey, survey_count};
    let _ = survey_count(Bytes::copy_from_slice(bytes), "m");
    if let Ok(surveyed) = survey(Bytes::copy_from_slice(bytes), "m", true) {
        let chat = surveyed.only.is_empty().then(|| parse(&surveyed.raw).ok()).flatten();
        asked(&surveyed.raw, chat, Dialect::Gemini);
    }
}

pub fn responses(bytes: &[u8]) {
    use front::responses::{parse, survey};
    if let Ok(surveyed) = survey(Bytes::copy_from_slice(bytes)) {
        asked(&surveyed.raw, parse(&surveyed.raw).ok(), Dialect::OpenaiResponses);
    }
}

/// A request that is taken is JSON, costs something to read, and each provider is either told of it in JSON or named as one
/// that cannot be.
fn asked(raw: &RawChat, chat: Option<Chat>, own: Dialect) {
    let _: Value = serde_json::from_slice(&raw.body).expect("what is taken is JSON");
    for (adapter, door) in WORLD.iter() {
        if adapter.dialect() == own
            && let Some(call) = adapter.patch(raw, door)
        {
            let body: Value = serde_json::from_slice(&call.body.concat()).expect("a patched body is JSON");
            assert!(body.is_object());
        }
        if adapter.dialect() == own
            && let Some(call) = adapter.count(raw, door)
        {
            let _: Value =
                serde_json::from_slice(&call.body.concat()).expect("a question for tokens is JSON");
        }
        if let Some(chat) = &chat
            && let Ok(call) = adapter.encode(chat, door)
        {
            let body: Value = serde_json::from_slice(&call.body.concat()).expect("a translated body is JSON");
            assert!(body.is_object());
            assert_eq!(call.stream, chat.stream);
        }
    }
}
