//! The headers of answers.

use crate::refusal::Refusal;
use crate::report;
use billing::Credits;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, TE, TRAILER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use relay::{Advice, Bill, Served};
use vocab::{Decimal, Duration};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-provider");
const MODEL: HeaderName = HeaderName::from_static("x-model");
const TOKENS_IN: HeaderName = HeaderName::from_static("x-tokens-in");
const TOKENS_OUT: HeaderName = HeaderName::from_static("x-tokens-out");
const CREDITS_USED: HeaderName = HeaderName::from_static("x-credits-used");
const CREDITS_BALANCE: HeaderName = HeaderName::from_static("x-credits-balance");
const COST_USD: HeaderName = HeaderName::from_static("x-cost-usd");
const ROUTE_REASON: HeaderName = HeaderName::from_static("x-route-reason");
const ROUTE_DECISION: HeaderName = HeaderName::from_static("x-route-decision");
const ROUTE_ATTEMPTS: HeaderName = HeaderName::from_static("x-route-attempts");
const ADVISOR_MODEL: HeaderName = HeaderName::from_static("x-advisor-model");
const ADVISOR_SAVINGS_USD: HeaderName = HeaderName::from_static("x-advisor-savings-usd");
const ADVISOR_SAVINGS_PCT: HeaderName = HeaderName::from_static("x-advisor-savings-pct");
const ADVISOR_QUALITY_DELTA: HeaderName = HeaderName::from_static("x-advisor-quality-delta");
const ADVISOR_LATENCY_DELTA_MS: HeaderName = HeaderName::from_static("x-advisor-latency-delta-ms");
const ADVISOR_CONFIDENCE: HeaderName = HeaderName::from_static("x-advisor-confidence");
const ADVISOR_REASON: HeaderName = HeaderName::from_static("x-advisor-reason");
const COST_MAX_USD: HeaderName = HeaderName::from_static("x-cost-max-usd");
/// Only in trailers: the code of what cut the stream.
const WEIR_ERROR: HeaderName = HeaderName::from_static("x-weir-error");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// All that the trailers of a stream may hold.
const TRAILERS: HeaderValue = HeaderValue::from_static(
    "x-tokens-in, x-tokens-out, x-cost-usd, x-credits-used, x-credits-balance, x-route-attempts, x-advisor-model, \
     x-advisor-savings-usd, x-advisor-savings-pct, x-advisor-quality-delta, x-advisor-latency-delta-ms, \
     x-advisor-confidence, x-advisor-reason, x-weir-error",
);

/// What fits an answer with all of ours: the map is made once and never grows.
pub const ROOM: usize = 24;

pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// A text as a header's value. What is not printable ASCII is replaced: clients read other bytes as Latin-1 or refuse
/// the whole answer.
pub fn value(text: &str) -> HeaderValue {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("?"));
    }
    made(text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect())
}

/// The same for a text that was made for it: not copied.
fn made(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

fn decimal(text: Decimal) -> HeaderValue {
    HeaderValue::from_str(text.as_str()).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

fn number(n: u64) -> HeaderValue {
    HeaderValue::from(n)
}

/// On every answer.
pub fn common(out: &mut HeaderMap, request_id: &str, behind_tls: bool) {
    out.insert(REQUEST_ID, value(request_id));
    out.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    out.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if behind_tls {
        out.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
    }
}

/// On pages for people: nothing may run, load or frame.
pub fn page(out: &mut HeaderMap) {
    out.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    out.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    );
}

/// Who served: known when a stream begins.
fn served(out: &mut HeaderMap, served: &Served) {
    out.insert(PROVIDER, value(&served.provider));
    out.insert(MODEL, value(&served.model));
    out.insert(ROUTE_REASON, value(&served.reason));
    out.insert(ROUTE_DECISION, value(&served.decision));
}

/// Whether a client reads trailers (RFC 9110, 10.1.4).
pub fn takes_trailers(asked: &HeaderMap) -> bool {
    let listed = asked.get_all(TE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    listed.map(str::trim).any(|coding| coding.eq_ignore_ascii_case("trailers"))
}

/// Of a stream: what is known when it begins. The rest is in its final event, and in its trailers.
pub fn stream(out: &mut HeaderMap, who: &Served, credits: &Credits, trailers: bool) {
    out.insert(CONTENT_TYPE, EVENTS);
    // Reverse proxies hold streams back otherwise.
    out.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if trailers {
        out.insert(TRAILER, TRAILERS);
    }
    served(out, who);
    out.insert(ROUTE_ATTEMPTS, HeaderValue::from(who.attempts));
    out.insert(COST_MAX_USD, decimal(who.cost_max.text()));
    balance(out, who.balance.available(), credits);
}

/// Of a whole answer: all of it.
pub fn whole(out: &mut HeaderMap, who: &Served, sum: &Bill, credits: &Credits) {
    out.insert(CONTENT_TYPE, JSON);
    served(out, who);
    bill(out, who, sum, credits);
}

/// After a stream: what it came to, and why it was cut, where it was.
pub fn trailers(who: &Served, sum: &Bill, credits: &Credits, error: Option<&str>) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(16);
    bill(&mut out, who, sum, credits);
    if let Some(code) = error {
        out.insert(WEIR_ERROR, value(code));
    }
    out
}

/// What an answer came to.
fn bill(out: &mut HeaderMap, who: &Served, bill: &Bill, credits: &Credits) {
    let attempts = u32::try_from(bill.attempts.len()).unwrap_or(u32::MAX).max(who.attempts);
    out.insert(ROUTE_ATTEMPTS, HeaderValue::from(attempts));
    out.insert(TOKENS_IN, number(bill.usage.tokens_in()));
    out.insert(TOKENS_OUT, number(bill.usage.tokens_out()));
    out.insert(COST_USD, decimal(bill.cost.text()));
    if let Some(used) = report::used(credits, bill.cost) {
        out.insert(CREDITS_USED, decimal(used.text()));
    }
    balance(out, bill.balance.available(), credits);
    if let Some(advice) = &bill.advice {
        advise(out, advice);
    }
}

fn balance(out: &mut HeaderMap, available: vocab::Pico, credits: &Credits) {
    if let Some(worth) = report::worth(credits, available) {
        out.insert(CREDITS_BALANCE, decimal(worth.text()));
    }
}

fn advise(out: &mut HeaderMap, advice: &Advice) {
    out.insert(ADVISOR_MODEL, value(&advice.model));
    out.insert(ADVISOR_SAVINGS_USD, decimal(advice.savings_usd.text()));
    out.insert(ADVISOR_SAVINGS_PCT, HeaderValue::from(advice.savings_pct));
    out.insert(ADVISOR_QUALITY_DELTA, made(format!("{:.3}", advice.quality_delta)));
    out.insert(ADVISOR_LATENCY_DELTA_MS, HeaderValue::from(advice.latency_delta_ms));
    out.insert(ADVISOR_CONFIDENCE, made(format!("{:.2}", advice.confidence)));
    out.insert(ADVISOR_REASON, value(&advice.reason));
}

/// Our own share of the time, and the providers'.
pub fn timing(out: &mut HeaderMap, total: Duration, upstream: Duration) {
    let own = total.saturating_sub(upstream).as_micros();
    let theirs = upstream.as_micros();
    let mut text = String::with_capacity(48);
    text.push_str("weir;dur=");
    millis(&mut text, own);
    text.push_str(", upstream;dur=");
    millis(&mut text, theirs);
    out.insert(SERVER_TIMING, made(text));
}

/// Microseconds as milliseconds with three places.
fn millis(out: &mut String, micros: u128) {
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
pub fn refusal(out: &mut HeaderMap, refusal: &Refusal) {
    out.insert(CONTENT_TYPE, JSON);
    if let Some(span) = refusal.retry_after {
        let seconds = u64::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        out.insert(RETRY_AFTER, number(seconds));
    }
    if let Some((name, text)) = refusal.header.as_deref() {
        out.insert(name.clone(), value(text));
    }
    // OpenAI's SDKs retry a 409 by themselves, and would send the same id again.
    if (400..500).contains(&refusal.status) && !matches!(refusal.status, 408 | 429) {
        out.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
}
