//! The headers of answers.

use super::fields::Fields;
use crate::refusal::Refusal;
use crate::report;
use billing::Credits;
use http::HeaderMap;
use http::header::TE;
use relay::{Advice, Bill, Counted, Served};
use std::fmt::Write as _;
use vocab::{Codec, Duration, Pico, Sound};

/// All that the trailers of a stream may hold.
const TRAILER: &str = "trailer: x-tokens-in, x-tokens-out, x-cost-usd, x-credits-used, x-credits-balance, x-route-attempts, \
     x-advisor-model, x-advisor-savings-usd, x-advisor-savings-pct, x-advisor-quality-delta, \
     x-advisor-latency-delta-ms, x-advisor-confidence, x-advisor-reason, x-weir-error\r\n";

const JSON: &str = "content-type: application/json\r\n";
/// With a word to reverse proxies, which hold streams back otherwise.
const EVENTS: &str = "content-type: text/event-stream; charset=utf-8\r\nx-accel-buffering: no\r\n";
const GROWING: &str = "content-type: application/json; charset=utf-8\r\nx-accel-buffering: no\r\n";
const COMMON: &str = "cache-control: no-store\r\nx-content-type-options: nosniff\r\nx-frame-options: DENY\r\n\
     referrer-policy: no-referrer\r\n";
const TLS: &str = "strict-transport-security: max-age=31536000; includeSubDomains\r\n";
const PAGE: &str = "content-type: text/html; charset=utf-8\r\ncontent-security-policy: default-src 'none'; \
     style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";
const OPENMETRICS: &str = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// What a stream is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Server-sent events.
    Events,
    /// The items of one array.
    Array,
    /// Bytes of sound.
    Sound(Sound),
}

/// On every answer.
pub fn common(out: &mut Fields, request_id: &str, behind_tls: bool) {
    out.text("x-request-id", request_id);
    out.always(COMMON);
    if behind_tls {
        out.always(TLS);
    }
}

/// The id again, by the name that Anthropic's SDKs look for.
pub fn anthropic(out: &mut Fields, request_id: &str) {
    out.text("request-id", request_id);
}

pub fn json(out: &mut Fields) {
    out.always(JSON);
}

/// On pages for people: nothing may run, load or frame.
pub fn page(out: &mut Fields) {
    out.always(PAGE);
}

pub fn metrics(out: &mut Fields) {
    out.always(OPENMETRICS);
}

/// Who served: known when a stream begins.
fn served(out: &mut Fields, served: &Served) {
    out.text("x-provider", &served.provider);
    out.text("x-model", &served.model);
    out.text("x-route-reason", &served.reason);
    out.text("x-route-decision", &served.decision);
    if let Some(id) = &served.provider_request_id {
        out.text("x-provider-request-id", id);
    }
}

/// Whether a client reads trailers (RFC 9110, 10.1.4).
pub fn takes_trailers(asked: &HeaderMap) -> bool {
    let listed = asked.get_all(TE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    listed.map(str::trim).any(|coding| coding.eq_ignore_ascii_case("trailers"))
}

/// Of a stream of which nothing is known yet.
pub fn unsaid(out: &mut Fields, kind: Kind, trailers: bool) {
    match kind {
        Kind::Events => out.always(EVENTS),
        Kind::Array => out.always(GROWING),
        Kind::Sound(sound) => of_sound(out, sound),
    }
    if trailers {
        out.always(TRAILER);
    }
}

/// Of a stream: what is known when it begins. The rest is in its final event, and in its trailers.
pub fn stream(out: &mut Fields, kind: Kind, who: &Served, credits: &Credits, trailers: bool) {
    unsaid(out, kind, trailers);
    served(out, who);
    out.number("x-route-attempts", who.attempts);
    out.with("x-cost-max-usd", |text| who.cost_max.text().add_to(text));
    balance(out, who.balance.available(), credits);
}

/// Of sound. What has no header of its own says here how fast it is.
fn of_sound(out: &mut Fields, sound: Sound) {
    out.with("content-type", |text| {
        text.push_str(media(sound.codec));
        if let (Codec::Pcm | Codec::Mulaw | Codec::Alaw, Some(rate)) = (sound.codec, sound.rate) {
            text.push_str(";rate=");
            text.push_str(itoa::Buffer::new().format(rate));
        }
    });
    out.always("x-accel-buffering: no\r\n");
}

/// Its media type.
pub const fn media(codec: Codec) -> &'static str {
    match codec {
        Codec::Mp3 => "audio/mpeg",
        Codec::Opus => "audio/ogg",
        Codec::Aac => "audio/aac",
        Codec::Flac => "audio/flac",
        Codec::Wav => "audio/wav",
        Codec::Pcm => "audio/pcm",
        Codec::Mulaw => "audio/pcmu",
        Codec::Alaw => "audio/pcma",
    }
}

/// What all of it will have come to, where that is known when it begins.
pub fn known_cost(out: &mut Fields, cost: Option<Pico>, credits: &Credits) {
    let Some(cost) = cost else { return };
    out.with("x-cost-usd", |text| cost.text().add_to(text));
    if let Some(used) = report::used(credits, cost) {
        out.with("x-credits-used", |text| used.text().add_to(text));
    }
}

/// Of a whole answer: all of it.
pub fn whole(out: &mut Fields, who: &Served, sum: &Bill, credits: &Credits) {
    out.always(JSON);
    served(out, who);
    bill(out, who, sum, credits);
}

/// Of a transcript, which is not always JSON.
pub fn heard(out: &mut Fields, kind: &str, who: &Served, sum: &Bill, credits: &Credits) {
    out.text("content-type", kind);
    served(out, who);
    bill(out, who, sum, credits);
}

/// Of an answer out of the cache, besides what it had: that it is one, and that it cost nothing.
pub fn cached(out: &mut Fields, age: Duration, available: vocab::Pico, settings: &policy::Settings) {
    let credits = report::credits(settings);
    out.with("x-weir-cache", |text| {
        text.push_str("hit; age=");
        text.push_str(itoa::Buffer::new().format(age.as_secs()));
    });
    out.text("x-route-reason", "cached answer");
    out.number("x-route-attempts", 0u32);
    out.with("x-cost-usd", |text| vocab::Pico::ZERO.text().add_to(text));
    if let Some(used) = report::used(&credits, vocab::Pico::ZERO) {
        out.with("x-credits-used", |text| used.text().add_to(text));
    }
    balance(out, available, &credits);
}

/// Of a count of tokens: by whom, or that it is estimated.
pub fn counted(out: &mut Fields, counted: &Counted) {
    out.always(JSON);
    match &counted.by {
        Some((provider, model)) => {
            out.text("x-provider", provider);
            out.text("x-model", model);
        }
        None => out.always("x-weir-estimated: true\r\n"),
    }
}

/// After a stream: what it came to, and the code of what cut it, where it was.
pub fn trailers(who: &Served, sum: &Bill, credits: &Credits, error: Option<&str>) -> HeaderMap {
    let mut out = Fields::default();
    bill(&mut out, who, sum, credits);
    if let Some(code) = error {
        out.text("x-weir-error", code);
    }
    out.to_map()
}

/// What an answer came to.
fn bill(out: &mut Fields, who: &Served, bill: &Bill, credits: &Credits) {
    let attempts = u32::try_from(bill.attempts.len()).unwrap_or(u32::MAX).max(who.attempts);
    out.number("x-route-attempts", attempts);
    out.number("x-tokens-in", bill.usage.tokens_in());
    out.number("x-tokens-out", bill.usage.tokens_out());
    out.with("x-cost-usd", |text| bill.cost.text().add_to(text));
    if let Some(used) = report::used(credits, bill.cost) {
        out.with("x-credits-used", |text| used.text().add_to(text));
    }
    balance(out, bill.balance.available(), credits);
    if let Some(advice) = &bill.advice {
        advise(out, advice);
    }
}

fn balance(out: &mut Fields, available: vocab::Pico, credits: &Credits) {
    if let Some(worth) = report::worth(credits, available) {
        out.with("x-credits-balance", |text| worth.text().add_to(text));
    }
}

fn advise(out: &mut Fields, advice: &Advice) {
    let fixed = |places: usize, value: f64| {
        move |out: &mut String| {
            // Writing to a text does not fail.
            let _ = write!(out, "{value:.places$}");
        }
    };
    out.text("x-advisor-model", &advice.model);
    out.with("x-advisor-savings-usd", |text| advice.savings_usd.text().add_to(text));
    out.number("x-advisor-savings-pct", advice.savings_pct);
    out.with("x-advisor-quality-delta", fixed(3, advice.quality_delta));
    out.number("x-advisor-latency-delta-ms", advice.latency_delta_ms);
    out.with("x-advisor-confidence", fixed(2, advice.confidence));
    out.text("x-advisor-reason", &advice.reason);
}

/// Our own share of the time, and the providers'.
pub fn timing(out: &mut Fields, total: Duration, upstream: Duration) {
    out.with("server-timing", |text| {
        text.push_str("weir;dur=");
        millis(text, total.saturating_sub(upstream));
        text.push_str(", upstream;dur=");
        millis(text, upstream);
    });
}

/// Milliseconds with three places.
fn millis(out: &mut String, span: Duration) {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let mut digits = itoa::Buffer::new();
    out.push_str(digits.format(micros / 1_000));
    out.push('.');
    let rest = micros % 1_000;
    for (below, zero) in [(100, "0"), (10, "0")] {
        if rest < below {
            out.push_str(zero);
        }
    }
    out.push_str(digits.format(rest));
}

/// Of a refusal.
pub fn refusal(out: &mut Fields, refusal: &Refusal) {
    out.always(JSON);
    if let Some(span) = refusal.retry_after {
        let seconds = u64::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        out.number("retry-after", seconds);
    }
    if let Some((name, text)) = refusal.header.as_deref() {
        out.text(name.as_str(), text);
    }
    // OpenAI's SDKs retry a 409 by themselves, and would send the same id again.
    let later = matches!(refusal.status, 408 | 429) || refusal.retry_after.is_some();
    if (400..500).contains(&refusal.status) && !later {
        out.always("x-should-retry: false\r\n");
    }
}
