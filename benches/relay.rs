//! What does the relay add to a provider that answers at once? No network, no disk: survey, routing, hold, metering and
//! settling of one request, through the front door and to the bytes of its answer.

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]

mod world;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use front::Front;
use providers::catalogue::Catalogue;
use relay::config::{ProviderConfig, ProviderKind};
use std::hint::black_box;
use world::{Provider, told};

fn front(http: Provider) -> Front {
    let at = ProviderConfig::at(ProviderKind::Openai, "http://127.0.0.1:1/v1".into());
    let catalogue = Catalogue::embedded().expect("the shipped catalogue");
    world::front("openai", ProviderConfig { keys: vec!["KEY".into()], ..at }, &catalogue, http)
}

fn ask(model: &str, stream: bool) -> Bytes {
    let words = "Summarise the following log line, then say what to do about it. ".repeat(13);
    format!(
        r#"{{"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"{words}"}}],"model":"{model}","max_tokens":256,"temperature":0.7,"stream":{stream}}}"#
    )
    .into()
}

fn whole(front: &Front, body: &Bytes, seed: u64) -> usize {
    told(front, "/v1/chat/completions", body, seed).0
}

fn requests(c: &mut Criterion) {
    let answer = Bytes::from_static(
        br#"{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":16,"total_tokens":228,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}"#,
    );
    let frame = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" river\"},\"finish_reason\":null}],\"usage\":null}\n\n";
    let end = "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":100,\"total_tokens\":312}}\n\ndata: [DONE]\n\n";
    let stream = Bytes::from(format!("{}{end}", frame.repeat(100)));
    let mut group = c.benchmark_group("request");
    let mut seed = 0;
    for model in ["openai/gpt-4o-mini", "auto"] {
        let front_whole = front(Provider::whole(answer.clone()));
        let body = ask(model, false);
        group.bench_function(format!("whole/{model}"), |b| {
            b.iter(|| {
                seed += 1;
                whole(black_box(&front_whole), &body, seed)
            });
        });
    }
    let front_stream = front(Provider { pieces: vec![stream], stream: true });
    let body = ask("openai/gpt-4o-mini", true);
    group.bench_function("stream of 100 chunks in one read", |b| {
        b.iter(|| {
            seed += 1;
            whole(black_box(&front_stream), &body, seed)
        });
    });
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
