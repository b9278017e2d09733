//! The end of a sound: whole, broken, or without anybody to hear it.

use super::{Ended, Flow};
use crate::answer::{Bill, Piece, Trouble};
use crate::speech::bill;
use futures::StreamExt;
use futures::future::select;
use std::collections::VecDeque;
use vocab::Usage;

impl Flow {
    pub(super) async fn close(mut self: Box<Self>) -> Piece {
        let relay = self.tab.relay.clone();
        let now = relay.clock().now();
        let usage = self.usage();
        let mut why = String::from("served");
        let trouble = match self.ended.take() {
            None | Some(Ended::Whole) => {
                let ttft = self.first.since(self.flight.sent);
                self.tab.served(&self.flight, usage, Some(ttft), None, now);
                None
            }
            // Its line is there already: it was written when nobody went on.
            Some(Ended::Fault(fault)) => {
                why = fault.name().into();
                Some(Trouble::Broken { fault: fault.name().into(), message: fault.message().into() })
            }
            Some(Ended::BudgetExhausted) => {
                let usage = Usage { partial: true, ..usage };
                self.tab.abandoned(&self.flight, "budget_exhausted", Some(usage), now);
                Some(Trouble::BudgetExhausted)
            }
        };
        self.hang_up();
        let open = Bill::open(usage, self.last.since(self.flight.sent));
        let bill = bill(&mut self.tab, open, self.advise.take(), &why, now).await;
        relay.ended(trouble.as_ref());
        match trouble {
            None => Piece::End(bill),
            Some(trouble) => Piece::Broken(trouble, bill),
        }
    }

    /// The client is gone: what was asked for is paid. Where only the provider knows what that comes to, it is listened to for a
    /// while.
    pub(super) async fn leave(mut self: Box<Self>) {
        let relay = self.tab.relay.clone();
        // Nothing more is waited for, and what was asked for is paid.
        self.used = self.used.plus(&self.of_ahead());
        self.ahead = None;
        if self.ended.is_none() && self.covers.is_some() && self.talk.is_some() {
            let limit = self.tab.fleet.bounds.drain();
            let reading = Box::pin(self.read_out());
            drop(select(reading, relay.clock().sleep(limit)).await);
        }
        let now = relay.clock().now();
        match self.ended.take() {
            // Its line is there already.
            Some(Ended::Fault(_)) => {}
            ended => {
                let whole = matches!(ended, Some(Ended::Whole));
                let usage = self.usage();
                let usage = Usage { partial: usage.partial || !whole, ..usage };
                self.tab.abandoned(&self.flight, "left", Some(usage), now);
            }
        }
        self.hang_up();
        if let Err(error) = self.tab.settle("client left", now).await {
            tracing::error!(?error, request = %self.tab.id, "a request could not be settled; its hold will be swept");
        }
    }

    /// Reads what is being said to its end, for its length and its usage.
    async fn read_out(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        let mut out = VecDeque::new();
        while !talk.over && !talk.hearing.done() {
            match talk.body.next().await {
                Some(Ok(chunk)) => {
                    if talk.hearing.read(chunk, &mut talk.heard).is_err() {
                        return;
                    }
                }
                None => {
                    talk.over = true;
                    // What is wrong with its end is nobody's business any more.
                    let _ = talk.hearing.end(&mut talk.heard);
                }
                Some(Err(_)) => return,
            }
            for bytes in talk.heard.drain(..) {
                if self.desk.take(bytes, &mut out).is_err() {
                    return;
                }
            }
            out.clear();
        }
    }
}
