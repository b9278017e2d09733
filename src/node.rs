//! One node: everything put together from the configuration.

use crate::alerts::{Outbox, Teller};
use crate::answers::{AnswerFile, SharedAnswers};
use crate::attic::Leftovers;
use crate::configure::{self, Misconfigured, variable};
use crate::crypto::{self, NativeCrypto};
use crate::decisions::DecisionFile;
use crate::directory::{FileKeys, Keys, SharedKeys};
use crate::discover;
use crate::fake;
use crate::foresight::Shipped;
use crate::limits::SharedLimits;
use crate::net::{NativeClock, NativeHttp, Tasks};
use crate::postgres::{self, Postgres};
use crate::store::{Options, Store};
use crate::vocabularies::Vocabularies;
use front::Front;
use providers::catalogue::Catalogue;
use relay::Relay;
use relay::answers::Answers;
use relay::config::Config;
use relay::environment;
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books, BooksError};
use relay::still::Still;
use relay::watched::Watched;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    /// Keys in the environment and servers on this machine.
    Environment,
    /// Nothing was found: the built-in lab, whose answers are fake.
    Lab,
}

/// A configuration with all that it takes to use it.
pub struct Setup {
    pub origin: Origin,
    pub config: Config,
    pub catalogue: Catalogue,
    pub warnings: Vec<String>,
}

pub struct Node {
    pub relay: Arc<Relay>,
    pub front: Arc<Front>,
    /// This node's own file: the books and the keys that are managed while weir runs, where they are not shared.
    pub store: Arc<Store>,
    /// The books of several nodes, where they are shared.
    pub shared: Option<Arc<Postgres>>,
    pub keys: Keys,
    /// Answers under idempotency keys, where nodes do not share them.
    pub answers: Option<Arc<AnswerFile>>,
    /// What nodes count together, where they share a ledger.
    pub limits: Option<Arc<SharedLimits>>,
    /// What was decided, where that is written down: this node's own, shared books or not.
    pub decisions: Arc<DecisionFile>,
    /// The books, as the relay has them.
    pub watched: Arc<Watched>,
    pub registry: Arc<Registry>,
    pub setup: Setup,
}

/// Runs a short future before the cores are up.
pub fn block_on<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

/// A secret from the operating system.
pub fn secret() -> Result<policy::Secret, getrandom::Error> {
    let mut bytes = [0; policy::KEY_RANDOM];
    getrandom::getrandom(&mut bytes)?;
    Ok(policy::Secret::new(bytes))
}

/// A seed from the operating system.
pub fn random() -> Result<u64, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::getrandom(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

impl Setup {
    /// Reads the file, or looks around where there is none; where nothing is found, the built-in lab.
    pub fn read(named: Option<&Path>, clock: &NativeClock) -> Result<Self, Misconfigured> {
        match Self::look(named, clock)? {
            Some(setup) => Ok(setup),
            None => Self::lab(&fake::start(fake::calm()?)?),
        }
    }

    /// The same without the lab: None where there is no file and nothing is found.
    pub fn look(named: Option<&Path>, clock: &NativeClock) -> Result<Option<Self>, Misconfigured> {
        let (origin, mut config) = match configure::file(named)? {
            Some((path, config)) => (Origin::File(path), config),
            None => (Origin::Environment, environment::config(&variable)),
        };
        let looked = block_on(async {
            match origin {
                Origin::File(_) => discover::fill(&mut config, clock).await,
                _ => {
                    discover::local(&mut config, clock).await;
                    vec![]
                }
            }
        });
        let warnings = looked.map_err(Misconfigured::one)?;
        environment::service(&mut config.service, &variable);
        if origin == Origin::Environment && config.providers.is_empty() {
            return Ok(None);
        }
        let catalogue = catalogue(config.catalogue.as_deref())?;
        Ok(Some(Self { origin, config, catalogue, warnings }))
    }

    /// A lab of one's own scenario, and nothing else.
    pub fn lab(lab: &fake::Running) -> Result<Self, Misconfigured> {
        let mut config = Config::default();
        environment::service(&mut config.service, &variable);
        lab.configure(&mut config);
        let catalogue = catalogue(None)?.overlay(lab.catalogue()?);
        Ok(Self { origin: Origin::Lab, config, catalogue, warnings: vec![] })
    }

    pub fn fleet(&self, registry: &Registry, before: Option<&Fleet>) -> Result<Fleet, Misconfigured> {
        let faults = self.config.service.faults();
        if !faults.is_empty() {
            return Err(Misconfigured(faults.into_iter().map(|f| format!("service.{f}")).collect()));
        }
        let bound =
            self.config.providers.iter().find(|(_, provider)| provider.base_url.starts_with("binding:"));
        if let Some((name, _)) = bound {
            let only = format!(
                "providers.{name}.base_url: bindings are there in a Worker only; use the REST address"
            );
            return Err(Misconfigured::one(only));
        }
        let secret =
            |name: &str| if name == fake::KEY_NAME { Some(fake::KEY.into()) } else { variable(name) };
        let fleet = Fleet::build(&self.config, &self.catalogue, &secret, registry, before);
        let fleet = fleet.map_err(Misconfigured)?;
        let faults = crypto::faults(&fleet.settings);
        if faults.is_empty() { Ok(fleet) } else { Err(Misconfigured(faults)) }
    }
}

/// The built-in catalogue with the operator's file over it.
pub fn catalogue(file: Option<&str>) -> Result<Catalogue, Misconfigured> {
    let told = |problems: Vec<providers::catalogue::Problem>| {
        Misconfigured(problems.into_iter().map(|p| format!("catalogue: {p}")).collect())
    };
    let built_in = Catalogue::embedded().map_err(told)?;
    let Some(file) = file else { return Ok(built_in) };
    let text =
        std::fs::read_to_string(file).map_err(|e| Misconfigured::one(format!("catalogue: {file}: {e}")))?;
    Ok(built_in.overlay(Catalogue::parse(&text).map_err(told)?))
}

/// Opens the ledger that this node shares with others, where one is configured.
fn share(config: &Config) -> Result<Option<Arc<Postgres>>, Misconfigured> {
    let Some(address) = configure::postgres(config)? else { return Ok(None) };
    let node = format!("{:016x}", random().map_err(Misconfigured::one)?);
    let silent = vocab::Duration::from_millis(config.store.silent_ms);
    let config = config.clone();
    let terms = move |name: &str| config.terms(name);
    let options = postgres::Options { terms: Box::new(terms), silent, ..postgres::Options::new(node) };
    let unusable = |error| Misconfigured::one(format!("store.postgres: {error}"));
    Ok(Some(Arc::new(Postgres::open(address, options).map_err(unusable)?)))
}

/// Where it is written down what is to be told, and was.
fn outbox(store: &Store, shared: Option<&Arc<Postgres>>) -> Outbox {
    match shared {
        Some(shared) => Outbox::Shared(shared.clone()),
        None => Outbox::File(store.alerts()),
    }
}

/// Who keeps the books of this node.
#[derive(Clone)]
pub enum Keeper {
    File(Arc<Store>),
    Shared(Arc<Postgres>),
}

impl Keeper {
    /// Settles the holds that nobody will end. To be called every few seconds.
    /// Returns how many there were.
    pub async fn sweep(&self, now: vocab::Instant) -> usize {
        let swept = match self {
            Self::File(store) => Ok(store.sweep(now)),
            Self::Shared(shared) => shared.tend(now).await,
        };
        match swept {
            Ok(0) => 0,
            Ok(swept) => {
                tracing::warn!(swept, "holds whose lease had ended were settled at their estimate");
                swept
            }
            Err(error) => {
                tracing::debug!(%error, "the shared ledger was not tended");
                0
            }
        }
    }

    /// Changes what an account is allowed.
    pub async fn set_overdraft(
        &self,
        account: &str,
        overdraft: Option<vocab::Pico>,
    ) -> Result<(), BooksError> {
        match self {
            Self::File(store) => store.set_overdraft(account, overdraft).await,
            Self::Shared(shared) => {
                shared.set_overdraft(account, overdraft);
                Ok(())
            }
        }
    }
}

impl Node {
    pub fn keeper(&self) -> Keeper {
        match &self.shared {
            Some(shared) => Keeper::Shared(shared.clone()),
            None => Keeper::File(self.store.clone()),
        }
    }

    /// Tells of budgets that fill and credit that runs out, once it is set going.
    pub fn teller(&self) -> Teller {
        let outbox = outbox(&self.store, self.shared.as_ref());
        Teller::new(self.relay.clone(), self.watched.clone(), outbox, self.keeper())
    }

    /// Writes what is left to be written, and closes the file.
    pub fn close(&self) {
        match block_on(self.keys.keep_marks()) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(?error, "when keys were used last is not kept"),
            Err(error) => tracing::warn!(%error, "when keys were used last is not kept"),
        }
        if let Some(limits) = &self.limits {
            limits.close();
        }
        if let Some(shared) = &self.shared {
            shared.close();
        }
        if let Some(answers) = &self.answers {
            answers.close();
        }
        self.relay.keep_learned();
        self.decisions.close();
        self.store.close();
    }

    pub fn start(setup: Setup, data: &Path, clock: NativeClock) -> Result<Self, Misconfigured> {
        let registry = Arc::new(Registry::default());
        let fleet = setup.fleet(&registry, None)?;
        for warning in setup.warnings.iter().chain(&fleet.warnings) {
            tracing::warn!("{warning}");
        }
        let config = setup.config.clone();
        let terms = move |name: &str| config.terms(name);
        let options = Options { terms: Box::new(terms), ..Options::default() };
        let unusable = |e| Misconfigured::one(format!("{}: {e}", data.display()));
        let store = Arc::new(Store::open(data, options, clock.ledger()).map_err(unusable)?);
        let shared = share(&setup.config)?;
        let (answers, kept): (_, Arc<dyn Answers>) = match &shared {
            Some(shared) => (None, Arc::new(SharedAnswers::new(shared.answer_table()))),
            None => {
                let file = Arc::new(AnswerFile::beside(data, clock).map_err(Misconfigured::one)?);
                (Some(file.clone()), file)
            }
        };
        let keys: Keys = match &shared {
            Some(shared) => Arc::new(SharedKeys::open(shared.key_table(), store.keys())),
            None => Arc::new(FileKeys::open(store.keys()).map_err(unusable)?),
        };
        let books: Arc<dyn Books> = match &shared {
            Some(shared) => shared.clone(),
            None => store.clone(),
        };
        let books = match clock.stands() {
            None => books,
            Some(at) => Arc::new(Still::new(books, at)),
        };
        let watched = Arc::new(Watched::new(books));
        let relay = Relay::new(
            Arc::new(NativeHttp),
            Arc::new(clock),
            watched.clone(),
            Arc::new(Tasks),
            registry.clone(),
            fleet,
        );
        let decisions = Arc::new(DecisionFile::beside(data, clock));
        relay.keep_decisions(decisions.clone());
        if setup.config.routing.learn
            && let Some(learned) = decisions.learned()
            && let Err(why) = relay.restore_learned(&learned)
        {
            tracing::warn!(%why, "what was learned before cannot be used; it begins anew");
        }
        relay.foresee_with(Arc::new(Shipped::default()));
        relay.count_with(Arc::new(Vocabularies::default()));
        let limits = shared.as_ref().map(|shared| Arc::new(SharedLimits::new(shared.meter_table())));
        if let Some(limits) = &limits {
            relay.limit_with(limits.clone());
        }
        let leftovers = Leftovers { keys: keys.clone(), outbox: outbox(&store, shared.as_ref()) };
        let front = Front::new(relay.clone())
            .knowing(keys.clone(), Arc::new(NativeCrypto))
            .remembering(kept)
            .keeping(Arc::new(leftovers))
            .talking();
        let front = Arc::new(front);
        Ok(Self { relay, front, store, shared, keys, answers, decisions, limits, watched, registry, setup })
    }
}
