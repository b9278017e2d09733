//! The lab behind the relay's ports.

use super::World;
use crate::lab::{Lab, LabRequest};
use crate::script::{End, Script};
use crate::seen::Progress;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use relay::ports::{Clock, Http, Later, Reply};
use std::sync::Arc;
use vocab::{Call, Dice, Duration, Fault, Instant};

#[async_trait]
impl Clock for World {
    fn now(&self) -> Instant {
        Self::now(self)
    }

    async fn sleep(&self, span: Duration) {
        Self::sleep(self, span).await;
    }
}

impl Later for World {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        Self::spawn(self, work);
    }
}

/// The network of a world: nothing but the lab is on it, whatever the host of an address.
#[derive(Clone, Debug)]
pub struct Net {
    world: World,
    lab: Arc<Lab>,
    /// When the lab began.
    start: Instant,
}

impl Net {
    pub fn new(world: &World, lab: &Arc<Lab>) -> Self {
        Self { world: world.clone(), lab: Arc::clone(lab), start: world.now() }
    }

    /// Where a provider is on this network.
    pub fn base_url(&self, provider: &str) -> Option<String> {
        self.lab.base_url(provider, "http://lab.test")
    }

    pub fn lab(&self) -> &Arc<Lab> {
        &self.lab
    }

    fn script(&self, call: &Call) -> Script {
        let path = call.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let request = LabRequest {
            method: http::Method::POST,
            path,
            headers: (*call.headers).clone(),
            body: call.body.concat(),
        };
        let elapsed = u64::try_from(self.world.now().since(self.start).as_micros()).unwrap_or(u64::MAX);
        self.lab.respond(&request, Instant::from_micros(elapsed), &mut Dice::seeded(self.world.roll()))
    }
}

#[async_trait]
impl Http for Net {
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault> {
        let script = self.script(&call);
        match script.end {
            End::Refuse => return Err(Fault::Down("connection refused".into())),
            End::NoConnect => {
                self.world.sleep(connect).await;
                return Err(Fault::Down("connecting took too long".into()));
            }
            End::NoHead => std::future::pending().await,
            End::Done | End::Close | End::Reset | End::Hang => {}
        }
        self.world.sleep(script.head_after).await;
        let (status, headers) = (script.status, script.headers.clone());
        let playing = Playing { net: self.clone(), sent: 0, over: false, script };
        let body = Box::pin(stream::unfold(playing, Playing::next));
        Ok(Reply { status, headers, body })
    }
}

struct Playing {
    net: Net,
    script: Script,
    sent: usize,
    over: bool,
}

impl Playing {
    async fn next(mut self) -> Option<(Result<Bytes, Fault>, Self)> {
        if let Some(step) = self.script.steps.get(self.sent).cloned() {
            if !step.after.is_zero() {
                self.net.world.sleep(step.after).await;
            }
            self.sent += 1;
            let last = self.sent == self.script.steps.len() && self.script.end == End::Done;
            self.note(last);
            return Some((Ok(step.bytes), self));
        }
        if self.over {
            return None;
        }
        self.over = true;
        let fault = match self.script.end {
            End::Done => {
                self.note(true);
                return None;
            }
            End::Hang => std::future::pending().await,
            End::Reset => Fault::Cut("connection reset".into()),
            _ => Fault::Cut("the connection was closed in the middle of the body".into()),
        };
        self.note(true);
        Some((Err(fault), self))
    }

    fn note(&self, ended: bool) {
        self.net.lab.carried(self.script.ticket, Progress { steps: self.sent, ended });
    }
}
