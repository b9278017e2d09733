//! The clock and the tasks of a tokio runtime.

use async_trait::async_trait;
use futures::future::BoxFuture;
use relay::ports::{Clock, Later};
use vocab::{Duration, Instant};

/// Wall time that never steps back: read once at start, then counted by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct NativeClock {
    base: Instant,
    begun: std::time::Instant,
    still: Option<Instant>,
}

impl NativeClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Self {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let base = Instant::from_micros(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX));
        Self { base, begun: std::time::Instant::now(), still: None }
    }

    /// With a time for the ledger that stands still (`WEIR_CLOCK`, for tests); everything else goes on as before.
    #[must_use]
    pub fn still(self, at: Option<Instant>) -> Self {
        Self { still: at, ..self }
    }

    /// The moment at which the ledger's time stands still, where it does.
    pub const fn stands(&self) -> Option<Instant> {
        self.still
    }

    /// The ledger's time: what leases are measured by.
    pub fn ledger(&self) -> Instant {
        self.still.unwrap_or_else(|| self.now())
    }
}

#[async_trait]
impl Clock for NativeClock {
    fn now(&self) -> Instant {
        self.base.after(self.begun.elapsed())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Tasks on the runtime of the core that asks.
#[derive(Clone, Copy, Debug)]
pub struct Tasks;

impl Later for Tasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work);
    }
}
