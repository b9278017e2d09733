//! A request's bill in the making: what is held, which calls are under way, what each came to.
//!
//! The tab is settled exactly once. If the request is dropped at any await (a client that hangs up), dropping the tab
//! sees to it.

use crate::answer::Attempt;
use crate::ask::Ask;
use crate::decisions::Decided;
use crate::faults::{self, Blame};
use crate::fleet::{Candidate, Fleet};
use crate::hear::Tape;
use crate::limits::Permit;
use crate::persist::Persist;
use crate::ports::{BooksError, Mark, Posted};
use crate::relay::Relay;
use crate::source::Seen;
use billing::{Balance, Line, Op};
use futures::future::BoxFuture;
use router::{Outcome, Pass, Verdict};
use smallvec::SmallVec;
use std::sync::Arc;
use tokens::Size;
use vocab::{Bucket, Canvas, Cap, Dice, Duration, Fault, Instant, Kind, Pico, Usage};

/// The outcome on the line of a request that was never heard of again.
const ORPHAN: &str = "orphan";

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Index into the fleet's candidates.
    pub candidate: usize,
    pub pass: Pass,
    pub sent: Instant,
    /// The most it can come to.
    pub dearest: Pico,
}

pub struct Tab {
    pub relay: Arc<Relay>,
    pub fleet: Arc<Fleet>,
    pub id: String,
    pub account: String,
    pub tokens_in: u32,
    size: Arc<Size>,
    /// Input tokens that were counted for a candidate that tells none.
    counted: Option<(usize, u32)>,
    /// The most output tokens that the request allows for one choice.
    output_max: Option<u32>,
    choices: u32,
    /// Of pictures, where it is they that are made.
    canvas: Option<Canvas>,
    /// The file, where one is to be heard.
    tape: Option<Arc<Tape>>,
    /// The budgets that its hold falls under.
    caps: Vec<Cap>,
    /// What it took from its caller's limits.
    permit: Option<Permit>,
    /// The most that it may hold.
    cost_max: Option<Pico>,
    /// What the calls under way were sent to be spoken.
    said: String,
    pub held: Pico,
    /// When the hold's lease is to be renewed.
    pub renew_at: Instant,
    /// Durable from here on, the first byte may leave.
    pub mark: Mark,
    pub balance: Balance,
    pub attempts: Vec<Attempt>,
    lines: Vec<Line>,
    /// One, or two that race.
    flights: SmallVec<[Flight; 2]>,
    dice: Dice,
    open: bool,
    /// What it was decided by, where that is written down.
    pub noted: Option<Box<Decided>>,
}

impl Tab {
    /// A tab on which nothing is held yet.
    pub fn new(
        relay: Arc<Relay>,
        fleet: Arc<Fleet>,
        id: String,
        account: String,
        ask: &Ask,
        permit: Option<Permit>,
        dice: Dice,
    ) -> Self {
        let brief = ask.brief();
        Self {
            relay,
            fleet,
            id,
            account,
            tokens_in: brief.tokens_in,
            size: brief.size.clone(),
            counted: None,
            output_max: brief.max_output,
            choices: brief.n.max(1),
            canvas: (brief.kind == Kind::Image).then_some(brief.canvas),
            tape: ask.words.hear().map(|hear| hear.tape.clone()),
            caps: Vec::new(),
            permit,
            cost_max: ask.leave.as_deref().and_then(|leave| leave.cost_max.as_ref()).map(|(most, _)| *most),
            said: String::new(),
            held: Pico::ZERO,
            renew_at: Instant::ZERO,
            mark: Mark::default(),
            balance: Balance::default(),
            attempts: Vec::new(),
            lines: Vec::new(),
            flights: SmallVec::new(),
            dice,
            open: false,
            noted: None,
        }
    }

    /// Sets the worst case aside. Nothing may be sent before this.
    pub async fn open(
        &mut self,
        dearest: Pico,
        estimate: Pico,
        ask: &Ask,
        now: Instant,
    ) -> Result<(), BooksError> {
        let lease_until = now.after(lease(&self.fleet));
        let tags = &ask.wishes.tags;
        let plan = ask.leave.as_deref().and_then(|leave| leave.plan.as_deref());
        if let Some(budgets) = self.fleet.budgets(&self.account, plan) {
            self.caps = budgets.caps(ask.key.as_deref(), tags, now);
        }
        let caps = self.caps.clone();
        let op = Op::Hold {
            id: self.id.clone(),
            amount: dearest,
            estimate,
            lease_until,
            tags: tags.to_owned(),
            caps,
        };
        let posted = match self.relay.books().hold_at_once(&self.account, op, now, ask.chosen) {
            Ok(posted) => posted?,
            Err(op) => {
                let Holding { account, posted, .. } = self.holding(op, now).await;
                self.account = account;
                posted?
            }
        };
        if !posted.fresh {
            return Err(BooksError::Refused(billing::Refusal::Conflict { id: self.id.clone() }));
        }
        self.relay.registry().open.inc();
        self.open = true;
        if let Some(permit) = &mut self.permit {
            permit.begins();
        }
        self.held = dearest;
        self.renew_at = renewal(&self.fleet, now);
        self.mark = posted.mark;
        self.balance = posted.balance;
        Ok(())
    }

    /// The hold on its way. Whoever leaves while it is being made leaves no hold behind.
    fn holding(&mut self, op: Op, now: Instant) -> Persist<Holding> {
        let (account, id) = (std::mem::take(&mut self.account), self.id.clone());
        let relay = self.relay.clone();
        let holding = async move {
            let posted = relay.books().post(&account, op, now).await;
            Holding { account, id, posted }
        };
        Persist::new(&self.relay, holding, Holding::undone)
    }

    /// Whether what was spent, what is under way and `dearest` more are held.
    pub fn covers(&self, dearest: Pico) -> bool {
        self.needed(dearest) <= self.held
    }

    fn needed(&self, dearest: Pico) -> Pico {
        let flying: Pico = self.flights.iter().map(|f| f.dearest).sum();
        self.spent().plus(flying).plus(dearest)
    }

    /// Makes sure that what was spent, what is under way and `dearest` more are covered. A lease begins anew.
    pub async fn cover(&mut self, dearest: Pico, now: Instant) -> Result<(), BooksError> {
        let more = self.needed(dearest).minus(self.held);
        if more > Pico::ZERO { self.extend(more, now).await } else { Ok(()) }
    }

    pub async fn extend(&mut self, more: Pico, now: Instant) -> Result<(), BooksError> {
        if more > Pico::ZERO
            && let Some(most) = self.cost_max.filter(|most| self.held.plus(more) > *most)
        {
            let available = most.minus(self.held);
            return Err(BooksError::Refused(billing::Refusal::Poor { needed: more, available }));
        }
        let op = Op::Extend {
            id: self.id.clone(),
            more,
            lease_until: now.after(lease(&self.fleet)),
            caps: self.caps.clone(),
        };
        // Tried again later where it fails, not at every piece.
        self.renew_at = renewal(&self.fleet, now);
        let posted = self.relay.books().post(&self.account, op, now).await?;
        self.held = self.held.plus(more);
        self.mark = posted.mark;
        self.balance = posted.balance;
        Ok(())
    }

    pub fn spent(&self) -> Pico {
        self.lines.iter().map(|l| l.amount).sum()
    }

    pub fn takes_off(&mut self, flight: Flight) {
        self.flights.push(flight);
    }

    /// How many calls were made, those under way included.
    pub fn calls(&self) -> usize {
        self.attempts.len() + self.flights.len()
    }

    /// A call failed: its line, its attempt, its breaker, its credential.
    pub fn failed(&mut self, flight: &Flight, fault: &Fault, usage: Option<Usage>, now: Instant) {
        let row = faults::row(fault);
        let usage = match usage {
            Some(usage) => Usage { partial: true, ..usage },
            None if row.billed => self.guess(flight),
            None => Usage::default(),
        };
        if let Blame::CredentialRests(span) = row.blame {
            self.fleet.candidates[flight.candidate].credential.rest(now.after(span));
        }
        let outcome = Outcome { verdict: row.blame.verdict(), ttft: None, generation: None };
        self.lands(flight, &outcome, usage, fault.name(), fault.message(), now);
    }

    /// A call that nobody wants any more: its client left, or another was faster.
    pub fn abandoned(&mut self, flight: &Flight, why: &'static str, usage: Option<Usage>, now: Instant) {
        let usage = usage.unwrap_or_else(|| self.guess(flight));
        let outcome = Outcome { verdict: Verdict::Neutral, ttft: None, generation: None };
        self.lands(flight, &outcome, usage, why, "", now);
    }

    pub fn served(
        &mut self,
        flight: &Flight,
        usage: Usage,
        ttft: Option<Duration>,
        generation: Option<Duration>,
        now: Instant,
    ) {
        let generation = generation.map(|took| (usage.tokens_out(), took));
        self.lands(flight, &Outcome { verdict: Verdict::Good, ttft, generation }, usage, "ok", "", now);
    }

    fn lands(
        &mut self,
        flight: &Flight,
        outcome: &Outcome,
        mut usage: Usage,
        name: &'static str,
        message: &str,
        now: Instant,
    ) {
        self.flights.retain(|f| f.candidate != flight.candidate || f.sent != flight.sent);
        let Self { fleet, dice, .. } = self;
        let candidate = &fleet.candidates[flight.candidate];
        candidate.with_pulse(|health| health.record(flight.pass, outcome, now, &fleet.rules, dice));
        let candidate = &self.fleet.candidates[flight.candidate];
        candidate.meters.call_ended(name);
        let amount = self.price(candidate, &mut usage, now);
        candidate.meters.used(&usage, amount);
        self.attempts.push(Attempt {
            provider: candidate.provider.name.clone(),
            model: candidate.door.model.clone(),
            outcome: name.into(),
            message: message.into(),
            millis: u64::try_from(now.since(flight.sent).as_millis()).unwrap_or(u64::MAX),
        });
        self.lines.push(line(candidate, usage, amount, name));
    }

    /// What would be charged if nobody were heard of again from here on.
    pub fn so_far(&self, flight: &Flight, mut usage: Usage, now: Instant) -> Vec<Line> {
        let candidate = &self.fleet.candidates[flight.candidate];
        let amount = self.price(candidate, &mut usage, now);
        let mut lines = self.lines.clone();
        lines.push(line(candidate, usage, amount, ORPHAN));
        lines
    }

    /// What `usage` costs here. A bucket without a rate cannot be billed: it raises an alarm, and the rest is billed.
    pub fn price(&self, candidate: &Candidate, usage: &mut Usage, now: Instant) -> Pico {
        let Some(price) = candidate.card.price.as_deref() else { return Pico::ZERO };
        for _ in 0..Bucket::COUNT {
            match billing::cost(price, usage, now) {
                Ok(cost) => return cost,
                Err(unpriced) => {
                    tracing::warn!(
                        model = %candidate.id(), bucket = unpriced.bucket.name(), request = %self.id,
                        "usage without a rate: this part is not billed"
                    );
                    self.relay.registry().unpriced.inc();
                    usage.set(unpriced.bucket, 0);
                    usage.anomaly = true;
                }
            }
        }
        Pico::ZERO
    }

    /// What an answer used: as reported, else as estimated from its text, within what it was allowed.
    pub fn bill(&self, seen: &Seen, flight: &Flight) -> Usage {
        if let (Some(_), None) = (self.canvas, seen.usage) {
            return self.guess(flight);
        }
        let candidate = &self.fleet.candidates[flight.candidate];
        candidate.spoke(seen.usage.is_some() || !seen.done);
        let most = self.output_max.into_iter().chain(candidate.card.max_output).min();
        let most = most.map(|most| u64::from(most) * u64::from(self.choices));
        seen.bill(self.input(flight), most, candidate.family, &self.size.text)
    }

    /// Input tokens were counted for a candidate that tells none.
    pub const fn counted(&mut self, candidate: usize, tokens: u32) {
        self.counted = Some((candidate, tokens));
    }

    /// Input tokens as this candidate counts them: counted, else estimated.
    fn input(&self, flight: &Flight) -> u32 {
        match self.counted {
            Some((candidate, tokens)) if candidate == flight.candidate => tokens,
            _ if *self.size == Size::default() => self.tokens_in,
            _ => self.fleet.candidates[flight.candidate].family.likely(&self.size),
        }
    }

    /// A call was sent this text to be spoken, besides what its flight was sent before.
    pub fn says(&mut self, text: &str) {
        self.said.push_str(text);
    }

    /// The same of the first call of a flight.
    pub fn says_anew(&mut self, text: &str) {
        self.said.clear();
        self.says(text);
    }

    /// What a call may have used of which nothing is known but that it was sent.
    pub fn guess(&self, flight: &Flight) -> Usage {
        if !self.said.is_empty() {
            let candidate = &self.fleet.candidates[flight.candidate];
            let used = candidate.provider.adapter.voice().map(|v| v.usage(&candidate.card, &self.said, 0));
            return Usage { estimated: true, partial: true, ..used.unwrap_or_default() };
        }
        if let Some(tape) = &self.tape {
            // What was not sent to its end was not heard.
            if !tape.is_over() {
                return Usage::default();
            }
            let card = &self.fleet.candidates[flight.candidate].card;
            return Usage { partial: true, ..providers::sound_ahead(card, tape.millis(), false) };
        }
        if let Some(canvas) = self.canvas {
            let card = &self.fleet.candidates[flight.candidate].card;
            let made =
                providers::pictures(card, canvas, self.choices.into(), self.input(flight).into(), false);
            return Usage { estimated: true, partial: true, ..made };
        }
        Usage { estimated: true, partial: true, ..Usage::default() }
            .with(Bucket::Input, u64::from(self.input(flight)))
    }

    /// Charges the lines and gives the rest back. Once.
    pub async fn settle(&mut self, why: &str, now: Instant) -> Result<Pico, BooksError> {
        let cost = self.spent();
        match self.settling(why, now) {
            None => {}
            Some(Settling::Done(posted)) => self.balance = posted?.balance,
            Some(Settling::OnItsWay(settling)) => self.balance = settling.await?.balance,
        }
        Ok(cost)
    }

    /// The settlement; None where there is nothing to settle any more.
    pub fn settling(&mut self, why: &str, now: Instant) -> Option<Settling> {
        if !self.open {
            return None;
        }
        self.close();
        let op = self.closing(why, now);
        let op = match self.relay.books().post_at_once(&self.account, op, now) {
            Ok(posted) => return Some(Settling::Done(posted)),
            Err(op) => op,
        };
        let (relay, account) = (self.relay.clone(), std::mem::take(&mut self.account));
        let settling = async move { relay.books().post(&account, op, now).await };
        let unwanted = |_, posted| Box::pin(async move { settled(posted) }) as BoxFuture<'static, ()>;
        Some(Settling::OnItsWay(Persist::new(&self.relay, settling, unwanted)))
    }

    fn close(&mut self) {
        self.open = false;
        self.relay.registry().open.dec();
    }

    fn closing(&mut self, why: &str, now: Instant) -> Op {
        let lines = std::mem::take(&mut self.lines);
        if let Some(mut decided) = self.noted.take() {
            decided.ends(&lines, why, now);
            self.relay.learner().answered(&decided, now);
            self.relay.note(decided);
        }
        if let Some(permit) = self.permit.take() {
            permit.ends(lines.iter().fold(0, |sum: u64, line| {
                sum.saturating_add(line.usage.tokens_in()).saturating_add(line.usage.tokens_out())
            }));
        }
        let useful = lines.iter().any(|l| l.outcome == "ok" || l.amount > Pico::ZERO);
        let id = self.id.clone();
        if useful {
            let estimated = lines.iter().any(|l| l.usage.estimated);
            Op::Settle { id, lines, estimated }
        } else {
            Op::Release { id, lines, why: why.into() }
        }
    }
}

fn line(candidate: &Candidate, usage: Usage, amount: Pico, outcome: &'static str) -> Line {
    let used = usage.counted().next().is_some();
    Line {
        provider: candidate.provider.name.clone(),
        model: candidate.door.model.clone(),
        usage,
        price: candidate.card.price.as_ref().filter(|_| used).map(|p| p.version.clone()),
        amount,
        outcome: outcome.into(),
    }
}

/// Longer than a request can live without a sign of life.
fn lease(fleet: &Fleet) -> Duration {
    fleet.bounds.deadline() + fleet.bounds.idle() * 4 + Duration::from_secs(600)
}

fn renewal(fleet: &Fleet, now: Instant) -> Instant {
    now.after(lease(fleet) / 2)
}

impl Drop for Tab {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        self.close();
        let now = self.relay.clock().now();
        for flight in std::mem::take(&mut self.flights) {
            self.abandoned(&flight, "left", None, now);
        }
        let op = self.closing("client left", now);
        let op = match self.relay.books().post_at_once(&self.account, op, now) {
            Ok(posted) => return settled(posted),
            Err(op) => op,
        };
        let (relay, account) = (self.relay.clone(), std::mem::take(&mut self.account));
        self.relay.later().spawn(Box::pin(async move {
            settled(relay.books().post(&account, op, now).await);
        }));
    }
}

fn settled(posted: Result<Posted, BooksError>) {
    if let Err(error) = posted {
        tracing::error!(?error, "a request could not be settled; its hold will be swept");
    }
}

/// A settlement that was asked for.
pub enum Settling {
    Done(Result<Posted, BooksError>),
    /// Seen through whoever waits for it.
    OnItsWay(Persist<Result<Posted, BooksError>>),
}

/// A hold that was asked for.
struct Holding {
    account: String,
    id: String,
    posted: Result<Posted, BooksError>,
}

impl Holding {
    /// Gives back what nobody wants any more. One that was refused, or is another request's, is not ours to give.
    fn undone(relay: Arc<Relay>, Self { account, id, posted }: Self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if posted.is_ok_and(|p| p.fresh) {
                let op = Op::Release { id, lines: vec![], why: "client left".into() };
                let now = relay.clock().now();
                settled(relay.books().post(&account, op, now).await);
            }
        })
    }
}
