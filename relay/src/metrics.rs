//! Figures for Prometheus. Handles are made when the fleet is, so that the path of a request only adds to atomics.

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::Arc;
use vocab::{Duration, Pico, Usage};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Model {
    provider: String,
    model: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelOutcome {
    provider: String,
    model: String,
    outcome: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: String,
}

/// Seconds; from a local model's first token to a slow reasoner's.
const LATENCY_S: [f64; 12] = [0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0];
/// What weir itself adds.
const OVERHEAD_S: [f64; 9] = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1];

fn histogram_latency() -> Histogram {
    Histogram::new(LATENCY_S)
}

/// Everything that is counted.
pub struct Registry {
    registry: prometheus_client::registry::Registry,
    attempts: Family<ModelOutcome, Counter>,
    tokens_in: Family<Model, Counter>,
    tokens_out: Family<Model, Counter>,
    nanodollars: Family<Model, Counter>,
    ttft: Family<Model, Histogram, fn() -> Histogram>,
    troubles: Family<Code, Counter>,
    /// Requests that got an answer.
    pub answered: Counter,
    /// Requests under way, streams included.
    pub open: Gauge,
    /// From the request's head to its upstream call, and from the last upstream byte to the end.
    pub overhead: Histogram,
    pub hedges: Counter,
    /// Decisions that were handed to be written down, and those that there was no room for.
    pub decisions: Counter,
    pub decisions_dropped: Counter,
    /// Answers out of the cache.
    pub hits: Counter,
    /// Answers to requests that came again under their key.
    pub replays: Counter,
    webhooks: Family<Outcome, Counter>,
    /// Usage in a bucket that the price has no rate for: somebody should look.
    pub unpriced: Counter,
}

/// The handles of one (provider, model).
#[derive(Debug)]
pub struct Meters {
    labels: Model,
    attempts: Family<ModelOutcome, Counter>,
    ok: Counter,
    tokens_in: Counter,
    tokens_out: Counter,
    nanodollars: Counter,
    ttft: Histogram,
}

impl Default for Registry {
    fn default() -> Self {
        let mut registry = prometheus_client::registry::Registry::with_prefix("weir");
        let new = Self {
            registry: prometheus_client::registry::Registry::default(),
            attempts: Family::default(),
            tokens_in: Family::default(),
            tokens_out: Family::default(),
            nanodollars: Family::default(),
            ttft: Family::new_with_constructor(histogram_latency),
            troubles: Family::default(),
            answered: Counter::default(),
            open: Gauge::default(),
            overhead: Histogram::new(OVERHEAD_S),
            hedges: Counter::default(),
            decisions: Counter::default(),
            decisions_dropped: Counter::default(),
            hits: Counter::default(),
            replays: Counter::default(),
            webhooks: Family::default(),
            unpriced: Counter::default(),
        };
        registry.register("upstream_calls", "Calls to providers, by outcome", new.attempts.clone());
        registry.register("tokens_in", "Input tokens, all kinds", new.tokens_in.clone());
        registry.register("tokens_out", "Output tokens, all kinds", new.tokens_out.clone());
        registry.register("cost_nanodollars", "Settled cost in 1e-9 USD", new.nanodollars.clone());
        registry.register(
            "first_content_seconds",
            "From an upstream call to its first content",
            new.ttft.clone(),
        );
        registry.register("troubles", "Requests without a whole answer, by error code", new.troubles.clone());
        registry.register("requests_answered", "Requests with a whole answer", new.answered.clone());
        registry.register("requests_open", "Requests under way", new.open.clone());
        registry.register(
            "overhead_seconds",
            "Time a request spent in weir before its first call",
            new.overhead.clone(),
        );
        registry.register("hedges", "Second calls started because the first was late", new.hedges.clone());
        registry.register("decisions", "Decisions written down", new.decisions.clone());
        let dropped = "Decisions that were not written down, as too many waited";
        registry.register("decisions_dropped", dropped, new.decisions_dropped.clone());
        registry.register("cache_hits", "Answers out of the cache", new.hits.clone());
        registry.register("replays", "Answers told again under an idempotency key", new.replays.clone());
        registry.register("webhooks", "Messages to webhooks, by what came of a try", new.webhooks.clone());
        registry.register("unpriced", "Usage without a rate to bill it at", new.unpriced.clone());
        Self { registry, ..new }
    }
}

impl Registry {
    pub fn meters(&self, provider: &str, model: &str) -> Arc<Meters> {
        let labels = Model { provider: provider.into(), model: model.into() };
        let outcome = ModelOutcome { provider: provider.into(), model: model.into(), outcome: "ok".into() };
        Arc::new(Meters {
            attempts: self.attempts.clone(),
            ok: self.attempts.get_or_create_owned(&outcome),
            tokens_in: self.tokens_in.get_or_create_owned(&labels),
            tokens_out: self.tokens_out.get_or_create_owned(&labels),
            nanodollars: self.nanodollars.get_or_create_owned(&labels),
            ttft: self.ttft.get_or_create_owned(&labels),
            labels,
        })
    }

    pub fn trouble(&self, code: &str) {
        self.troubles.get_or_create(&Code { code: code.into() }).inc();
    }

    /// A try to bring a message to a webhook: `delivered`, `failed`, or `given_up` after all tries.
    pub fn webhook(&self, outcome: &str) {
        self.webhooks.get_or_create(&Outcome { outcome: outcome.into() }).inc();
    }

    /// In Prometheus' text format (OpenMetrics).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Meters {
    pub fn call_ended(&self, outcome: &str) {
        if outcome == "ok" {
            self.ok.inc();
            return;
        }
        let Model { provider, model } = self.labels.clone();
        self.attempts.get_or_create(&ModelOutcome { provider, model, outcome: outcome.into() }).inc();
    }

    pub fn first_content(&self, after: Duration) {
        self.ttft.observe(after.as_secs_f64());
    }

    pub fn used(&self, usage: &Usage, cost: Pico) {
        self.tokens_in.inc_by(usage.tokens_in());
        self.tokens_out.inc_by(usage.tokens_out());
        self.nanodollars.inc_by(cost.nanos());
    }
}
