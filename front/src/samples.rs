//! What tests of the client protocols have providers say, and how they look at what was told.

use proptest::prelude::*;
use serde_json::Value;
use std::ops::Range;
use vocab::{Bucket, Citation, Event, Finish, Usage};

pub fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into(), logprobs: None }
}

pub fn thought(text: &str) -> Event {
    Event::Reasoning { choice: 0, text: text.into() }
}

pub fn seal(signature: &str) -> Event {
    Event::Signature { choice: 0, signature: signature.into() }
}

pub fn call(index: u32, name: &str) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("call_{index}"), name: name.into(), signature: None }
}

pub fn args(index: u32, fragment: &str) -> Event {
    Event::ToolArgs { choice: 0, index, fragment: fragment.into() }
}

/// A page that a passage rests on, or nobody says which.
pub fn cited(passage: Option<Range<u32>>, url: Option<&str>) -> Event {
    Event::Citation(Box::new(Citation {
        choice: 0,
        passage,
        url: url.map(str::to_owned),
        title: Some("A page".into()),
        quote: Some("It is so.".into()),
    }))
}

pub fn ended(mut events: Vec<Event>, reason: Finish) -> Vec<Event> {
    let usage = Usage::default()
        .with(Bucket::Input, 10)
        .with(Bucket::CacheRead, 5)
        .with(Bucket::CacheWriteLong, 3)
        .with(Bucket::Output, 7)
        .with(Bucket::Reasoning, 2);
    events.extend([Event::Finish { choice: 0, reason }, Event::Usage(usage), Event::End]);
    events
}

/// Anything that is said rather than called.
pub fn words() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => piece().prop_map(|p| text(&p)),
        2 => piece().prop_map(|p| thought(&p)),
        1 => piece().prop_map(|p| seal(&p)),
        1 => piece().prop_map(|text| Event::Refusal { choice: 0, text }),
    ]
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z\"\\\\ü ]{1,6}"]
}

pub fn finish() -> impl Strategy<Value = Finish> {
    prop::sample::select(&[Finish::Stop, Finish::Length, Finish::ToolCalls, Finish::ContentFilter][..])
}

/// The data of every frame, where each is named as its data says.
pub fn named_frames(said: Vec<u8>) -> Vec<Value> {
    let said = String::from_utf8(said).unwrap();
    let frame = |frame: &str| {
        let (name, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["type"], name.strip_prefix("event: ").unwrap());
        data
    };
    said.split_terminator("\n\n").map(frame).collect()
}

/// A string with another one behind it.
pub fn grow(so_far: &mut Value, more: &Value) {
    *so_far = Value::from(format!("{}{}", so_far.as_str().unwrap(), more.as_str().unwrap()));
}
