//! One try to tell a webhook, and when the next one is.

use crate::net::checked::{self, Resolve};
use http::{HeaderMap, HeaderName, HeaderValue};
use policy::alert::{Alerts, Delivery, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use std::sync::Arc;
use vocab::{Dice, Duration, Instant};

/// How long one try may take, from the look-up of the name to the head of the answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// As long as nobody says how a try went, nobody else makes one.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// The pause after the first try; each is three times the one before …
const PAUSE: Duration = Duration::from_secs(5);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(4 * 3_600);
/// What was not heard of by then never will be.
const GIVEN_UP: Duration = Duration::from_secs(86_400);

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum How {
    Heard,
    /// It may go better next time.
    Failed(String),
    /// There is nobody to be told any more.
    Gone(&'static str),
}

#[derive(Debug)]
pub(super) struct Ended {
    pub delivery: Delivery,
    pub how: How,
}

impl Ended {
    /// As the figures have it.
    pub fn outcome(&self, next: Option<Instant>) -> &'static str {
        match (&self.how, next) {
            (How::Heard, _) => "delivered",
            (_, Some(_)) => "failed",
            (_, None) => "given_up",
        }
    }
}

/// What it takes to make a try.
pub(super) struct Courier {
    pub alerts: Arc<Alerts>,
    pub resolver: Arc<dyn Resolve>,
}

impl Courier {
    pub async fn bring(self, delivery: Delivery, now: Instant) -> Ended {
        let how = self.told(&delivery, now).await;
        Ended { delivery, how }
    }

    async fn told(&self, delivery: &Delivery, now: Instant) -> How {
        let Some(hook) = self.alerts.webhooks.get(&delivery.hook) else {
            return How::Gone("there is no webhook of this name any more");
        };
        let Delivery { id, body, .. } = delivery;
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", "weir".to_owned()),
            (ID_HEADER, id.clone()),
            (TIMESTAMP_HEADER, now.as_secs().to_string()),
            (SIGNATURE_HEADER, hook.signed(id, now, body)),
        ];
        let header = |(name, value): (&'static str, String)| {
            Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
        };
        let headers: HeaderMap = headers.into_iter().filter_map(header).collect();
        let target = match hook.target() {
            Ok(target) => target,
            Err(why) => return How::Failed(why),
        };
        match checked::post(&*self.resolver, &target, &headers, body.clone().into(), PATIENCE).await {
            Ok(200..300) => How::Heard,
            // As the standard has it: whoever says so wants to hear nothing more.
            Ok(410) => How::Gone("it says that it is gone (410)"),
            // Wherever a redirect points to was never checked, so it is a failure like any other.
            Ok(status) => How::Failed(format!("it answered {status}")),
            Err(why) => How::Failed(why),
        }
    }
}

/// When it is tried again, and says so; None: never.
pub(super) fn next_try(ended: &Ended, now: Instant, dice: &mut Dice) -> Option<Instant> {
    let Delivery { id, hook, tries, made, .. } = &ended.delivery;
    let why = match &ended.how {
        How::Heard => return None,
        How::Gone(why) => {
            tracing::warn!(hook, id, why, "a webhook's message is given up");
            return None;
        }
        How::Failed(why) => why,
    };
    let due = now.after(pause(*tries, dice));
    if due.since(*made) > GIVEN_UP {
        tracing::error!(hook, id, why, tries = tries + 1, "a webhook's message is given up after a day");
        return None;
    }
    tracing::warn!(hook, id, why, tries = tries + 1, "a webhook was not told; it is tried again");
    Some(due)
}

/// Three quarters of it for certain, and up to half of it by chance: so that many do not come at once.
fn pause(tries: i64, dice: &mut Dice) -> Duration {
    let factor = u32::try_from(tries).ok().and_then(|tries| 3u32.checked_pow(tries)).unwrap_or(u32::MAX);
    let full = PAUSE.checked_mul(factor).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
    full * 3 / 4 + full / 2 * u32::try_from(dice.roll() % 1_000).unwrap_or_default() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: Instant = Instant::from_secs(1_000_000);

    #[test]
    fn tries_go_on_for_about_a_day_ever_further_apart() {
        for seed in 0..200 {
            let (mut dice, mut now, mut tries, mut before) = (Dice::seeded(seed), MADE, 0, Duration::ZERO);
            loop {
                let delivery =
                    Delivery { id: "e".into(), hook: "h".into(), tries, made: MADE, body: String::new() };
                let ended = Ended { delivery, how: How::Failed("no".into()) };
                let Some(due) = next_try(&ended, now, &mut dice) else {
                    assert_eq!(ended.outcome(None), "given_up");
                    break;
                };
                let pause = due.since(now);
                assert!(pause > before || pause >= PAUSE_MAX * 3 / 4, "{tries}: {pause:?}");
                assert!(pause <= PAUSE_MAX * 5 / 4 && (tries > 0 || pause <= PAUSE * 5 / 4));
                (before, now, tries) = (pause, due, tries + 1);
            }
            let lasted = now.since(MADE);
            assert!(lasted > GIVEN_UP - PAUSE_MAX * 5 / 4 && lasted <= GIVEN_UP, "{lasted:?}");
            assert!((10..20).contains(&tries), "{tries}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let mut dice = Dice::seeded(1);
        for tries in [i64::MIN, -1, 0, 20, 21, 1_000, i64::MAX] {
            assert!(pause(tries, &mut dice) <= PAUSE_MAX * 5 / 4);
        }
    }
}
