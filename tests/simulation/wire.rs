//! The wire with a witness on it: every call, whose it was, when it began and ended, what came.

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use lab::Scenario;
use lab::world::{Net, World};
use relay::Relay;
use relay::ports::{Http, Reply};
use router::State;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};
use vocab::{Call, Duration, Fault, Instant};

/// One call as the wire carried it.
#[derive(Clone, Debug)]
pub struct Flown {
    /// Place in the lab's own log.
    pub ticket: u64,
    /// Which process made it: a crash begins another.
    pub process: u32,
    /// As the prompt names it.
    pub request: String,
    pub provider: String,
    pub model: String,
    pub key: String,
    pub started: Instant,
    /// Of all beginnings and ends on the wire.
    pub order: u64,
    /// What the relay says of (provider, model) at that moment.
    pub state: State,
    /// Other calls that are under way there and began as probes less than a lease ago.
    pub other_probes: usize,
    pub ended: Option<(Instant, u64)>,
    pub status: Option<u16>,
    /// The connection failed before a head.
    pub refused: bool,
    /// The body was read to its end.
    pub complete: bool,
    /// Seconds, where an error reply says so.
    pub retry_after: Option<u64>,
    /// Of an error reply.
    pub words: String,
}

#[derive(Default)]
struct Log {
    flown: Vec<Flown>,
    order: u64,
}

pub struct Wire {
    world: World,
    net: Net,
    models: Vec<(String, String)>,
    process: u32,
    log: Arc<Mutex<Log>>,
    relay: OnceLock<Weak<Relay>>,
    /// Talks for ever and says nothing.
    drone: OnceLock<String>,
    droned: Arc<AtomicUsize>,
    /// Keeps its connections open when everything is said.
    lingers: AtomicBool,
}

const NOISE: &[u8] = b"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const LEASE: Duration = Duration::from_secs(30);

impl Wire {
    pub fn new(world: &World, net: &Net, scenario: &Scenario) -> Self {
        let of =
            |p: &lab::Provider| p.models.iter().map(|m| (p.name.clone(), m.name.clone())).collect::<Vec<_>>();
        Self {
            world: world.clone(),
            net: net.clone(),
            models: scenario.providers.iter().flat_map(of).collect(),
            process: 0,
            log: Arc::default(),
            relay: OnceLock::new(),
            drone: OnceLock::new(),
            droned: Arc::default(),
            lingers: AtomicBool::new(false),
        }
    }

    pub fn reborn(&self) -> Self {
        Self {
            world: self.world.clone(),
            net: self.net.clone(),
            models: self.models.clone(),
            process: self.process + 1,
            log: self.log.clone(),
            relay: OnceLock::new(),
            drone: OnceLock::new(),
            droned: Arc::default(),
            lingers: AtomicBool::new(false),
        }
    }

    pub fn watch(&self, relay: &Arc<Relay>) {
        let _ = self.relay.set(Arc::downgrade(relay));
    }

    pub fn flown(&self) -> Vec<Flown> {
        self.log.lock().unwrap().flown.clone()
    }

    /// From now on this provider talks and says nothing.
    pub fn drone(&self, provider: &str) {
        let _ = self.drone.set(provider.into());
    }

    /// From now on nobody closes a connection or ends a body.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// How many bytes of that were read.
    pub fn droned(&self) -> usize {
        self.droned.load(Ordering::Relaxed)
    }

    fn noise(&self) -> Reply {
        let droned = self.droned.clone();
        let body = futures::stream::repeat_with(move || {
            let frame = bytes::Bytes::from_static(NOISE);
            droned.fetch_add(frame.len(), Ordering::Relaxed);
            Ok(frame)
        });
        let headers = http::HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/event-stream"),
        )]);
        Reply { status: 200, headers, body: Box::pin(body) }
    }

    fn begin(&self, call: &Call) -> u64 {
        let path = call.uri.path();
        let body = String::from_utf8(call.body.concat().to_vec()).expect("a body is text");
        let provider = path.split('/').nth(1).unwrap_or_default().to_owned();
        let named = |model: &str| path.contains(model) || body.contains(&format!("\"model\":\"{model}\""));
        let model = self.models.iter().find(|(p, m)| *p == provider && named(m)).map(|(_, m)| m.clone());
        let model = model.unwrap_or_else(|| panic!("a call to no model of the scenario: {path}"));
        let request =
            body.split("<<").nth(1).and_then(|rest| rest.split(">>").next()).unwrap_or_default().to_owned();
        let key = ["authorization", "x-api-key", "x-goog-api-key"]
            .iter()
            .find_map(|name| call.headers.get(*name).and_then(|v| v.to_str().ok()))
            .unwrap_or("none")
            .to_owned();
        let state = self.state(&provider, &model);
        let now = self.world.now();
        let mut log = self.log.lock().unwrap();
        let here = |f: &&Flown| (&f.provider, &f.model, f.process) == (&provider, &model, self.process);
        let probes: Vec<&Flown> =
            log.flown.iter().filter(here).filter(|f| f.state != State::Closed).collect();
        // A probe that outlived its lease may have opened the breaker anew: whoever probed then belongs to the break before.
        let stale = |f: &Flown| {
            probes.iter().any(|p| p.order < f.order && p.ended.is_some_and(|(at, _)| at >= f.started))
        };
        let probing = |f: &&&Flown| f.ended.is_none() && now.since(f.started) < LEASE && !stale(f);
        let other_probes = probes.iter().filter(probing).count();
        log.order += 1;
        let flown = Flown {
            ticket: log.flown.len() as u64,
            process: self.process,
            request,
            provider,
            model,
            key,
            started: now,
            order: log.order,
            state,
            other_probes,
            ended: None,
            status: None,
            refused: false,
            complete: false,
            retry_after: None,
            words: String::new(),
        };
        log.flown.push(flown);
        log.flown.len() as u64 - 1
    }

    fn state(&self, provider: &str, model: &str) -> State {
        let relay = self.relay.get().and_then(Weak::upgrade).expect("a relay makes its calls while it lives");
        let providers = relay.providers();
        let found = providers
            .iter()
            .find(|p| *p.name == *provider)
            .and_then(|p| p.models.iter().find(|m| *m.model == *model));
        found.expect("the relay knows whom it asks").state
    }
}

/// Notes the end of a call, however it ends.
struct Watch {
    world: World,
    log: Arc<Mutex<Log>>,
    ticket: u64,
}

impl Watch {
    fn note(&self, change: impl FnOnce(&mut Flown)) {
        change(&mut self.log.lock().unwrap().flown[usize::try_from(self.ticket).unwrap()]);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let now = self.world.now();
        let mut log = self.log.lock().unwrap();
        log.order += 1;
        let order = log.order;
        log.flown[usize::try_from(self.ticket).unwrap()].ended.get_or_insert((now, order));
    }
}

#[async_trait]
impl Http for Wire {
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault> {
        let ticket = self.begin(&call);
        let watch = Watch { world: self.world.clone(), log: self.log.clone(), ticket };
        if self.drone.get().is_some_and(|name| call.uri.path().split('/').nth(1) == Some(name)) {
            return Ok(self.noise());
        }
        let reply = match self.net.send(call, connect).await {
            Ok(reply) => reply,
            Err(fault) => {
                watch.note(|f| f.refused = true);
                return Err(fault);
            }
        };
        let seconds = |v: &http::HeaderValue| v.to_str().ok()?.parse().ok();
        let retry_after = reply.headers.get("retry-after").and_then(seconds);
        watch.note(|f| (f.status, f.retry_after) = (Some(reply.status), retry_after));
        let body = Box::pin(Watched {
            inner: reply.body,
            watch,
            failed: reply.status != 200,
            lingers: self.lingers.load(Ordering::Relaxed),
            lingering: false,
        });
        Ok(Reply { body, ..reply })
    }
}

struct Watched {
    inner: relay::ports::ByteStream,
    watch: Watch,
    failed: bool,
    lingers: bool,
    lingering: bool,
}

impl Stream for Watched {
    type Item = Result<bytes::Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.lingering {
            return Poll::Pending;
        }
        let next = std::task::ready!(self.inner.poll_next_unpin(cx));
        match &next {
            None if self.lingers => {
                self.lingering = true;
                return Poll::Pending;
            }
            None => self.watch.note(|f| f.complete = true),
            Some(Ok(bytes)) if self.failed => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.watch.note(|f| f.words.push_str(&text));
            }
            Some(_) => {}
        }
        Poll::Ready(next)
    }
}
