//! A committed stream: it belongs to its upstream, and ends as its upstream ends.

use crate::answer::{Advice, Bill, Piece, Trouble};
use crate::attempt::Begun;
use crate::ports::{BooksError, ByteStream, Clock};
use crate::relay::Relay;
use crate::source::Source;
use crate::tab::{Flight, Settling, Tab};
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, Stream, StreamExt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use vocab::{Bucket, Duration, Fault, Instant, Pico, Usage};

/// How long the end of the body is waited for once the end mark is there: late usage may come, and a connection whose
/// body has ended can be used again.
const TAIL: Duration = Duration::from_millis(250);

/// Prices the cheaper alternative once the usage is known.
pub type Adviser = Box<dyn FnOnce(&Usage, Pico, Instant) -> Option<Advice> + Send>;

/// The pieces of an answer as they come. Dropping it is the client leaving: the upstream is drained for a bounded time
/// and the bill settled all the same.
pub struct Speech {
    state: State,
    relay: Arc<Relay>,
}

enum State {
    Flowing(Box<Flow>),
    /// The hold ran out and more is being set aside.
    Extending(BoxFuture<'static, (Box<Flow>, Result<(), BooksError>)>),
    /// The bill is being settled.
    Closing(BoxFuture<'static, Piece>),
    Over,
}

struct Flow {
    tab: Tab,
    flight: Flight,
    source: Source,
    body: ByteStream,
    body_over: bool,
    queue: VecDeque<Piece>,
    first: Instant,
    last: Instant,
    /// Since when upstream is listened to in vain. While a slow client is served nobody listens, and silence is not
    /// upstream's fault.
    waiting: Option<Instant>,
    /// Rings at the earliest moment that could be too late, and is set again if meanwhile something came.
    timer: Option<BoxFuture<'static, ()>>,
    /// Output tokens that the hold covers; None where the model's own limit is held for.
    covers: Option<u64>,
    /// When it is to be said how far the stream has come; None where nobody wants to know.
    report_at: Option<Instant>,
    /// How the stream ended, once it has and the queue is being emptied.
    ended: Option<Ended>,
    advise: Option<Adviser>,
}

enum Ended {
    Whole,
    Fault(Fault),
    BudgetExhausted,
}

impl Speech {
    pub(crate) fn new(
        tab: Tab,
        flight: Flight,
        begun: Begun,
        covers: Option<u64>,
        advise: Option<Adviser>,
    ) -> Self {
        let Begun { body, source, queue, first, .. } = begun;
        let relay = tab.relay.clone();
        let flow = Flow {
            tab,
            flight,
            source,
            body,
            body_over: false,
            queue,
            first,
            last: first,
            waiting: None,
            timer: None,
            covers,
            report_at: next_report(&relay, first),
            ended: None,
            advise,
        };
        Self { state: State::Flowing(Box::new(flow)), relay }
    }
}

impl Stream for Speech {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        loop {
            match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Closing(closing) => {
                    let last = std::task::ready!(closing.poll_unpin(cx));
                    self.state = State::Over;
                    return Poll::Ready(Some(last));
                }
                State::Extending(extending) => {
                    let (mut flow, result) = std::task::ready!(extending.poll_unpin(cx));
                    if let Err(error) = result {
                        tracing::info!(?error, request = %flow.tab.id, "a stream's hold could not be extended");
                        flow.ended = Some(Ended::BudgetExhausted);
                    }
                    self.state = State::Flowing(flow);
                }
                State::Flowing(flow) => {
                    if let Some(piece) = flow.queue.pop_front() {
                        return Poll::Ready(Some(piece));
                    }
                    if flow.ended.is_some() {
                        self.turn(|flow| State::Closing(Box::pin(flow.close())));
                        continue;
                    }
                    if flow.must_extend() || flow.must_renew() {
                        self.turn(|flow| State::Extending(Box::pin(flow.extend())));
                        continue;
                    }
                    if flow.report_at.is_some_and(|at| flow.last >= at) {
                        flow.report();
                    }
                    std::task::ready!(flow.poll_upstream(cx));
                }
            }
        }
    }
}

impl Speech {
    fn turn(&mut self, next: impl FnOnce(Box<Flow>) -> State) {
        if let State::Flowing(flow) = std::mem::replace(&mut self.state, State::Over) {
            self.state = next(flow);
        }
    }
}

impl Drop for Speech {
    fn drop(&mut self) {
        let rest: BoxFuture<'static, ()> = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return,
            State::Flowing(flow) => Box::pin(flow.leave()),
            State::Extending(extending) => Box::pin(async move { extending.await.0.leave().await }),
            // Already under way, and not the client's to interrupt.
            State::Closing(closing) => Box::pin(closing.map(drop)),
        };
        self.relay.later().spawn(rest);
    }
}

impl Flow {
    /// Reads on, or sees that nothing comes any more. Ready means that there is something new to look at.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.body.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.last = self.tab.relay.clock().now();
                self.waiting = None;
                if let Err(fault) = self.source.digest(chunk, &mut self.queue) {
                    self.ended = Some(Ended::Fault(fault));
                }
                if self.source.done() {
                    // What is waited for now is waited for less long.
                    self.timer = None;
                }
                Poll::Ready(())
            }
            // After the end mark the answer is whole, however the connection ends.
            Poll::Ready(Some(Err(fault))) if !self.source.done() => {
                self.ended = Some(Ended::Fault(fault));
                Poll::Ready(())
            }
            Poll::Ready(_) => {
                self.body_over = true;
                self.end();
                Poll::Ready(())
            }
            Poll::Pending if self.source.settled() => {
                self.end();
                Poll::Ready(())
            }
            Poll::Pending => self.poll_silence(cx),
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = if self.source.done() { TAIL } else { self.tab.fleet.bounds.idle() };
        let since = *self.waiting.get_or_insert_with(|| self.tab.relay.clock().now());
        loop {
            let relay = &self.tab.relay;
            let timer = self.timer.get_or_insert_with(|| sleep(relay.shared_clock(), patience));
            std::task::ready!(timer.poll_unpin(cx));
            let silence = relay.clock().now().since(since);
            if silence < patience {
                self.timer = Some(sleep(relay.shared_clock(), patience.saturating_sub(silence)));
                continue;
            }
            if self.source.done() {
                self.end();
            } else {
                let why = format!("nothing came for {} ms", patience.as_millis());
                self.ended = Some(Ended::Fault(Fault::Silent(why)));
            }
            return Poll::Ready(());
        }
    }

    fn end(&mut self) {
        self.ended = Some(match self.source.end(&mut self.queue) {
            Ok(()) => Ended::Whole,
            Err(fault) => Ended::Fault(fault),
        });
    }

    /// Three bytes a token errs towards holding too much.
    fn must_extend(&self) -> bool {
        self.covers.is_some_and(|covers| self.source.text_bytes() as u64 / 3 > covers) && !self.source.done()
    }

    /// A stream may last longer than the lease of its hold, which is for those that are gone.
    fn must_renew(&self) -> bool {
        self.last >= self.tab.renew_at && !self.source.done()
    }

    /// Says how far the stream has come: what is charged if whoever tells it is ended before it is.
    fn report(&mut self) {
        let relay = self.tab.relay.clone();
        self.report_at = next_report(&relay, self.last);
        let usage = self.tab.bill(&self.source.seen(), &self.flight);
        let usage = Usage { partial: true, estimated: true, ..usage };
        let (now, lines) = (self.last, self.tab.so_far(&self.flight, usage, self.last));
        let (account, id, books) = (self.tab.account.clone(), self.tab.id.clone(), relay.clone());
        relay.later().spawn(Box::pin(async move { books.books().progress(&account, &id, lines, now).await }));
    }

    async fn extend(mut self: Box<Self>) -> (Box<Self>, Result<(), BooksError>) {
        let now = self.tab.relay.clock().now();
        if !self.must_extend() {
            if let Err(error) = self.tab.extend(Pico::ZERO, now).await {
                tracing::warn!(?error, request = %self.tab.id, "a hold's lease could not be renewed");
            }
            return (self, Ok(()));
        }
        let more = u64::from(self.tab.fleet.bounds.assumed_output);
        let fleet = self.tab.fleet.clone();
        let mut usage = Usage::default().with(Bucket::Output, more);
        let cost = self.tab.price(&fleet.candidates[self.flight.candidate], &mut usage, now);
        let result = self.tab.extend(cost, now).await;
        self.covers = self.covers.map(|covers| covers.saturating_add(more));
        (self, result)
    }

    async fn close(mut self: Box<Self>) -> Piece {
        let relay = self.tab.relay.clone();
        let now = relay.clock().now();
        let usage = self.tab.bill(&self.source.seen(), &self.flight);
        let mut why = String::from("served");
        let trouble = match self.ended.take() {
            None | Some(Ended::Whole) => {
                let ttft = self.first.since(self.flight.sent);
                self.tab.served(&self.flight, usage, Some(ttft), Some(self.last.since(self.first)), now);
                None
            }
            Some(Ended::Fault(fault)) => {
                self.tab.failed(&self.flight, &fault, Some(usage), now);
                why = fault.name().into();
                Some(Trouble::Broken { fault: fault.name().into(), message: fault.message().into() })
            }
            Some(Ended::BudgetExhausted) => {
                self.tab.abandoned(
                    &self.flight,
                    "budget_exhausted",
                    Some(Usage { partial: true, ..usage }),
                    now,
                );
                Some(Trouble::BudgetExhausted)
            }
        };
        if trouble.is_some() {
            self.hang_up();
        }
        let open = Bill::open(usage, self.last.since(self.flight.sent));
        let bill = bill(&mut self.tab, open, self.advise.take(), &why, now).await;
        relay.ended(trouble.as_ref());
        // Read to its end behind the answer's back, the connection can be used again.
        if trouble.is_none() && !self.body_over {
            let Self { body, .. } = *self;
            relay.later().spawn(Box::pin(tail(body, relay.shared_clock())));
        }
        match trouble {
            None => Piece::End(bill),
            Some(trouble) => Piece::Broken(trouble, bill),
        }
    }

    /// Ends the call now, and not when its bill is settled: upstream stops making what nobody wants.
    fn hang_up(&mut self) {
        self.body = Box::pin(futures::stream::empty());
    }

    /// The client is gone: go on reading for a while, for the usage figures, then settle.
    async fn leave(mut self: Box<Self>) {
        let relay = self.tab.relay.clone();
        let limit = self.tab.fleet.bounds.drain();
        let whole = match self.ended {
            Some(Ended::Whole) => true,
            Some(_) => false,
            None => {
                let reading = Box::pin(self.read_out());
                matches!(select(reading, relay.clock().sleep(limit)).await, Either::Left((true, _)))
            }
        };
        self.hang_up();
        let now = relay.clock().now();
        let usage = self.tab.bill(&self.source.seen(), &self.flight);
        let usage = Usage { partial: usage.partial || !whole, ..usage };
        self.tab.abandoned(&self.flight, "left", Some(usage), now);
        if let Err(error) = self.tab.settle("client left", now).await {
            tracing::error!(?error, request = %self.tab.id, "a request could not be settled; its hold will be swept");
        }
    }

    /// Whether the stream came to its own end.
    async fn read_out(&mut self) -> bool {
        let mut unread = VecDeque::new();
        while let Some(Ok(chunk)) = self.body.next().await {
            if self.source.digest(chunk, &mut unread).is_err() {
                return false;
            }
            unread.clear();
            if self.source.settled() {
                return true;
            }
        }
        self.source.end(&mut unread).is_ok()
    }
}

/// Settles the tab and says what it came to.
pub fn bill(
    tab: &mut Tab,
    mut bill: Box<Bill>,
    advise: Option<Adviser>,
    why: &str,
    now: Instant,
) -> impl Future<Output = Box<Bill>> + Send {
    bill.cost = tab.spent();
    let settling = tab.settling(why, now);
    async move {
        if let Some(settling) = settling {
            let posted = match settling {
                Settling::Done(posted) => posted,
                Settling::OnItsWay(settling) => settling.await,
            };
            match posted {
                Ok(posted) => tab.balance = posted.balance,
                Err(error) => {
                    tracing::error!(?error, request = %tab.id, "a request could not be settled; its hold will be swept");
                    bill.cost = tab.spent();
                }
            }
        }
        // Streams and whole answers alike pay for hedges, where there are any.
        if tab.fleet.hedges {
            tab.relay.spent(bill.cost);
        }
        bill.balance = tab.balance;
        bill.attempts = std::mem::take(&mut tab.attempts);
        bill.advice = advise.and_then(|advise| advise(&bill.usage, bill.cost, now));
        bill
    }
}

/// When a stream that has come this far is to say so.
pub fn next_report(relay: &Relay, last: Instant) -> Option<Instant> {
    relay.books().progress_every().map(|every| last.after(every))
}

/// Reads the rest, for a while: the connection of a body that has ended can be used again.
pub async fn tail(mut body: ByteStream, clock: Arc<dyn Clock>) {
    let rest = Box::pin(async { while let Some(Ok(_)) = body.next().await {} });
    select(rest, clock.sleep(TAIL)).await;
}

fn sleep(clock: Arc<dyn Clock>, span: Duration) -> BoxFuture<'static, ()> {
    Box::pin(async move { clock.sleep(span).await })
}
