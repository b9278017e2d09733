//! The production relay on a world of its own.

use crate::vault::Vault;
use crate::wire::Wire;
use futures::future::BoxFuture;
use lab::world::{MemoryBooks, Net, TaskId, World};
use lab::{Flavour, Lab, Provider, Scenario};
use providers::catalogue::Catalogue;
use relay::Relay;
use relay::config::{Api, Config, ProviderConfig, ProviderKind};
use relay::fleet::Fleet;
use relay::metrics::Registry;
use relay::ports::{Books as _, Later};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use vocab::{Dialect, Duration, Instant, Pico};

pub const DAWN: Instant = Instant::from_secs(1_795_219_200);

/// Picodollars per token, as the auditor reckons.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub input: u64,
    pub output: u64,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

/// By (provider, model).
pub type Tariff = BTreeMap<(String, String), Rates>;

#[derive(Clone, Copy, Debug)]
pub struct Books {
    /// Posts take time: Some(false) before they are decided, Some(true) after it too.
    pub slow: Option<bool>,
    /// How long writing takes.
    pub sync: Duration,
}

/// What a stage is built from.
pub struct Pieces {
    pub scenario: Scenario,
    pub config: Config,
    pub tariff: Tariff,
    /// Providers whose models' output limit nobody knows.
    pub without_output_limit: Vec<String>,
    pub books: Books,
    pub overdraft: Option<Pico>,
}

impl Pieces {
    pub fn of(scenario: Scenario) -> Self {
        let lab = Lab::new(scenario.clone()).unwrap();
        let mut config = Config::default();
        for provider in &scenario.providers {
            let base_url = lab.base_url(&provider.name, "http://lab.test").unwrap();
            let entry = ProviderConfig {
                api: if provider.dialect == Dialect::OpenaiResponses {
                    Api::Responses
                } else {
                    Api::default()
                },
                keys: provider.keys.clone(),
                models: provider.models.iter().map(|m| m.name.clone()).collect(),
                catalogue: Some(provider.name.clone()),
                fake: true,
                ..ProviderConfig::at(kind(provider), base_url)
            };
            config.providers.insert(provider.name.clone(), entry);
        }
        let tariff = tariff(&scenario);
        let books = Books { slow: None, sync: Duration::from_millis(2) };
        Self { scenario, config, tariff, without_output_limit: vec![], books, overdraft: Some(Pico::ZERO) }
    }

    fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::parse(&lab::catalogue_overlay(&self.scenario)).unwrap();
        for entry in &mut catalogue.models {
            if self.without_output_limit.contains(&entry.card.provider) {
                let mut card = (*entry.card).clone();
                card.max_output = None;
                entry.card = Arc::new(card);
            }
        }
        catalogue
    }
}

const fn kind(provider: &Provider) -> ProviderKind {
    match (provider.dialect, provider.flavour) {
        (Dialect::OpenaiChat, Flavour::Openai) | (Dialect::OpenaiResponses, _) => ProviderKind::Openai,
        (Dialect::OpenaiChat, Flavour::Groq) => ProviderKind::Groq,
        (Dialect::OpenaiChat, Flavour::Llamacpp) => ProviderKind::Llamacpp,
        (Dialect::OpenaiChat, Flavour::Ollama) => ProviderKind::Ollama,
        (Dialect::OpenaiChat, Flavour::Vllm) => ProviderKind::Vllm,
        (Dialect::Gemini, _) => ProviderKind::Gemini,
        (Dialect::Anthropic, _) => ProviderKind::Anthropic,
        (Dialect::WorkersAi, _) => ProviderKind::WorkersAi,
        (Dialect::Elevenlabs, _) => ProviderKind::Elevenlabs,
        (Dialect::Cartesia, _) => ProviderKind::Cartesia,
        (Dialect::Deepgram, _) => ProviderKind::Deepgram,
    }
}

/// "0.15" USD for a million tokens are 150,000 picodollars a token: six places moved, nothing rounded.
fn tariff(scenario: &Scenario) -> Tariff {
    let pico = |usd: &String| -> u64 {
        let (whole, part) = usd.split_once('.').unwrap_or((usd, ""));
        format!("{whole}{part:0<6}").parse().unwrap()
    };
    let mut out = Tariff::new();
    for provider in &scenario.providers {
        for model in &provider.models {
            let (Some(input), Some(output)) = (&model.input, &model.output) else { continue };
            let rates = Rates {
                input: pico(input),
                output: pico(output),
                cache_read: model.cache_read.as_ref().map(pico),
                cache_write: model.cache_write.as_ref().map(pico),
            };
            out.insert((provider.name.clone(), model.name.clone()), rates);
        }
    }
    out
}

/// Background work of one process, which ends with it.
pub struct Crew {
    world: World,
    tasks: Mutex<Vec<TaskId>>,
}

impl Crew {
    pub fn hire(&self, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.world.spawn(work);
        self.tasks.lock().unwrap().push(id);
    }
}

impl Later for Crew {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.hire(work);
    }
}

pub struct Stage {
    pub world: World,
    pub lab: Arc<Lab>,
    pub pieces: Pieces,
    pub books: MemoryBooks,
    pub vault: Arc<Vault>,
    pub wire: Arc<Wire>,
    pub crew: Arc<Crew>,
    pub relay: Arc<Relay>,
}

impl Stage {
    pub fn raise(seed: u64, pieces: Pieces) -> Self {
        let world = World::new(seed, DAWN);
        let lab = Arc::new(Lab::new(pieces.scenario.clone()).unwrap());
        let net = Net::new(&world, &lab);
        let books = MemoryBooks::new(&world, pieces.overdraft, pieces.books.sync);
        let wire = Arc::new(Wire::new(&world, &net, &pieces.scenario));
        let vault = Arc::new(Vault::new(&world, &books, pieces.books));
        let crew = Arc::new(Crew { world: world.clone(), tasks: Mutex::default() });
        let relay = start(&pieces, &world, &wire, &vault, &crew);
        Self { world, lab, pieces, books, vault, wire, crew, relay }
    }

    pub fn grant(&self, account: &str, amount: Pico) {
        let op = billing::Op::Grant {
            id: format!("grant-{account}-{}", self.world.roll()),
            amount,
            reason: "a story".into(),
        };
        self.world
            .run(async {
                let posted = self.books.post(account, op, self.world.now()).await.unwrap();
                self.books.durable(posted.mark).await.unwrap();
            })
            .unwrap();
    }

    /// The process dies with everything in it, the disk keeps what was written, a new process starts.
    pub fn crash(&mut self) {
        self.vault.die();
        let tasks = std::mem::take(&mut *self.crew.tasks.lock().unwrap());
        for task in tasks {
            self.world.cancel(task);
        }
        self.books.set_down(false);
        self.books.crash().expect("what is on the disk is a good record");
        self.vault = Arc::new(self.vault.reborn());
        self.wire = Arc::new(self.wire.reborn());
        self.crew = Arc::new(Crew { world: self.world.clone(), tasks: Mutex::default() });
        self.relay = start(&self.pieces, &self.world, &self.wire, &self.vault, &self.crew);
    }
}

fn start(
    pieces: &Pieces,
    world: &World,
    wire: &Arc<Wire>,
    vault: &Arc<Vault>,
    crew: &Arc<Crew>,
) -> Arc<Relay> {
    let registry = Arc::new(Registry::default());
    let secret = |name: &str| Some(name.to_owned());
    let fleet = Fleet::build(&pieces.config, &pieces.catalogue(), &secret, &registry, None).unwrap();
    let relay =
        Relay::new(wire.clone(), Arc::new(world.clone()), vault.clone(), crew.clone(), registry, fleet);
    wire.watch(&relay);
    relay
}
