//! What an isolate keeps from one request to the next: the core, put together from the configuration.

use super::answers::ObjectAnswers;
use super::books::ObjectBooks;
use super::clock::EdgeClock;
use super::crypto::EdgeCrypto;
use super::directory::ObjectKeys;
use super::http::EdgeHttp;
use super::later::{self, EdgeLater};
use super::limits::ObjectLimits;
use super::rough::RoughBooks;
use super::{glue, kv};
use crate::fresh::{Due, Freshness};
use crate::hints::Rhythm;
use crate::setup::{Given, Problems, Setup};
use front::Front;
use relay::Relay;
use relay::config::Config;
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, Clock, NotHere};
use relay::still::{self, Still};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use vocab::Dice;
use worker::Env;

/// The keys in `GLOBAL_CACHE`.
pub const CONFIG: &str = "weir.toml";
pub const CATALOGUE: &str = "catalogue.json";
/// Holds anything; another thing once configuration or catalogue are another.
pub const VERSION: &str = "version";

pub struct Node {
    pub front: Front,
    pub relay: Arc<Relay>,
    pub books: Keeper,
    pub rhythm: RefCell<Rhythm>,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    dice: RefCell<Dice>,
    /// Callers count as being on this machine: for work at home only.
    pub local: bool,
    sources: RefCell<Sources>,
    fresh: RefCell<Freshness>,
}

/// Who keeps the books.
pub enum Keeper {
    /// Each account's object.
    Objects(Arc<ObjectBooks>),
    /// This isolate, for itself: budgets are only about kept.
    Roughly(Arc<RoughBooks>),
}

impl Keeper {
    pub fn port(&self) -> Arc<dyn Books> {
        match self {
            Self::Objects(books) => books.clone(),
            Self::Roughly(books) => books.clone(),
        }
    }

    pub const fn approximate(&self) -> bool {
        matches!(self, Self::Roughly(_))
    }

    /// While a request is served whose id its caller chose.
    pub fn chosen(&self, id: &str) {
        if let Self::Objects(books) = self {
            books.chosen(id);
        }
    }

    pub fn unchosen(&self, id: &str) {
        if let Self::Objects(books) = self {
            books.unchosen(id);
        }
    }

    fn reload(&self, config: Arc<Config>) {
        match self {
            Self::Objects(books) => books.reload(config),
            Self::Roughly(books) => books.reload(config),
        }
    }
}

/// What the configuration was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sources {
    config: Option<String>,
    catalogue: Option<String>,
    version: Option<String>,
}

thread_local! {
    static NODE: RefCell<Option<Rc<Node>>> = const { RefCell::new(None) };
}

/// A variable or secret.
pub fn variable(env: &Env, name: &str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &name.into()).ok()?;
    value.as_string().filter(|text| !text.is_empty())
}

/// This isolate's node: the one there is, or a new one.
pub async fn node(env: &Env) -> Result<Rc<Node>, Problems> {
    if let Some(node) = NODE.with_borrow(Clone::clone) {
        node.look_again(env);
        return Ok(node);
    }
    super::log::level(variable(env, "WEIR_LOG").as_deref());
    let sources = Sources::read(env).await;
    let node = Rc::new(Node::start(env, sources)?);
    // Another request may have been first; then that one's is kept.
    Ok(NODE.with_borrow_mut(|kept| kept.get_or_insert(node).clone()))
}

impl Sources {
    /// From `GLOBAL_CACHE` where it has a configuration, else from the variable `WEIR_CONFIG`. A cache that fails is
    /// one that is empty.
    async fn read(env: &Env) -> Self {
        let mut sources = Self::default();
        if let Some(cache) = kv::binding(env, "GLOBAL_CACHE") {
            for (key, place) in [
                (VERSION, &mut sources.version),
                (CONFIG, &mut sources.config),
                (CATALOGUE, &mut sources.catalogue),
            ] {
                match kv::get(&cache, key).await {
                    Ok(text) => *place = text.filter(|t| !t.trim().is_empty()),
                    Err(why) => tracing::warn!(key, why, "GLOBAL_CACHE cannot be read"),
                }
            }
        }
        sources.config = sources.config.or_else(|| variable(env, "WEIR_CONFIG"));
        sources
    }

    fn setup(&self, env: &Env) -> Result<Setup, Problems> {
        Setup::read(&Given {
            config: self.config.as_deref(),
            catalogue: self.catalogue.as_deref(),
            variable: &|name| variable(env, name),
            ai: kv::binding(env, "AI").is_some(),
        })
    }
}

impl Node {
    fn start(env: &Env, sources: Sources) -> Result<Self, Problems> {
        let setup = sources.setup(env)?;
        let registry = Arc::new(Registry::default());
        let fleet = fleet(env, &setup, &registry, None)?;
        let clock: Arc<dyn Clock> = Arc::new(EdgeClock);
        let books = keeper(env, setup.config)?;
        let relay = Relay::new(
            Arc::new(EdgeHttp::new(env.clone())),
            clock.clone(),
            ledger(env, &books)?,
            Arc::new(EdgeLater),
            registry.clone(),
            fleet,
        );
        let local = variable(env, "WEIR_LOCAL").is_some_and(|text| text == "true");
        let seed = variable(env, "WEIR_SEED").and_then(|text| text.trim().parse().ok());
        let front = Front::new(relay.clone()).seeded(seed);
        let front = match kv::binding(env, "ACCOUNT") {
            Some(accounts) => {
                relay.limit_with(Arc::new(ObjectLimits::new(accounts.clone(), format!("{:016x}", chance()))));
                let keys = ObjectKeys::new(accounts.clone(), local);
                front
                    .knowing(Arc::new(keys), Arc::new(EdgeCrypto))
                    .remembering(Arc::new(ObjectAnswers::new(accounts)))
            }
            None => front.knowing(Arc::new(NotHere), Arc::new(EdgeCrypto)),
        };
        let now = clock.now();
        Ok(Self {
            front,
            relay,
            books,
            rhythm: RefCell::default(),
            clock,
            registry,
            dice: RefCell::new(Dice::seeded(chance())),
            local,
            sources: RefCell::new(sources),
            fresh: RefCell::new(Freshness::new(now)),
        })
    }

    /// A request's throw of dice.
    pub fn roll(&self) -> u64 {
        self.dice.borrow_mut().roll()
    }

    /// Looks now and then whether the configuration is another by now. Requests do not wait for that.
    fn look_again(self: &Rc<Self>, env: &Env) {
        let due = self.fresh.borrow_mut().due(self.clock.now());
        if due == Due::Nothing {
            return;
        }
        let Some(cache) = kv::binding(env, "GLOBAL_CACHE") else { return };
        let (node, env) = (self.clone(), env.clone());
        later::spawn(async move {
            let changed = match kv::get(&cache, VERSION).await {
                Ok(version) => version != node.sources.borrow().version,
                Err(_) => false,
            };
            if (due == Due::Read || changed)
                && let Err(problems) = node.reload(&env).await
            {
                tracing::error!(
                    problems = problems.join("; "),
                    "the new configuration cannot be used; the old one stays"
                );
            }
        });
    }

    /// Reads the configuration anew and uses it, whole or not at all.
    pub async fn reload(&self, env: &Env) -> Result<(), Problems> {
        let sources = Sources::read(env).await;
        self.fresh.borrow_mut().was_read(self.clock.now());
        if *self.sources.borrow() == sources {
            return Ok(());
        }
        let setup = sources.setup(env)?;
        let before = self.relay.fleet();
        let fleet = fleet(env, &setup, &self.registry, Some(&before))?;
        self.books.reload(Arc::new(setup.config));
        self.relay.reload(fleet);
        *self.sources.borrow_mut() = sources;
        Ok(())
    }
}

fn fleet(env: &Env, setup: &Setup, registry: &Registry, before: Option<&Fleet>) -> Result<Fleet, Problems> {
    let fleet = setup.fleet(&|name| variable(env, name), registry, before)?;
    for warning in &fleet.warnings {
        tracing::warn!("{warning}");
    }
    Ok(fleet)
}

/// Each account's object; without any, this isolate by itself, if the configuration accepts that.
fn keeper(env: &Env, config: Config) -> Result<Keeper, Problems> {
    let approximate = config.service.approximate_budgets;
    let config = Arc::new(config);
    match kv::binding(env, "ACCOUNT") {
        Some(accounts) => Ok(Keeper::Objects(Arc::new(ObjectBooks::new(accounts, config, format!("{:016x}", chance()))))),
        None if approximate => {
            let books = RoughBooks::new(config, kv::binding(env, "KV_BILLING"), chance());
            Ok(Keeper::Roughly(Arc::new(books)))
        }
        None => Err(vec![
            "there is no Durable Object ACCOUNT, so nobody would keep the books; bind it (wrangler.toml), or accept \
             budgets that are only about kept: service.approximate_budgets = true"
                .into(),
        ]),
    }
}

/// The books as the relay sees them: with `WEIR_CLOCK`, of one moment.
fn ledger(env: &Env, books: &Keeper) -> Result<Arc<dyn Books>, Problems> {
    let Some(text) = variable(env, still::VARIABLE) else { return Ok(books.port()) };
    match still::moment(&text) {
        Some(at) => Ok(Arc::new(Still::new(books.port(), at))),
        None => Err(vec![format!("{}: {text:?} is no moment, like 2030-01-01T00:00:00Z", still::VARIABLE)]),
    }
}

fn chance() -> u64 {
    let halves = glue::chance().to_vec();
    halves.iter().fold(0, |seed, half| seed << 32 | u64::from(*half))
}
