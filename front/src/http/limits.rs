//! What callers may and how fast: asked before anything else is, and told in the head of whatever answer follows.

use super::asks::troubled;
use super::client::Soon;
use super::fields::Fields;
use super::serve::{Call, Front};
use crate::refusal::{Protocol, Refusal};
use futures::future::BoxFuture;
use policy::limit::{Reading, Readings};
use relay::limits::Admission;
use relay::{Ask, Trouble};
use vocab::{Duration, Instant};

/// A request that is on its way.
pub(super) enum Begun<'a> {
    Asked(BoxFuture<'a, Soon>),
    /// Whoever counts is asked first; with how the limits stand, where it is let in.
    Asking(BoxFuture<'a, (Soon, Option<Box<Readings>>)>),
}

impl Front {
    /// Asks, where the caller's plan and limits allow it.
    pub(super) fn begin<'a>(
        &'a self,
        call: &Call<'_>,
        mut ask: Ask,
        patience: Duration,
        fields: &mut Fields,
    ) -> Result<Begun<'a>, Trouble> {
        match self.relay.admit(&call.caller, &mut ask)? {
            Admission::Free => {}
            Admission::In(readings) => self.tell_limits(call, &readings, fields),
            Admission::Elsewhere => {
                return Ok(Begun::Asking(Box::pin(async move {
                    match self.relay.admit_elsewhere(&mut ask).await {
                        Ok(readings) => (self.asked(ask, patience).await, Some(readings)),
                        Err(trouble) => (Soon::Answer(Err(trouble)), None),
                    }
                })));
            }
        }
        Ok(Begun::Asked(self.asked(ask, patience)))
    }

    /// The same for one that is answered whole, whatever its protocol.
    pub(super) async fn admit_whole(
        &self,
        call: &Call<'_>,
        ask: &mut Ask,
        fields: &mut Fields,
    ) -> Result<(), Trouble> {
        let readings = match self.relay.admit(&call.caller, ask)? {
            Admission::Free => return Ok(()),
            Admission::In(readings) => readings,
            Admission::Elsewhere => Box::pin(self.relay.admit_elsewhere(ask)).await?,
        };
        self.tell_limits(call, &readings, fields);
        Ok(())
    }

    /// How the limits stand with this request.
    pub(super) fn tell_limits(&self, call: &Call<'_>, readings: &Readings, fields: &mut Fields) {
        told(fields, call.protocol, readings, self.relay.clock().now());
    }

    /// How they stand, where it is they that refuse.
    pub(super) fn tell_over(&self, call: &Call<'_>, trouble: &Trouble, fields: &mut Fields) {
        if let Trouble::OverLimit(over) = trouble {
            self.tell_limits(call, &over.readings, fields);
        }
    }

    /// What a request may that is not made: explained, or counted.
    pub(super) fn booked(&self, call: &Call<'_>, mut ask: Ask) -> Result<Ask, Refusal> {
        match self.relay.book(&call.caller, &mut ask) {
            Ok(_) => Ok(ask),
            Err(trouble) => Err(troubled(call.id, &trouble)),
        }
    }
}

/// The limit nearest to exhaustion in names of our own, and those of requests and tokens in the names that the protocol's
/// clients read.
fn told(fields: &mut Fields, protocol: Protocol, readings: &Readings, now: Instant) {
    let Some(nearest) = readings.nearest() else { return };
    fields.number("x-limit-limit", nearest.limit);
    fields.number("x-limit-remaining", nearest.left);
    if let Some(reset) = nearest.reset {
        fields.number("x-limit-reset", seconds(reset));
    }
    let kinds = [("requests", &readings.requests), ("tokens", &readings.tokens)];
    for (kind, reading) in kinds.into_iter().filter_map(|(kind, reading)| Some((kind, reading.as_ref()?))) {
        match protocol {
            Protocol::Anthropic => anthropic(fields, kind, reading, now),
            Protocol::OpenAi | Protocol::Si | Protocol::ElevenLabs => openai(fields, kind, reading),
            // Google's say nothing of it but in errors.
            Protocol::Gemini => {}
        }
    }
}

/// Whole seconds, rounded up: whoever waits that long has waited long enough.
fn seconds(span: Duration) -> u64 {
    u64::try_from(span.as_micros().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// `x-ratelimit-limit-requests` and its like, with times like `1s` and `6m0s`
/// (<https://platform.openai.com/docs/guides/rate-limits>).
fn openai(fields: &mut Fields, kind: &str, reading: &Reading) {
    fields.number(&format!("x-ratelimit-limit-{kind}"), reading.limit);
    fields.number(&format!("x-ratelimit-remaining-{kind}"), reading.left);
    if let Some(reset) = reading.reset {
        fields.text(&format!("x-ratelimit-reset-{kind}"), &brief(reset));
    }
}

/// `anthropic-ratelimit-requests-limit` and its like, with moments as RFC 3339 has them
/// (<https://docs.anthropic.com/en/api/rate-limits#response-headers>).
fn anthropic(fields: &mut Fields, kind: &str, reading: &Reading, now: Instant) {
    fields.number(&format!("anthropic-ratelimit-{kind}-limit"), reading.limit);
    fields.number(&format!("anthropic-ratelimit-{kind}-remaining"), reading.left);
    if let Some(reset) = reading.reset {
        let at = Instant::from_secs(now.after(reset).as_micros().div_ceil(1_000_000));
        fields.text(&format!("anthropic-ratelimit-{kind}-reset"), &at.rfc3339());
    }
}

/// `20ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`; rounded up to a millisecond.
fn brief(span: Duration) -> String {
    let millis = u64::try_from(span.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    if (1..1_000).contains(&millis) {
        return format!("{millis}ms");
    }
    let (whole, part) = (millis / 1_000, millis % 1_000);
    let mut text = String::new();
    if whole >= 3_600 {
        text.push_str(&format!("{}h", whole / 3_600));
    }
    if whole >= 60 {
        text.push_str(&format!("{}m", whole / 60 % 60));
    }
    text.push_str(&(whole % 60).to_string());
    if part > 0 {
        text.push_str(format!(".{part:03}").trim_end_matches('0'));
    }
    text.push('s');
    text
}

#[cfg(test)]
mod tests;
