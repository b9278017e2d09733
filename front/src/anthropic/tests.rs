//! A stream adds up to the whole answer, and a request says elsewhere what it said here.

use super::*;
use crate::openai::Label;
use crate::samples::{args, call, ended, finish, grow, named_frames, text, thought, words};
use proptest::prelude::*;
use serde_json::{Value, json};
use vocab::{Bucket, Chat, Event, Finish, Format, Media, Part, Role, ToolChoice, Usage};

fn label() -> Label {
    Label { id: "msg_r-1".into(), created: 0, model: "m".into() }
}

fn frames(events: &[Event]) -> Vec<Value> {
    let (mut writer, mut out) = (Frames::new(label(), 99), Vec::new());
    for event in events {
        writer.event(event, &mut out);
    }
    named_frames(out)
}

/// As an SDK adds a stream up: deltas go to the block of their index.
fn added_up(frames: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut arguments: Vec<String> = vec![];
    let mut open = None;
    for frame in frames {
        let at = frame["index"].as_u64().map(|at| at as usize);
        match frame["type"].as_str().unwrap() {
            "message_start" => message = frame["message"].clone(),
            "ping" => assert!(message.is_object(), "nothing comes before the opening"),
            "content_block_start" => {
                assert_eq!((at, open), (Some(arguments.len()), None), "one after the other");
                open = at;
                message["content"].as_array_mut().unwrap().push(frame["content_block"].clone());
                arguments.push(String::new());
            }
            "content_block_delta" => {
                assert_eq!(at, open, "{frame}");
                let (block, delta) = (&mut message["content"][at.unwrap()], &frame["delta"]);
                match delta["type"].as_str().unwrap() {
                    "text_delta" => grow(&mut block["text"], &delta["text"]),
                    "thinking_delta" => grow(&mut block["thinking"], &delta["thinking"]),
                    "citations_delta" => {
                        let mut all = block["citations"].as_array().cloned().unwrap_or_default();
                        all.push(delta["citation"].clone());
                        block["citations"] = all.into();
                    }
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "input_json_delta" => {
                        arguments[at.unwrap()].push_str(delta["partial_json"].as_str().unwrap());
                    }
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                assert_eq!(at, open);
                let whole = &arguments[open.take().unwrap()];
                if !whole.is_empty() {
                    let input = serde_json::from_str(whole).unwrap_or_else(|_| json!({ "arguments": whole }));
                    message["content"][at.unwrap()]["input"] = input;
                }
            }
            "message_delta" => {
                assert_eq!(open, None, "every block is over");
                for (key, value) in frame["delta"].as_object().unwrap() {
                    message[key] = value.clone();
                }
                message["usage"] = frame["usage"].clone();
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(frames.last().unwrap()["type"], "message_stop");
    message
}

fn message(events: &[Event]) -> Value {
    serde_json::from_slice(&whole(events, &label())).unwrap()
}

#[test]
fn a_message_is_told_block_by_block() {
    let events = ended(
        vec![
            Event::Start { id: "chatcmpl-1".into(), model: "gpt-x".into() },
            thought("Hm"),
            thought("."),
            Event::Signature { choice: 0, signature: "seal".into() },
            text("Let me "),
            text("look."),
            call(0, "f"),
            args(0, "{\"a\":"),
            args(0, "1}"),
            call(1, "g"),
        ],
        Finish::ToolCalls,
    );
    let told = message(&events);
    assert_eq!(
        told,
        json!({
            "id": "msg_r-1", "type": "message", "role": "assistant", "model": "gpt-x",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "weir:seal"},
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "call_0", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "call_1", "name": "g", "input": {}},
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {
                "input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 3},
                "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 2}, "server_tool_use": null,
            },
        })
    );
    let frames = frames(&events);
    assert_eq!(added_up(&frames), told);
    assert_eq!(frames[0]["message"]["usage"]["input_tokens"], 99, "the estimate, as nothing else is known");
    assert_eq!(frames[0]["message"]["stop_reason"], Value::Null);
}

#[test]
fn why_it_stopped_follows_what_is_there() {
    for (events, reason, stop) in [
        (vec![text("x")], Finish::Stop, "end_turn"),
        (vec![text("x")], Finish::Length, "max_tokens"),
        (vec![text("x")], Finish::ContentFilter, "refusal"),
        (vec![call(0, "f")], Finish::Stop, "tool_use"),
        (vec![call(0, "f"), args(0, "{\"a")], Finish::Length, "max_tokens"),
        (vec![Event::Refusal { choice: 0, text: "No.".into() }], Finish::Stop, "refusal"),
        (vec![], Finish::Stop, "end_turn"),
    ] {
        let events = ended(events, reason);
        let told = message(&events);
        assert_eq!(told["stop_reason"], stop, "{told}");
        assert_eq!(added_up(&frames(&events)), told);
        assert_eq!(told["stop_details"].is_object(), stop == "refusal");
    }
    assert_eq!(
        message(&ended(vec![call(0, "f"), args(0, "{\"a")], Finish::Length))["content"][0]["input"],
        json!({"arguments": "{\"a"})
    );
}

#[test]
fn calls_that_come_at_once_are_told_one_after_the_other() {
    let events = ended(
        vec![
            call(0, "f"),
            call(1, "g"),
            args(1, "{\"b\":"),
            args(0, "{\"a\":1}"),
            args(1, "2}"),
            call(2, "h"),
        ],
        Finish::ToolCalls,
    );
    let frames = frames(&events);
    let told = added_up(&frames);
    assert_eq!(told, message(&events));
    assert_eq!(told["content"][1]["input"], json!({"b": 2}));
    // As soon as the first is whole the second is told.
    let second = frames.iter().position(|f| f["content_block"]["name"] == "g").unwrap();
    assert!(second < frames.iter().position(|f| f["type"] == "message_delta").unwrap() - 3);
}

#[test]
fn what_the_provider_counts_first_is_told_first() {
    let counted = Event::Usage(Usage::default().with(Bucket::Input, 12).with(Bucket::CacheRead, 4));
    let frames = frames(&[counted, text("x"), Event::End]);
    assert_eq!(frames[0]["message"]["usage"]["input_tokens"], 12);
    assert_eq!(frames[0]["message"]["usage"]["cache_read_input_tokens"], 4);
}

#[test]
fn a_cut_stream_has_no_end() {
    let (mut writer, mut out) = (Frames::new(label(), 1), Vec::new());
    writer.event(&text("x"), &mut out);
    broken(&mut out, br#"{"type":"error","error":{}}"#, Some(br#""cost":1"#));
    let said = String::from_utf8(out).unwrap();
    assert!(!said.contains("message_stop") && !said.contains("message_delta"), "{said}");
    assert!(
        said.ends_with("event: error\ndata: {\"type\":\"error\",\"error\":{},\"weir\":{\"cost\":1}}\n\n"),
        "{said}"
    );
}

fn event() -> impl Strategy<Value = Event> {
    let other = Event::Text { choice: 1, text: "another choice".into(), logprobs: None };
    prop_oneof![8 => words(), 1 => Just(other)]
}

/// Calls whose arguments come in any order among one another.
fn calls() -> impl Strategy<Value = Vec<Event>> {
    let arguments =
        prop_oneof![Just(vec![]), Just(vec!["{", "\"a\"", ":1", "}"]), Just(vec!["{\"b\":[1,2]}"])];
    prop::collection::vec(arguments, 0..4).prop_flat_map(|all| {
        let starts: Vec<Event> = (0..all.len() as u32).map(|at| call(at, "f")).collect();
        let pieces: Vec<(u32, usize)> = all
            .iter()
            .enumerate()
            .flat_map(|(at, pieces)| (0..pieces.len()).map(move |n| (at as u32, n)))
            .collect();
        (Just(all), Just(starts), Just(pieces).prop_shuffle(), any::<bool>()).prop_map(
            |(all, starts, mut pieces, together)| {
                // Of one call they stay in their order.
                let order: Vec<u32> = pieces.iter().map(|(at, _)| *at).collect();
                pieces.sort_unstable();
                let mut queues: Vec<std::collections::VecDeque<usize>> = vec![Default::default(); all.len()];
                pieces.into_iter().for_each(|(at, n)| queues[at as usize].push_back(n));
                let mut out = vec![];
                if together {
                    out.extend(starts);
                    for at in order {
                        let n = queues[at as usize].pop_front().unwrap();
                        out.push(args(at, all[at as usize][n]));
                    }
                } else {
                    for (at, start) in starts.into_iter().enumerate() {
                        out.push(start);
                        out.extend(all[at].iter().map(|piece| args(at as u32, piece)));
                    }
                }
                out
            },
        )
    })
}

proptest! {
    #[test]
    fn a_stream_adds_up_to_the_whole(
        said in prop::collection::vec(event(), 0..12), calls in calls(), after in prop::collection::vec(event(), 0..3),
        reason in finish(),
    ) {
        let events = ended(said.into_iter().chain(calls).chain(after).collect(), reason);
        prop_assert_eq!(added_up(&frames(&events)), message(&events));
    }

    #[test]
    fn arguments_are_always_an_object(arguments in prop_oneof![any::<String>(), Just("[1]".to_owned()), Just(" {\"a\":1e400}".to_owned())]) {
        let told = message(&ended(vec![call(0, "f"), args(0, &arguments)], Finish::ToolCalls));
        prop_assert!(told["content"][0]["input"].is_object());
    }
}

fn chat(body: &Value) -> Chat {
    let surveyed =
        survey(body.to_string().into(), Wanted::Answer).unwrap_or_else(|bad| panic!("{bad}: {body}"));
    assert!(surveyed.only.is_empty(), "{:?}", surveyed.only);
    parse(&surveyed.raw).unwrap()
}

#[test]
fn a_request_says_elsewhere_what_it_says_here() {
    let chat = chat(&json!({
        "model": "m", "max_tokens": 50, "stream": true, "temperature": 0.25, "top_p": 0.5, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "And kind."}],
        "tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "metadata": {"user_id": "u"}, "service_tier": "standard_only",
        "messages": [{"role": "user", "content": "hello"}],
    }));
    assert_eq!(chat.messages[0].role, Role::System);
    assert_eq!(chat.messages[0].parts, [Part::Text("Be brief.".into()), Part::Text("And kind.".into())]);
    assert_eq!(chat.messages[1].plain_text(), "hello");
    assert_eq!((chat.temperature, chat.top_p, chat.max_output), (Some(0.25), Some(0.5), Some(50)));
    assert_eq!(
        (chat.stop.as_slice(), chat.user.as_deref(), chat.stream),
        (&["END".to_owned()][..], Some("u"), true)
    );
    assert_eq!((chat.tools[0].name.as_str(), chat.tools[0].strict), ("f", Some(true)));
    assert_eq!((chat.tool_choice, chat.parallel_tools), (ToolChoice::Function("f".into()), Some(false)));
    assert_eq!(chat.effort, Some(vocab::Effort::Xhigh));
    assert!(matches!(chat.format, Format::JsonSchema { strict: Some(true), .. }));
    assert_eq!(Value::Object(chat.extra), json!({"service_tier": "default"}));
}

#[test]
fn how_hard_it_is_to_think_is_said_in_words() {
    let effort = |thinking: Value, effort: Value| {
        let body = json!({"model": "m", "max_tokens": 50_000, "thinking": thinking, "output_config": {"effort": effort},
            "messages": [{"role": "user", "content": "hello"}]});
        let surveyed = survey(body.to_string().into(), Wanted::Answer).unwrap();
        (surveyed.raw.brief.effort, parse(&surveyed.raw).unwrap().effort)
    };
    use vocab::Effort::{High, Low, Max, Medium, None as Off};
    // Whoever is asked not to think: models that cannot be told so are passed by when they are told.
    assert_eq!(effort(json!({"type": "disabled"}), json!("high")), (None, Some(Off)));
    for (thinking, said, told) in [
        (json!(null), json!(null), None),
        (json!({"type": "adaptive"}), json!(null), None),
        (json!({"type": "adaptive"}), json!("max"), Some(Max)),
        (json!({"type": "enabled", "budget_tokens": 1_024}), json!(null), Some(Low)),
        (json!({"type": "enabled", "budget_tokens": 8_000}), json!(null), Some(Medium)),
        (json!({"type": "enabled", "budget_tokens": 40_000}), json!(null), Some(High)),
        (json!({"type": "enabled", "budget_tokens": 40_000}), json!("low"), Some(Low)),
    ] {
        assert_eq!(effort(thinking, said), (told, told));
    }
}

#[test]
fn what_is_thought_is_asked_for_where_it_is_to_be_shown() {
    for (display, summary) in
        [(json!("summarized"), Some("auto")), (json!("omitted"), None), (json!(null), None)]
    {
        let chat = chat(
            &json!({"model": "m", "max_tokens": 50, "thinking": {"type": "adaptive", "display": display},
            "messages": [{"role": "user", "content": "hello"}]}),
        );
        assert_eq!(chat.summary.as_deref(), summary, "{display}");
    }
}

#[test]
fn results_go_first_and_pictures_in_them_follow() {
    let chat = chat(&json!({"model": "m", "max_tokens": 5, "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1.10, "a": 12345678901234567890123_u128.to_string()}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [
                {"type": "text", "text": "seen"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
            {"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": "out of paper"},
            {"type": "text", "text": "So?"}]},
    ]}));
    let [_, said, first, second, last] = chat.messages.as_slice() else { panic!("{:?}", chat.messages) };
    assert_eq!(said.tool_calls.len(), 2);
    assert_eq!(
        said.parts,
        [Part::Thinking { text: "t".into(), signature: Some("EqQB".into()) }, Part::Text("Looking.".into())]
    );
    assert_eq!((first.role, first.tool_call_id.as_deref()), (Role::Tool, Some("a")));
    assert!(first.plain_text().starts_with("seen\n"));
    assert_eq!(second.plain_text(), "The tool failed.\nout of paper");
    assert_eq!(last.role, Role::User);
    assert!(last.parts.contains(&Part::Image {
        source: Media::Inline { mime: "image/png".into(), data: "AAAA".into() },
        detail: None
    }));
    assert_eq!(last.parts.last(), Some(&Part::Text("So?".into())));
}

#[test]
fn a_calls_input_is_carried_as_it_was_written() {
    let body = r#"{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"b": 1.10, "a":12345678901234567890123}}]}]}"#;
    let surveyed = survey(body.as_bytes().to_vec().into(), Wanted::Answer).unwrap();
    let chat = parse(&surveyed.raw).unwrap();
    assert_eq!(chat.messages[0].tool_calls[0].arguments, r#"{"b": 1.10, "a":12345678901234567890123}"#);
}

/// A turn at a provider of another kind, and the next one at whoever.
#[test]
fn seals_come_back_as_they_were_made() {
    let told = message(&ended(
        vec![
            thought("Hm."),
            Event::Signature { choice: 0, signature: "{\"id\":\"rs\"}".into() },
            Event::ToolStart {
                choice: 0,
                index: 0,
                id: "c".into(),
                name: "f".into(),
                signature: Some("gem".into()),
            },
        ],
        Finish::ToolCalls,
    ));
    let body = json!({"model": "m", "max_tokens": 5, "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "1"}]}]});
    let surveyed = survey(body.to_string().into(), Wanted::Answer).unwrap();
    assert!(surveyed.raw.untidy && surveyed.only.is_empty());
    let chat = parse(&surveyed.raw).unwrap();
    assert_eq!(
        chat.messages[1].parts,
        [Part::Thinking { text: "Hm.".into(), signature: Some("{\"id\":\"rs\"}".into()) }]
    );
    assert_eq!(chat.messages[1].tool_calls[0].signature.as_deref(), Some("gem"));
}

#[test]
fn errors_are_told_as_anthropics_sdks_read_them() {
    let mut refusal = crate::Refusal::new(429, "rate_limited", "Later.");
    refusal.param = Some("model".into());
    let told: Value = serde_json::from_slice(&told(&refusal, kind(429), "r-1")).unwrap();
    assert_eq!(
        told,
        json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Later.", "code": "rate_limited", "param": "model"}, "request_id": "r-1"})
    );
    for (status, name) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ] {
        assert_eq!(kind(status), name);
    }
}
