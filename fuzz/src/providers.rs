//! What providers answer: whole, streamed, and as an error; and what our own writers make of it for each client.

use crate::cut;
use bytes::Bytes;
use providers::openai::OPENAI;
use providers::{Adapter, Anthropic, Gemini, OpenAi, Reading, Responses, Sse, WorkersAi};
use serde_json::Value;
use vocab::{Dialect, Event, Instant};

macro_rules! laws {
    ($($whole:ident, $stream:ident: $adapter:expr;)+) => {$(
        pub fn $whole(bytes: &[u8]) { whole(&$adapter, bytes) }
        pub fn $stream(bytes: &[u8]) { stream(&$adapter, bytes) }
    )+};
}

laws! {
    openai_whole, openai_stream: OpenAi(&OPENAI);
    responses_whole, responses_stream: Responses;
    gemini_whole, gemini_stream: Gemini;
    anthropic_whole, anthropic_stream: Anthropic;
    workers_whole, workers_stream: WorkersAi;
}

const NOW: Instant = Instant::from_secs(1_795_219_200);

/// A whole answer ends once or is a fault; a glance comes to the same verdict; what is written for a client is JSON.
fn whole(adapter: &dyn Adapter, bytes: &[u8]) {
    let mut events = Vec::new();
    let verdict = adapter.decode(bytes, &mut events);
    let ends = events.iter().filter(|e| **e == Event::End).count();
    assert_eq!(ends, usize::from(verdict.is_ok()), "{verdict:?}: {events:?}");
    let glance = adapter.glance(&Bytes::copy_from_slice(bytes));
    assert_eq!(glance.is_ok(), verdict.is_ok(), "{glance:?}, {verdict:?}");
    for status in [200, 400, 401, 404, 413, 429, 500, 529] {
        let fault = adapter.fault(status, &http::HeaderMap::new(), bytes, NOW);
        assert!(fault.message().len() < 600, "{}", fault.message().len());
    }
    if verdict.is_ok() {
        let label = front::openai::Label { id: "1".into(), created: 0, model: "m".into() };
        json(&front::openai::whole(&events, &label));
        json(&front::anthropic::whole(&events, &label));
        let request = Bytes::from_static(b"{\"input\":\"x\"}");
        json(&front::responses::whole(&events, label.clone(), request, true));
        json(&front::gemini::whole(
            &events,
            front::gemini::Label { id: "1".into(), model: "m".into() },
            true,
        ));
        written(&events);
    }
}

/// A stream that is cut elsewhere says the same, ends at most once, and is watched with the same result; what is written for
/// a client is a stream of JSON.
fn stream(adapter: &dyn Adapter, bytes: &[u8]) {
    let (pieces, text) = cut(bytes);
    let (events, fault) = decoded(adapter, &[text]);
    assert_eq!((&events, fault), (&decoded(adapter, &pieces).0, decoded(adapter, &pieces).1));
    let ends = events.iter().filter(|e| **e == Event::End).count();
    assert!(ends <= 1, "{events:?}");
    written(&events);

    if adapter.watch(false).is_none() {
        return;
    }
    for drop_usage in [false, true] {
        let whole = watched(adapter, &[text], drop_usage);
        let pieces = watched(adapter, &pieces, drop_usage);
        assert_eq!(whole, pieces, "watched in pieces, drop_usage {drop_usage}");
        // OpenAI's end mark is none of Gemini's: it is taken out wherever a server beside Google writes it.
        let marked = adapter.dialect() == Dialect::Gemini && text.windows(6).any(|w| w == b"[DONE]");
        if !drop_usage && !marked {
            // A last frame without its blank line is given one.
            assert!(text.starts_with(whole.passed.trim_ascii_end()), "what passes is what came");
        }
    }
}

fn decoded(adapter: &dyn Adapter, pieces: &[&[u8]]) -> (Vec<Event>, Option<&'static str>) {
    let (mut sse, mut reading, mut events) = (Sse::new(), Reading::default(), Vec::new());
    for piece in pieces {
        sse.feed(Bytes::copy_from_slice(piece));
        loop {
            match sse.take() {
                Ok(Some(frame)) => {
                    if let Err(fault) = adapter.decode_frame(&mut reading, &frame, &mut events) {
                        return (events, Some(fault.name()));
                    }
                    // As the relay does: nothing is read after the end.
                    if events.contains(&Event::End) {
                        return (events, None);
                    }
                }
                Ok(None) => break,
                Err(fault) => return (events, Some(fault.name())),
            }
        }
    }
    let last = match sse.end() {
        Ok(Some(frame)) => adapter.decode_frame(&mut reading, &frame, &mut events).err(),
        Ok(None) => None,
        Err(fault) => Some(fault),
    };
    (events, last.map(|fault| fault.name()))
}

#[derive(Debug, PartialEq)]
struct Watched {
    passed: Vec<u8>,
    fault: Option<&'static str>,
    usage: Option<vocab::Usage>,
    text_bytes: usize,
    content: bool,
    finished: bool,
    done: bool,
}

fn watched(adapter: &dyn Adapter, pieces: &[&[u8]], drop_usage: bool) -> Watched {
    let mut watch = adapter.watch(drop_usage).expect("it was there before");
    let mut out = Vec::new();
    let fault = pieces.iter().find_map(|piece| watch.pass(Bytes::copy_from_slice(piece), &mut out).err());
    let fault = fault.or_else(|| watch.end(&mut out).err());
    Watched {
        passed: out.concat(),
        fault: fault.map(|fault| fault.name()),
        usage: watch.usage(),
        text_bytes: watch.text_bytes(),
        content: watch.content(),
        finished: watch.finished(),
        done: watch.done(),
    }
}

/// The same events for every client, frame by frame.
fn written(events: &[Event]) {
    let label = || front::openai::Label { id: "1".into(), created: 0, model: "m".into() };
    let (mut chat, mut messages, mut gemini) = (Vec::new(), Vec::new(), Vec::new());
    let mut chunks = front::openai::Chunks::new(label(), true);
    let mut frames = front::anthropic::Frames::new(label(), 3);
    let named = front::gemini::Label { id: "1".into(), model: "m".into() };
    let mut generated = front::gemini::Frames::new(named, front::gemini::Form::Sse, true, false);
    let mut responses = Vec::new();
    let mut items = front::responses::Frames::new(label(), Bytes::from_static(b"{\"input\":\"x\"}"), true);
    for event in events {
        items.event(event, &mut responses);
        chunks.event(event, &mut chat);
        frames.event(event, &mut messages);
        generated.event(event, &mut gemini);
    }
    generated.end(None, &mut gemini);
    for out in [chat, messages, gemini, responses] {
        let mut sse = Sse::new();
        sse.feed(out.into());
        while let Some(frame) = sse.take().expect("our own frames are good") {
            if frame.data != "[DONE]" {
                json(frame.data.as_bytes());
            }
        }
    }
}

fn json(bytes: &[u8]) {
    if let Err(error) = serde_json::from_slice::<Value>(bytes) {
        panic!("{error} in {}", String::from_utf8_lossy(bytes));
    }
}
