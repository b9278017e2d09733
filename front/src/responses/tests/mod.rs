//! A stream adds up to the whole answer, and all of it is as OpenAI describes it.

mod requests;
pub(crate) mod schema;

use super::*;
use crate::openai::Label;
use crate::samples::{args, call, ended, finish, grow, named_frames, seal, text, thought, words};
use proptest::prelude::*;
use requests::told_again;
use serde_json::{Value, json};
use vocab::{Bucket, Finish, Part, Usage};

fn label() -> Label {
    Label { id: "resp_r-1".into(), created: 7, model: "m".into() }
}

fn request() -> Bytes {
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": null});
    json!({"model": "m", "input": "x", "instructions": "Be\nbrief.", "tools": [tool], "metadata": {"a": "b"},
        "temperature": 0.5, "text": {"format": {"type": "text"}, "verbosity": "low"}})
    .to_string()
    .into()
}

/// Every frame's data, each held against its schema.
fn frames_of(writer: &mut Frames, events: &[Event]) -> Vec<Value> {
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    let frames = named_frames(out);
    for (next, data) in frames.iter().enumerate() {
        assert_eq!(data["sequence_number"], next);
        assert_eq!(schema::frame(data), Vec::<String>::new(), "{data}");
    }
    frames
}

fn frames(events: &[Event], summary: bool) -> Vec<Value> {
    frames_of(&mut Frames::new(label(), request(), summary), events)
}

fn response(events: &[Event], summary: bool) -> Value {
    let told: Value = serde_json::from_slice(&whole(events, label(), request(), summary)).unwrap();
    assert_eq!(schema::of("Response", &told), Vec::<String>::new(), "{told}");
    told
}

/// As an SDK adds a stream up: every event goes to the item of its index, and only while that is open.
fn added_up(frames: &[Value]) -> Value {
    let mut response = Value::Null;
    let mut open: Vec<bool> = vec![];
    for frame in frames {
        let place = frame["output_index"].as_u64().map(|at| at as usize);
        let content = frame["content_index"].as_u64().map(|at| at as usize);
        if let (Some(place), Some(id)) = (place, frame.get("item_id")) {
            assert!(open[place], "{frame} is about an item that is over");
            assert_eq!(&response["output"][place]["id"], id);
        }
        let kind = frame["type"].as_str().unwrap();
        match kind {
            "response.created" => response = frame["response"].clone(),
            "response.in_progress" => assert_eq!(frame["response"], response),
            "response.output_item.added" => {
                assert_eq!(place, Some(open.len()), "in their order");
                open.push(true);
                response["output"].as_array_mut().unwrap().push(frame["item"].clone());
            }
            "response.content_part.added" => {
                let parts = response["output"][place.unwrap()]["content"].as_array_mut().unwrap();
                assert_eq!(content, Some(parts.len()));
                parts.push(frame["part"].clone());
            }
            "response.output_text.delta" => {
                let part = &mut response["output"][place.unwrap()]["content"][content.unwrap()];
                grow(&mut part["text"], &frame["delta"]);
                let more = frame["logprobs"].as_array().unwrap().clone();
                part["logprobs"].as_array_mut().unwrap().extend(more);
            }
            "response.refusal.delta" => {
                grow(
                    &mut response["output"][place.unwrap()]["content"][content.unwrap()]["refusal"],
                    &frame["delta"],
                );
            }
            "response.output_text.annotation.added" => {
                let part = &mut response["output"][place.unwrap()]["content"][content.unwrap()];
                let all = part["annotations"].as_array_mut().unwrap();
                assert_eq!(frame["annotation_index"], all.len());
                all.push(frame["annotation"].clone());
            }
            "response.output_text.done" => {
                let part = &response["output"][place.unwrap()]["content"][content.unwrap()];
                assert_eq!((&part["text"], &part["logprobs"]), (&frame["text"], &frame["logprobs"]));
            }
            "response.refusal.done" => {
                let part = &response["output"][place.unwrap()]["content"][content.unwrap()];
                assert_eq!(part["refusal"], frame["refusal"]);
            }
            "response.content_part.done" => {
                assert_eq!(response["output"][place.unwrap()]["content"][content.unwrap()], frame["part"]);
            }
            "response.reasoning_summary_part.added" => {
                let item = &mut response["output"][place.unwrap()];
                assert_eq!(item["summary"], json!([]));
                item["summary"] = json!([frame["part"]]);
            }
            "response.reasoning_summary_text.delta" => {
                grow(&mut response["output"][place.unwrap()]["summary"][0]["text"], &frame["delta"]);
            }
            "response.reasoning_summary_text.done" => {
                assert_eq!(response["output"][place.unwrap()]["summary"][0]["text"], frame["text"]);
            }
            "response.reasoning_summary_part.done" => {
                assert_eq!(response["output"][place.unwrap()]["summary"][0], frame["part"]);
            }
            "response.function_call_arguments.delta" => {
                grow(&mut response["output"][place.unwrap()]["arguments"], &frame["delta"]);
            }
            "response.function_call_arguments.done" => {
                assert_eq!(response["output"][place.unwrap()]["arguments"], frame["arguments"]);
            }
            "response.output_item.done" => {
                let item = &mut response["output"][place.unwrap()];
                // What only its end tells.
                for field in ["status", "encrypted_content"] {
                    if frame["item"].get(field).is_some() {
                        item[field] = frame["item"][field].clone();
                    }
                }
                assert_eq!(*item, frame["item"]);
                assert!(std::mem::replace(&mut open[place.unwrap()], false));
            }
            "response.completed" | "response.incomplete" => {
                assert!(open.iter().all(|open| !open), "every item is over");
                assert_eq!(response["output"], frame["response"]["output"]);
                response = frame["response"].clone();
                assert_eq!(kind, format!("response.{}", response["status"].as_str().unwrap()));
            }
            other => panic!("{other}"),
        }
    }
    response
}

#[test]
fn a_response_is_told_item_by_item() {
    let events = ended(
        vec![
            Event::Start { id: "chatcmpl-1".into(), model: "gpt-x".into() },
            thought("Hm"),
            thought("."),
            seal("seal"),
            text("Let me "),
            text("look."),
            call(0, "f"),
            args(0, "{\"a\":"),
            args(0, "1}"),
            call(1, "g"),
        ],
        Finish::ToolCalls,
    );
    let told = response(&events, true);
    let ids: Vec<&str> =
        told["output"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect();
    for (id, prefix) in ids.iter().zip(["rs_", "msg_", "fc_", "fc_"]) {
        assert!(id.starts_with(prefix) && id.len() <= 64, "{id}");
    }
    assert_eq!(
        told["output"],
        json!([
            {"id": ids[0], "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "weir:{\"seal\":\"seal\"}"},
            {"id": ids[1], "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}]},
            {"id": ids[2], "type": "function_call", "status": "completed", "arguments": "{\"a\":1}", "call_id": "call_0", "name": "f"},
            {"id": ids[3], "type": "function_call", "status": "completed", "arguments": "", "call_id": "call_1", "name": "g"},
        ])
    );
    let asked: Value = serde_json::from_slice(&request()).unwrap();
    for field in ["instructions", "tools", "metadata", "temperature", "text"] {
        assert_eq!(told[field], asked[field], "{field}");
    }
    for (field, value) in [
        ("id", json!("resp_r-1")),
        ("object", json!("response")),
        ("created_at", json!(7)),
        ("status", json!("completed")),
        ("model", json!("gpt-x")),
        ("store", json!(false)),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("previous_response_id", Value::Null),
        (
            "usage",
            json!({"input_tokens": 18, "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
                "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 27}),
        ),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    let frames = frames(&events, true);
    assert_eq!(added_up(&frames), told);
    assert_eq!(
        (&frames[0]["response"]["status"], &frames[0]["response"]["output"]),
        (&json!("in_progress"), &json!([]))
    );
}

#[test]
fn why_it_stopped_is_said_in_two_places() {
    for (events, reason, status, details) in [
        (vec![text("x")], Finish::Stop, "completed", Value::Null),
        (vec![text("x")], Finish::Length, "incomplete", json!({"reason": "max_output_tokens"})),
        (vec![text("x")], Finish::ContentFilter, "incomplete", json!({"reason": "content_filter"})),
        (
            vec![call(0, "f"), args(0, "{\"a")],
            Finish::Length,
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (vec![text("x"), call(0, "f"), args(0, "{}")], Finish::ToolCalls, "completed", Value::Null),
        (vec![], Finish::Stop, "completed", Value::Null),
    ] {
        let events = ended(events, reason);
        let told = response(&events, false);
        assert_eq!((&told["status"], &told["incomplete_details"]), (&json!(status), &details));
        if let Some(last) = told["output"].as_array().unwrap().last() {
            assert_eq!(last["status"], status);
        }
        assert_eq!(added_up(&frames(&events, false)), told);
    }
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let events = ended(
        vec![
            text("So: "),
            Event::Refusal { choice: 0, text: "No".into() },
            Event::Refusal { choice: 0, text: ".".into() },
        ],
        Finish::Stop,
    );
    let told = response(&events, false);
    assert_eq!(told["output"][0]["content"][1], json!({"type": "refusal", "refusal": "No."}));
    assert_eq!(added_up(&frames(&events, false)), told);
}

#[test]
fn calls_that_come_at_once_are_told_at_once() {
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
    let frames = frames(&events, false);
    let told = added_up(&frames);
    assert_eq!(told, response(&events, false));
    assert_eq!(told["output"][1]["arguments"], "{\"b\":2}");
    // What is whole when the next begins is over; what may still grow is not.
    let at = |kind: &str, index: u64| {
        frames.iter().position(|f| f["type"] == kind && f["output_index"] == index).unwrap()
    };
    assert!(at("response.output_item.done", 0) < at("response.output_item.added", 2));
    assert!(at("response.output_item.added", 1) < at("response.output_item.done", 0));
}

#[test]
fn what_is_thought_is_shown_to_whom_it_was_promised() {
    let events = ended(vec![thought("Hm."), seal("s"), text("x")], Finish::Stop);
    let (shown, hidden) = (response(&events, true), response(&events, false));
    assert_eq!(shown["output"][0]["summary"], json!([{"type": "summary_text", "text": "Hm."}]));
    assert_eq!(hidden["output"][0]["summary"], json!([]));
    // It comes back with the seal that it belongs to.
    for told in [&shown, &hidden] {
        let chat = told_again(told);
        assert_eq!(
            chat.messages[1].parts[0],
            Part::Thinking { text: "Hm.".into(), signature: Some("s".into()) }
        );
    }
    // What nobody asked to see and nobody wants back is not told.
    let told = response(&ended(vec![thought("Hm."), text("x")], Finish::Stop), false);
    assert_eq!(told["output"].as_array().unwrap().len(), 1);
    let told = response(&ended(vec![thought("Hm."), text("x")], Finish::Stop), true);
    assert_eq!(told["output"][0]["encrypted_content"], Value::Null);
}

#[test]
fn log_probabilities_go_with_their_text() {
    let list = json!({"content": [{"token": "é", "logprob": -0.5, "top_logprobs": [{"token": "e", "logprob": -1, "bytes": [101]}]}]});
    let events = ended(
        vec![Event::Text { choice: 0, text: "é".into(), logprobs: Some(list) }, text("!")],
        Finish::Stop,
    );
    let told = response(&events, false);
    let told_list = json!([{"token": "é", "logprob": -0.5, "bytes": [195, 169],
        "top_logprobs": [{"token": "e", "logprob": -1, "bytes": [101]}]}]);
    assert_eq!(told["output"][0]["content"][0]["logprobs"], told_list);
    assert_eq!(added_up(&frames(&events, false)), told);
}

#[test]
fn what_is_beyond_all_measure_is_not_kept() {
    let mut writer = Frames::new(label(), request(), false);
    let big = text(&"x".repeat(1 << 20));
    let mut out = Vec::new();
    for _ in 0..40 {
        writer.event(&big, &mut out);
        out.clear();
    }
    writer.event(&Event::End, &mut out);
    assert!(out.len() < (17 << 20) * 4);
    let last = String::from_utf8(out).unwrap();
    let last: Value = serde_json::from_str(last.trim_end().rsplit_once("data: ").unwrap().1).unwrap();
    assert_eq!(last["response"]["incomplete_details"], json!({"reason": "max_output_tokens"}));
}

#[test]
fn a_cut_stream_has_no_end_and_numbers_go_on() {
    let mut refusal = crate::Refusal::new(502, "stream_broken", "It broke.");
    refusal.param = None;
    let (mut writer, mut out) = (Frames::new(label(), request(), false), Vec::new());
    writer.event(&text("x"), &mut out);
    let before = out.len();
    broken(&mut out, writer.sequence(), &refusal, "r-1", Some(br#""cost":1"#));
    assert!(!String::from_utf8_lossy(&out).contains("response.completed"));
    let last = String::from_utf8(out[before..].to_vec()).unwrap();
    let data: Value = serde_json::from_str(last.strip_prefix("event: error\ndata: ").unwrap()).unwrap();
    assert_eq!(schema::frame(&data), Vec::<String>::new());
    assert_eq!(data["sequence_number"], 5);
    assert_eq!(
        (&data["error"]["code"], &data["error"]["request_id"]),
        (&json!("stream_broken"), &json!("r-1"))
    );
    assert_eq!(data["weir"], json!({"cost": 1}));
}

#[test]
fn numbers_of_frames_that_pass_are_known() {
    let mut writer = Frames::new(label(), request(), false);
    for (chunk, next) in [
        (
            "event: x\ndata: {\"type\":\"x\",\"sequence_number\":4,\"delta\":\"\\\"sequence_number\\\":9\"}\n\n",
            5,
        ),
        ("data: {\"sequence_number\": 12}\n\ndata: {\"sequence_number\":13}\n\n", 14),
        ("no number here", 14),
        ("data: {\"sequence_number\":2", 14),
        ("data: {\"sequence_number\":3}", 14),
        ("\"sequence_number\":", 14),
        ("", 14),
    ] {
        writer.passed(chunk.as_bytes());
        assert_eq!(writer.sequence(), next, "{chunk}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => words(),
        2 => (0..4_u32, prop::option::of("[a-z]{1,3}")).prop_map(|(index, signature)| Event::ToolStart {
            choice: 0, index, id: format!("call_{index}"), name: "f".into(), signature }),
        3 => (0..4_u32, prop_oneof![Just("{}".to_owned()), "[a-z\"{}:1]{0,4}"]).prop_map(|(index, fragment)| args(index, &fragment)),
        1 => Just(Event::Usage(Usage::default().with(Bucket::Input, 3))),
        1 => Just(Event::Start { id: "resp_9".into(), model: "n".into() }),
    ]
}

proptest! {
    #[test]
    fn a_stream_adds_up_to_the_whole(events in prop::collection::vec(event(), 0..24), finish in finish(), summary in any::<bool>()) {
        // Who answers is said first.
        let mut events = events;
        events.sort_by_key(|event| !matches!(event, Event::Start { .. }));
        let events = ended(events, finish);
        let told = response(&events, summary);
        prop_assert_eq!(added_up(&frames(&events, summary)), told);
    }

    /// What a client is told it can tell again, and it says the same there.
    #[test]
    fn an_answer_can_be_told_again(events in prop::collection::vec(event(), 0..16), summary in any::<bool>()) {
        let told = response(&ended(events, Finish::Stop), summary);
        let chat = told_again(&told);
        let words: String = told["output"].as_array().unwrap().iter()
            .flat_map(|item| item["content"].as_array().into_iter().flatten())
            .map(|part| part["text"].as_str().or(part["refusal"].as_str()).unwrap())
            .collect();
        let again: String = chat.messages.iter().skip(1).flat_map(|m| &m.parts).map(|part| match part {
            Part::Text(text) | Part::Refusal(text) => text.as_str(),
            _ => "",
        }).collect();
        prop_assert_eq!(words, again);
        let calls = told["output"].as_array().unwrap().iter().filter(|item| item["type"] == "function_call");
        prop_assert_eq!(calls.count(), chat.messages.iter().map(|m| m.tool_calls.len()).sum::<usize>());
    }
}
