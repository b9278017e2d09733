//! Sound on its way to the client: part after part of the text, each by a call of its own, the next one asked for ahead.

mod ending;

use super::call::{self, Talk};
use super::casting::{Cast, Length};
use super::desk::Desk;
use super::{resume, script};
use crate::answer::Piece;
use crate::attempt::Lost;
use crate::ports::BooksError;
use crate::relay::Relay;
use crate::speech::{Adviser, next_report, tail};
use crate::tab::{Flight, Tab};
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, Stream, StreamExt};
use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use vocab::{Fault, Instant, Speak, Usage};

/// Sound that is set aside for at a time where it lasts longer than anybody would have thought.
const MORE_MILLIS: u64 = 60_000;

/// The sound of an answer as it comes. Dropping it is the client leaving: what was asked for is settled.
pub struct Sounding {
    state: State,
    relay: Arc<Relay>,
}

enum State {
    Flowing(Box<Flow>),
    /// More is being set aside, or another candidate begins where one broke off.
    Busy(BoxFuture<'static, Box<Flow>>),
    /// The bill is being settled.
    Closing(BoxFuture<'static, Piece>),
    Over,
}

/// What one candidate says of the text: a flight, and a line of the bill.
pub struct Part {
    pub flight: Flight,
    pub cast: Cast,
    /// Sound of its first call, that has begun.
    pub talk: Talk,
    /// Of the text.
    pub said: Range<usize>,
}

/// Who else may go on.
pub struct Next {
    /// Candidates, best first; whoever was asked in vain comes last.
    pub others: VecDeque<usize>,
    pub advise: Option<Adviser>,
}

pub(super) struct Flow {
    pub tab: Tab,
    pub speak: Arc<Speak>,
    pub flight: Flight,
    pub cast: Cast,
    pub others: VecDeque<usize>,
    /// What is being said, and by which call; None between two calls.
    talk: Option<Talk>,
    pub said: Range<usize>,
    /// The call for what is said next.
    ahead: Option<Ahead>,
    /// Of the calls of this flight that are over.
    used: Usage,
    pub desk: Desk,
    queue: VecDeque<Bytes>,
    /// First sound of the flight.
    first: Instant,
    last: Instant,
    /// Since when upstream is listened to in vain.
    waiting: Option<Instant>,
    timer: Option<BoxFuture<'static, ()>>,
    /// Milliseconds of sound that the hold covers; None where what it comes to does not depend on them.
    covers: Option<u64>,
    report_at: Option<Instant>,
    pub ended: Option<Ended>,
    advise: Option<Adviser>,
}

struct Ahead {
    said: Range<usize>,
    coming: Coming,
}

enum Coming {
    Asked(BoxFuture<'static, Result<Talk, Lost>>),
    There(Box<Result<Talk, Lost>>),
}

pub(super) enum Ended {
    Whole,
    Fault(Fault),
    BudgetExhausted,
}

impl Sounding {
    pub(crate) fn new(tab: Tab, speak: Arc<Speak>, part: Part, next: Next) -> Self {
        let relay = tab.relay.clone();
        let Part { flight, cast, talk, said } = part;
        let card = &tab.fleet.candidates[flight.candidate].card;
        let now = talk.first;
        let desk = Desk::new(speak.sound, cast.made);
        let covers = covers(&cast, &speak, card, said.start);
        let flow = Flow {
            flight,
            cast,
            others: next.others,
            said,
            ahead: None,
            used: Usage::default(),
            desk,
            queue: VecDeque::new(),
            first: talk.first,
            last: talk.first,
            talk: Some(talk),
            waiting: None,
            timer: None,
            covers,
            report_at: next_report(&relay, now),
            ended: None,
            advise: next.advise,
            speak,
            tab,
        };
        Self { state: State::Flowing(Box::new(flow)), relay }
    }
}

/// Milliseconds of sound that are held for; None where they do not count.
fn covers(cast: &Cast, speak: &Speak, card: &vocab::Card, at: usize) -> Option<u64> {
    let told = cast.voice.usage(card, "", MORE_MILLIS);
    let counts = told.counted().next().is_some();
    counts.then(|| super::length::most(speak.text.get(at..).unwrap_or_default(), speak.speed))
}

impl Stream for Sounding {
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
                State::Busy(busy) => {
                    let flow = std::task::ready!(busy.poll_unpin(cx));
                    self.state = State::Flowing(flow);
                }
                State::Flowing(flow) => {
                    if let Some(bytes) = flow.queue.pop_front() {
                        return Poll::Ready(Some(Piece::Bytes(bytes)));
                    }
                    if flow.ended.is_some() {
                        self.turn(|flow| State::Closing(Box::pin(flow.close())));
                        continue;
                    }
                    if flow.must_extend() || flow.must_renew() {
                        self.turn(|flow| State::Busy(Box::pin(flow.extend())));
                        continue;
                    }
                    if flow.report_at.is_some_and(|at| flow.last >= at) {
                        flow.report();
                    }
                    if let Some(lost) = std::task::ready!(flow.poll_upstream(cx)) {
                        self.turn(|flow| State::Busy(Box::pin(resume::resume(flow, lost))));
                    }
                }
            }
        }
    }
}

impl Sounding {
    fn turn(&mut self, next: impl FnOnce(Box<Flow>) -> State) {
        if let State::Flowing(flow) = std::mem::replace(&mut self.state, State::Over) {
            self.state = next(flow);
        }
    }
}

impl Drop for Sounding {
    fn drop(&mut self) {
        let rest: BoxFuture<'static, ()> = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return,
            State::Flowing(flow) => Box::pin(flow.leave()),
            State::Busy(busy) => {
                let relay = self.relay.clone();
                // What is dropped at the end of that time settles what was asked for.
                Box::pin(async move {
                    let limit = relay.fleet().bounds.drain();
                    if let Either::Left((flow, _)) = select(busy, relay.clock().sleep(limit)).await {
                        flow.leave().await;
                    }
                })
            }
            // Already under way, and not the client's to interrupt.
            State::Closing(closing) => Box::pin(closing.map(drop)),
        };
        self.relay.later().spawn(rest);
    }
}

impl Flow {
    /// Reads on. Ready means that there is something new to look at; with a fault, that somebody else has to go on.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Lost>> {
        self.look_ahead(cx);
        let Some(talk) = &mut self.talk else { return self.poll_turn(cx) };
        if !talk.heard.is_empty() {
            let heard = std::mem::take(&mut talk.heard);
            return Poll::Ready(self.pass(heard).err().map(Lost::from));
        }
        if talk.over {
            return Poll::Ready(self.part_over().err().map(Lost::from));
        }
        match talk.body.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.last = self.tab.relay.clock().now();
                self.waiting = None;
                let read = talk.hearing.read(chunk, &mut talk.heard);
                // Sound before a fault is sound.
                let heard = std::mem::take(&mut talk.heard);
                Poll::Ready(self.pass(heard).and(read).err().map(Lost::from))
            }
            Poll::Ready(Some(Err(fault))) if !talk.hearing.done() => Poll::Ready(Some(fault.into())),
            Poll::Ready(_) => {
                talk.over = true;
                let end = talk.hearing.end(&mut talk.heard);
                let heard = std::mem::take(&mut talk.heard);
                Poll::Ready(self.pass(heard).and(end).err().map(Lost::from))
            }
            Poll::Pending if talk.hearing.done() => {
                talk.over = true;
                let body = std::mem::replace(&mut talk.body, Box::pin(futures::stream::empty()));
                let relay = &self.tab.relay;
                relay.later().spawn(Box::pin(tail(body, relay.shared_clock())));
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_silence(cx),
        }
    }

    /// Sound goes on its way.
    fn pass(&mut self, heard: Vec<Bytes>) -> Result<(), Fault> {
        for bytes in heard {
            self.desk.take(bytes, &mut self.queue)?;
        }
        if self.ahead.is_none() && self.desk.has_sound() {
            self.ask_ahead();
        }
        Ok(())
    }

    /// The next part of the text is asked for while this one sounds: its head comes, its body is read when its turn is.
    fn ask_ahead(&mut self) {
        let Some(said) = script::next(&self.speak, &self.cast, self.said.end) else { return };
        let fleet = self.tab.fleet.clone();
        let candidate = &fleet.candidates[self.flight.candidate];
        let coming = match self.cast.call(&self.speak, &said, candidate) {
            Err(fault) => Coming::There(Box::new(Err(fault.into()))),
            Ok(call) => {
                self.tab.says(self.speak.text.get(said.clone()).unwrap_or_default());
                let (relay, cast, at) = (self.tab.relay.clone(), self.cast.clone(), self.flight.candidate);
                let fleet = fleet.clone();
                Coming::Asked(Box::pin(async move {
                    let sending = relay.http().send(call, fleet.bounds.connect());
                    call::head(sending, relay.clock(), &fleet.candidates[at], &cast).await
                }))
            }
        };
        self.ahead = Some(Ahead { said, coming });
    }

    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        if let Some(Ahead { coming, .. }) = &mut self.ahead
            && let Coming::Asked(asked) = coming
            && let Poll::Ready(talk) = asked.poll_unpin(cx)
        {
            *coming = Coming::There(Box::new(talk));
        }
    }

    /// This part of the text has been said.
    fn part_over(&mut self) -> Result<(), Fault> {
        self.desk.part_over()?;
        self.used = self.used.plus(&self.of_talk());
        self.talk = None;
        if self.ahead.is_none() {
            self.ask_ahead();
        }
        if self.ahead.is_none() {
            self.desk.end(&mut self.queue);
            self.ended = Some(Ended::Whole);
        }
        Ok(())
    }

    /// The turn of the next part, once its head is there.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Lost>> {
        let Some(Ahead { said, coming: Coming::There(_) }) = &self.ahead else {
            return self.poll_silence(cx);
        };
        self.said = said.clone();
        let Some(Ahead { coming: Coming::There(talk), .. }) = self.ahead.take() else {
            return Poll::Ready(None);
        };
        self.desk.part(self.cast.made);
        self.waiting = None;
        self.timer = None;
        match *talk {
            Ok(talk) => {
                self.talk = Some(talk);
                Poll::Ready(None)
            }
            Err(lost) => Poll::Ready(Some(lost)),
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Option<Lost>> {
        let bounds = &self.tab.fleet.bounds;
        let begun = self.talk.is_some() && self.desk.has_sound();
        let patience = if begun { bounds.idle() } else { bounds.first_content() };
        let since = *self.waiting.get_or_insert_with(|| self.tab.relay.clock().now());
        loop {
            let relay = &self.tab.relay;
            let timer = self.timer.get_or_insert_with(|| {
                let clock = relay.shared_clock();
                Box::pin(async move { clock.sleep(patience).await })
            });
            std::task::ready!(timer.poll_unpin(cx));
            self.timer = None;
            let silence = relay.clock().now().since(since);
            if silence < patience {
                let (clock, left) = (relay.shared_clock(), patience.saturating_sub(silence));
                self.timer = Some(Box::pin(async move { clock.sleep(left).await }));
                continue;
            }
            let why = format!("no sound came for {} ms", patience.as_millis());
            return Poll::Ready(Some(Fault::Silent(why).into()));
        }
    }

    /// What the call that is being heard uses: as it says, else as its text and its sound come to so far.
    fn of_talk(&self) -> Usage {
        let reported = self.talk.as_ref().and_then(|talk| talk.hearing.usage().copied());
        reported.unwrap_or_else(|| self.of_text(&self.said, self.desk.part_millis()))
    }

    fn of_text(&self, said: &Range<usize>, millis: u64) -> Usage {
        let card = &self.tab.fleet.candidates[self.flight.candidate].card;
        self.cast.voice.usage(card, self.speak.text.get(said.clone()).unwrap_or_default(), millis)
    }

    /// All calls of this flight so far, the one that was made ahead included.
    pub(super) fn usage(&self) -> Usage {
        let mut sum = self.used;
        if self.talk.is_some() {
            sum = sum.plus(&self.of_talk());
        }
        sum.plus(&self.of_ahead())
    }

    /// What was asked for ahead, unless it was refused.
    fn of_ahead(&self) -> Usage {
        match &self.ahead {
            Some(Ahead { coming: Coming::There(talk), .. }) if talk.is_err() => Usage::default(),
            Some(Ahead { said, .. }) => self.of_text(said, 0),
            None => Usage::default(),
        }
    }

    /// Its flight is over, and was billed so much.
    pub(super) const fn spent(&mut self, usage: Usage) {
        self.used = usage;
    }

    /// Another has taken over.
    pub(super) fn taken_over(&mut self, part: Part) {
        let Part { flight, cast, talk, said } = part;
        self.covers =
            covers(&cast, &self.speak, &self.tab.fleet.candidates[flight.candidate].card, said.start);
        (self.first, self.last) = (talk.first, talk.first);
        (self.flight, self.cast, self.said) = (flight, cast, said);
        self.talk = Some(talk);
        self.ahead = None;
        self.used = Usage::default();
        self.waiting = None;
        self.timer = None;
    }

    /// Ends its calls now, and not when the bill is settled.
    pub(super) fn hang_up(&mut self) {
        self.talk = None;
        self.ahead = None;
    }

    fn must_extend(&self) -> bool {
        self.covers.is_some_and(|covers| self.desk.flight_millis() > covers)
    }

    /// A stream may last longer than the lease of its hold, which is for those that are gone.
    fn must_renew(&self) -> bool {
        self.last >= self.tab.renew_at
    }

    async fn extend(mut self: Box<Self>) -> Box<Self> {
        let now = self.tab.relay.clock().now();
        if !self.must_extend() {
            if let Err(error) = self.tab.extend(vocab::Pico::ZERO, now).await {
                tracing::warn!(?error, request = %self.tab.id, "a hold's lease could not be renewed");
            }
            return self;
        }
        let fleet = self.tab.fleet.clone();
        let candidate = &fleet.candidates[self.flight.candidate];
        let mut more = self.cast.voice.usage(&candidate.card, "", MORE_MILLIS);
        let cost = self.tab.price(candidate, &mut more, now);
        let result: Result<(), BooksError> = self.tab.extend(cost, now).await;
        self.covers = self.covers.map(|covers| covers.saturating_add(MORE_MILLIS));
        if let Err(error) = result {
            tracing::info!(?error, request = %self.tab.id, "a hold for sound could not be extended");
            self.ended = Some(Ended::BudgetExhausted);
        }
        self
    }

    /// Says how far it has come: what is charged if whoever tells it is ended before it is.
    fn report(&mut self) {
        let relay = self.tab.relay.clone();
        self.report_at = next_report(&relay, self.last);
        let usage = Usage { partial: true, estimated: true, ..self.usage() };
        let (now, lines) = (self.last, self.tab.so_far(&self.flight, usage, self.last));
        let (account, id, books) = (self.tab.account.clone(), self.tab.id.clone(), relay.clone());
        relay.later().spawn(Box::pin(async move { books.books().progress(&account, &id, lines, now).await }));
    }

    /// What the whole text comes to, where that can be told before it is said: what was spent already, and what is billed by
    /// the text alone.
    pub(super) fn known_cost(&self, now: Instant) -> Option<vocab::Pico> {
        let candidate = &self.tab.fleet.candidates[self.flight.candidate];
        let usage = self.cast.usage(&self.speak, &candidate.card, self.said.start, Length::Likely);
        let reported = self.talk.as_ref().and_then(|talk| talk.hearing.usage().copied());
        let usage = match reported {
            // The head told: it is the truth where this call says all of it.
            Some(told) if script::next(&self.speak, &self.cast, self.said.end).is_none() => told,
            Some(_) => return None,
            None => usage,
        };
        if usage.estimated {
            return None;
        }
        let price = candidate.card.price.as_deref()?;
        let cost = billing::cost(price, &usage, now).ok()?;
        Some(self.tab.spent().plus(cost))
    }
}

impl Sounding {
    /// See [`Flow::known_cost`].
    pub(crate) fn known_cost(&self, now: Instant) -> Option<vocab::Pico> {
        match &self.state {
            State::Flowing(flow) => flow.known_cost(now),
            _ => None,
        }
    }
}
