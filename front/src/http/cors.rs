//! Which web pages may read answers.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use policy::Cors;

/// What a page may send besides what browsers always allow.
const ALLOWED: &str = "authorization, content-type, x-api-key, x-goog-api-key, x-request-id, \
     x-weir-policy, x-weir-max-cost-usd, x-weir-max-latency-ms, x-weir-min-quality, x-weir-providers, \
     x-weir-session, x-weir-tags, x-weir-seed, x-weir-trailer, openai-organization, openai-project, \
     x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, \
     x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout, x-stainless-helper-method";

/// What a page may read: everything of ours.
pub(super) const EXPOSED: &str = "x-request-id, x-provider, x-model, x-tokens-in, x-tokens-out, x-credits-used, \
     x-credits-balance, x-cost-usd, x-cost-max-usd, x-route-reason, x-route-decision, x-route-attempts, x-advisor-model, \
     x-advisor-savings-usd, x-advisor-savings-pct, x-advisor-quality-delta, x-advisor-latency-delta-ms, \
     x-advisor-confidence, x-advisor-reason, retry-after, server-timing, x-should-retry";

/// Puts the page's permission on an answer, where it has one.
pub fn permit(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) -> bool {
    if cors.origins.is_empty() {
        return false;
    }
    answer.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = asked.get(ORIGIN) else { return false };
    if !origin.to_str().is_ok_and(|o| cors.allows(o)) {
        return false;
    }
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    // A wildcard never goes with credentials, whatever the configuration says.
    if cors.credentials && !cors.origins.iter().any(|o| o == "*") {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    true
}

/// The answer to a browser that asks whether it may ask.
pub fn preflight(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) {
    if permit(cors, asked, answer) {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}
