//! What does an event of a stream cost, from each provider's words into each client's?
//!
//! Law: under 2 µs where both speak one dialect, under 5 µs where it is translated. Each event comes alone, as on a wire, and
//! goes the whole way: framing, watching or decoding, metering, writing.
//!
//! `cargo bench --bench streams` measures. `STREAMS_LAW=1 cargo bench --bench streams` fails where the law is broken, by the best of
//! several runs, as other work on the machine only adds. Instructions of one pair, by valgrind, for `events` of them:
//! `STREAMS_ONLY=gemini/chat STREAMS_EVENTS=2000 valgrind --tool=callgrind BENCH`; the difference between two counts of events
//! is what the events cost (`benches/instructions` does that for every pair).

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]
#![allow(clippy::print_stdout, reason = "figures are said")]
#![allow(clippy::disallowed_methods, reason = "this measures time")]

mod world;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use front::Front;
use providers::catalogue::Catalogue;
use relay::config::{Api, ProviderConfig, ProviderKind};
use serde_json::json;
use std::hint::black_box;
use std::time::Duration;
use world::{Provider, told};

/// A provider's stream: before the text, one event of text, after it.
struct Words {
    name: &'static str,
    kind: ProviderKind,
    api: Api,
    before: &'static [&'static str],
    event: &'static str,
    after: &'static [&'static str],
}

/// Whose client speaks the same: its name in [`CLIENTS`].
fn same(provider: &str) -> &str {
    provider
}

const CHAT: Words = Words {
    name: "chat",
    kind: ProviderKind::Openai,
    api: Api::ChatCompletions,
    before: &[
        r#"data: {"id":"chatcmpl-BsHq8sT0aM1dJxkq3nE7wYpR5uZvC","object":"chat.completion.chunk","created":1767225600,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
    ],
    event: r#"data: {"id":"chatcmpl-BsHq8sT0aM1dJxkq3nE7wYpR5uZvC","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" river"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    after: &[
        r#"data: {"id":"chatcmpl-BsHq8sT0aM1dJxkq3nE7wYpR5uZvC","object":"chat.completion.chunk","created":1767225600,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        r#"data: {"id":"chatcmpl-BsHq8sT0aM1dJxkq3nE7wYpR5uZvC","object":"chat.completion.chunk","created":1767225600,"model":"m","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":100,"total_tokens":112}}"#,
        "data: [DONE]",
    ],
};

const RESPONSES: Words = Words {
    name: "responses",
    kind: ProviderKind::Openai,
    api: Api::Responses,
    before: &[
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1763690000,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[],\"store\":false,\"tools\":[]}}",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}",
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}",
    ],
    event: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_68a1c2f0e4b881a2b5c0d1e2f3a4b5c6\",\"output_index\":0,\"content_index\":0,\"delta\":\" river\",\"logprobs\":[],\"obfuscation\":\"mX0vQzA1\"}",
    after: &[
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":5,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"text\":\"…\"}",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1763690000,\"status\":\"completed\",\"model\":\"m\",\"output\":[],\"store\":false,\"usage\":{\"input_tokens\":12,\"output_tokens\":100,\"total_tokens\":112}}}",
    ],
};

const MESSAGES: Words = Words {
    name: "messages",
    kind: ProviderKind::Anthropic,
    api: Api::ChatCompletions,
    before: &[
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
    ],
    event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" river\"}}",
    after: &[
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":100}}",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}",
    ],
};

const GEMINI: Words = Words {
    name: "gemini",
    kind: ProviderKind::Gemini,
    api: Api::ChatCompletions,
    before: &[],
    event: r#"data: {"candidates":[{"content":{"parts":[{"text":" river"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":7,"totalTokenCount":19,"promptTokensDetails":[{"modality":"TEXT","tokenCount":12}]},"modelVersion":"gemini-3.8-flash","responseId":"Gm0faYX3B5Ws1PIPoZ7YqQ4"}"#,
    after: &[
        r#"data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":100,"totalTokenCount":112},"modelVersion":"gemini-3.8-flash","responseId":"Gm0faYX3B5Ws1PIPoZ7YqQ4"}"#,
    ],
};

const WORKERS: Words = Words {
    name: "workers",
    kind: ProviderKind::WorkersAi,
    api: Api::ChatCompletions,
    before: &[],
    event: r#"data: {"response":" river","p":"abdefghijklmnopqrstuvwxyz0123456"}"#,
    after: &[
        r#"data: {"response":"","usage":{"prompt_tokens":12,"completion_tokens":100,"total_tokens":112}}"#,
        "data: [DONE]",
    ],
};

const PROVIDERS: [Words; 5] = [CHAT, RESPONSES, MESSAGES, GEMINI, WORKERS];

/// A client's name, path and request.
const CLIENTS: [(&str, &str, &str); 4] = [
    (
        "chat",
        "/v1/chat/completions",
        r#"{"model":"p/m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}"#,
    ),
    ("responses", "/v1/responses", r#"{"model":"p/m","stream":true,"input":"x"}"#),
    (
        "messages",
        "/v1/messages",
        r#"{"model":"p/m","stream":true,"max_tokens":4000,"messages":[{"role":"user","content":"x"}]}"#,
    ),
    (
        "gemini",
        "/v1beta/models/p%2Fm:streamGenerateContent?alt=sse",
        r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#,
    ),
];

fn front(words: &Words, events: usize) -> Front {
    let models = json!([{"id": "p/m", "kind": "chat", "status": "active", "context": 100_000, "max_output": 64_000,
        "caps": ["stream", "sampling"], "price": {"rates": {"per_1m_tokens": {"input": "1", "output": "2"}}},
        "sources": {"test": "2026-11-21"}}]);
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    let catalogue = json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models});
    let catalogue = Catalogue::parse(&catalogue.to_string()).expect("a catalogue of one");
    let at = ProviderConfig::at(words.kind, "http://127.0.0.1:1/v1".into());
    let at = ProviderConfig {
        api: words.api,
        keys: vec!["KEY".into()],
        models: vec!["m".into()],
        catalogue: Some("p".into()),
        ..at
    };
    let piece = |text: &str| Bytes::from(format!("{text}\n\n"));
    let event = piece(words.event);
    let mut pieces: Vec<Bytes> = words.before.iter().map(|text| piece(text)).collect();
    pieces.extend(std::iter::repeat_n(event, events));
    pieces.extend(words.after.iter().map(|text| piece(text)));
    world::front("p", at, &catalogue, Provider { pieces, stream: true })
}

/// One stream from end to end, which has to be whole.
fn stream(front: &Front, path: &str, body: &Bytes, seed: u64) {
    let (size, last) = told(front, path, body, seed);
    let marks: [&[u8]; 4] = [b"[DONE]", b"response.completed", b"message_stop", b"\"STOP\""];
    let ends = marks.iter().any(|mark| last.windows(mark.len()).any(|at| at == *mark));
    assert!(ends, "{size} bytes, and at last {}", String::from_utf8_lossy(&last));
}

fn pairs() -> impl Iterator<Item = (&'static Words, (&'static str, &'static str, &'static str))> {
    static ALL: [Words; 5] = PROVIDERS;
    ALL.iter().flat_map(|words| CLIENTS.iter().map(move |client| (words, *client)))
}

const EVENTS: usize = 1_000;

fn measure(c: &mut Criterion) {
    let mut group = c.benchmark_group("event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let mut seed = 0;
    for (words, (client, path, body)) in pairs() {
        let (front, body) = (front(words, EVENTS), Bytes::from_static(body.as_bytes()));
        group.bench_function(format!("{}/{client}", words.name), |b| {
            b.iter(|| {
                seed += 1;
                stream(black_box(&front), path, &body, seed);
            });
        });
    }
    group.finish();
}

/// Each pair by the best of several runs, less what a stream of no more than one event costs.
fn law() {
    let mut broken = Vec::new();
    for (words, (client, path, body)) in pairs() {
        let body = Bytes::from_static(body.as_bytes());
        let best = |front: &Front| {
            let one = |seed| {
                let began = std::time::Instant::now();
                stream(front, path, &body, seed);
                began.elapsed()
            };
            (0..60).map(one).min().unwrap_or_default()
        };
        let all = best(&front(words, EVENTS + 1)).saturating_sub(best(&front(words, 1)));
        let each = all.as_secs_f64() * 1e6 / EVENTS as f64;
        let limit = if same(words.name) == client { 2.0 } else { 5.0 };
        let verdict = if each < limit { "" } else { "BROKEN" };
        println!("{:>9} → {client:<9} {each:6.2} µs an event, law {limit} {verdict}", words.name);
        if each >= limit {
            broken.push(format!("{}/{client}", words.name));
        }
    }
    assert!(broken.is_empty(), "too slow: {broken:?}");
}

/// One pair once, for an instrument to count.
fn only(pair: &str) {
    let events = std::env::var("STREAMS_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(EVENTS);
    for (words, (client, path, body)) in pairs().filter(|(w, (c, ..))| format!("{}/{c}", w.name) == pair) {
        stream(&front(words, events), path, &Bytes::from_static(body.as_bytes()), 1);
        println!("{}/{client}: {events} events", words.name);
    }
}

fn main() {
    if let Ok(pair) = std::env::var("STREAMS_ONLY") {
        return only(&pair);
    }
    if std::env::var("STREAMS_LAW").is_ok_and(|v| v == "1") {
        return law();
    }
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
}
