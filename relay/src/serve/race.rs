//! Hedging: a second call beside a first one that is late. The loser is cancelled and has a line of its own.

use super::{Journey, Ready};
use crate::attempt::{Got, Lost};
use crate::tab::Flight;
use futures::future::{BoxFuture, Either, select};
use vocab::Duration;

impl<'a> Journey<'a> {
    /// The first call, and another beside it once it is late.
    pub(super) async fn race(
        &mut self,
        flight: Flight,
        first: BoxFuture<'a, Result<Got, Lost>>,
        patience: Duration,
    ) -> (Flight, Result<Got, Lost>) {
        let late = match select(first, self.relay.clock().sleep(patience)).await {
            Either::Left((result, _)) => return (flight, result),
            Either::Right(((), first)) => first,
        };
        let Some(second) = self.hedge().await else {
            return (flight, late.await);
        };
        // The first may have come while the second was made ready: then nobody else is called.
        let late = match select(late, std::future::ready(())).await {
            Either::Left((result, _)) => {
                self.queue.push_front(second.offer);
                return (flight, result);
            }
            Either::Right(((), late)) => late,
        };
        let now = self.relay.clock().now();
        let Some(second_flight) = self.admit(second.candidate, second.dearest, now) else {
            return (flight, late.await);
        };
        self.relay.hedged(self.offers[second.offer].cost.unwrap_or_default());
        let left = self.deadline.since(now);
        let second = self.launch(second_flight, second.prepared, left);
        // The second is polled first: what is on the bill was really asked.
        let (winner, result, loser, rest) = match select(second, late).await {
            Either::Left((result, rest)) => (second_flight, result, flight, rest),
            Either::Right((result, rest)) => (flight, result, second_flight, rest),
        };
        if let Err(lost) = result {
            self.learn(&winner, lost);
            return (loser, rest.await);
        }
        drop(rest);
        self.tab.abandoned(&loser, "lost", None, self.relay.clock().now());
        (winner, result)
    }

    /// A second call beside a late first one, made ready where budget, attempts and load allow it.
    async fn hedge(&mut self) -> Option<Ready> {
        let now = self.relay.clock().now();
        if self.tab.calls() >= self.fleet.bounds.attempts as usize || self.relay.overloaded() {
            return None;
        }
        let ready = self.next(now)?;
        let offer = &self.offers[ready.offer];
        let affordable = offer.cost.is_some_and(|cost| self.relay.hedge_allowed(cost));
        if !affordable || self.tab.cover(ready.dearest, now).await.is_err() {
            self.queue.push_front(ready.offer);
            return None;
        }
        Some(ready)
    }
}
