//! Time. Inside a Worker it stands still between one wait and the next.

use super::glue;
use async_trait::async_trait;
use relay::ports::Clock;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use vocab::{Duration, Instant};
use wasm_bindgen::prelude::*;
use worker::send::SendFuture;

/// Wall time that never steps back.
#[derive(Debug, Default)]
pub struct EdgeClock {
    latest: AtomicU64,
}

#[async_trait]
impl Clock for EdgeClock {
    fn now(&self) -> Instant {
        let read = micros(js_sys::Date::now());
        Instant::from_micros(self.latest.fetch_max(read, Ordering::Relaxed).max(read))
    }

    async fn sleep(&self, span: Duration) {
        SendFuture::new(Nap { span, bell: Rc::default(), timer: None }).await;
    }
}

/// Milliseconds since 1970 as microseconds. The time of day is neither negative nor beyond the range.
#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a time of day")]
fn micros(millis: f64) -> u64 {
    (millis * 1_000.0) as u64
}

/// Begins when it is first asked, and takes its timer along when it is dropped.
struct Nap {
    span: Duration,
    bell: Rc<RefCell<Bell>>,
    timer: Option<(JsValue, Closure<dyn FnMut()>)>,
}

#[derive(Default)]
struct Bell {
    rung: bool,
    waker: Option<Waker>,
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.bell.borrow().rung {
            return Poll::Ready(());
        }
        self.bell.borrow_mut().waker = Some(cx.waker().clone());
        if self.timer.is_none() {
            let bell = self.bell.clone();
            let ring = Closure::once(move || {
                let mut bell = bell.borrow_mut();
                bell.rung = true;
                if let Some(waker) = bell.waker.take() {
                    waker.wake();
                }
            });
            // Rounded up: who wakes early finds that it is not time yet.
            let millis = (self.span.as_secs_f64() * 1_000.0).ceil().min(f64::from(i32::MAX));
            self.timer = Some((glue::ring(ring.as_ref(), millis), ring));
        }
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        if let Some((timer, _)) = &self.timer
            && !self.bell.borrow().rung
        {
            glue::unring(timer);
        }
    }
}
