//! `weir serve`.

use super::{Common, Done, Failure, Place};
use crate::alerts::Teller;
use crate::configure::Misconfigured;
use crate::directory::Keys;
use crate::net::{Listen, NativeClock, serve};
use crate::node::{Keeper, Node, Origin, Setup, random};
use clap::Args;
use front::Front;
use relay::metrics::Registry;
use relay::still;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vocab::Duration;

const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often it is written when keys were used last.
const MARKS_EVERY: Duration = Duration::from_secs(60);

#[derive(Args, Clone, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub place: Place,
    /// How long streams under way may take to finish when it is told to stop, in seconds
    #[arg(long, default_value_t = 30)]
    pub grace: u64,
}

impl Serve {
    pub fn run(self, common: &Common) -> Done {
        log()?;
        let clock = NativeClock::start().still(ledger_clock()?);
        let setup = Setup::read(common.config.as_deref(), &clock)?;
        let cores = self
            .place
            .cores
            .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1);
        let listen = Listen::bind(self.place.listen, cores.max(1))
            .map_err(|e| Failure::Cannot(format!("cannot listen on {}: {e}", self.place.listen)))?;
        let node = Node::start(setup, &self.place.data, clock)?;
        closed_by_default(&node, &self.place)?;
        announce(&node, &listen, &self.place);
        let seed = match self.place.seed {
            Some(seed) => seed,
            None => random()?,
        };
        let front = Arc::new(node.front.as_ref().clone().seeded(self.place.seed));
        let (stop, stopped) = watch::channel(false);
        let tend = tend(
            node.relay.clone(),
            node.keeper(),
            node.registry.clone(),
            common.config.clone(),
            clock,
            stop,
            (node.keys.clone(), front.clone(), node.teller()),
        );
        let served = serve(listen, front, seed, stopped, Duration::from_secs(self.grace), tend);
        node.close();
        Ok(served?)
    }
}

/// Sweeps, reloads on SIGHUP, and stops on SIGTERM or SIGINT.
async fn tend(
    relay: Arc<relay::Relay>,
    keeper: Keeper,
    registry: Arc<Registry>,
    file: Option<PathBuf>,
    clock: NativeClock,
    stop: watch::Sender<bool>,
    (keys, front, teller): (Keys, Arc<Front>, Teller),
) {
    let watched = teller.watched();
    tokio::spawn(teller.run());
    prepare(&front).await;
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be heard; stop with SIGKILL");
        return std::future::pending().await;
    };
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    // Not at once: there is nothing to be kept yet, and a thread for it costs memory.
    let mut marks = tokio::time::interval_at(tokio::time::Instant::now() + MARKS_EVERY, MARKS_EVERY);
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => {
                let front = front.clone();
                let reload = reload(relay.clone(), keeper.clone(), registry.clone(), file.clone(), clock);
                tokio::spawn(async move {
                    reload.await;
                    prepare(&front).await;
                });
            }
            _ = marks.tick() => {
                relay.keep_learned();
                let keys = keys.clone();
                tokio::spawn(async move {
                    if let Err(error) = keys.keep_marks().await {
                        tracing::warn!(?error, "when keys were used last is not kept");
                    }
                });
            }
            _ = sweep.tick() => {
                let (keeper, watched) = (keeper.clone(), watched.clone());
                tokio::spawn(async move {
                    if keeper.sweep(clock.ledger()).await > 0 {
                        watched.all();
                    }
                });
            }
        }
    }
    eprintln!("weir: stopping; streams under way may finish");
    // No receiver is left only when every core has stopped already.
    let _ = stop.send(true);
}

/// Makes tokens' keys ready before the first token comes.
async fn prepare(front: &Front) {
    if let Err(error) = front.prepare().await {
        tracing::error!(%error, "tokens cannot be signed or checked");
    }
}

/// All or nothing: a configuration with a fault leaves the old one in place and says why.
async fn reload(
    relay: Arc<relay::Relay>,
    keeper: Keeper,
    registry: Arc<Registry>,
    file: Option<PathBuf>,
    clock: NativeClock,
) {
    // Reading files and looking around blocks, so it is done beside the cores.
    let before = relay.fleet();
    let read = tokio::task::spawn_blocking(move || {
        let setup = Setup::look(file.as_deref(), &clock)?
            .ok_or_else(|| Misconfigured::one("no provider is configured, and no local server answers"))?;
        let fleet = setup.fleet(&registry, Some(&before))?;
        Ok((setup.config, fleet))
    });
    match read.await.unwrap_or_else(|panic| Err(Misconfigured::one(panic))) {
        Ok((config, fleet)) => {
            for account in config.accounts.keys() {
                if let Err(error) = keeper.set_overdraft(account, config.terms(account).overdraft).await {
                    tracing::error!(?error, account, "an account's limit could not be changed");
                }
            }
            tracing::info!(models = fleet.models().count(), "the configuration was reloaded");
            relay.reload(fleet);
        }
        Err(problems) => {
            tracing::error!(%problems, "the new configuration cannot be used; the old one stays")
        }
    }
}

/// For tests: the moment that every entry of the ledger is of.
fn ledger_clock() -> Result<Option<vocab::Instant>, Failure> {
    let Some(text) = crate::configure::variable(still::VARIABLE) else { return Ok(None) };
    let at = still::moment(&text).ok_or_else(|| {
        Failure::Cannot(format!(
            "{}: expected a moment like 2030-01-01T00:00:00Z, got {text:?}",
            still::VARIABLE
        ))
    })?;
    eprintln!(
        "weir: {} is set: every entry of the ledger is of {}, for tests only",
        still::VARIABLE,
        at.rfc3339()
    );
    Ok(Some(at))
}

fn closed_by_default(node: &Node, place: &Place) -> Done {
    let given = node.setup.config.service.wants_credentials() || node.keys.has_keys();
    if !given && !place.listen.ip().is_loopback() {
        return Err(Failure::Cannot(format!(
            "with no key configured weir listens on loopback alone, not on {}; make one with `weir keys create`, or add \
             service.keys, service.jwt or service.context to the configuration",
            place.listen
        )));
    }
    Ok(())
}

fn announce(node: &Node, listen: &Listen, place: &Place) {
    let providers = &node.relay.fleet().providers;
    let names: Vec<&str> = providers.iter().map(|p| &*p.name).collect();
    let from = match &node.setup.origin {
        Origin::File(path) => format!("configured by {}", path.display()),
        Origin::Environment => "found in the environment and on this machine".into(),
        Origin::Lab => {
            "no key and no local server was found: the built-in lab answers, and its answers are fake".into()
        }
    };
    eprintln!("weir listens on http://{}", listen.address);
    eprintln!("  {} models of {} ({from})", node.relay.fleet().models().count(), names.join(", "));
    match &node.shared {
        Some(shared) => eprintln!("  ledger and keys: PostgreSQL, {}", shared.place()),
        None => eprintln!("  ledger: {}", place.data.display()),
    }
}

/// Logs to stderr: `WEIR_LOG` says what (like `info` or `relay=debug`), `WEIR_LOG_FORMAT=json` how.
pub fn log() -> Done {
    let filter = match crate::configure::variable("WEIR_LOG") {
        Some(text) => EnvFilter::try_new(&text).map_err(|e| Failure::Cannot(format!("WEIR_LOG: {e}")))?,
        None => EnvFilter::new("warn"),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match crate::configure::variable("WEIR_LOG_FORMAT").as_deref() {
        Some("json") => subscriber.json().try_init(),
        _ => subscriber.compact().try_init(),
    };
    set.map_err(|e| Failure::Cannot(e.to_string()))
}
