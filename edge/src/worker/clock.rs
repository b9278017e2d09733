//! Time. Inside a Worker it stands still between one wait and the next.

use super::task::Nap;
use async_trait::async_trait;
use relay::ports::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use vocab::{Duration, Instant};
use worker::send::SendFuture;

/// Wall time that never steps back.
#[derive(Clone, Copy, Debug, Default)]
pub struct EdgeClock;

static LATEST: AtomicU64 = AtomicU64::new(0);

pub fn now() -> Instant {
    let read = micros(js_sys::Date::now());
    Instant::from_micros(LATEST.fetch_max(read, Ordering::Relaxed).max(read))
}

#[async_trait]
impl Clock for EdgeClock {
    fn now(&self) -> Instant {
        now()
    }

    async fn sleep(&self, span: Duration) {
        SendFuture::new(Nap::until(now().after(span))).await;
    }
}

/// Milliseconds since 1970 as microseconds. The time of day is neither negative nor beyond the range.
#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a time of day")]
fn micros(millis: f64) -> u64 {
    (millis * 1_000.0) as u64
}
