//! The front door with a real relay behind it, and behind that one provider that is a few lines of text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is a failed test"
)]

use async_trait::async_trait;
use billing::{Balance, Book, Budgets, Entry, Kind, Op};
use bytes::Bytes;
use front::{Body, Front, Peer};
use futures::executor::block_on;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use policy::{Digest, KeySetting, Settings};
use relay::Relay;
use relay::config::{Config, ProviderConfig, ProviderKind};
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError, Clock, Http, Later, Mark, Posted, Reply};
use serde_json::Value;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use vocab::{Call, Duration, Fault, Instant, Pico};

/// A clock that moves on by a millisecond whenever it is read. Pauses between attempts are over at once; the bounds
/// on whole requests, which are longer, never come.
struct Steps(AtomicU64);

const PAUSE_MAX: Duration = Duration::from_secs(2);

#[async_trait]
impl Clock for Steps {
    fn now(&self) -> Instant {
        Instant::from_millis(1_795_219_200_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }

    async fn sleep(&self, span: Duration) {
        if span > PAUSE_MAX {
            futures::future::pending().await
        }
    }
}

const WHOLE: &str = r#"{"id":"up","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A low dam."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#;
const STREAM: &str = concat!(
    r#"data: {"id":"up","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"A low"},"finish_reason":null}]}"#,
    "\n\n",
    r#"data: {"id":"up","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n",
    r#"data: {"id":"up","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
    "\n\ndata: [DONE]\n\n"
);

/// Answers every call, or none.
struct Upstream {
    refuses: bool,
}

#[async_trait]
impl Http for Upstream {
    async fn send(&self, call: Call, _: Duration) -> Result<Reply, Fault> {
        let (status, body) = match (self.refuses, call.stream) {
            (true, _) => (500, r#"{"error":{"message":"boom"}}"#),
            (false, true) => (200, STREAM),
            (false, false) => (200, WHOLE),
        };
        let mut headers = HeaderMap::new();
        let kind = if call.stream && !self.refuses { "text/event-stream" } else { "application/json" };
        headers.insert("content-type", kind.parse().unwrap());
        let body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(body.as_bytes()))]));
        Ok(Reply { status, headers, body })
    }
}

/// One account's books in memory; every account is that one.
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
        Ok(self.0.lock().unwrap().entries().last().map(|e| e.balance_after).unwrap_or_default())
    }

    async fn budgets(&self, _: &str) -> Result<Budgets, BooksError> {
        Ok(self.0.lock().unwrap().account().tally().budgets.clone())
    }

    async fn entries(&self, _: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        Ok(self.0.lock().unwrap().entries().iter().filter(|e| e.seq > after).take(limit).cloned().collect())
    }

    async fn ended(&self, _: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let book = self.0.lock().unwrap();
        let over = |e: &&Entry| matches!(e.kind, Kind::Settle | Kind::Release) && e.seq < before;
        Ok(book.entries().iter().rev().filter(over).take(limit).cloned().collect())
    }

    async fn of_request(&self, _: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        Ok(self.0.lock().unwrap().of(id))
    }

    async fn spent(&self, _: &str, _: Instant) -> Result<Pico, BooksError> {
        Ok(Pico::ZERO)
    }
}

struct AtOnce;

impl Later for AtOnce {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        block_on(work);
    }
}

fn front(refuses: bool, service: Settings) -> Front {
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
    let books = Paper(Mutex::new(Book::new("local", None)));
    Front::new(Relay::new(
        Arc::new(Upstream { refuses }),
        Arc::new(Steps(AtomicU64::new(0))),
        Arc::new(books),
        Arc::new(AtOnce),
        registry,
        fleet,
    ))
}

const HOME: Peer = Peer { loopback: true, tls: false };

fn send(
    front: &Front,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    peer: Peer,
) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(Bytes::copy_from_slice(body.as_bytes()));
    let response: Response<Body> = block_on(front.serve(request.body(body).unwrap(), peer, 7)).into();
    let (head, mut body) = response.into_parts();
    let mut text = String::new();
    while let Some(frame) = block_on(poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx))) {
        match frame.unwrap().into_data() {
            Ok(bytes) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            Err(frame) => {
                for (name, value) in frame.trailers_ref().unwrap() {
                    text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
                }
            }
        }
    }
    (head.status.as_u16(), head.headers, text)
}

fn get(front: &Front, path: &str) -> (u16, Value) {
    let (status, _, text) = send(front, "GET", path, &[], "", HOME);
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

const CHAT: &str =
    r#"{"model":"auto","messages":[{"role":"user","content":"What is a weir?"}],"max_tokens":50}"#;

#[test]
fn a_chat_is_answered_metered_and_in_the_record() {
    let front = front(false, Settings::default());
    let (status, headers, text) =
        send(&front, "POST", "/v1/chat/completions", &[("x-request-id", "req-1")], CHAT, HOME);
    assert_eq!(status, 200, "{text}");
    assert_eq!(text, WHOLE, "in the client's own dialect nothing is touched");
    for (name, value) in
        [("x-request-id", "req-1"), ("x-provider", "near"), ("x-model", "m"), ("x-tokens-in", "9")]
    {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers["cache-control"], "no-store");
    let (_, credits) = get(&front, "/api/credits");
    assert_eq!(credits["spent_usd"], headers["x-cost-usd"].to_str().unwrap());
    assert_eq!(credits["held_usd"], "0.000000000");
    let (_, usage) = get(&front, "/billing/usage?limit=1");
    assert_eq!(usage["events"][0]["request_id"], "req-1");
    assert_eq!(usage["events"][0]["lines"][0]["outcome"], "ok");
    let (_, one) = get(&front, "/api/billing/usage/req-1");
    assert_eq!(one["entries"].as_array().unwrap().len(), 2, "{one}");
    assert!(one["entries"][0]["detail"].is_object());
    let (_, verified) = get(&front, "/api/billing/verify");
    assert_eq!((&verified["ok"], &verified["entries"]), (&Value::Bool(true), &Value::from(2)));
    assert_eq!(get(&front, "/api/billing/usage/none").0, 404);
}

#[test]
fn streams_end_as_each_protocol_ends() {
    let front = front(false, Settings::default());
    let streamed = CHAT.replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"");
    let (status, headers, text) =
        send(&front, "POST", "/v1/chat/completions", &[("x-weir-trailer", "1")], &streamed, HOME);
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (200, "text/event-stream; charset=utf-8")
    );
    let (before, after) = text.split_once("data: [DONE]\n\n").unwrap_or_else(|| panic!("{text}"));
    assert!(
        before.contains("A low") && !before.contains("\"usage\":{"),
        "usage only for who asked: {before}"
    );
    assert!(after.starts_with("event: weir\n"), "{after}");
    assert!(headers["x-cost-max-usd"].to_str().unwrap() > "0.000000000", "what is held");
    assert!(!headers.contains_key("trailer"), "only for who reads them");
    let (_, headers, text) =
        send(&front, "POST", "/v1/chat/completions", &[("te", "trailers")], &streamed, HOME);
    assert!(headers["trailer"].to_str().unwrap().contains("x-cost-usd"));
    let (_, trailers) = text.split_once("data: [DONE]\n\n").unwrap();
    assert!(trailers.contains("x-tokens-out: 4\n") && trailers.contains("x-cost-usd: "), "{trailers}");
    let (status, _, text) = send(&front, "POST", "/si/ask", &[], r#"{"prompt":"hi","stream":true}"#, HOME);
    assert!(status == 200 && text.starts_with("event: delta\ndata: {\"text\":\"A low\"}"), "{text}");
    assert!(text.contains("event: weir\n"), "{text}");
}

#[test]
fn si_tells_what_it_cost_and_who_said_it() {
    let front = front(false, Settings::default());
    let (status, _, text) = send(&front, "POST", "/api/si/ask", &[], r#"{"prompt":"What is a weir?"}"#, HOME);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &told["text"]), (200, &Value::from("A low dam.")), "{text}");
    assert_eq!(
        (&told["route"]["provider"], &told["usage"]["tokens_out"]),
        (&Value::from("near"), &Value::from(4))
    );
    let (status, _, text) = send(&front, "POST", "/api/ai/test", &[], "", HOME);
    assert_eq!(status, 200, "{text}");
}

#[test]
fn what_cannot_be_is_said_in_the_callers_shape() {
    let front = front(true, Settings { body_max: 2_000, ..Settings::default() });
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(2_000));
    let unknown = CHAT.replace("auto", "no-such-model");
    let policy = [("x-weir-policy", "no-such-policy")];
    for (method, path, headers, body, status, code, openai) in [
        ("POST", "/v1/chat/completions", &[][..], CHAT, 502, "all_attempts_failed", true),
        ("POST", "/api/si/ask", &[], r#"{"prompt":"a"}"#, 502, "all_attempts_failed", false),
        ("POST", "/v1/chat/completions", &[], "{", 400, "invalid_request", true),
        ("POST", "/v1/chat/completions", &[("x-weir-max-cost-usd", "x")], CHAT, 400, "invalid_request", true),
        ("POST", "/v1/chat/completions", &[], &unknown, 404, "model_not_found", true),
        ("POST", "/v1/chat/completions", &policy, CHAT, 400, "unknown_policy", true),
        ("POST", "/v1/chat/completions", &[], &large, 413, "body_too_large", true),
        ("GET", "/v1/chat/completions", &[], "", 405, "method_not_allowed", true),
        ("GET", "/v1/models/nope", &[], "", 404, "model_not_found", true),
        ("GET", "/v1/nope", &[], "", 404, "not_found", true),
        ("GET", "/nope", &[], "", 404, "not_found", false),
        ("GET", "/api/admin/ping", &[], "", 401, "admin_key_required", false),
        ("GET", "/api/credits?account=other", &[], "", 403, "not_your_account", false),
        ("GET", "/api/billing/usage?limit=0", &[], "", 400, "invalid_request", false),
        ("GET", "/api/credits", &[("origin", "https://evil.example")], "", 403, "origin_not_allowed", false),
    ] {
        let (got, head, text) = send(&front, method, path, headers, body, HOME);
        let error: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {text}"));
        assert_eq!((got, error["error"]["code"].as_str()), (status, Some(code)), "{method} {path}: {text}");
        assert_eq!(error["error"].get("type").is_some(), openai, "{method} {path}: {text}");
        assert_eq!(error["error"]["request_id"], head["x-request-id"].to_str().unwrap());
        assert!(head.contains_key("server-timing"));
        assert_eq!(head.contains_key("allow"), status == 405);
    }
}

#[test]
fn the_other_paths_answer() {
    let front = front(false, Settings::default());
    let (_, models) = get(&front, "/v1/models");
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
    assert!(ids.contains(&"auto") && ids.contains(&"near/m"), "{ids:?}");
    assert_eq!(get(&front, "/v1/models/near%2Fm").1["owned_by"], "near");
    let (_, binding) = get(&front, "/api/ai/binding");
    assert_eq!(binding["providers"][0]["name"], "near");
    assert_eq!(binding["providers"][0]["reachable"], true, "{binding}");
    let (_, binding) = get(&self::front(true, Settings::default()), "/api/ai/binding");
    assert_eq!(binding["providers"][0]["reachable"], false, "{binding}");
    assert_eq!(binding["providers"][0]["probe_fault"]["fault"], "down", "{binding}");
    for path in ["/api/ai/binding", "/api/providers", "/health", "/ready", "/openapi.json"] {
        let (status, told) = get(&front, path);
        assert!(status == 200 && told.is_object(), "{path}: {status}");
    }
    let responses = r#"{"model":"auto","input":"a"}"#;
    let generate = r#"{"model":"models/auto","contents":[{"parts":[{"text":"a"}]}]}"#;
    let messages = r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#;
    let anthropics: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];
    for (body, headers) in [
        (CHAT, &[][..]),
        (r#"{"prompt":"a"}"#, &[]),
        (responses, &[]),
        (generate, &[]),
        (messages, anthropics),
    ] {
        let (status, _, text) = send(&front, "POST", "/route/explain", headers, body, HOME);
        assert!(status == 200 && text.contains("near"), "{text}");
    }
    let (status, head, page) = send(&front, "GET", "/", &[], "", HOME);
    assert!(status == 200 && page.contains("weir") && head.contains_key("content-security-policy"));
    assert!(send(&front, "GET", "/metrics", &[], "", HOME).2.contains("weir"));
    let (status, head, _) = send(&front, "OPTIONS", "/v1/chat/completions", &[], "", HOME);
    assert_eq!((status, head["allow"].to_str().unwrap()), (204, "POST, OPTIONS"));
}

#[test]
fn keys_open_the_door_from_away() {
    let key = KeySetting { sha256: Digest::of("wk_1"), account: "local".into(), name: String::new() };
    let admin_key_sha256 = Some(Digest::of("op"));
    let front = front(false, Settings { keys: vec![key], admin_key_sha256, ..Settings::default() });
    let away = Peer { loopback: false, tls: true };
    let ask = |auth: &[(&str, &str)], path: &str| send(&front, "GET", path, auth, "", away);
    assert_eq!(ask(&[], "/api/credits").0, 401);
    assert_eq!(ask(&[("x-api-key", "wk_2")], "/api/credits").0, 401);
    let (status, head, _) = ask(&[("x-api-key", "wk_1")], "/api/credits");
    assert!(status == 200 && head.contains_key("strict-transport-security"));
    assert_eq!(ask(&[("x-api-key", "wk_1")], "/api/admin/ping").0, 401);
    assert_eq!(ask(&[("authorization", "Bearer op")], "/api/admin/ping").0, 200);
    assert_eq!(ask(&[("authorization", "Bearer op")], "/api/credits?account=other").0, 200);
    assert_eq!(ask(&[], "/health").0, 200);
}

/// Futures are moved when they are called and when they are spawned: what is copied for every request stays small.
#[test]
fn a_request_under_way_is_small() {
    let front = front(false, Settings::default());
    let request = Request::post("/v1/chat/completions").body(Body::empty()).unwrap();
    let future = front.serve(request, HOME, 7);
    assert!(size_of_val(&future) <= 2_048, "{} bytes", size_of_val(&future));
}
