//! A world in which nothing waits: a provider that answers at once, a moment that lasts, books that are kept nowhere. So
//! only our own code is on the scale.

#![allow(dead_code, reason = "not every bench uses all of it")]

use async_trait::async_trait;
use billing::{Account, Balance, Budgets, Entry, Op};
use bytes::Bytes;
use front::{Front, Peer};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request};
use http_body::Body as _;
use providers::catalogue::Catalogue;
use relay::Relay;
use relay::config::{Config, ProviderConfig};
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError, Clock, Http, Later, Mark, Posted, Reply};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use vocab::{Call, Duration, Fault, Instant, Pico};

/// A provider that answers at once, always the same.
pub struct Provider {
    pub pieces: Vec<Bytes>,
    pub stream: bool,
}

impl Provider {
    pub fn whole(body: Bytes) -> Self {
        Self { pieces: vec![body], stream: false }
    }
}

/// Each piece comes alone: before it there is nothing, as on a wire.
struct Arriving {
    pieces: std::vec::IntoIter<Bytes>,
    there: bool,
}

impl futures::Stream for Arriving {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.there = !self.there;
        if self.there {
            return Poll::Ready(self.pieces.next().map(Ok));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, _: Call, _: Duration) -> Result<Reply, Fault> {
        let mut headers = HeaderMap::new();
        let kind = if self.stream { "text/event-stream" } else { "application/json" };
        headers.insert("content-type", HeaderValue::from_static(kind));
        let body = Box::pin(Arriving { pieces: self.pieces.clone().into_iter(), there: false });
        Ok(Reply { status: 200, headers, body })
    }
}

/// A moment that lasts.
pub struct Still;

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
pub struct Unkept(Mutex<Account>);

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

    async fn budgets(&self, _: &str) -> Result<Budgets, BooksError> {
        Ok(self.0.lock().expect("one thread").tally().budgets.clone())
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

/// A front before one provider. Its models are those of the shipped catalogue, or of `catalogue`.
pub fn front(name: &str, provider: ProviderConfig, catalogue: &Catalogue, http: Provider) -> Front {
    let config = Config { providers: BTreeMap::from([(name.to_owned(), provider)]), ..Config::default() };
    let registry = Arc::new(Registry::default());
    let fleet = Fleet::build(&config, catalogue, &|_| Some("key".into()), &registry, None)
        .expect("a plain configuration");
    let books = Arc::new(Unkept(Mutex::new(Account::new("local", None))));
    Front::new(Relay::new(Arc::new(http), Arc::new(Still), books, Arc::new(Still), registry, fleet))
}

/// A front over books that are kept, without a provider.
pub fn front_over(books: Arc<dyn Books>) -> Front {
    let registry = Arc::new(Registry::default());
    let catalogue = Catalogue::embedded().expect("the shipped catalogue");
    let fleet = Fleet::build(&Config::default(), &catalogue, &|_| None, &registry, None);
    let fleet = fleet.expect("a plain configuration");
    let http = Arc::new(Provider::whole(Bytes::new()));
    Front::new(Relay::new(http, Arc::new(Still), books, Arc::new(Still), registry, fleet))
}

/// What is got from a path.
pub async fn got(front: &Front, path: &str) -> http::StatusCode {
    let request = Request::get(path).header("host", "127.0.0.1");
    let request = request.body(http_body_util::Empty::<Bytes>::new()).expect("a plain request");
    let response = front.serve(request, Peer { loopback: true, tls: false }, 1).await;
    assert_eq!(response.status, 200);
    response.status
}

/// The whole way, to the last byte of the answer: how many there were, and the last of them.
pub fn told(front: &Front, path: &str, body: &Bytes, seed: u64) -> (usize, Bytes) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("host", "127.0.0.1")
        .body(http_body_util::Full::new(body.clone()))
        .expect("a plain request");
    let mut cx = Context::from_waker(Waker::noop());
    let mut serving = pin!(front.serve(request, Peer { loopback: true, tls: false }, seed));
    let response = loop {
        if let Poll::Ready(response) = serving.as_mut().poll(&mut cx) {
            break response;
        }
    };
    assert_eq!(response.status, 200);
    let mut body = pin!(response.body);
    let (mut size, mut last) = (0, Bytes::new());
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    size += data.len();
                    last = data;
                }
            }
            Poll::Ready(None | Some(Err(_))) => return (size, last),
            Poll::Pending => {}
        }
    }
}
