//! Filtered pages of usage, against a look at every event.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]

use async_trait::async_trait;
use billing::{Balance, Book, Budgets, Entry, Kind, Line, Op};
use bytes::Bytes;
use front::{Body, Front, Peer};
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use http::Request;
use relay::Relay;
use relay::config::Config;
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError, Clock, Http, Later, Mark, Posted, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use vocab::{Call, Cap, Dice, Duration, Fault, Instant, Pico, Usage};

const START: Instant = Instant::from_secs(1_795_219_200);

struct Nothing;

#[async_trait]
impl Http for Nothing {
    async fn send(&self, _: Call, _: Duration) -> Result<Reply, Fault> {
        Err(Fault::Down("nobody is here".into()))
    }
}

#[async_trait]
impl Clock for Nothing {
    fn now(&self) -> Instant {
        START
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

impl Later for Nothing {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        work.now_or_never();
    }
}

/// Books in memory, and how many entries were read of them.
struct Paper {
    book: Book,
    read: Mutex<usize>,
}

impl Paper {
    fn page<'a>(&self, entries: impl Iterator<Item = &'a Entry>, limit: usize) -> Vec<Entry> {
        let page: Vec<Entry> = entries.take(limit).cloned().collect();
        *self.read.lock().unwrap() += page.len();
        page
    }
}

#[async_trait]
impl Books for Paper {
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

    async fn entries(&self, _: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let after = usize::try_from(after).unwrap().min(self.book.entries().len());
        Ok(self.page(self.book.entries()[after..].iter(), limit))
    }

    async fn ended(&self, _: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let over = |e: &&Entry| e.kind.ends() && e.kind != Kind::Grant && e.seq < before;
        Ok(self.page(self.book.entries().iter().rev().filter(over), limit))
    }

    async fn of_request(&self, _: &str, _: &str) -> Result<Vec<Entry>, BooksError> {
        Ok(vec![])
    }

    async fn spent(&self, _: &str, _: Instant) -> Result<Pico, BooksError> {
        Ok(Pico::ZERO)
    }
}

const MODELS: [(&str, &str); 4] =
    [("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("groq", "meta/llama"), ("local", "ü \"quoted\"")];

/// Requests that overlap; every thousandth is to the last model alone, and one in seven comes to nothing.
fn book(requests: u64) -> Book {
    let (mut book, mut dice) = (Book::new("local", None), Dice::seeded(7));
    let mut open: Vec<u64> = Vec::new();
    let end = |book: &mut Book, n: u64, now: Instant| {
        let (provider, model) = MODELS[if n % 1_000 == 999 { 3 } else { usize::try_from(n % 3).unwrap() }];
        let line = |amount| Line {
            provider: provider.into(),
            model: model.into(),
            usage: Usage::default(),
            price: None,
            amount: Pico(amount),
            outcome: "ok".into(),
        };
        let id = format!("{}-{n}", if n.is_multiple_of(2) { "even" } else { "odd" });
        let op = match n % 7 {
            0 => Op::Release { id, lines: vec![line(0)], why: "nothing came".into() },
            _ => Op::Settle { id, lines: vec![line(1_000)], estimated: false },
        };
        book.post(op, now).unwrap();
    };
    for n in 0..requests {
        let now = START.after(Duration::from_secs(60 * n));
        let key = |name: &str| Cap {
            budget: format!("key:{name}/total"),
            from: Instant::ZERO,
            until: None,
            limit: Pico(1 << 80),
        };
        let op = Op::Hold {
            id: format!("{}-{n}", if n.is_multiple_of(2) { "even" } else { "odd" }),
            amount: Pico(1_000),
            estimate: Pico(500),
            lease_until: now.after(Duration::from_secs(600)),
            tags: match n % 5 {
                0 => r#"{"team":"red","app":"x"}"#.into(),
                1 => r#"{"team":"blue"}"#.into(),
                _ => String::new(),
            },
            caps: match n % 4 {
                0 => vec![key("ci")],
                1 => vec![key("ci2")],
                _ => vec![],
            },
        };
        book.post(op, now).unwrap();
        open.push(n);
        while open.len() > 5 || (!open.is_empty() && dice.roll() % 3 == 0) {
            let place = usize::try_from(dice.roll()).unwrap_or_default() % open.len();
            end(&mut book, open.swap_remove(place), now);
        }
    }
    book
}

struct World {
    front: Front,
    paper: Arc<Paper>,
}

fn world(requests: u64) -> World {
    let registry = Arc::new(Registry::default());
    let catalogue = providers::catalogue::Catalogue::embedded().unwrap();
    let fleet = Fleet::build(&Config::default(), &catalogue, &|_| None, &registry, None).unwrap();
    let paper = Arc::new(Paper { book: book(requests), read: Mutex::default() });
    let relay =
        Relay::new(Arc::new(Nothing), Arc::new(Nothing), paper.clone(), Arc::new(Nothing), registry, fleet);
    World { front: Front::new(relay), paper }
}

impl World {
    fn told(&self, request: Request<Body>) -> (u16, Value) {
        let response = block_on(self.front.serve(request, Peer { loopback: true, tls: false }, 1));
        let Body::Whole(body) = response.body else { panic!("a stream") };
        (response.status.as_u16(), serde_json::from_slice(&body.unwrap()).unwrap())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.told(Request::get(path).header("host", "127.0.0.1").body(Body::empty()).unwrap())
    }

    /// Every event of all pages, and how many entries the longest page took.
    fn all(&self, query: &str, limit: usize) -> (Vec<Value>, usize) {
        let (mut all, mut cursor, mut most) = (Vec::new(), String::new(), 0);
        loop {
            *self.paper.read.lock().unwrap() = 0;
            let (status, page) = self.get(&format!("/billing/usage?limit={limit}&{query}{cursor}"));
            assert_eq!(status, 200, "{page}");
            most = most.max(*self.paper.read.lock().unwrap());
            let events = page["events"].as_array().unwrap();
            assert!(events.len() <= limit);
            all.extend(events.iter().cloned());
            match page["next_cursor"].as_str() {
                None => return (all, most),
                Some(next) => cursor = format!("&cursor={next}"),
            }
        }
    }
}

#[test]
fn filters_find_what_a_look_at_everything_finds() {
    let world = world(6_000);
    let every = world.all("", 500).0;
    assert!(every.len() > 5_900, "{}", every.len());
    let mut holds: BTreeMap<String, Value> = BTreeMap::new();
    for entry in world.paper.book.entries().iter().filter(|entry| entry.kind == Kind::Hold) {
        holds.insert(entry.op_id.clone(), serde_json::from_str(&entry.detail).unwrap());
    }
    let hold = |event: &Value| holds[event["request_id"].as_str().unwrap()].clone();
    let line = |event: &Value, field: &str| event["lines"][0][field].as_str().unwrap().to_owned();
    let at = |event: &Value| event["at"].as_str().unwrap().to_owned();
    type Fits<'a> = &'a dyn Fn(&Value) -> bool;
    let cases: [(&str, Fits<'_>); 14] = [
        ("model=gpt-4o", &|e| line(e, "model") == "gpt-4o"),
        ("model=gpt-4o*", &|e| line(e, "model").starts_with("gpt-4o")),
        ("provider=groq", &|e| line(e, "provider") == "groq"),
        ("provider=groq&model=gpt-4o", &|_| false),
        ("model=%C3%BC%20%22quoted%22", &|e| line(e, "provider") == "local"),
        ("model=nobody", &|_| false),
        ("kind=release", &|e| e["kind"] == "release"),
        ("kind=settle&request_id_prefix=even-1", &|e| {
            e["kind"] == "settle" && e["request_id"].as_str().unwrap().starts_with("even-1")
        }),
        ("tag=team=red", &|e| hold(e)["tags"]["team"] == "red"),
        ("tag=team=red&model=meta/llama", &|e| {
            hold(e)["tags"]["team"] == "red" && line(e, "model") == "meta/llama"
        }),
        ("key=ci", &|e| hold(e)["budgets"].get("key:ci/total").is_some()),
        ("from=2026-11-23", &|e| *at(e) >= *"2026-11-23T00:00:00.000Z"),
        ("to=2026-11-23T12:30:00Z", &|e| *at(e) < *"2026-11-23T12:30:00.000Z"),
        ("from=2026-11-22&to=2026-11-23&provider=openai", &|e| {
            *at(e) >= *"2026-11-22" && *at(e) < *"2026-11-23" && line(e, "provider") == "openai"
        }),
    ];
    for (query, fits) in cases {
        let expected: Vec<&Value> = every.iter().filter(|event| fits(event)).collect();
        for limit in [7, 500] {
            let (found, most) = world.all(query, limit);
            assert_eq!(found.len(), expected.len(), "{query}");
            assert!(found.iter().zip(&expected).all(|(a, b)| a == *b), "{query}");
            assert!(most < 20_000, "{query}: a page read {most} entries");
        }
    }
}

#[test]
fn a_page_without_a_find_says_where_to_go_on() {
    let world = world(9_000);
    let (_, page) = world.get("/api/billing/usage?model=nobody");
    assert_eq!(page["events"], json!([]));
    assert!(page["next_cursor"].is_string(), "{page}");
    let (_, none) = world.get("/api/billing/usage?to=2000-01-01");
    assert_eq!((&none["events"], &none["next_cursor"]), (&json!([]), &Value::Null));
    let read = || std::mem::take(&mut *world.paper.read.lock().unwrap());
    read();
    world.get("/api/billing/usage?from=2026-11-22&to=2026-11-22T01:00:00Z");
    assert!(read() < 1_000, "the middle of a record is found without reading its end");
}

#[test]
fn filters_come_in_a_body_too_and_bad_ones_are_named() {
    let world = world(50);
    let post = |body: &Value| {
        let body = Body::from(Bytes::from(body.to_string()));
        world.told(Request::post("/api/billing/usage").header("host", "127.0.0.1").body(body).unwrap())
    };
    let (_, said) = post(&json!({"provider": "groq", "limit": 3, "kind": "settle"}));
    assert_eq!(said["events"].as_array().unwrap().len(), 3);
    assert!(said["events"][0]["lines"][0]["provider"] == "groq", "{said}");
    for (name, bad) in
        [("kind", "hold"), ("tag", "red"), ("tag", "=red"), ("from", "yesterday"), ("to", "2026-02-30")]
    {
        let (status, said) = world.get(&format!("/api/billing/usage?{name}={bad}"));
        assert_eq!((status, said["error"]["param"].as_str()), (400, Some(name)), "{said}");
        assert_eq!(post(&json!({name: bad})).0, 400);
    }
    assert_eq!(post(&json!({"modle": "x"})).0, 400);
}
