//! Which web pages may read answers.

use super::fields::Fields;
use http::HeaderMap;
use http::header::ORIGIN;
use policy::Cors;

/// What a page may send besides what browsers always allow.
const ALLOWED: &str = "authorization, content-type, x-api-key, x-goog-api-key, xi-api-key, x-goog-api-client, x-server-timeout, x-request-id, \
     x-weir-policy, x-weir-max-cost-usd, x-weir-max-latency-ms, x-weir-min-quality, x-weir-providers, \
     x-weir-session, x-weir-tags, x-weir-seed, x-weir-trailer, openai-organization, openai-project, \
     anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access, \
     x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, \
     x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout, x-stainless-helper-method";

/// What a page may read: everything of ours.
pub(super) const EXPOSED: &str = "x-request-id, x-provider, x-model, x-provider-request-id, x-tokens-in, x-tokens-out, x-credits-used, \
     x-credits-balance, x-cost-usd, x-cost-max-usd, x-route-reason, x-route-decision, x-route-attempts, x-advisor-model, \
     x-advisor-savings-usd, x-advisor-savings-pct, x-advisor-quality-delta, x-advisor-latency-delta-ms, \
     x-advisor-confidence, x-advisor-reason, retry-after, server-timing, x-should-retry, x-weir-estimated, request-id, x-limit-limit, x-limit-remaining, x-limit-reset, \
     x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, \
     x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, anthropic-ratelimit-requests-limit, \
     anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, \
     anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset";

/// Puts the page's permission on an answer, where it has one.
pub fn permit(cors: &Cors, asked: &HeaderMap, answer: &mut Fields) -> bool {
    if cors.origins.is_empty() {
        return false;
    }
    answer.always("vary: origin\r\n");
    let origin = asked.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let Some(origin) = origin.filter(|origin| cors.allows(origin)) else { return false };
    answer.text("access-control-allow-origin", origin);
    // A wildcard never goes with credentials, whatever the configuration says.
    if cors.credentials && !cors.origins.iter().any(|o| o == "*") {
        answer.always("access-control-allow-credentials: true\r\n");
    }
    answer.text("access-control-expose-headers", EXPOSED);
    true
}

/// The answer to a browser that asks whether it may ask.
pub fn preflight(cors: &Cors, asked: &HeaderMap, answer: &mut Fields) {
    if permit(cors, asked, answer) {
        answer.always("access-control-allow-methods: GET, POST, PATCH, DELETE, OPTIONS\r\n");
        answer.text("access-control-allow-headers", ALLOWED);
        answer.always("access-control-max-age: 600\r\n");
    }
}
