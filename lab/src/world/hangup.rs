//! The client who hangs up: a future dropped where it stands.

use super::World;
use futures::future::{Either, select};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use vocab::Instant;

/// Drops a future when it has been polled `polls` times without an end: see [`hang_up_after`].
pub struct HangUp<F> {
    /// None once it was dropped.
    inner: Option<Pin<Box<F>>>,
    polls: u32,
}

/// Drops `story` after so many polls: with 1, 2, 3, … it is dropped at each of its awaits in turn. None if it was
/// dropped, the output if it ended before.
pub fn hang_up_after<F: Future>(polls: u32, story: F) -> HangUp<F> {
    HangUp { inner: Some(Box::pin(story)), polls }
}

impl<F: Future> Future for HangUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        if let Poll::Ready(out) = inner.as_mut().poll(cx) {
            return Poll::Ready(Some(out));
        }
        self.polls = self.polls.saturating_sub(1);
        if self.polls == 0 {
            self.inner = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

impl World {
    /// Drops `story` when the clock says `at`. None if it was dropped, the output if it ended before.
    pub async fn hang_up_at<F: Future>(&self, at: Instant, story: F) -> Option<F::Output> {
        let story = pin!(story);
        match select(story, self.sleep_until(at)).await {
            Either::Left((out, _)) => Some(out),
            Either::Right(_) => None,
        }
    }
}
