mod passing;

use super::*;
use crate::wild;
use proptest::prelude::*;
use serde_json::json;
use vocab::{Bucket, Modifiers};

#[test]
fn usage_is_billed_as_the_bookkeeper_says() {
    assert_eq!(wild::usage_cases(include_str!("../../golden/gemini/usage-cases.json"), usage::read), 13);
}

#[test]
fn usage_of_another_format_is_none() {
    assert_eq!(usage::read("openai.chat", &json!({"promptTokenCount": 1})), None);
    assert_eq!(usage::read("gemini.streamGenerateContent", &json!({"frames": [{}]})), None);
    assert_eq!(usage::read("gemini.embedContent", &json!(null)), None);
}

#[test]
fn cached_audio_is_cached_first_of_all() {
    let read = |usage| usage::read("gemini.generateContent", &usage).unwrap();
    // Not said what was cached: of 100 tokens 90 are left, so no more than 90 of the 100 audio tokens are fresh.
    let unsplit = read(json!({"promptTokenCount": 100, "cachedContentTokenCount": 10,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}]}));
    assert_eq!((unsplit.get(Bucket::InputAudio), unsplit.get(Bucket::CacheRead)), (90, 10));
    assert_eq!((unsplit.tokens_in(), unsplit.anomaly), (100, false));
    // A split that adds up to more than the whole.
    let odd = read(json!({"promptTokenCount": 10, "promptTokensDetails": [
        {"modality": "AUDIO", "tokenCount": 8}, {"modality": "IMAGE", "tokenCount": 8}]}));
    assert_eq!((odd.tokens_in(), odd.anomaly), (10, true));
}

#[test]
fn the_reply_says_which_tier_served() {
    let read = |usage| usage::read("gemini.generateContent", &usage).unwrap().modifiers;
    assert_eq!(read(json!({"serviceTier": "flex"})), Modifiers::FLEX);
    assert_eq!(read(json!({"serviceTier": "standard", "trafficType": "ON_DEMAND_FLEX"})), Modifiers::empty());
    assert_eq!(read(json!({"trafficType": "ON_DEMAND_PRIORITY"})), Modifiers::PRIORITY);
}

#[test]
fn searches_are_queries_since_the_third_generation_and_prompts_before() {
    let reply = |model| {
        let found = json!({"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}],
            "modelVersion": model, "usageMetadata": {"promptTokenCount": 5, "toolUsePromptTokenCount": 50}});
        usage::reply(&found, &vocab::Usage::default()).unwrap()
    };
    assert_eq!(reply("gemini-3.8-flash").get(Bucket::Searches), 2);
    assert_eq!(reply("gemini-2.5-flash").get(Bucket::Searches), 1);
    assert_eq!(reply("gemini-2.5-flash").tokens_in(), 5);
}

#[test]
fn names_tell_the_generation() {
    for (model, generation) in [
        ("gemini-3.8-flash", Some(3)),
        ("models/gemini-2.5-pro", Some(2)),
        ("gemini-4-argon", Some(4)),
        ("gemini-flash-latest", None),
        ("gemma-4-31b-it", None),
    ] {
        assert_eq!(super::generation(model), generation, "{model}");
    }
}

#[test]
fn the_key_travels_in_a_header_and_is_never_shown() {
    let door = wild::door(&Gemini, "gemini-3.8-flash", Caps::all());
    assert_eq!(door.uri.path(), "/v1/models/gemini-3.8-flash:generateContent");
    assert_eq!(door.uri_stream.query(), Some("alt=sse"));
    assert_eq!(door.headers["x-goog-api-key"], "secret");
    assert!(!format!("{door:?} {:?}", door.headers).contains("secret"));
}

#[test]
fn a_bad_address_says_what_is_wrong_with_it() {
    let card = wild::door(&Gemini, "m", Caps::all()).card;
    let door = |base: &str, model: &str, key: &str| {
        let at = Address { base_url: base.to_owned(), key: Some(key.to_owned()), headers: vec![] };
        Gemini.door(&at, Arc::clone(&card), model).map(|door| door.uri.to_string()).map_err(|e| e.0)
    };
    let ok = "https://provider.test/v1beta/";
    assert_eq!(door(ok, "models/g", "k").unwrap(), "https://provider.test/v1beta/models/g:generateContent");
    assert_eq!(
        door(ok, "tunedModels/g", "k").unwrap(),
        "https://provider.test/v1beta/tunedModels/g:generateContent"
    );
    assert!(door("https://provider.test/v1beta?key=hush", "g", "k").unwrap_err().contains("query"));
    assert!(door("https://me:hush@provider.test", "g", "k").unwrap_err().contains("password"));
    assert!(door("provider.test", "g", "k").unwrap_err().starts_with("base_url"));
    assert!(door(ok, "../../admin", "k").unwrap_err().starts_with("model"));
    assert!(door(ok, "g?x=1", "k").unwrap_err().starts_with("model"));
    let bad_key = door(ok, "g", "line\nbreak").unwrap_err();
    assert!(bad_key.starts_with("key") && !bad_key.contains("line"));
}

#[test]
fn what_cannot_be_told_is_named() {
    let door = wild::door(&Gemini, "gemini-3.8-flash", Caps::all());
    let old = wild::door(&Gemini, "gemini-2.0-flash", Caps::all());
    let bare = wild::door(&Gemini, "gemini-3.8-flash", Caps::empty());
    let user = || json!([{"role": "user", "parts": [{"text": "a"}]}]);
    for (door, field, mut chat) in [
        (&door, "store", json!({"extra": {"store": true}})),
        (&door, "verbosity", json!({"extra": {"verbosity": "low"}})),
        (&door, "modalities", json!({"extra": {"modalities": ["text", "audio"]}})),
        (&door, "service_tier", json!({"extra": {"service_tier": "scale"}})),
        (&door, "prediction", json!({"extra": {"prediction": {"type": "content"}}})),
        (&door, "web_search_options", json!({"extra": {"web_search_options": {"user_location": {}}}})),
        (&door, "web_search_options", json!({"extra": {"web_search_options": {}}, "tools": [{"name": "f"}]})),
        (&bare, "web_search_options", json!({"extra": {"web_search_options": {}}})),
        (&door, "seed", json!({"seed": 4_294_967_296_i64})),
        (&bare, "presence_penalty", json!({"presence_penalty": 0.1})),
        (&bare, "frequency_penalty", json!({"frequency_penalty": 0.1})),
        (&bare, "top_p", json!({"top_p": 0.1})),
        (&old, "reasoning_effort", json!({"effort": "low"})),
    ] {
        chat["messages"] = user();
        let chat: Chat = serde_json::from_value(chat).unwrap();
        match Gemini.encode(&chat, door) {
            Err(Fault::Unfit(why)) => assert!(why.starts_with(&format!("{field}: ")), "{why}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn the_same_reply_always_makes_up_the_same_ids() {
    let ids = |reply: serde_json::Value| {
        let mut events = vec![];
        Gemini.decode(reply.to_string().as_bytes(), &mut events).unwrap();
        let id = |event| if let Event::ToolStart { id, .. } = event { Some(id) } else { None };
        events.into_iter().filter_map(id).collect::<Vec<_>>()
    };
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}}});
    let reply = |id: &str| json!({"candidates": [{"content": {"parts": [call, call]}, "finishReason": "STOP"}], "responseId": id});
    let first = ids(reply("r1"));
    assert_eq!(first, ids(reply("r1")));
    assert_ne!(first[0], first[1]);
    assert!(ids(reply("r2")).iter().all(|id| !first.contains(id)));
    assert!(first.iter().all(|id| id.len() <= 40));
}

const WORDS: &[&str] = &[
    "candidates",
    "content",
    "parts",
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "name",
    "args",
    "id",
    "index",
    "finishReason",
    "STOP",
    "MAX_TOKENS",
    "MALFORMED_FUNCTION_CALL",
    "usageMetadata",
    "promptTokenCount",
    "cachedContentTokenCount",
    "promptTokensDetails",
    "modality",
    "AUDIO",
    "tokenCount",
    "promptFeedback",
    "blockReason",
    "error",
    "message",
    "status",
    "details",
    "retryDelay",
    "violations",
    "quotaId",
    "responseId",
    "modelVersion",
    "logprobsResult",
    "chosenCandidates",
    "groundingMetadata",
    "webSearchQueries",
    "34.5s",
    "1h",
    "RESOURCE_EXHAUSTED",
    "INVALID_ARGUMENT",
    "code",
];

/// A reply that is nearly right, which random words rarely make.
fn near_reply() -> impl Strategy<Value = serde_json::Value> {
    let part = prop_oneof![
        wild::json(WORDS),
        any::<String>().prop_map(|text| json!({"text": text, "thoughtSignature": "s"})),
        wild::json(WORDS).prop_map(|args| json!({"functionCall": {"name": "f", "args": args}})),
    ];
    let reason = proptest::sample::select(&["", "STOP", "MAX_TOKENS", "OTHER", "SAFETY", "NEW"][..]);
    let candidate = (proptest::collection::vec(part, 0..3), reason, any::<u32>(), wild::json(WORDS)).prop_map(
        |(parts, reason, index, odd)| {
            json!({"content": {"parts": parts}, "finishReason": reason, "index": index, "logprobsResult": odd})
        },
    );
    (proptest::collection::vec(candidate, 0..3), wild::json(WORDS)).prop_map(
        |(candidates, usage)| json!({"candidates": candidates, "usageMetadata": usage, "responseId": "r"}),
    )
}

proptest! {
    #[test]
    fn bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        wild::endures(&Gemini, &bytes, &[text]);
    }

    #[test]
    fn json_does_no_harm(
        whole in prop_oneof![wild::json(WORDS), near_reply()],
        frames in proptest::collection::vec(prop_oneof![wild::json(WORDS), near_reply()].prop_map(|v| v.to_string()), 0..5),
    ) {
        wild::endures(&Gemini, whole.to_string().as_bytes(), &frames);
    }

    /// A stream of one frame is the whole answer.
    #[test]
    fn one_reader_for_both(reply in near_reply()) {
        let (mut whole, mut stream) = (vec![], vec![]);
        let decoded = Gemini.decode(reply.to_string().as_bytes(), &mut whole);
        let data = reply.to_string();
        let framed = Gemini.decode_frame(&mut Reading::default(), &Frame { event: "", data: &data }, &mut stream);
        prop_assert!(whole.starts_with(&stream));
        if stream.contains(&Event::End) || framed.is_err() {
            prop_assert_eq!((whole, decoded.is_ok()), (stream, framed.is_ok()));
        }
    }

    #[test]
    fn any_chat_is_encoded_or_refused(chat in wild::chat()) {
        wild::encodes(&Gemini, &wild::door(&Gemini, "gemini-3.8-flash", Caps::all()), &chat);
    }

    /// Buckets never hold more than the provider counted.
    #[test]
    fn buckets_are_disjoint(prompt in 0..10_000_u64, cached in 0..10_000_u64, audio in 0..10_000_u64, image in 0..10_000_u64, out in 0..10_000_u64, made in 0..10_000_u64) {
        let usage = usage::read("gemini.generateContent", &json!({
            "promptTokenCount": prompt, "cachedContentTokenCount": cached, "candidatesTokenCount": out,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": audio}, {"modality": "IMAGE", "tokenCount": image}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": made}],
        })).unwrap();
        prop_assert_eq!(usage.tokens_in(), prompt);
        prop_assert_eq!(usage.tokens_out(), out);
        prop_assert!(usage.anomaly || (cached <= prompt && made <= out));
    }
}
