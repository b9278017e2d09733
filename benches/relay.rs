//! What does the relay add to a provider that answers at once? No network, no disk: survey, routing, hold, metering and
//! settling of one request, through the front door and to the bytes of its answer.

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]

use async_trait::async_trait;
use billing::{Account, Balance, Entry, Op};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use front::{Front, Peer};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request};
use http_body::Body as _;
use providers::catalogue::Catalogue;
use relay::Relay;
use relay::config::{Api, Config, ProviderConfig, ProviderKind};
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError, Clock, Http, Later, Mark, Posted, Reply};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use vocab::{Call, Duration, Fault, Instant, Pico};

/// A provider that answers at once, always the same.
struct Provider {
    body: Bytes,
    stream: bool,
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, _: Call, _: Duration) -> Result<Reply, Fault> {
        let mut headers = HeaderMap::new();
        let kind = if self.stream { "text/event-stream" } else { "application/json" };
        headers.insert("content-type", HeaderValue::from_static(kind));
        let body = Box::pin(futures::stream::iter([Ok(self.body.clone())]));
        Ok(Reply { status: 200, headers, body })
    }
}

/// A moment that lasts.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_secs(1_795_219_200)
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

impl Later for Still {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        work.now_or_never();
    }
}

/// The real state machine, kept nowhere.
struct Unkept(Mutex<Account>);

#[async_trait]
impl Books for Unkept {
    async fn post(&self, _: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let applied = self.0.lock().expect("one thread").apply(op, &[], now)?;
        Ok(Posted { balance: applied.balance, fresh: applied.entry.is_some(), mark: Mark(0) })
    }

    async fn durable(&self, _: Mark) -> Result<(), BooksError> {
        Ok(())
    }

    async fn balance(&self, _: &str) -> Result<Balance, BooksError> {
        Ok(self.0.lock().expect("one thread").balance())
    }

    async fn entries(&self, _: &str, _: u64, _: usize) -> Result<Vec<Entry>, BooksError> {
        Ok(vec![])
    }

    async fn ended(&self, _: &str, _: u64, _: usize) -> Result<Vec<Entry>, BooksError> {
        Ok(vec![])
    }

    async fn of_request(&self, _: &str, _: &str) -> Result<Vec<Entry>, BooksError> {
        Ok(vec![])
    }

    async fn spent(&self, _: &str, _: Instant) -> Result<Pico, BooksError> {
        Ok(Pico::ZERO)
    }
}

fn front(body: Bytes, stream: bool) -> Front {
    let provider = ProviderConfig {
        kind: ProviderKind::Openai,
        api: Api::default(),
        base_url: "http://127.0.0.1:1/v1".into(),
        keys: vec!["KEY".into()],
        models: vec![],
        domain: None,
        headers: BTreeMap::new(),
        catalogue: None,
        fake: false,
    };
    let config = Config { providers: BTreeMap::from([("openai".into(), provider)]), ..Config::default() };
    let registry = Arc::new(Registry::default());
    let catalogue = Catalogue::embedded().expect("the shipped catalogue");
    let fleet = Fleet::build(&config, &catalogue, &|_| Some("key".into()), &registry, None)
        .expect("a plain configuration");
    let books = Arc::new(Unkept(Mutex::new(Account::new("local", None))));
    let http = Arc::new(Provider { body, stream });
    Front::new(Relay::new(http, Arc::new(Still), books, Arc::new(Still), registry, fleet))
}

fn ask(model: &str, stream: bool) -> Bytes {
    let words = "Summarise the following log line, then say what to do about it. ".repeat(13);
    format!(
        r#"{{"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"{words}"}}],"model":"{model}","max_tokens":256,"temperature":0.7,"stream":{stream}}}"#
    )
    .into()
}

/// The whole way, to the last byte of the answer.
fn whole(front: &Front, body: &Bytes, seed: u64) -> usize {
    let request = Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .header("host", "127.0.0.1")
        .body(http_body_util::Full::new(body.clone()))
        .expect("a plain request");
    let serving = front.serve(request, Peer { loopback: true, tls: false }, seed);
    let response = serving.now_or_never().expect("nothing waits");
    assert_eq!(response.status, 200);
    let mut body = std::pin::pin!(response.body);
    let mut size = 0;
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
        size += frame.data_ref().map_or(0, Bytes::len);
    }
    size
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
        let front_whole = front(answer.clone(), false);
        let body = ask(model, false);
        group.bench_function(format!("whole/{model}"), |b| {
            b.iter(|| {
                seed += 1;
                whole(black_box(&front_whole), &body, seed)
            });
        });
    }
    let front_stream = front(stream, true);
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
