//! The body of a stream before there is anything in it. Proxies and load balancers hang up on an answer that does not begin,
//! so one that is long in coming begins without a word, and says now and then that it is still coming.
//!
//! Until the first content all is as without it: other providers are tried, nobody has been committed to. Only who answers,
//! or that nobody does, can no longer be told in the head.

use super::client::{Client, Of};
use super::heads::Kind;
use super::speak::{Speaking, Speech, Tongue};
use billing::Credits;
use bytes::Bytes;
use futures::future::BoxFuture;
use relay::{Answer, Relay, Served, Trouble};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use vocab::{Duration, Instant};

/// A request on its way, whoever waits for it.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Trouble>> + Send>>;

/// Dropping it is the client leaving: the relay settles by itself.
pub struct Waiting {
    answer: Answering,
    relay: Arc<Relay>,
    /// Until the next word of it.
    nap: BoxFuture<'static, ()>,
    every: Duration,
    client: Box<dyn Client>,
    id: String,
    started: Instant,
    credits: Credits,
    trailers: bool,
    /// Of nobody yet: for what is said before it is known who answers.
    tongue: Tongue,
}

/// What comes next.
pub enum Next {
    StillComing(Bytes),
    Speaks(Box<Speaking>),
    /// There is no answer, and this says so; the last bytes.
    Refused(Bytes),
}

/// For whom, and on whose behalf.
pub(super) struct For {
    pub client: Box<dyn Client>,
    pub credits: Credits,
    pub trailers: bool,
}

impl Waiting {
    /// The first word is due at once: a whole nap was waited for already.
    pub(super) fn new(relay: Arc<Relay>, answer: Answering, every: Duration, of: Of<'_>, whom: For) -> Self {
        let For { client, credits, trailers } = whom;
        let tongue = client.tongue(of, "");
        let (id, started) = (of.id.to_owned(), of.started);
        let nap = Box::pin(std::future::ready(()));
        Self { answer, relay, nap, every, client, id, started, credits, trailers, tongue }
    }

    pub const fn kind(&self) -> Kind {
        self.tongue.kind()
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Poll::Ready(answer) = self.answer.as_mut().poll(cx) {
            return Poll::Ready(self.next(answer));
        }
        if self.nap.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let (relay, every) = (Arc::clone(&self.relay), self.every);
        self.nap = Box::pin(async move { relay.clock().sleep(every).await });
        Poll::Ready(Next::StillComing(self.tongue.still_coming()))
    }

    fn speaks(&mut self, served: Served, speech: Speech) -> Next {
        let tongue = self.client.tongue(Of { id: &self.id, started: self.started }, &served.model);
        let id = std::mem::take(&mut self.id);
        Next::Speaks(Box::new(Speaking::new(speech, tongue, id, served, self.credits, self.trailers)))
    }

    fn next(&mut self, answer: Result<Answer, Trouble>) -> Next {
        let trouble = match answer {
            Ok(Answer::Stream { served, speech }) => return self.speaks(served, Box::new(speech)),
            Ok(Answer::Sound { served, sounding, .. }) => return self.speaks(served, sounding),
            Ok(Answer::Whole { .. }) => {
                tracing::error!(request = %self.id, "a whole answer to who asked for a stream");
                let message = "the answer came whole, which its stream cannot be told".into();
                Trouble::Broken { fault: "garbled".into(), message }
            }
            Err(trouble) => trouble,
        };
        let refusal = self.client.refusal(&self.id, &trouble);
        tracing::debug!(request = %self.id, outcome = trouble.code(), "a stream that never began");
        let mut out = Vec::new();
        self.tongue.broken(&trouble, &refusal, &self.id, None, &mut out);
        Next::Refused(out.into())
    }
}
