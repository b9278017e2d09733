//! Limits at a clock that stands until a test moves it, counted here and by somebody who has to be asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is a failed test"
)]

use async_trait::async_trait;
use billing::{Balance, Book, Budgets, Entry, Op};
use bytes::Bytes;
use front::{Body, Front, Peer, Response};
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use policy::limit::{Estimate, Over, Quotas, Rule, Taken, Use};
use policy::plan::PlanSetting;
use relay::Relay;
use relay::config::{AccountConfig, Config, ProviderConfig, ProviderKind};
use relay::fleet::Fleet;
use relay::limits::Local;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError, Clock, Http, Later, Limits, Mark, Posted, Reply};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use vocab::{Call, Duration, Fault, Instant, Pico};

const BEGIN: u64 = 1_795_219_200_000_000;

/// A clock that stands. Pauses of requests are over at once, bounds on them never come.
struct Stands(AtomicU64);

#[async_trait]
impl Clock for Stands {
    fn now(&self) -> Instant {
        Instant::from_micros(BEGIN + self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Duration) {
        if span > Duration::from_secs(1) {
            futures::future::pending().await
        }
    }
}

const WHOLE: &str = r#"{"id":"up","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A low dam."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#;
const FIRST: &str = "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"A low\"},\"finish_reason\":null}]}\n\n";

/// Answers whole; a stream begins and never goes on; what says `never` is never answered.
struct Upstream;

#[async_trait]
impl Http for Upstream {
    async fn send(&self, call: Call, _: Duration) -> Result<Reply, Fault> {
        use futures::StreamExt;
        let mut headers = HeaderMap::new();
        if String::from_utf8_lossy(&call.body.concat()).contains("never") {
            return futures::future::pending().await;
        }
        let kind = if call.stream { "text/event-stream" } else { "application/json" };
        headers.insert("content-type", kind.parse().unwrap());
        let text = if call.stream { FIRST } else { WHOLE };
        let first = futures::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
        if call.stream {
            return Ok(Reply {
                status: 200,
                headers,
                body: Box::pin(first.chain(futures::stream::pending())),
            });
        }
        Ok(Reply { status: 200, headers, body: Box::pin(first) })
    }
}

struct Paper(Mutex<Book>);

#[async_trait]
impl Books for Paper {
    async fn post(&self, _: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let applied = self.0.lock().unwrap().post(op, now)?;
        Ok(Posted { balance: applied.balance, fresh: applied.entry.is_some(), mark: Mark(0) })
    }

    async fn durable(&self, _: Mark) -> Result<(), BooksError> {
        Ok(())
    }

    async fn balance(&self, _: &str) -> Result<Balance, BooksError> {
        Ok(Balance::default())
    }

    async fn budgets(&self, _: &str) -> Result<Budgets, BooksError> {
        Ok(Budgets::default())
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

/// Work that is left is looked at once, and has run as far as it can.
struct AtOnce;

impl Later for AtOnce {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let _ = work.now_or_never();
    }
}

/// Somebody else who counts, a moment away.
#[derive(Default)]
struct Elsewhere {
    local: Local,
    asked: AtomicUsize,
    ended: AtomicUsize,
}

#[async_trait]
impl Limits for Elsewhere {
    async fn take(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Box<Taken>, Box<Over>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        moment().await;
        self.local.take(rules, estimate, now).await
    }

    async fn end(&self, taken: Box<Taken>, used: Use, now: Instant) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.local.end(taken, used, now).await;
    }
}

/// Is not ready at once.
async fn moment() {
    let mut waited = false;
    std::future::poll_fn(move |cx: &mut Context<'_>| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct World {
    front: Front,
    relay: Arc<Relay>,
    clock: Arc<Stands>,
}

fn world(quotas: Quotas) -> World {
    let mut config = Config::default();
    config.plans.0.insert("p".into(), PlanSetting { limits: quotas, ..PlanSetting::default() });
    config
        .accounts
        .insert("local".into(), AccountConfig { plan: Some("p".into()), ..AccountConfig::default() });
    config.service.keep_alive_ms = 500;
    config.bounds.unpriced_ceiling_usd_per_mtok = Some(Pico::from_usd(1));
    let provider = ProviderConfig {
        models: vec!["m".into()],
        ..ProviderConfig::at(ProviderKind::Compatible, "http://upstream.test/v1".into())
    };
    config.providers.insert("near".into(), provider);
    let registry = Arc::new(Registry::default());
    let catalogue = providers::catalogue::Catalogue::embedded().unwrap();
    let fleet = Fleet::build(&config, &catalogue, &|_| None, &registry, None).unwrap();
    let clock = Arc::new(Stands(AtomicU64::new(0)));
    let books = Arc::new(Paper(Mutex::new(Book::new("local", None))));
    let relay = Relay::new(Arc::new(Upstream), clock.clone(), books, Arc::new(AtOnce), registry, fleet);
    World { front: Front::new(relay.clone()), relay, clock }
}

impl World {
    fn begin(&self, id: usize, body: &str) -> BoxFuture<'_, Response> {
        let request = Request::builder()
            .method("POST")
            .uri("/v1/chat/completions")
            .header("host", "localhost")
            .header("x-request-id", format!("req-{id}"))
            .body(Body::from(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        Box::pin(self.front.serve(request, Peer { loopback: true, tls: false }, 7))
    }

    fn ask(&self, id: usize) -> (u16, HeaderMap) {
        let response =
            block_on(self.begin(id, r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#));
        (response.status.as_u16(), response.fields.to_map())
    }

    fn moves(&self, micros: u64) {
        self.clock.0.fetch_add(micros, Ordering::SeqCst);
    }
}

fn told<'a>(head: &'a HeaderMap, name: &str) -> &'a str {
    head.get(name).map_or("", |value| value.to_str().unwrap())
}

const SEVEN: Quotas = Quotas {
    requests_per_minute: Some(7),
    burst: None,
    requests_per_hour: None,
    tokens_per_minute: None,
    concurrent: None,
    max_cost_usd: None,
};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

fn waits_exactly(world: &World) {
    for left in (0..7).rev() {
        let (status, head) = world.ask(left);
        assert_eq!((status, told(&head, "x-limit-remaining")), (200, &*left.to_string()));
    }
    for _ in 0..3 {
        let (status, head) = world.ask(10);
        // One comes back every 60/7 s, which are 8.571…
        assert_eq!((status, told(&head, "retry-after"), told(&head, "x-limit-reset")), (429, "9", "60"));
        assert_eq!(told(&head, "x-ratelimit-reset-requests"), "1m0s");
    }
    world.moves(8_571_428);
    let (status, head) = world.ask(11);
    assert_eq!((status, told(&head, "retry-after")), (429, "1"), "a microsecond is left");
    world.moves(1);
    assert_eq!(world.ask(12).0, 200);
    let (status, head) = world.ask(13);
    assert_eq!((status, told(&head, "retry-after")), (429, "9"));
    world.moves(9_000_000);
    assert_eq!(world.ask(14).0, 200, "whoever waits that long is let in");
}

#[test]
fn retry_after_is_exact() {
    waits_exactly(&world(SEVEN));
}

#[test]
fn somebody_else_may_count() {
    let world = world(SEVEN);
    let elsewhere = Arc::new(Elsewhere::default());
    world.relay.limit_with(elsewhere.clone());
    waits_exactly(&world);
    let (asked, ended) = (elsewhere.asked.load(Ordering::SeqCst), elsewhere.ended.load(Ordering::SeqCst));
    assert_eq!((asked, ended), (14, 9), "each was asked for, and each that was let in has ended");
    // Its answer comes too late: the client has left, and nothing was taken.
    world.moves(60_000_000);
    let mut leaving = world.begin(20, STREAM);
    assert!(leaving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(leaving);
    assert_eq!(told(&world.ask(21).1, "x-limit-remaining"), "6");
}

#[test]
fn a_slot_is_free_however_its_client_leaves() {
    let world = world(Quotas { concurrent: Some(1), ..Quotas::default() });
    let left = |id| world.ask(id).0;
    // While the provider is waited for.
    let mut asking = world.begin(1, r#"{"model":"m","messages":[{"role":"user","content":"never"}]}"#);
    assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(left(2), 429);
    drop(asking);
    assert_eq!(left(3), 200);
    // In the middle of a stream: after it the upstream is read on for a while, which the clock here says is over.
    let stream = block_on(world.begin(4, STREAM));
    assert_eq!((stream.status.as_u16(), told(&stream.fields.to_map(), "x-limit-remaining")), (200, "0"));
    assert_eq!(left(5), 429);
    drop(stream);
    // Before a stream has begun.
    let never = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"never"}]}"#;
    let kept_alive = block_on(world.begin(6, never));
    assert_eq!(kept_alive.status.as_u16(), 200);
    assert_eq!(
        told(&kept_alive.fields.to_map(), "x-limit-limit"),
        "1",
        "told before it is known who answers"
    );
    assert_eq!(left(7), 429);
    drop(kept_alive);
    assert_eq!(left(8), 200);
}

#[test]
fn what_was_not_asked_of_anybody_counts_nowhere() {
    let world = world(Quotas { requests_per_minute: Some(2), concurrent: Some(1), ..Quotas::default() });
    let unknown = r#"{"model":"nobodys","messages":[{"role":"user","content":"hi"}]}"#;
    let huge = r#"{"model":"m","tools":7,"messages":[{"role":"user","content":"hi"}]}"#;
    for (id, body, status) in [(1, unknown, 404), (2, huge, 400), (3, unknown, 404)] {
        assert_eq!(block_on(world.begin(id, body)).status.as_u16(), status);
    }
    // An id that was used before is found out when the money is to be held.
    assert_eq!(world.ask(4).0, 200);
    assert_eq!(world.ask(4).0, 409);
    let (status, head) = world.ask(5);
    assert_eq!((status, told(&head, "x-limit-remaining")), (200, "0"));
}
