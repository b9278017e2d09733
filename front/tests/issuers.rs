//! Keys of an issuer outside, by the clock: when they are read again, by whom, and what holds while they cannot be. The
//! signature is a fake that only its own key makes; what real ones are worth is tested on the shell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is a failed test"
)]

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing::{Balance, Budgets, Entry, Op};
use bytes::Bytes;
use front::{Body, Front, Peer};
use futures::executor::block_on;
use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use policy::Settings;
use policy::jwt::PublicKey;
use relay::Relay;
use relay::config::{Config, ProviderConfig, ProviderKind};
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{
    Books, BooksError, Clock, Crypto, CryptoError, Http, Later, Mark, NotHere, Posted, Reply,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use vocab::{Call, Duration, Fault, Instant, Pico};

const START: u64 = 1_795_219_200;

/// A clock that is set by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {
        futures::future::pending().await
    }
}

/// The issuer: what it answers now, how often it was asked, and whether its answers are held back.
#[derive(Clone, Default)]
struct Issuer {
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    gate: Arc<Mutex<()>>,
}

#[async_trait]
impl Http for Issuer {
    async fn send(&self, call: Call, _: Duration) -> Result<Reply, Fault> {
        assert_eq!(call.uri, "https://id.example/jwks");
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.lock().unwrap());
        let answer = self.answer.lock().unwrap().clone();
        let body = answer.ok_or_else(|| Fault::Down("nobody is there".into()))?;
        let body = Box::pin(futures::stream::iter([Ok(Bytes::from(body))]));
        Ok(Reply { status: 200, headers: HeaderMap::new(), body })
    }
}

/// Each on a thread of its own, as a shell's tasks are beside the request.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Later for Threads {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(std::thread::spawn(move || block_on(work)));
    }
}

impl Threads {
    fn rest(&self) {
        let threads = std::mem::take(&mut *self.0.lock().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// A signature is the key's own byte.
struct Fake;

#[async_trait]
impl Crypto for Fake {
    async fn verify(&self, key: &PublicKey, _: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
        Ok(signature == [key.n[9]])
    }
}

/// Nobody has anything.
struct Empty;

#[async_trait]
impl Books for Empty {
    async fn post(&self, _: &str, _: Op, _: Instant) -> Result<Posted, BooksError> {
        Err(BooksError::Down("closed".into()))
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

struct World {
    front: Front,
    issuer: Issuer,
    later: Threads,
    clock: Hand,
}

fn jwk(kid: &str, byte: u8) -> Value {
    let n = URL_SAFE_NO_PAD.encode([vec![0x80], vec![byte; 255]].concat());
    json!({"kty": "RSA", "kid": kid, "n": n, "e": "AQAB"})
}

fn token(kid: &str, byte: u8) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://id.example", "aud": "weir", "exp": START + 1_000_000, "sub": "u-1"});
    format!(
        "{}.{}.{}",
        part(json!({"alg": "RS256", "kid": kid})),
        part(claims),
        URL_SAFE_NO_PAD.encode([byte])
    )
}

impl World {
    fn new() -> Self {
        let jwt = json!({"issuer": "https://id.example", "audience": "weir", "jwks_url": "https://id.example/jwks"});
        let service: Settings = serde_json::from_value(json!({ "jwt": jwt })).unwrap();
        let provider = ProviderConfig {
            models: vec!["m".into()],
            ..ProviderConfig::at(ProviderKind::Compatible, "http://upstream.test/v1".into())
        };
        let mut config = Config { service, ..Config::default() };
        config.providers.insert("near".into(), provider);
        config.bounds.unpriced_ceiling_usd_per_mtok = Some(Pico::from_usd(1));
        let registry = Arc::new(Registry::default());
        let catalogue = providers::catalogue::Catalogue::embedded().unwrap();
        let fleet = Fleet::build(&config, &catalogue, &|_| None, &registry, None).unwrap();
        let (issuer, later) = (Issuer::default(), Threads::default());
        let clock = Hand(Arc::new(AtomicU64::new(START)));
        let relay = Relay::new(
            Arc::new(issuer.clone()),
            Arc::new(clock.clone()),
            Arc::new(Empty),
            Arc::new(later.clone()),
            registry,
            fleet,
        );
        let front = Front::new(relay).knowing(Arc::new(NotHere), Arc::new(Fake));
        Self { front, issuer, later, clock }
    }

    fn publishes(&self, keys: Option<&[Value]>) {
        *self.issuer.answer.lock().unwrap() = keys.map(|keys| json!({ "keys": keys }).to_string());
    }

    fn after(&self, seconds: u64) {
        self.clock.0.store(START + seconds, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.later.rest();
        self.issuer.asked.load(Ordering::SeqCst)
    }

    fn opens(&self, token: &str) -> u16 {
        let request =
            Request::builder().uri("/api/credits").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        block_on(self.front.serve(request, Peer::default(), 7)).status.as_u16()
    }
}

#[test]
fn a_new_key_is_found_when_a_minute_has_passed() {
    let world = World::new();
    world.publishes(Some(&[jwk("a", 1)]));
    assert_eq!(world.opens(&token("a", 1)), 200, "read when it is first needed");
    world.publishes(Some(&[jwk("a", 1), jwk("b", 2)]));
    for n in 0..20 {
        assert_eq!(world.opens(&token(&format!("no-{n}"), 9)), 401);
    }
    assert_eq!((world.opens(&token("b", 2)), world.asked()), (401, 1), "the minute is not over");
    world.after(60);
    assert_eq!((world.opens(&token("b", 2)), world.asked()), (200, 2));
    assert_eq!((world.opens(&token("a", 1)), world.opens(&token("b", 1))), (200, 401));
    assert_eq!(world.asked(), 2);
}

#[test]
fn a_key_that_was_taken_back_is_believed_for_an_hour_at_most() {
    let world = World::new();
    world.publishes(Some(&[jwk("a", 1), jwk("b", 2)]));
    assert_eq!(world.opens(&token("b", 2)), 200);
    world.publishes(Some(&[jwk("b", 2)]));
    world.after(3_599);
    assert_eq!((world.opens(&token("a", 1)), world.asked()), (200, 1));
    world.after(3_600);
    // Whoever finds the set old does not wait for a new one.
    assert_eq!((world.opens(&token("b", 2)), world.asked()), (200, 2));
    assert_eq!(world.opens(&token("a", 1)), 401);
}

#[test]
fn while_the_issuer_is_away_its_keys_stay() {
    let world = World::new();
    assert_eq!(world.opens(&token("a", 1)), 503, "nothing was ever read: that is not the token's fault");
    world.publishes(Some(&[jwk("a", 1)]));
    assert_eq!(world.opens(&token("a", 1)), 503, "not tried again within a minute");
    world.after(60);
    assert_eq!(world.opens(&token("a", 1)), 200);
    world.publishes(None);
    for hour in 1..4 {
        world.after(60 + hour * 3_600);
        assert_eq!((world.opens(&token("a", 1)), world.opens(&token("b", 2))), (200, 401));
    }
    *world.issuer.answer.lock().unwrap() = Some("<html>an error page</html>".into());
    world.after(5 * 3_600);
    assert_eq!((world.opens(&token("a", 1)), world.asked()), (200, 6));
}

#[test]
fn many_wait_for_one_reading_and_who_has_a_key_waits_for_nobody() {
    let world = World::new();
    world.publishes(Some(&[jwk("a", 1)]));
    assert_eq!(world.opens(&token("a", 1)), 200);
    world.publishes(Some(&[jwk("a", 1), jwk("b", 2)]));
    world.after(61);
    let held = world.issuer.gate.lock().unwrap();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| world.opens(&token("b", 2)))).collect();
        while world.issuer.asked.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        assert_eq!(world.opens(&token("a", 1)), 200, "while the issuer says nothing");
        drop(held);
        assert!(waiting.into_iter().all(|one| one.join().unwrap() == 200));
    });
    assert_eq!(world.asked(), 2);
}

/// What was read while nobody waited is known to be over.
#[test]
fn after_a_start_that_nobody_waited_for_keys_are_read_again() {
    let world = World::new();
    world.publishes(Some(&[jwk("a", 1)]));
    block_on(world.front.prepare()).unwrap();
    assert_eq!(world.asked(), 1, "before the first token comes");
    assert_eq!((world.opens(&token("a", 1)), world.asked()), (200, 1));
    world.publishes(Some(&[jwk("b", 2)]));
    world.after(60);
    assert_eq!((world.opens(&token("b", 2)), world.asked()), (200, 2));
    // New settings have them read at once.
    block_on(world.front.prepare()).unwrap();
    assert_eq!(world.asked(), 3);
}
