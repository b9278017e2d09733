//! How long does it take to read a chat of 4 KB, put it into another provider's words, and read what comes back?

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use providers::openai::{OPENAI, OpenAi};
use providers::{Adapter, Address, Anthropic, Gemini, Reading, Sse, WorkersAi};
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;
use vocab::{Caps, Card, Door, Kind, Status};

/// A conversation with a tool and its result, `size` bytes of text in it.
fn chat(size: usize) -> Bytes {
    let text = "Summarise the following log line, then say what to do about it. ".repeat(size / 64 / 4);
    json!({
        "model": "openai/gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": text},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{\"line\":7}"}}
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text}, {"type": "text", "text": text}]},
        ],
        "tools": [{"type": "function", "function": {
            "name": "look_up", "description": "Looks a line up.",
            "parameters": {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]},
        }}],
        "max_tokens": 256, "temperature": 0.7, "stream": true,
    })
    .to_string()
    .into()
}

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
        efforts: vec![],
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

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    for size in [1_024, 4_096, 65_536] {
        let body = chat(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("survey/{size}"), |b| {
            b.iter(|| front::openai::survey(black_box(body.clone())))
        });
        let raw = front::openai::survey(body.clone()).expect("a good request");
        let openai = OpenAi(&OPENAI);
        let to = door(&openai);
        group.bench_function(format!("patch/{size}"), |b| b.iter(|| openai.patch(black_box(&raw), &to)));
        group.bench_function(format!("parse/{size}"), |b| b.iter(|| front::openai::parse(black_box(&raw))));
    }
    let raw = front::openai::survey(chat(4_096)).expect("a good request");
    let adapters: [&dyn Adapter; 4] = [&OpenAi(&OPENAI), &Gemini, &Anthropic, &WorkersAi];
    for adapter in adapters {
        let to = door(adapter);
        // The whole way: look through, take apart, say in the provider's words.
        group.bench_function(format!("translate 4 KB/{:?}", adapter.dialect()), |b| {
            b.iter(|| {
                let chat = front::openai::parse(black_box(&raw)).expect("a good request");
                adapter.encode(&chat, &to)
            });
        });
    }
    group.finish();
}

fn replies(c: &mut Criterion) {
    let chunk = Bytes::from_static(
        b"data: {\"id\":\"chatcmpl-BsHq8sT0aM1dJxkq3nE7wYpR5uZvC\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
          \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_34a54ae93c\",\"choices\":\
          [{\"index\":0,\"delta\":{\"content\":\" river\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    );
    let mut group = c.benchmark_group("chunk");
    group.bench_function("watch", |b| {
        let mut watch = OpenAi(&OPENAI).watch(false).expect("chat completions pass");
        let mut out = Vec::new();
        b.iter(|| {
            watch.pass(black_box(chunk.clone()), &mut out).expect("a good chunk");
            out.clear();
        });
    });
    group.bench_function("decode", |b| {
        let (mut sse, mut reading, mut events) = (Sse::new(), Reading::default(), Vec::new());
        b.iter(|| {
            sse.feed(black_box(chunk.clone()));
            while let Some(frame) = sse.take().expect("a good chunk") {
                OpenAi(&OPENAI).decode_frame(&mut reading, &frame, &mut events).expect("a good frame");
            }
            events.clear();
        });
    });
    group.finish();
}

criterion_group!(benches, requests, replies);
criterion_main!(benches);
