//! The one story of a request: admit, plan, hold, try, answer, settle.

mod race;
mod sound;
mod trouble;

use crate::answer::{Answer, Bill, Content, DecisionId, Piece, Served, Trouble};
use crate::ask::{Ask, BadInput, Words};
use crate::attempt::{self, Begun, Got, Lost, Parsed, Prepared, Whole};
use crate::decisions::Decided;
use crate::faults::{self, Next};
use crate::fleet::Fleet;
use crate::learning;
use crate::limits::Leave;
use crate::offers::{Route, offers};
use crate::ports::BooksError;
use crate::relay::Relay;
use crate::source::{Seen, Source};
use crate::speech::{Adviser, Speech, bill};
use crate::tab::{Flight, Tab};
use crate::unreported::{self, Ear, Meter};
use futures::future::BoxFuture;
use router::{Decision, Offer, PLAN_MAX};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use vocab::{Dice, Duration, Event, Fault, Instant, Kind, Pico};

/// The first pause before the same candidate is asked again; it doubles.
const PAUSE: Duration = Duration::from_millis(150);
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Relay {
    /// Takes one request all the way through. A dropped future is a client that left: whatever was held is settled.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn would have room for the ask twice: given and used"
    )]
    pub fn serve(self: &Arc<Self>, mut ask: Ask) -> impl Future<Output = Result<Answer, Trouble>> + Send {
        async move {
            let answer = self.tell(&mut ask).await;
            match &answer {
                Ok(Answer::Whole { .. }) => self.ended(None),
                Ok(Answer::Stream { .. } | Answer::Sound { .. }) => {}
                Err(trouble) => self.ended(Some(trouble)),
            }
            answer
        }
    }

    async fn tell(self: &Arc<Self>, ask: &mut Ask) -> Result<Answer, Trouble> {
        let fleet = self.fleet();
        let mut journey = Journey::plan(self, &fleet, ask)?;
        let now = journey.hold().await?;
        journey.go(now).await
    }
}

/// A request on its way along its plan.
///
/// Boxed from the start, and the steps that wait hold little besides: a future is moved as a whole when it is put aside,
/// most requests are under way while others are served, and what they keep is what falls out of the cache. Beyond a
/// kibibyte an allocation costs several times as much, too.
struct Journey<'a> {
    relay: &'a Arc<Relay>,
    fleet: &'a Arc<Fleet>,
    ask: &'a Ask,
    route: Route<'a>,
    offers: Vec<Offer<'a>>,
    decision: Decision,
    parsed: Parsed,
    begun: Instant,
    deadline: Instant,
    tab: Tab,
    /// Offers still to be tried, in order.
    queue: VecDeque<usize>,
    tried: SmallVec<[usize; PLAN_MAX]>,
    /// Offers that may be asked once more when there is nobody else.
    again: VecDeque<usize>,
    /// After an overflow: only models with more context than this.
    above: Option<u32>,
    /// Who could not be told what was asked, and why.
    unfit: Vec<(String, String)>,
    /// What cannot be said in other words than the client's own.
    untold: Option<BadInput>,
    faults: Vec<Fault>,
}

/// A candidate that may be asked now, and with what.
struct Ready {
    offer: usize,
    /// Index into the fleet's candidates.
    candidate: usize,
    /// The most it can come to.
    dearest: Pico,
    prepared: Prepared,
}

impl<'a> Journey<'a> {
    fn plan(relay: &'a Arc<Relay>, fleet: &'a Arc<Fleet>, ask: &'a mut Ask) -> Result<Box<Self>, Trouble> {
        let now = relay.clock().now();
        let (id, account) = (std::mem::take(&mut ask.id), std::mem::take(&mut ask.account));
        let permit = ask.leave.as_deref_mut().and_then(Leave::permit);
        let ask = &*ask;
        let route = Route::of(fleet, ask)?;
        let brief = ask.brief();
        let parsed = Parsed::default();
        // Whoever names a model is not read, and nobody is where nothing is to be learned from it.
        let learned = if fleet.routing.reads(route.pinned) {
            learning::learned(relay, fleet, ask, &route, &parsed, now)
        } else {
            Vec::new()
        };
        let offers =
            offers(&route, fleet, ask, ask.wishes.session.as_deref(), relay.sessions(), &learned, now);
        let mut dice = Dice::seeded(ask.seed);
        let mut decision = router::plan(&route.wish(brief, fleet), &offers, now, &mut dice);
        if decision.plan.is_empty() {
            return Err(Self::unplanned(ask, fleet, &route, &decision, &offers, now));
        }
        if let Some(usd) = route.explore {
            relay.learner().explore(route.policy, usd, &mut decision, &offers, ask.seed, now);
        }
        let noted = Decided::of(fleet, ask, (&id, &account), &route, &decision, &offers, relay.learner());
        if let Some(again) = noted.as_ref().and_then(|noted| noted.again()) {
            relay.learner().asked_again(again, now);
        }
        let mut tab = Tab::new(relay.clone(), fleet.clone(), id, account, ask, permit, dice);
        tab.noted = noted;
        Ok(Box::new(Self {
            relay,
            fleet,
            ask,
            parsed,
            deadline: now.after(fleet.bounds.deadline_of(brief.kind)),
            begun: now,
            tab,
            queue: decision.plan.iter().copied().collect(),
            tried: SmallVec::new(),
            again: VecDeque::new(),
            above: None,
            unfit: Vec::new(),
            untold: None,
            faults: Vec::new(),
            route,
            offers,
            decision,
        }))
    }

    /// Sets the dearest of the plan aside. When it is.
    async fn hold(&mut self) -> Result<Instant, BooksError> {
        let priced = |at: &usize| self.offers[*at].dearest;
        let dearest = self.decision.plan.iter().filter_map(priced).max().unwrap_or_default();
        let estimate = self.decision.plan.first().and_then(|at| self.offers[*at].cost).unwrap_or_default();
        self.tab.open(dearest, estimate, self.ask, self.begun).await?;
        let now = self.relay.clock().now();
        self.relay.registry().overhead.observe(now.since(self.ask.started).as_secs_f64());
        Ok(now)
    }

    /// Asks one after the other. `now` is the time of the step: between two waits it stands still.
    async fn go(mut self: Box<Self>, mut now: Instant) -> Result<Answer, Trouble> {
        let (flight, got) = loop {
            let left = self.left(now);
            if left.is_zero() || self.tab.calls() >= self.fleet.bounds.attempts as usize {
                return Err(Box::pin(self.give_up(left.is_zero())).await);
            }
            let Some(mut ready) = self.next(now) else {
                now = Box::pin(self.stuck(left)).await?;
                continue;
            };
            if !self.tab.covers(ready.dearest) {
                (ready, now) = Box::pin(self.cover(ready, now)).await?;
            }
            let Some(flight) = self.admit(ready.candidate, ready.dearest, now) else { continue };
            let left = self.left(now);
            let patience = self.patience(ready.offer).filter(|patience| *patience < left);
            let first = self.launch(flight, ready.prepared, left);
            let (flight, result) = match patience {
                None => (flight, first.await),
                // Two calls racing where the policy hedges and the first is late.
                Some(patience) => Box::pin(self.race(flight, first, patience)).await,
            };
            match result {
                Ok(got) => break (flight, got),
                Err(lost) => now = self.learn(&flight, lost),
            }
        };
        match got {
            Got::Whole(whole) if !self.ask.brief().stream => self.deliver(flight, whole).await,
            Got::Sound(talk) => Box::pin(self.sound(flight, talk)).await,
            got => Box::pin(self.stream(flight, got)).await,
        }
    }

    /// Nobody can be asked now: waits for one that may be asked again, where there is one. The time when that is over.
    async fn stuck(&mut self, left: Duration) -> Result<Instant, Trouble> {
        if self.pause(left).await { Ok(self.relay.clock().now()) } else { Err(self.give_up(false).await) }
    }

    /// Sets more aside for one that may come to more than is held. The time when that is done.
    async fn cover(&mut self, ready: Ready, now: Instant) -> Result<(Ready, Instant), Trouble> {
        if let Err(error) = self.tab.cover(ready.dearest, now).await {
            if self.tab.calls() == 0 {
                self.tab.settle("refused", now).await?;
                return Err(error.into());
            }
            return Err(self.give_up(false).await);
        }
        Ok((ready, self.relay.clock().now()))
    }

    /// The next candidate that may be asked, with its call made ready. Who cannot be told what was asked is passed by.
    fn next(&mut self, now: Instant) -> Option<Ready> {
        loop {
            let offer = self.queue.pop_front().or_else(|| self.reserve())?;
            self.tried.push(offer);
            let at = self.route.candidates[offer];
            let candidate = &self.fleet.candidates[at];
            if self.above.is_some_and(|above| candidate.card.context.is_none_or(|has| has <= above)) {
                continue;
            }
            if !candidate.credential.state(now).admits(now) {
                continue;
            }
            let prepared = match self.prepare(candidate) {
                Ok(prepared) => prepared,
                Err(lost) => {
                    self.unfit.push((candidate.id(), lost.fault.message().into()));
                    // Another may take it in the client's own words.
                    if let Lost { bad_input: true, fault: Fault::Rejected { message, param, .. }, .. } = lost
                    {
                        self.untold.get_or_insert(BadInput { message, param });
                    }
                    continue;
                }
            };
            let dearest = self.offers[offer].dearest.unwrap_or_default();
            return Some(Ready { offer, candidate: at, dearest, prepared });
        }
    }

    /// Leave to make the call at this moment. The last thing that is asked before it: a breaker may have opened meanwhile.
    fn admit(&self, at: usize, dearest: Pico, now: Instant) -> Option<Flight> {
        admit(self.fleet, at, dearest, now)
    }

    /// Beyond the plan: the best of the rest that was not tried yet.
    fn reserve(&self) -> Option<usize> {
        let rest = self.decision.ranked.iter().filter(|r| r.removed.is_none()).map(|r| r.offer);
        rest.into_iter().find(|offer| !self.tried.contains(offer))
    }

    /// Waits before the same candidate is asked again; false where there is none or no time for it.
    async fn pause(&mut self, left: Duration) -> bool {
        let Some(offer) = self.again.pop_front() else { return false };
        let doubled = PAUSE
            * 2u32.saturating_pow(u32::try_from(self.faults.len()).unwrap_or(8).min(8).saturating_sub(1));
        let pause = doubled.min(PAUSE_MAX);
        if pause >= left {
            return false;
        }
        self.relay.clock().sleep(pause).await;
        self.queue.push_back(offer);
        true
    }

    /// How long a call is waited for before another is made beside it; None where nobody hedges.
    fn patience(&self, offer: usize) -> Option<Duration> {
        // A file is not sent twice at once.
        if self.route.hedge && self.ask.words.hear().is_none() {
            router::hedge_after(&self.offers[offer].standing)
        } else {
            None
        }
    }

    fn launch(
        &mut self,
        flight: Flight,
        prepared: Prepared,
        left: Duration,
    ) -> BoxFuture<'a, Result<Got, Lost>> {
        self.tab.takes_off(flight);
        let candidate = &self.fleet.candidates[flight.candidate];
        if let Words::Speak { speak, .. } = &self.ask.words {
            return self.call_voice(speak, prepared, candidate, left);
        }
        attempt::fly(self.relay, self.ask, prepared, candidate, &self.fleet.bounds, left)
    }

    /// What a failed call means for the ones to come. When that was.
    fn learn(&mut self, flight: &Flight, lost: Lost) -> Instant {
        let now = self.relay.clock().now();
        let candidate = &self.fleet.candidates[flight.candidate];
        tracing::info!(
            request = %self.tab.id, candidate = %candidate.id(), fault = lost.fault.name(),
            provider_request_id = lost.request_id.as_deref(), message = lost.fault.message(), "an upstream call failed"
        );
        self.tab.failed(flight, &lost.fault, lost.usage.map(|usage| *usage), now);
        match faults::row(&lost.fault).next {
            Next::Stop => self.nobody_else(),
            Next::Larger => self.above = self.above.max(candidate.card.context.or(Some(u32::MAX))),
            Next::Candidate => self.siblings(flight.candidate, &lost.fault),
            Next::CandidateOrSame => {
                self.again.extend(self.offer_of(flight.candidate));
            }
        }
        if self.ask.words.hear().is_some_and(|hear| !hear.tape.is_whole()) {
            // What has gone by cannot be sent to another.
            self.nobody_else();
        }
        self.faults.push(lost.fault);
        now
    }

    /// Neither of the plan nor beyond it.
    fn nobody_else(&mut self) {
        self.queue.clear();
        self.again.clear();
        self.tried.extend(0..self.offers.len());
    }

    /// What is left of the time. A file that is coming still begins it anew with each piece: the client may be as slow as it
    /// is patient.
    fn left(&self, now: Instant) -> Duration {
        let Some(hear) = self.ask.words.hear() else { return self.deadline.since(now) };
        let late = hear.tape.latest().since(self.begun);
        self.deadline.after(late).since(now)
    }

    /// After a refused credential: the same model with its other credentials, before anything else.
    fn siblings(&mut self, of: usize, fault: &Fault) {
        if !matches!(fault, Fault::Denied(_) | Fault::Spent { .. }) {
            return;
        }
        let refused = &self.fleet.candidates[of];
        for (offer, at) in self.route.candidates.iter().enumerate() {
            let other = &self.fleet.candidates[*at];
            let sibling = Arc::ptr_eq(&other.pulse, &refused.pulse) && !self.tried.contains(&offer);
            if sibling {
                self.queue.retain(|o| *o != offer);
                self.queue.push_front(offer);
            }
        }
    }

    /// Who serves. First content is there: from here on the answer belongs to this upstream.
    fn served(&self, flight: &Flight, offer: usize, request_id: Option<Box<str>>, now: Instant) -> Served {
        let candidate = &self.fleet.candidates[flight.candidate];
        tracing::debug!(
            request = %self.tab.id, candidate = %candidate.id(), provider_request_id = request_id.as_deref(),
            "an upstream call serves"
        );
        Served {
            provider: candidate.provider.name.clone(),
            model: candidate.door.model.clone(),
            reason: self.reason(offer),
            decision: DecisionId::of(self.ask.seed),
            attempts: u32::try_from(self.tab.calls()).unwrap_or(u32::MAX),
            upstream: now.since(self.begun),
            balance: self.tab.balance,
            cost_max: self.tab.held,
            provider_request_id: request_id,
            fake: candidate.provider.fake,
        }
    }

    /// Where a candidate stands among the offers.
    fn offer_of(&self, candidate: usize) -> Option<usize> {
        self.route.candidates.iter().position(|at| *at == candidate)
    }

    /// A whole answer. All but the waiting is done at once, so that little is kept while the books are written.
    fn deliver(
        mut self: Box<Self>,
        flight: Flight,
        mut whole: Box<Whole>,
    ) -> impl Future<Output = Result<Answer, Trouble>> + Send {
        let now = self.relay.clock().now();
        let offer = self.offer_of(flight.candidate).unwrap_or_default();
        let advise = self.adviser(offer, now);
        let served = self.served(&flight, offer, whole.request_id.take(), now);
        self.count_unreported(&mut whole, &flight);
        let usage = self.tab.bill(&whole.seen, &flight);
        self.remember(&flight, usage.tokens_in().saturating_add(usage.tokens_out()), now);
        // What a client took to send its file is nobody's time but its own.
        let heard = self.ask.words.hear().map_or(flight.sent, |hear| hear.tape.latest());
        let took = now.since(flight.sent.max(heard));
        // What is not said word for word is there when it begins to be there.
        let (first, rest) =
            if self.ask.brief().kind == Kind::Chat { (None, Some(took)) } else { (Some(took), None) };
        self.tab.served(&flight, usage, first, rest, now);
        let open = Bill::open(usage, took);
        async move {
            let bill = bill(&mut self.tab, open, advise, "served", now).await;
            self.relay.books().durable(self.tab.mark).await?;
            Ok(Answer::Whole { served, content: whole.content, bill })
        }
    }

    /// Counts what a whole answer does not tell.
    fn count_unreported(&mut self, whole: &mut Whole, flight: &Flight) {
        if whole.seen.usage.is_some() || self.ask.brief().kind != Kind::Chat {
            return;
        }
        let candidate = &self.fleet.candidates[flight.candidate];
        let count =
            |events: &[Event]| unreported::of_answer(self.relay.tokenizers(), candidate.family, events);
        whole.seen.tokens_out = match &whole.content {
            Content::Events(events) => Some(count(events)),
            Content::Raw(body) => {
                let mut events = Vec::new();
                candidate.provider.adapter.decode(body, &mut events).is_ok().then(|| count(&events))
            }
            Content::Made(_) | Content::Heard(_) => None,
        };
        self.count_input(flight);
    }

    /// Counts what was asked, for a candidate that does not tell.
    fn count_input(&mut self, flight: &Flight) {
        let family = self.fleet.candidates[flight.candidate].family;
        if let Some(chat) = self.ask.words.chat() {
            let tokens = unreported::of_chat(self.relay.tokenizers(), family, &chat, &self.ask.brief().size);
            self.tab.counted(flight.candidate, tokens);
        }
    }

    async fn stream(mut self: Box<Self>, flight: Flight, got: Got) -> Result<Answer, Trouble> {
        let now = self.relay.clock().now();
        let offer = self.offer_of(flight.candidate).unwrap_or_default();
        let advise = self.adviser(offer, now);
        let mut begun = match got {
            Got::Stream(mut begun) => {
                let candidate = &self.fleet.candidates[flight.candidate];
                if candidate.is_mute() {
                    let meter = Meter::new(self.relay.tokenizers().clone(), candidate.family);
                    let ear = Box::new(Ear::new(candidate.provider.adapter, meter));
                    begun.source.listen(ear, &begun.queue);
                    self.count_input(&flight);
                }
                begun
            }
            Got::Whole(mut whole) => {
                self.count_unreported(&mut whole, &flight);
                let request_id = whole.request_id.take();
                Box::new(Begun { request_id, ..told(whole.content, whole.seen, now) })
            }
            Got::Sound(talk) => return self.sound(flight, talk).await,
        };
        let served = self.served(&flight, offer, begun.request_id.take(), now);
        let candidate = &self.fleet.candidates[flight.candidate];
        candidate.meters.first_content(begun.first.since(flight.sent));
        self.remember(&flight, u64::from(self.tab.tokens_in), begun.first);
        self.relay.books().durable(self.tab.mark).await?;
        let unlimited = self.ask.brief().max_output.or(candidate.card.max_output).is_none();
        let covers = unlimited.then(|| u64::from(self.fleet.bounds.assumed_output));
        Ok(Answer::Stream { served, speech: Speech::new(self.tab, flight, *begun, covers, advise) })
    }

    fn remember(&self, flight: &Flight, tokens: u64, now: Instant) {
        if let Some(session) = &self.ask.wishes.session {
            self.relay.sessions().served(session, &self.fleet.candidates[flight.candidate], tokens, now);
        }
    }

    fn reason(&self, offer: usize) -> Cow<'static, str> {
        if self.decision.plan.first() == Some(&offer) {
            return self.decision.reason.words();
        }
        let names: Vec<&str> = self.faults.iter().map(Fault::name).collect();
        if names.is_empty() {
            "hedge was faster".into()
        } else {
            format!("fallback after {}", names.join(", ")).into()
        }
    }

    fn adviser(&self, offer: usize, now: Instant) -> Option<Adviser> {
        crate::advisor::adviser(
            self.relay,
            self.fleet,
            self.ask,
            &self.route,
            &self.decision,
            &self.offers,
            offer,
            now,
        )
    }
}

/// Leave to call a candidate at this moment, if its credential and its breaker give it.
pub fn admit(fleet: &Fleet, at: usize, dearest: Pico, now: Instant) -> Option<Flight> {
    let candidate = &fleet.candidates[at];
    if !candidate.credential.state(now).admits(now) {
        return None;
    }
    let pass = candidate.with_pulse(|health| health.admit(now, &fleet.rules))?;
    Some(Flight { candidate: at, pass, sent: now, dearest })
}

/// A whole answer for a client that asked for a stream.
fn told(content: Content, seen: Seen, now: Instant) -> Begun {
    let queue = match content {
        Content::Raw(bytes) => VecDeque::from([Piece::Bytes(bytes)]),
        Content::Events(events) => attempt::replay(with_usage(events, &seen)),
        // Nobody asks for it as a stream.
        Content::Made(_) | Content::Heard(_) => VecDeque::new(),
    };
    Begun {
        body: Box::pin(futures::stream::empty()),
        source: Source::Told(seen),
        queue,
        first: now,
        request_id: None,
    }
}

/// Usage goes just before the end, as in a stream.
fn with_usage(mut events: Vec<Event>, seen: &Seen) -> Vec<Event> {
    events.retain(|e| !matches!(e, Event::Usage(_) | Event::End));
    events.extend(seen.usage.map(Event::Usage));
    events.push(Event::End);
    events
}
