//! What the core has to say, as lines of JSON on the runtime's console.

use serde_json::{Map, Value};
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use worker::{console_error, console_log, console_warn};

/// Takes the log over, once for an isolate.
pub fn install() {
    // Where one is there already, it is this one.
    let _there = tracing::subscriber::set_global_default(Console);
}

/// What is said: `WEIR_LOG`, one of error, warn, info, debug, trace, or off. Else warnings and errors.
pub fn level(named: Option<&str>) {
    let level = named.and_then(|name| name.trim().parse().ok()).unwrap_or(LevelFilter::WARN);
    let rank = RANKS.iter().position(|known| *known == level).unwrap_or(WARN);
    if LEVEL.swap(rank, Ordering::Relaxed) != rank {
        tracing::callsite::rebuild_interest_cache();
    }
}

const RANKS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];
const WARN: usize = 2;
static LEVEL: AtomicUsize = AtomicUsize::new(WARN);

fn said() -> LevelFilter {
    RANKS.get(LEVEL.load(Ordering::Relaxed)).copied().unwrap_or(LevelFilter::WARN)
}

/// Events alone: nothing here spans a wait.
struct Console;

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= said()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(said())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(Map::new());
        line.0.insert("level".into(), event.metadata().level().as_str().to_lowercase().into());
        event.record(&mut line);
        let text = Value::Object(line.0).to_string();
        match *event.metadata().level() {
            Level::ERROR => console_error!("{}", text),
            Level::WARN => console_warn!("{}", text),
            _ => console_log!("{}", text),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(Map<String, Value>);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }
}
