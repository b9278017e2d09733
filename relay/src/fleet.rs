//! Everything that can be asked: providers, their credentials, the models behind each, and how each is doing.
//!
//! A fleet is a snapshot made from the configuration and the catalogue; a reload makes a new one and swaps it in whole.
//! Health survives the swap: it is keyed by names, and the new fleet takes over what it finds.

mod budgets;
mod choices;
mod plans;

use crate::answer::Trouble;
use crate::config::{
    Bounds, Config, DecisionsConfig, Logged, PolicyConfig, ProviderConfig, ProviderKind, RoutingConfig,
};
use crate::foresight::{Foreseen, Foresight};
use crate::limits::Leave;
use crate::voice::Voices;
use budgets::Budgeted;
use choices::Choices;
use foldhash::{HashMap, HashMapExt};
pub use plans::Plan;
use plans::Plans;
use policy::alert::Alerts;
use policy::{Budgets, Caller, Settings};
use providers::catalogue::Catalogue;
use providers::{Adapter, Address};
use router::{Health, Limits, Rules, State, Weights};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokens::Family;
use vocab::{Cap, Caps, Card, Door, Duration, Instant, Kind, Name, Price, Rate, Rates, Status};

/// A provider as configured, without its secrets.
#[derive(Debug)]
pub struct Provider {
    pub name: Name,
    pub kind: ProviderKind,
    pub base_url: String,
    pub domain: String,
    pub adapter: &'static dyn Adapter,
    pub fake: bool,
    /// Keyless servers have one, named `none`.
    pub credentials: Vec<Arc<Credential>>,
}

/// A credential is benched by time alone: what is wrong with it, a probe cannot mend.
#[derive(Debug)]
pub struct Credential {
    /// The name of the variable it came from. Never the secret.
    pub name: String,
    rests_until: AtomicU64,
}

impl Credential {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), rests_until: AtomicU64::new(0) })
    }

    /// A shorter rest never replaces a longer one.
    pub fn rest(&self, until: Instant) {
        self.rests_until.fetch_max(until.as_micros(), Ordering::Relaxed);
    }

    pub fn state(&self, now: Instant) -> State {
        let until = Instant::from_micros(self.rests_until.load(Ordering::Relaxed));
        if now < until { State::Open { until } } else { State::Closed }
    }
}

/// The health of one (provider, model), under a lock of its own: short, uncontended, never held across an await.
pub type Pulse = Arc<Mutex<Health>>;

/// One model at one provider with one credential.
#[derive(Debug)]
pub struct Candidate {
    pub provider: Arc<Provider>,
    pub credential: Arc<Credential>,
    pub door: Door,
    pub card: Arc<Card>,
    /// Whose tokenizer it has.
    pub family: Family,
    /// What the model can do and the wire format can say.
    pub caps: Caps,
    pub pulse: Pulse,
    pub meters: Arc<crate::metrics::Meters>,
    /// Its last answer came without usage.
    mute: AtomicBool,
}

impl Candidate {
    pub fn with_pulse<T>(&self, f: impl FnOnce(&mut Health) -> T) -> T {
        f(&mut self.pulse.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether its last answer came without usage.
    pub fn is_mute(&self) -> bool {
        self.mute.load(Ordering::Relaxed)
    }

    /// Notes whether an answer told what it used.
    pub fn spoke(&self, usage: bool) {
        // Nearly always it is as before, and then other cores keep what they have of this line.
        if self.mute.load(Ordering::Relaxed) == usage {
            self.mute.store(!usage, Ordering::Relaxed);
        }
    }

    /// `provider/model` as clients name it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider.name, self.door.model)
    }
}

/// How a policy weighs and what it allows.
#[derive(Clone, Debug)]
pub struct Policy {
    pub weights: Weights,
    pub limits: Limits,
    pub hedge: bool,
    /// Whether its answers are cached, where that is said.
    pub cache: Option<bool>,
    /// USD a day that trying may cost.
    pub explore: Option<f64>,
}

/// See the module.
#[derive(Debug)]
pub struct Fleet {
    pub candidates: Vec<Candidate>,
    pub providers: Vec<Arc<Provider>>,
    by_name: HashMap<String, Vec<usize>>,
    /// The candidates of `auto`, by kind.
    choices: Choices,
    pub policies: BTreeMap<String, Policy>,
    plans: Plans,
    /// Some policy hedges.
    pub hedges: bool,
    pub bounds: Bounds,
    pub rules: Rules,
    pub decisions: DecisionsConfig,
    pub routing: RoutingConfig,
    /// The candidates as whoever reads prompts knows them, once that was looked up.
    foreseen: OnceLock<Option<Foreseen>>,
    pub settings: Arc<Settings>,
    budgets: Budgeted,
    pub voices: Voices,
    /// Characters of a part of a text that is said in parts.
    pub utterance: usize,
    /// Characters of a text.
    pub text_max: usize,
    pub alerts: Arc<Alerts>,
    /// Models that were configured but cannot be used, and why: for `weir check` and the log.
    pub warnings: Vec<String>,
}

/// What a client's model name means.
pub enum Named<'a> {
    /// These candidates, whatever the policy.
    Model(&'a [usize]),
    /// All candidates under this policy.
    Policy(&'a str),
}

impl Fleet {
    /// Makes a fleet, or says everything that is wrong with the configuration. `secret` looks a key up by name.
    pub fn build(
        config: &Config,
        catalogue: &Catalogue,
        secret: &dyn Fn(&str) -> Option<String>,
        registry: &crate::metrics::Registry,
        before: Option<&Self>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut candidates = Vec::new();
        let mut providers = Vec::new();
        let mut pulses = before.map(Self::pulses).unwrap_or_default();
        for (name, config_of) in &config.providers {
            if name.is_empty() || name.contains('/') || name.starts_with("auto") {
                problems.push(format!(
                    "providers.{name}: a provider's name has no slash and does not begin with auto"
                ));
                continue;
            }
            match Self::provider(name, config_of, secret, before) {
                Ok((provider, keys)) => {
                    let cards =
                        cards(name, config_of, provider.adapter, &config.bounds, catalogue, &mut warnings);
                    for card in cards {
                        for (credential, key) in provider.credentials.iter().zip(&keys) {
                            let address = Address {
                                base_url: provider.base_url.clone(),
                                key: key.clone(),
                                headers: config_of.headers.clone().into_iter().collect(),
                            };
                            let door = match provider.adapter.door(&address, card.clone(), &card.model) {
                                Ok(door) => door,
                                Err(bad) => {
                                    problems.push(format!("providers.{name}: {bad}"));
                                    continue;
                                }
                            };
                            let pulse = pulses
                                .entry((provider.name.clone(), door.model.clone()))
                                .or_insert_with(|| Arc::new(Mutex::new(Health::new(&card))))
                                .clone();
                            candidates.push(Candidate {
                                provider: provider.clone(),
                                credential: credential.clone(),
                                family: Family::of(&door.model),
                                door,
                                caps: (card.caps | Caps::OF_DIALECTS) & provider.adapter.expresses(),
                                card: card.clone(),
                                pulse,
                                meters: registry.meters(name, &card.model),
                                mute: AtomicBool::new(false),
                            });
                        }
                    }
                    providers.push(provider);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let policies = policies(&config.policies, &config.providers, &mut problems);
        let mut settings = config.service.clone();
        problems.extend(settings.unlock(secret).into_iter().map(|fault| format!("service.{fault}")));
        let mut alerts = config.alerts.clone();
        let faults = alerts.faults().into_iter().chain(alerts.unlock(secret));
        problems.extend(faults.map(|fault| format!("alerts.{fault}")));
        let budgets = Budgeted::of(config, &mut problems);
        let voices = Voices::of(&config.voice, &providers, &mut problems);
        let explores = config.policies.iter().find(|(_, policy)| policy.explore_usd_per_day.is_some());
        if let Some((name, _)) = explores.filter(|_| !config.routing.learn) {
            problems.push(format!(
                "policies.{name}.explore_usd_per_day: nothing is learned from it without routing.learn"
            ));
        }
        if config.routing.learn && config.decisions.log == Logged::Off {
            problems.push("routing.learn: nothing can be said of decisions that are not written down: set decisions.log".into());
        }
        if config.decisions.days == 0 || config.decisions.total_max == 0 {
            problems.push("decisions: days and total_max are above 0; log = \"off\" keeps none".into());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, candidate) in candidates.iter().enumerate() {
            by_name.entry(candidate.id()).or_default().push(at);
            let bare = by_name.entry(candidate.door.model.to_string()).or_default();
            if bare.last() != Some(&at) {
                bare.push(at);
            }
        }
        let choices = Choices::of(&config.embeddings, &candidates, &mut by_name).map_err(|why| vec![why])?;
        let plans = Plans::of(config, &candidates, &policies, &mut warnings)?;
        Ok(Self {
            choices,
            plans,
            candidates,
            providers,
            by_name,
            hedges: policies.values().any(|policy| policy.hedge),
            policies,
            bounds: config.bounds.clone(),
            rules: Rules::default(),
            decisions: config.decisions.clone(),
            routing: config.routing.clone(),
            foreseen: OnceLock::new(),
            settings: Arc::new(settings),
            budgets,
            voices,
            utterance: config.voice.utterance,
            text_max: config.voice.text_max,
            alerts: Arc::new(alerts),
            warnings,
        })
    }

    /// The budgets of an account's requests under a plan, where there are any.
    pub fn budgets(&self, account: &str, plan: Option<&str>) -> Option<&Budgets> {
        self.budgets.find(account, plan)
    }

    /// All budgets of an account, in the windows of `now`; under the plan that its key or token names, else its own, else the
    /// usual one.
    pub fn caps(&self, account: &str, plan: Option<&str>, now: Instant) -> Vec<Cap> {
        let plan = plan.or_else(|| self.plans.of_account(account));
        self.budgets(account, plan).map(|budgets| budgets.all_caps(now)).unwrap_or_default()
    }

    fn provider(
        name: &str,
        config: &ProviderConfig,
        secret: &dyn Fn(&str) -> Option<String>,
        before: Option<&Self>,
    ) -> Result<(Arc<Provider>, Vec<Option<String>>), String> {
        let old = before.and_then(|b| b.providers.iter().find(|p| *p.name == *name));
        let mut credentials = Vec::new();
        let mut keys = Vec::new();
        for key in &config.keys {
            let Some(value) = secret(key).filter(|v| !v.is_empty()) else {
                return Err(format!("providers.{name}: the key {key} is not set in the environment"));
            };
            let known = old.and_then(|p| p.credentials.iter().find(|c| c.name == *key)).cloned();
            credentials.push(known.unwrap_or_else(|| Credential::new(key)));
            keys.push(Some(value));
        }
        if credentials.is_empty() {
            credentials.push(Credential::new("none"));
            keys.push(None);
        }
        let provider = Provider {
            name: name.into(),
            kind: config.kind,
            base_url: config.base_url.trim_end_matches('/').into(),
            domain: config.domain.clone().unwrap_or_else(|| name.into()),
            adapter: crate::adapters::of(config).map_err(|why| format!("providers.{name}: {why}"))?,
            fake: config.fake,
            credentials,
        };
        Ok((Arc::new(provider), keys))
    }

    fn pulses(&self) -> HashMap<(Name, Name), Pulse> {
        let key = |c: &Candidate| (c.provider.name.clone(), c.door.model.clone());
        self.candidates.iter().map(|c| (key(c), c.pulse.clone())).collect()
    }

    /// What a client's model name means here; None where nothing has that name.
    pub fn named<'a>(&'a self, model: &'a str) -> Option<Named<'a>> {
        if model == "auto" {
            return Some(Named::Policy("balanced"));
        }
        if let Some(policy) = model.strip_prefix("auto:") {
            return Some(Named::Policy(policy));
        }
        self.by_name.get(model).map(|list| Named::Model(list))
    }

    /// What `auto` chooses from.
    pub fn choice(&self, kind: Kind) -> Result<&[usize], Trouble> {
        self.choices.of_kind(kind)
    }

    /// The plan of that name.
    pub fn plan(&self, name: &str) -> Result<&Plan, Trouble> {
        self.plans.named(name)
    }

    /// What a caller may; None: everything, without being counted.
    pub fn leave(&self, caller: &Caller) -> Result<Option<Box<Leave>>, Trouble> {
        self.plans.leave(caller)
    }

    /// The candidates as whoever reads prompts knows them; looked up once.
    pub(crate) fn foreseen(&self, foresight: Option<&dyn Foresight>) -> Option<&Foreseen> {
        self.foreseen.get_or_init(|| foresight.map(|of| Foreseen::of(of, &self.candidates))).as_ref()
    }

    /// What one model may be compared with. Vectors can be replaced by no others.
    pub fn alternatives(&self, kind: Kind) -> &[usize] {
        if kind == Kind::Embedding { &[] } else { self.choices.of_kind(kind).unwrap_or_default() }
    }

    /// The model names nearest to one that nobody serves.
    pub fn nearest(&self, asked: &str) -> Vec<String> {
        let served = self.candidates.iter().map(|c| (c.id(), &*c.door.model));
        providers::catalogue::near(served, asked, 3)
    }

    /// Each (provider, model) once, by its first credential.
    pub fn models(&self) -> impl Iterator<Item = &Candidate> {
        self.numbered_models().map(|(_, candidate)| candidate)
    }

    /// The same, each with its place among the candidates.
    pub fn numbered_models(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        let all = self.candidates.iter().enumerate();
        all.filter(|(_, c)| Arc::ptr_eq(&c.credential, &c.provider.credentials[0]))
    }
}

/// The cards of a provider's models: those configured, or every active model of the catalogue that it can be asked for.
fn cards(
    name: &str,
    config: &ProviderConfig,
    adapter: &dyn Adapter,
    bounds: &Bounds,
    catalogue: &Catalogue,
    warnings: &mut Vec<String>,
) -> Vec<Arc<Card>> {
    let shelf = config.catalogue.as_deref().unwrap_or_else(|| config.kind.name());
    let ProviderConfig { models, embeddings, images, speech, .. } = config;
    let mut cards = Vec::new();
    if models.is_empty() {
        let all = catalogue.models.iter().map(|entry| &entry.card).filter(|c| {
            c.provider == shelf && adapter.takes(c.kind) && c.status != Status::Retired && c.model != "*"
        });
        cards.extend(all.filter(|c| c.price.is_some()).cloned());
    }
    // What is said of a model here comes before what is known of it, and a server's own list before neither.
    let special = |model: &String| [embeddings, images, speech].iter().any(|list| list.contains(model));
    cards.retain(|card| !special(&card.model));
    let plain = models.iter().filter(|model| !special(model)).map(|model| (model, None));
    let vectors = embeddings.iter().map(|model| (model, Some(Kind::Embedding)));
    let pictures = images.iter().map(|model| (model, Some(Kind::Image)));
    let speakers = speech.iter().map(|model| (model, Some(Kind::Tts)));
    for (model, kind) in plain.chain(vectors).chain(pictures).chain(speakers) {
        let known = catalogue.find(shelf, model).map(|entry| &*entry.card);
        let mut card =
            known.map_or_else(|| unknown(shelf, model), |card| Card { model: model.clone(), ..card.clone() });
        if let Some(kind) = kind.filter(|kind| *kind != card.kind) {
            card = Card { kind, price: card.price, ..unknown(shelf, model) };
        }
        if !adapter.takes(card.kind) {
            warnings.push(format!(
                "{name}/{model}: a provider of kind {} is not asked for {}, so it is not used",
                config.kind.name(),
                card.kind.name()
            ));
            continue;
        }
        if card.price.is_none() {
            match bounds.unpriced_ceiling_usd_per_mtok {
                Some(ceiling) => {
                    warnings.push(format!("{name}/{model}: no price is known; billed at the ceiling of {ceiling} USD per million tokens"));
                    card.price = ceiling_price(&card, ceiling).map(Arc::new);
                }
                None => {
                    warnings.push(format!(
                        "{name}/{model}: no price is known, so it is not used; import one (weir catalog import) or set bounds.unpriced_ceiling_usd_per_mtok"
                    ));
                    continue;
                }
            }
        }
        cards.push(Arc::new(card));
    }
    cards
}

/// A model that the catalogue does not know: nothing is claimed of it but what every chat model does.
fn unknown(provider: &str, model: &str) -> Card {
    Card {
        provider: provider.into(),
        model: model.into(),
        kind: Kind::Chat,
        status: Status::Active,
        context: None,
        max_output: None,
        chars_max: None,
        caps: Caps::STREAM | Caps::SAMPLING | Caps::STOP,
        efforts: vec![],
        reasons_always: false,
        quality: None,
        ttft_ms: None,
        tokens_per_s: None,
        price: None,
        shutdown: None,
    }
}

fn ceiling_price(card: &Card, ceiling: vocab::Pico) -> Option<Price> {
    let rate = Rate { pico: u64::try_from(ceiling.0).ok()?, per: 1_000_000 };
    let mut rates = Rates::default().with(vocab::Bucket::Input, rate).with(vocab::Bucket::Output, rate);
    if card.kind == Kind::Tts {
        // A character is less than a token.
        rates.set(vocab::Bucket::Characters, rate);
    }
    Some(Price {
        id: card.id(),
        version: "ceiling".into(),
        source: "configuration".into(),
        rates,
        ..Price::default()
    })
}

fn policies(
    configured: &BTreeMap<String, PolicyConfig>,
    providers: &BTreeMap<String, ProviderConfig>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, Policy> {
    let mut policies = BTreeMap::new();
    for preset in ["cheap", "balanced", "fast", "best"] {
        if let Some(weights) = Weights::named(preset) {
            policies.insert(
                preset.to_owned(),
                Policy { weights, limits: Limits::default(), hedge: false, cache: None, explore: None },
            );
        }
    }
    for (name, config) in configured {
        let weights = match config.weights() {
            Ok(weights) => weights,
            Err(why) => {
                problems.push(format!("policies.{name}.{why}"));
                continue;
            }
        };
        for provider in config.providers.iter().chain(&config.deny) {
            if !providers.contains_key(provider) {
                problems.push(format!("policies.{name}: there is no provider {provider:?}"));
            }
        }
        if config.min_quality.is_some_and(|q| !(0.0..=1.0).contains(&q)) {
            problems.push(format!("policies.{name}.min_quality: is from 0 to 1"));
        }
        let limits = Limits {
            max_cost: config.max_cost_usd,
            max_latency: config.max_latency_ms.map(Duration::from_millis),
            min_quality: config.min_quality,
            allow: config.providers.clone(),
            deny: config.deny.clone(),
        };
        let explore = config.explore_usd_per_day.map(vocab::Pico::as_usd_f64).filter(|usd| *usd > 0.0);
        let PolicyConfig { hedge, cache, .. } = *config;
        policies.insert(name.clone(), Policy { weights, limits, hedge, cache, explore });
    }
    policies
}
