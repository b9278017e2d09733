//! How far it is, on a terminal, for what takes longer than a second.

use crate::net::NativeClock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use relay::ports::Clock;
use std::io::IsTerminal;
use vocab::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);
const STEPS: u32 = 1_000;

pub struct Bar {
    clock: NativeClock,
    begun: Instant,
    wanted: bool,
    shown: Option<ProgressBar>,
}

impl Bar {
    pub fn new(wanted: bool) -> Self {
        let clock = NativeClock::start();
        let begun = clock.now();
        Self { clock, begun, wanted: wanted && std::io::stderr().is_terminal(), shown: None }
    }

    /// `done` is from 0 to 1.
    pub fn at(&mut self, done: f64, what: &str) {
        if self.wanted && self.shown.is_none() && self.clock.now().since(self.begun) >= PATIENCE {
            let bar = ProgressBar::new(STEPS.into());
            bar.set_draw_target(ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {elapsed} {msg}");
            style.map(|style| bar.set_style(style)).unwrap_or_default();
            self.shown = Some(bar);
        }
        if let Some(bar) = &self.shown {
            #[allow(clippy::cast_sign_loss, reason = "held between 0 and the steps")]
            bar.set_position((done * f64::from(STEPS)).clamp(0.0, f64::from(STEPS)) as u64);
            bar.set_message(what.to_owned());
        }
    }

    pub fn end(&mut self) {
        if let Some(bar) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}
