//! Work that is seen through. A client may hang up at any await; what was begun on the books may not stop there.

use crate::relay::Relay;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A future that goes on behind the answer's back when it is dropped; then `unwanted` is told what came of it.
pub struct Persist<T: Send + 'static> {
    /// None once it is done.
    work: Option<BoxFuture<'static, T>>,
    relay: Arc<Relay>,
    unwanted: fn(Arc<Relay>, T) -> BoxFuture<'static, ()>,
}

impl<T: Send + 'static> Persist<T> {
    pub fn new(
        relay: &Arc<Relay>,
        work: impl Future<Output = T> + Send + 'static,
        unwanted: fn(Arc<Relay>, T) -> BoxFuture<'static, ()>,
    ) -> Self {
        Self { work: Some(Box::pin(work)), relay: relay.clone(), unwanted }
    }
}

impl<T: Send + 'static> Future for Persist<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let done = std::task::ready!(work.poll_unpin(cx));
        self.work = None;
        Poll::Ready(done)
    }
}

impl<T: Send + 'static> Drop for Persist<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        let (relay, unwanted) = (self.relay.clone(), self.unwanted);
        self.relay.later().spawn(Box::pin(async move { unwanted(relay, work.await).await }));
    }
}
