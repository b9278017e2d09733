//! What was decided with which probability and what came of it, written down so that other policies can be judged by it.
//!
//! A decision is noted when its request ends, whoever it ended by. Noting never waits: whoever keeps decisions takes one or drops
//! it and counts that, as a log with gaps is worth more than a request that is late. What is noted are figures; words of the
//! request only where the configuration asks for them.

mod record;

pub use record::{Candidate, Feedback, Outcome, Record, VERSION};

use crate::ask::Ask;
use crate::config::DecisionsConfig;
use crate::fleet::Fleet;
use crate::learning::{Learner, Lesson};
use crate::offers::Route;
use async_trait::async_trait;
use billing::Line;
use router::{Decision, Features, Offer, Ranked};
use std::sync::Arc;
use vocab::{Brief, Caps, Instant, Kind, Name, Pico, Role};

/// Of a prompt that is written down, so many bytes.
const PROMPT_MAX: usize = 16 << 10;

/// A decision and what came of it. Cheap to make: names are looked up where it is written.
pub struct Decided {
    fleet: Arc<Fleet>,
    id: String,
    account: String,
    user: Option<Name>,
    tags: String,
    brief: Noted,
    policy: String,
    pinned: bool,
    seed: u64,
    decision: Decision,
    /// The fleet's candidates, in the order of the offers.
    candidates: Vec<usize>,
    prompt: Option<String>,
    /// What was expected of each offer without what was said of answers here; empty where nothing is learned.
    basis: Vec<f64>,
    features: Option<Features>,
    /// By what the same request is known when it is made again.
    again: Option<u64>,
    outcome: Outcome,
}

/// What is written of a request.
struct Noted {
    model: String,
    needs: Caps,
    tokens_in: u32,
}

/// What somebody says of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Say {
    pub account: String,
    /// Who of the account says it; None: the account itself, which may speak of all its requests.
    pub user: Option<Name>,
    pub request_id: String,
    /// 0 (useless) to 1 (all that was wanted).
    pub score: f64,
}

/// What it was said of.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub record: Record,
    /// What had been said before, which is replaced.
    pub before: Option<f64>,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SayError {
    /// There is no such decision of this caller's, or not any more.
    Unknown,
    /// Decisions are not written down here.
    Off,
    /// Whoever keeps them is out of order.
    Down(String),
}

/// Who keeps decisions.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// Takes it, or drops it where too much waits to be written. Returns at once; false where it was dropped.
    fn note(&self, decided: Box<Decided>) -> bool;

    /// Keeps what is said of a decision that was noted before, in place of what was said earlier. On disk when it returns, where
    /// the platform has decisions outlive a restart.
    async fn say(&self, say: Say, now: Instant) -> Result<Said, SayError>;

    /// Keeps what was learned, in place of what was kept before. Returns at once.
    fn keep(&self, learned: String);
}

impl Decided {
    /// A decision that is to be written down; None where that is not wanted, which is one look at a setting.
    pub(crate) fn of(
        fleet: &Arc<Fleet>,
        ask: &Ask,
        (id, account): (&str, &str),
        route: &Route<'_>,
        decision: &Decision,
        offers: &[Offer<'_>],
        learner: &Learner,
    ) -> Option<Box<Self>> {
        if !fleet.decisions.wants(route.pinned) {
            return None;
        }
        let brief = ask.brief();
        let learn = fleet.routing.learn && brief.kind == Kind::Chat;
        Some(Box::new(Self {
            fleet: fleet.clone(),
            id: id.into(),
            account: account.into(),
            user: ask.user.clone(),
            tags: ask.wishes.tags.clone(),
            brief: Noted::of(brief),
            policy: route.policy.into(),
            pinned: route.pinned,
            seed: ask.seed,
            decision: decision.clone(),
            candidates: route.candidates.to_vec(),
            basis: if learn { basis(offers) } else { Vec::new() },
            features: learn.then(|| router::features(brief)),
            again: if learn { learner.known_by(ask, account) } else { None },
            prompt: if fleet.decisions.prompts { prompt(ask) } else { None },
            outcome: Outcome::default(),
        }))
    }

    /// What came of it.
    pub(crate) fn ends(&mut self, lines: &[Line], why: &str, now: Instant) {
        let served = lines.iter().rev().find(|line| line.outcome == "ok");
        self.outcome = Outcome {
            served: served.map(|line| format!("{}/{}", line.provider, line.model)),
            why: why.into(),
            calls: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            cost_usd: lines.iter().map(|line| line.amount).sum::<Pico>().as_usd_f64(),
            seconds: now.since(self.decision.at).as_secs_f64(),
        };
    }

    /// Who answered, with what was expected of them and by what the request was known; None where nobody did to the end, or
    /// nothing is learned.
    pub(crate) fn lesson(&self) -> Option<Lesson> {
        let (features, served) = (self.features?, self.outcome.served.as_ref()?);
        let is = |at: &usize| self.fleet.candidates[*at].id() == *served;
        let place = self.candidates.iter().position(is)?;
        Some(Lesson { model: served.clone(), features, basis: *self.basis.get(place)? })
    }

    pub(crate) const fn again(&self) -> Option<u64> {
        self.again
    }

    /// How decisions are to be kept at this moment.
    pub fn rules(&self) -> &DecisionsConfig {
        &self.fleet.decisions
    }

    /// Of what request, whose.
    pub fn key(&self) -> (&str, &str, Option<&str>) {
        (&self.account, &self.id, self.user.as_deref())
    }

    pub const fn at(&self) -> Instant {
        self.decision.at
    }

    /// As it is written down. Candidates that could not be chosen are left out: constraints are never traded, so no other policy
    /// could have chosen them either.
    pub fn record(self) -> Record {
        let (fleet, decision, places) = (self.fleet, self.decision, self.candidates);
        let fit = decision.ranked.iter().filter(|row| row.removed.is_none());
        let candidate = |row: &Ranked| Candidate {
            id: places.get(row.offer).map(|at| fleet.candidates[*at].id()).unwrap_or_default(),
            propensity: decision.share(row.offer),
            quality: row.quality,
            quality_source: row.quality_source,
            basis: self.basis.get(row.offer).copied(),
            cost_usd: row.cost_usd,
            latency_s: row.latency_s,
            failure: row.failure,
        };
        let chosen = decision.plan.first();
        Record {
            version: VERSION,
            at: decision.at.rfc3339(),
            decision: crate::answer::DecisionId::of(self.seed).to_string(),
            model: self.brief.model,
            policy: self.policy,
            pinned: self.pinned,
            weights: decision.weights,
            tokens_in: self.brief.tokens_in,
            needs: self.brief.needs.names().collect(),
            chosen: fit.clone().position(|row| Some(&row.offer) == chosen).unwrap_or_default(),
            candidates: fit.map(candidate).collect(),
            outcome: self.outcome,
            features: self.features,
            feedback: None,
            tags: serde_json::from_str(&self.tags).ok(),
            prompt: self.prompt,
            request_id: self.id,
            account: self.account,
            user: self.user.map(|user| user.to_string()),
        }
    }
}

impl Noted {
    fn of(brief: &Brief) -> Self {
        Self { model: brief.model.clone(), needs: brief.needs, tokens_in: brief.tokens_in }
    }
}

/// What was expected of each offer without what was said of answers here.
fn basis(offers: &[Offer<'_>]) -> Vec<f64> {
    offers.iter().map(|offer| crate::learning::basis(offer.card, offer.learned.as_ref())).collect()
}

/// The last thing that a person said.
fn prompt(ask: &Ask) -> Option<String> {
    let chat = ask.words.chat()?;
    let mut text = chat.messages.iter().rev().find(|m| m.role == Role::User)?.plain_text();
    let end = (0..=PROMPT_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    Some(text)
}
