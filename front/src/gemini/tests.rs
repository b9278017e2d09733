use super::{Form, Frames, Label, parse, survey, whole};
use crate::gemini::told;
use crate::refusal::Refusal;
use proptest::prelude::*;
use relay::{Attempt, Trouble};
use serde_json::{Value, json};
use vocab::{Bucket, Duration, Event, Finish, Part, Usage};

fn label() -> Label {
    Label { id: "req-1".into(), model: "m".into() }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into(), logprobs: None }
}

fn finish(reason: Finish) -> Event {
    Event::Finish { choice: 0, reason }
}

fn start(index: u32, name: &str, signature: Option<&str>) -> Event {
    Event::ToolStart {
        choice: 0,
        index,
        id: format!("c{index}"),
        name: name.into(),
        signature: signature.map(str::to_owned),
    }
}

fn arguments(index: u32, fragment: &str) -> Event {
    Event::ToolArgs { choice: 0, index, fragment: fragment.into() }
}

fn usage() -> Usage {
    Usage::default()
        .with(Bucket::Input, 100)
        .with(Bucket::CacheRead, 20)
        .with(Bucket::InputImage, 5)
        .with(Bucket::Output, 9)
        .with(Bucket::Reasoning, 210)
}

fn answer(events: &[Event]) -> Value {
    serde_json::from_slice(&whole(events, label(), true)).unwrap()
}

fn streamed(events: &[Event], form: Form, trailer: bool) -> Vec<u8> {
    let (mut frames, mut out) = (Frames::new(label(), form, true, trailer), Vec::new());
    events.iter().for_each(|event| frames.event(event, &mut out));
    frames.end(trailer.then_some(br#""cost":1"#.as_slice()), &mut out);
    out
}

fn frames(events: &[Event]) -> Vec<Value> {
    let out = String::from_utf8(streamed(events, Form::Sse, false)).unwrap();
    let json = |frame: &str| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap();
    out.split_terminator("\r\n\r\n").map(json).collect()
}

#[test]
fn a_whole_answer_has_all_in_its_place() {
    let logprobs = json!({ "content": [{ "token": "Hi", "logprob": -0.5, "top_logprobs": [{ "token": "Yo", "logprob": -2.0 }] }], "refusal": null });
    let answer = answer(&[
        Event::Start { id: "r1".into(), model: "big-1".into() },
        Event::Reasoning { choice: 0, text: "I th".into() },
        Event::Reasoning { choice: 0, text: "ink".into() },
        Event::Text { choice: 0, text: "Hi".into(), logprobs: Some(logprobs) },
        start(0, "f", Some("AAAA")),
        arguments(0, r#"{"b": 1.10,"#),
        arguments(0, r#""a":2}"#),
        start(1, "g", None),
        finish(Finish::ToolCalls),
        Event::Usage(usage()),
        Event::End,
    ]);
    assert_eq!(
        answer,
        json!({
            "candidates": [{
                "content": { "role": "model", "parts": [
                    { "text": "I think", "thought": true }, { "text": "Hi" },
                    { "functionCall": { "id": "c0", "name": "f", "args": { "b": 1.10, "a": 2 } }, "thoughtSignature": "AAAA" },
                    { "functionCall": { "id": "c1", "name": "g", "args": {} } },
                ] },
                "finishReason": "STOP", "index": 0, "avgLogprobs": -0.5,
                "logprobsResult": { "chosenCandidates": [{ "token": "Hi", "logProbability": -0.5 }],
                    "topCandidates": [{ "candidates": [{ "token": "Yo", "logProbability": -2.0 }] }] },
            }],
            "usageMetadata": { "promptTokenCount": 125, "candidatesTokenCount": 9, "totalTokenCount": 344,
                "cachedContentTokenCount": 20, "thoughtsTokenCount": 210,
                "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 120 }, { "modality": "IMAGE", "tokenCount": 5 }],
                "candidatesTokensDetails": [{ "modality": "TEXT", "tokenCount": 9 }] },
            "modelVersion": "big-1", "responseId": "r1",
        })
    );
}

#[test]
fn endings_are_told_in_geminis_words() {
    for (reason, word) in [
        (Finish::Stop, "STOP"),
        (Finish::Length, "MAX_TOKENS"),
        (Finish::ToolCalls, "STOP"),
        (Finish::ContentFilter, "SAFETY"),
    ] {
        assert_eq!(answer(&[text("x"), finish(reason), Event::End])["candidates"][0]["finishReason"], word);
    }
    let refused =
        answer(&[Event::Refusal { choice: 0, text: "no".into() }, finish(Finish::Stop), Event::End]);
    assert_eq!(refused["candidates"][0]["finishReason"], "SAFETY", "a refusal is no answer");
    for blocked in [
        answer(&[finish(Finish::ContentFilter), Event::End]),
        frames(&[finish(Finish::ContentFilter), Event::End]).remove(0),
    ] {
        assert_eq!(blocked["promptFeedback"]["blockReason"], "OTHER");
        assert!(blocked.get("candidates").is_none());
    }
    let bad = answer(&[start(0, "f", None), arguments(0, "{\"a\": "), Event::End]);
    assert_eq!(
        bad["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        json!({ "arguments": "{\"a\":" })
    );
}

#[test]
fn only_the_last_frame_says_why_and_how_much() {
    let all = frames(&[text("Hel"), text("lo"), Event::Usage(usage()), finish(Finish::Stop), Event::End]);
    let (last, before) = all.split_last().unwrap();
    assert!(before.iter().all(|frame| frame["candidates"][0].get("finishReason").is_none()), "{before:?}");
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        last["candidates"][0]["content"]["parts"],
        json!([{ "text": "o" }]),
        "a frame without parts is a broken one"
    );
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 344);
    assert_eq!(before[0]["candidates"][0]["content"]["parts"][0]["text"], "He");
}

#[test]
fn calls_come_whole_with_the_end() {
    let all = frames(&[
        text("a"),
        start(0, "f", None),
        arguments(0, "{\"x\""),
        start(1, "g", None),
        arguments(0, ":1}"),
        finish(Finish::ToolCalls),
        Event::End,
    ]);
    assert_eq!(all.len(), 2);
    let parts = &all[1]["candidates"][0]["content"]["parts"];
    assert_eq!(
        parts,
        &json!([{ "functionCall": { "id": "c0", "name": "f", "args": { "x": 1 } } }, { "functionCall": { "id": "c1", "name": "g", "args": {} } }])
    );
}

#[test]
fn what_is_not_asked_for_is_not_thought_aloud() {
    let events = [
        Event::Reasoning { choice: 0, text: "hm".into() },
        Event::Signature { choice: 0, signature: "s".into() },
        text("Yes"),
        finish(Finish::Stop),
        Event::End,
    ];
    let (mut silent, mut out) = (Frames::new(label(), Form::Sse, false, false), Vec::new());
    events.iter().for_each(|event| silent.event(event, &mut out));
    let told = String::from_utf8(out).unwrap() + &String::from_utf8(whole(&events, label(), false)).unwrap();
    assert!(!told.contains("hm") && !told.contains("thought"), "{told}");
}

/// Thoughts and their seals go through a client and back, whole or in pieces.
#[test]
fn what_was_thought_comes_back_sealed() {
    let events = [
        Event::Reasoning { choice: 0, text: "I ".into() },
        Event::Reasoning { choice: 0, text: "think".into() },
        Event::Signature { choice: 0, signature: "not/base64!".into() },
        text("Yes"),
        finish(Finish::Stop),
        Event::End,
    ];
    let whole = vec![answer(&events)["candidates"][0]["content"].clone()];
    let pieces: Vec<Value> =
        frames(&events).iter().map(|frame| frame["candidates"][0]["content"].clone()).collect();
    for mut contents in [whole, pieces] {
        contents.insert(0, json!({ "role": "user", "parts": [{ "text": "x" }] }));
        let body = json!({ "contents": contents }).to_string();
        let chat = parse(&survey(body.into(), "m", false).unwrap().raw).unwrap();
        let thinking = Part::Thinking { text: "I think".into(), signature: Some("not/base64!".into()) };
        assert_eq!(chat.messages[1].parts, [thinking, Part::Text("Yes".into())]);
    }
}

#[test]
fn an_array_is_one_json_value_with_the_same_items() {
    let events = [text("Hel"), text("lo"), finish(Finish::Stop), Event::End];
    let items: Vec<Value> = serde_json::from_slice(&streamed(&events, Form::Array, false)).unwrap();
    assert_eq!(items, frames(&events));
    let (mut cut, mut out) = (Frames::new(label(), Form::Array, true, false), Vec::new());
    cut.event(&text("Hello"), &mut out);
    cut.broken(br#"{"error":{"code":502}}"#, None, &mut out);
    let items: Vec<Value> = serde_json::from_slice(&out).unwrap();
    assert_eq!(items.last().unwrap(), &json!({ "error": { "code": 502 } }));
    assert!(items.iter().all(|item| item["candidates"][0].get("finishReason").is_none()));
}

#[test]
fn weirs_own_field_is_in_the_last_frame() {
    let events = [text("Hel"), text("lo"), finish(Finish::Stop), Event::End];
    for form in [Form::Sse, Form::Array] {
        let mut with = streamed(&events, form, true);
        let field = br#","weir":{"cost":1}"#;
        let at = with.windows(field.len()).position(|w| w == field).unwrap();
        let tail = with.split_off(at);
        with.extend_from_slice(&tail[field.len()..]);
        assert_eq!(with, streamed(&events, form, false), "nothing else differs");
    }
    let alone = String::from_utf8(streamed(&[], Form::Sse, true)).unwrap();
    assert_eq!(alone, "data: {\"weir\":{\"cost\":1}}\r\n\r\n");
    let (mut cut, mut out) = (Frames::new(label(), Form::Sse, true, true), Vec::new());
    cut.event(&text("Hello"), &mut out);
    cut.broken(br#"{"error":{"code":502}}"#, Some(br#""cost":1"#), &mut out);
    assert!(out.ends_with(b"}\r\n\r\ndata: {\"error\":{\"code\":502},\"weir\":{\"cost\":1}}\r\n\r\n"));
}

const OWN: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a }\\r\\n\"}]}}]}\r\n\r\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n";

fn passed(pieces: &[&[u8]], form: Form, trailer: bool) -> Vec<u8> {
    let (mut frames, mut out) = (Frames::new(label(), form, true, trailer), Vec::new());
    pieces.iter().for_each(|piece| frames.bytes(piece, &mut out));
    frames.end(trailer.then_some(br#""cost":1"#.as_slice()), &mut out);
    out
}

proptest! {
    /// Gemini's own bytes are the same in every form, wherever they are cut.
    #[test]
    fn own_bytes_pass(cuts in proptest::collection::vec(0..=OWN.len(), 0..6)) {
        let mut cuts = cuts;
        cuts.extend([0, OWN.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &OWN[ends[0]..ends[1]]).collect();
        prop_assert_eq!(passed(&pieces, Form::Sse, false), OWN);
        let items: Vec<Value> = serde_json::from_slice(&passed(&pieces, Form::Array, false)).unwrap();
        prop_assert_eq!(items.len(), 2);
        let trailed = String::from_utf8(passed(&pieces, Form::Sse, true)).unwrap();
        prop_assert_eq!(trailed.replace(r#","weir":{"cost":1}"#, ""), String::from_utf8(OWN.to_vec()).unwrap());
        let last = "\"STOP\"}],\"weir\":{\"cost\":1}}\r\n\r\n";
        prop_assert!(trailed.ends_with(last));
        let items: Vec<Value> = serde_json::from_slice(&passed(&pieces, Form::Array, true)).unwrap();
        prop_assert_eq!(&items[1]["weir"], &json!({ "cost": 1 }));
    }

    /// A stream adds up to the whole answer.
    #[test]
    fn fold(events in proptest::collection::vec(event(), 0..12), ending in proptest::sample::select(vec![Finish::Stop, Finish::Length])) {
        let mut events = events;
        events.extend([finish(ending), Event::Usage(usage()), Event::End]);
        let whole = answer(&events);
        let frames = frames(&events);
        prop_assert_eq!(added_up(frames.iter()), added_up([&whole].into_iter()));
        let last = frames.last().unwrap();
        prop_assert_eq!(&last["usageMetadata"], &whole["usageMetadata"]);
        prop_assert_eq!(&last["candidates"][0]["finishReason"], &whole["candidates"][0]["finishReason"]);
        let empty = |frame: &Value| frame["candidates"][0]["content"]["parts"] == json!([]);
        prop_assert!(!frames.iter().any(empty));
    }
}

/// Texts, thoughts, seals and calls, each in their order.
fn added_up<'a>(answers: impl Iterator<Item = &'a Value>) -> [String; 4] {
    let mut sum: [String; 4] = Default::default();
    for answer in answers {
        for part in answer["candidates"][0]["content"]["parts"].as_array().into_iter().flatten() {
            let place = usize::from(part["thought"] == true);
            sum[place].push_str(part["text"].as_str().unwrap_or_default());
            sum[2].push_str(part["thoughtSignature"].as_str().unwrap_or_default());
            if part["functionCall"].is_object() {
                sum[3].push_str(&part["functionCall"].to_string());
            }
        }
    }
    sum
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => ".{0,4}".prop_map(|t| text(&t)),
        2 => ".{0,4}".prop_map(|text| Event::Reasoning { choice: 0, text }),
        1 => "[a-z]{1,4}".prop_map(|signature| Event::Signature { choice: 0, signature }),
        1 => (0_u32..3).prop_map(|index| start(index, "f", None)),
    ]
}

#[test]
fn errors_are_in_googles_shape() {
    let attempt = Attempt {
        provider: "a".into(),
        model: "m".into(),
        outcome: "busy".into(),
        message: "429".into(),
        millis: 3,
    };
    let limited =
        Trouble::Limited { attempts: vec![attempt], retry_after: Some(Duration::from_millis(7_250)) };
    let error: Value = serde_json::from_slice(&told(&Refusal::from(&limited), "req-1")).unwrap();
    let error = &error["error"];
    assert_eq!((&error["code"], &error["status"]), (&json!(429), &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(error["details"][0]["reason"], "RATE_LIMITED");
    let metadata = &error["details"][0]["metadata"];
    assert_eq!((&metadata["code"], &metadata["request_id"]), (&json!("rate_limited"), &json!("req-1")));
    assert!(metadata["attempts"].as_str().unwrap().contains("\"busy\""));
    assert_eq!(error["details"][1]["retryDelay"], "7.250s");
    let mut bad = Refusal::new(400, "invalid_request", "contents[0].role: no");
    bad.param = Some("contents[0].role".into());
    let error: Value = serde_json::from_slice(&told(&bad, "r")).unwrap();
    assert_eq!(error["error"]["details"][1]["fieldViolations"][0]["field"], "contents[0].role");
    for (http, word) in [
        (401, "UNAUTHENTICATED"),
        (402, "FAILED_PRECONDITION"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (422, "INVALID_ARGUMENT"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ] {
        let refusal = told(&Refusal::new(http, "model_not_found", "y"), "r");
        assert!(refusal.starts_with(b"{\"error\":"), "how SDKs know it");
        assert!(String::from_utf8(refusal).unwrap().contains(word), "{http}");
    }
}
