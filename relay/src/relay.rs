//! What a shell holds: the ports, the fleet of the moment, and what is learnt from request to request.

use crate::advisor::Kept;
use crate::answer::{DecisionId, Trouble};
use crate::ask::Ask;
use crate::attempt::Parsed;
use crate::config::Logged;
use crate::decisions::{Decided, Decisions, Said, Say, SayError};
use crate::fleet::{Fleet, Named};
use crate::foresight::Foresight;
use crate::learning::{self, Learner};
use crate::limits::Local;
use crate::metrics::Registry;
use crate::offers::{Route, offers};
use crate::ports::{Books, Clock, Http, Later, Limits, NoTokenizers, Tokenizers};
use crate::sessions::Sessions;
use crate::voice::VoiceInfo;
use arc_swap::ArcSwap;
use policy::{Caller, Settings};
use router::HedgeBudget;
use serde::Serialize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use vocab::{Caps, Card, Dice, Kind, Name, Pico};

/// More requests than this under way, and nobody hedges.
const HEDGE_OPEN_MAX: i64 = 512;
/// A quiet month does not pay for one bad minute.
const HEDGE_SAVED_MAX: Pico = Pico::from_usd(1);

pub struct Relay {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    books: Arc<dyn Books>,
    later: Arc<dyn Later>,
    fleet: ArcSwap<Fleet>,
    registry: Arc<Registry>,
    sessions: Sessions,
    hedges: Mutex<HedgeBudget>,
    kept: Kept,
    tokenizers: OnceLock<Arc<dyn Tokenizers>>,
    limits: OnceLock<Arc<dyn Limits>>,
    decisions: OnceLock<Arc<dyn Decisions>>,
    foresight: OnceLock<Arc<dyn Foresight>>,
    learner: Learner,
}

/// A model as `/v1/models` lists it.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// `provider/model`.
    pub id: String,
    pub provider: Name,
    pub model: Name,
    pub card: Arc<Card>,
    /// What this model here can be asked for.
    pub caps: Caps,
    pub fake: bool,
}

/// A provider as `/api/providers` shows it. No secrets.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderInfo {
    pub name: Name,
    pub kind: &'static str,
    pub base_url: String,
    pub domain: String,
    pub fake: bool,
    pub credentials: Vec<CredentialInfo>,
    pub models: Vec<ModelHealth>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CredentialInfo {
    /// The name of the variable it is read from.
    pub name: String,
    #[serde(flatten)]
    pub state: router::State,
}

#[derive(Clone, Debug, Serialize)]
pub struct ModelHealth {
    pub model: Name,
    #[serde(flatten)]
    pub state: router::State,
    pub first_content_ms_p50: Option<u64>,
    pub first_content_ms_p95: Option<u64>,
    pub tokens_per_s: Option<f64>,
    pub failure_rate: f64,
    pub samples: u32,
}

impl Relay {
    pub fn new(
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
        books: Arc<dyn Books>,
        later: Arc<dyn Later>,
        registry: Arc<Registry>,
        fleet: Fleet,
    ) -> Arc<Self> {
        let hedges = HedgeBudget::new(fleet.bounds.hedge_permille, HEDGE_SAVED_MAX);
        Arc::new(Self {
            http,
            clock,
            books,
            later,
            fleet: ArcSwap::from_pointee(fleet),
            registry,
            sessions: Sessions::default(),
            hedges: Mutex::new(hedges),
            kept: Kept::default(),
            tokenizers: OnceLock::new(),
            limits: OnceLock::new(),
            decisions: OnceLock::new(),
            foresight: OnceLock::new(),
            learner: Learner::default(),
        })
    }

    /// Has these count where a provider reports nothing. Once; who says nothing gets estimates.
    pub fn count_with(&self, tokenizers: Arc<dyn Tokenizers>) {
        drop(self.tokenizers.set(tokenizers));
    }

    pub(crate) fn tokenizers(&self) -> &Arc<dyn Tokenizers> {
        self.tokenizers.get_or_init(|| Arc::new(NoTokenizers))
    }

    /// Has these count requests against their limits. Once; who says nothing counts here, for this process alone.
    pub fn limit_with(&self, limits: Arc<dyn Limits>) {
        drop(self.limits.set(limits));
    }

    pub(crate) fn limits(&self) -> &Arc<dyn Limits> {
        self.limits.get_or_init(|| Arc::new(Local::default()))
    }

    /// Has these keep decisions. Once; who says nothing keeps none.
    pub fn keep_decisions(&self, decisions: Arc<dyn Decisions>) {
        drop(self.decisions.set(decisions));
    }

    /// Has this read prompts, where the configuration wants that. Once; who says nothing reads none.
    pub fn foresee_with(&self, foresight: Arc<dyn Foresight>) {
        drop(self.foresight.set(foresight));
        self.look_ahead(&self.fleet());
    }

    pub(crate) const fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Hands what was learned to whoever keeps decisions, where something is. To be called now and then, and in the end.
    pub fn keep_learned(&self) {
        if self.fleet.load().routing.learn
            && let (Some(decisions), Some(learned)) = (self.decisions.get(), self.learner.written())
        {
            decisions.keep(learned);
        }
    }

    /// Takes over what was learned before a restart.
    ///
    /// # Errors
    /// It cannot be read; nothing is taken over.
    pub fn restore_learned(&self, learned: &str) -> Result<(), String> {
        self.learner.restore(learned)
    }

    pub(crate) fn foresight(&self) -> Option<&dyn Foresight> {
        self.foresight.get().map(AsRef::as_ref)
    }

    /// Has models looked up now, rather than by the first request.
    fn look_ahead(&self, fleet: &Fleet) {
        if fleet.routing.learned_quality {
            fleet.foreseen(self.foresight());
        }
    }

    /// A decision that is to be written down, with what came of it.
    pub(crate) fn note(&self, decided: Box<Decided>) {
        let Some(decisions) = self.decisions.get() else { return };
        if decisions.note(decided) {
            self.registry.decisions.inc();
        } else {
            self.registry.decisions_dropped.inc();
        }
    }

    /// Keeps what a caller says of an answer it had.
    ///
    /// # Errors
    /// There is no such request of this caller's in the log, or no log.
    pub async fn say(&self, say: Say) -> Result<Said, SayError> {
        let decisions = self.decisions.get().ok_or(SayError::Off)?;
        let (score, now) = (say.score, self.clock.now());
        let said = decisions.say(say, now).await;
        let (off, learn) = {
            let fleet = self.fleet.load();
            (fleet.decisions.log == Logged::Off, fleet.routing.learn)
        };
        if let Ok(said) = &said
            && learn
        {
            self.learner.heard(said, score, now);
        }
        // What was written down before it was turned off can still be spoken of.
        if off && said == Err(SayError::Unknown) { Err(SayError::Off) } else { said }
    }

    pub fn http(&self) -> &dyn Http {
        self.http.as_ref()
    }

    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub fn books(&self) -> &dyn Books {
        self.books.as_ref()
    }

    pub fn later(&self) -> &dyn Later {
        self.later.as_ref()
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn fleet(&self) -> Arc<Fleet> {
        self.fleet.load_full()
    }

    /// The same for a look at it, which is cheaper.
    pub(crate) fn moment(&self) -> arc_swap::Guard<Arc<Fleet>> {
        self.fleet.load()
    }

    /// Swaps in a new fleet, whole. Requests under way keep the one they began with.
    pub fn reload(&self, fleet: Fleet) {
        self.look_ahead(&fleet);
        self.fleet.store(Arc::new(fleet));
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.fleet.load().settings.clone()
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) fn kept_advice(&self) -> &Kept {
        &self.kept
    }

    pub(crate) fn overloaded(&self) -> bool {
        self.registry.open.get() > HEDGE_OPEN_MAX
    }

    pub(crate) fn hedge_allowed(&self, cost: Pico) -> bool {
        self.hedges.lock().unwrap_or_else(PoisonError::into_inner).allows(cost)
    }

    pub(crate) fn hedged(&self, cost: Pico) {
        self.registry.hedges.inc();
        self.hedges.lock().unwrap_or_else(PoisonError::into_inner).hedged(cost);
    }

    pub(crate) fn spent(&self, cost: Pico) {
        self.hedges.lock().unwrap_or_else(PoisonError::into_inner).spent(cost);
    }

    /// A request is over, well or not.
    pub(crate) fn ended(&self, trouble: Option<&Trouble>) {
        match trouble {
            None => {
                self.registry.answered.inc();
            }
            Some(trouble) => self.registry.trouble(trouble.code()),
        }
    }

    /// The decision for a request without making it: every candidate, every part of its score.
    pub fn explain(&self, ask: &Ask) -> Result<serde_json::Value, Trouble> {
        let fleet = self.fleet();
        let now = self.clock.now();
        let route = Route::of(&fleet, ask)?;
        let brief = ask.brief();
        let learned = if fleet.routing.reads(route.pinned) {
            learning::learned(self, &fleet, ask, &route, &Parsed::default(), now)
        } else {
            Vec::new()
        };
        let offers =
            offers(&route, &fleet, ask, ask.wishes.session.as_deref(), &self.sessions, &learned, now);
        let wish = route.wish(brief, &fleet);
        let decision = router::plan(&wish, &offers, now, &mut Dice::seeded(ask.seed));
        let record = router::explain(&decision, &offers, &wish);
        let record = serde_json::to_value(record).unwrap_or_default();
        Ok(serde_json::json!({
            "decision": &*DecisionId::of(ask.seed),
            "at": now.rfc3339(),
            "model": brief.model,
            "tokens_in": brief.tokens_in,
            "needs": brief.needs.names().collect::<Vec<_>>(),
            "record": record,
        }))
    }

    /// Those that a caller may use.
    pub fn models(&self, caller: &Caller) -> Result<Vec<ModelInfo>, Trouble> {
        let fleet = self.fleet.load();
        let leave = fleet.leave(caller)?;
        let plan = leave.as_ref().and_then(|leave| leave.plan.as_deref());
        let plan = plan.map(|name| fleet.plan(name)).transpose()?;
        let info = |c: &crate::fleet::Candidate| ModelInfo {
            id: c.id(),
            provider: c.provider.name.clone(),
            model: c.door.model.clone(),
            card: c.card.clone(),
            caps: c.caps,
            fake: c.provider.fake,
        };
        let allowed = |at: usize| plan.is_none_or(|plan| !plan.bars(at));
        Ok(fleet
            .numbered_models()
            .filter(|(at, _)| allowed(*at))
            .map(|(_, candidate)| info(candidate))
            .collect())
    }

    /// What a model of that name is for; None where it is a policy or nothing.
    pub fn kind_of(&self, model: &str) -> Option<Kind> {
        let fleet = self.fleet.load();
        let Named::Model(list) = fleet.named(model)? else { return None };
        list.first().map(|at| fleet.candidates[*at].card.kind)
    }

    /// Every voice that somebody here has, under its logical name.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        let fleet = self.fleet.load();
        fleet.voices.all(fleet.models().collect::<Vec<_>>().into_iter())
    }

    /// Whether a voice of this name can be asked for, without a model that tells whose it is.
    pub fn has_voice(&self, name: &str) -> bool {
        self.fleet.load().voices.role(name, false).is_ok()
    }

    /// Characters that one text to be spoken may have.
    pub fn text_max(&self) -> usize {
        self.fleet.load().text_max
    }

    /// `auto` and `auto:NAME` for every policy.
    pub fn policies(&self) -> Vec<String> {
        let fleet = self.fleet.load();
        std::iter::once("auto".to_owned()).chain(fleet.policies.keys().map(|p| format!("auto:{p}"))).collect()
    }

    pub fn providers(&self) -> Vec<ProviderInfo> {
        let fleet = self.fleet();
        let now = self.clock.now();
        let millis = |span: Option<vocab::Duration>| span.and_then(|s| u64::try_from(s.as_millis()).ok());
        let health = |c: &crate::fleet::Candidate| {
            let standing = c.with_pulse(|h| h.standing(now, &fleet.rules));
            ModelHealth {
                model: c.door.model.clone(),
                state: standing.state,
                first_content_ms_p50: millis(standing.ttft_p50),
                first_content_ms_p95: millis(standing.ttft_p95),
                tokens_per_s: standing.tokens_per_s,
                failure_rate: standing.failure_rate,
                samples: standing.samples,
            }
        };
        let provider = |p: &Arc<crate::fleet::Provider>| ProviderInfo {
            name: p.name.clone(),
            kind: p.kind.name(),
            base_url: p.base_url.clone(),
            domain: p.domain.clone(),
            fake: p.fake,
            credentials: p
                .credentials
                .iter()
                .map(|c| CredentialInfo { name: c.name.clone(), state: c.state(now) })
                .collect(),
            models: fleet.models().filter(|c| c.provider.name == p.name).map(health).collect(),
        };
        fleet.providers.iter().map(provider).collect()
    }

    /// Whether requests can be served.
    pub fn ready(&self) -> Result<(), String> {
        if self.fleet.load().candidates.is_empty() {
            return Err("no provider is configured".into());
        }
        self.books.well()
    }

    /// In Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.registry.render()
    }
}
