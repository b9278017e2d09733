//! An error in Google's shape: `google.rpc.Status` as JSON.

use crate::openai::write::json;
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};

/// `{"error":{…}}` as Google's SDKs read it: `error` comes first, because that is how they know it in a stream. weir's
/// own code, parameter, request id and attempts are in an `ErrorInfo`.
pub(crate) fn told(refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let mut metadata = Map::new();
    metadata.insert("code".into(), refusal.code.as_str().into());
    metadata.insert("request_id".into(), request_id.into());
    if let Some(param) = &refusal.param {
        metadata.insert("param".into(), (&**param).into());
    }
    if !refusal.attempts.is_empty() {
        // "metadata: map<string, string>".
        let attempts = serde_json::to_string(&refusal.attempts).unwrap_or_default();
        metadata.insert("attempts".into(), attempts.into());
    }
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": refusal.code.to_ascii_uppercase(),
        "domain": "weir",
        "metadata": metadata,
    })];
    if let Some(param) = refusal.param.as_deref().filter(|_| refusal.status == 400) {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": param, "description": refusal.message }],
        }));
    }
    if let Some(span) = refusal.retry_after {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": seconds(span),
        }));
    }
    let error: Value = json!({ "error": {
        "code": refusal.status,
        "message": refusal.message,
        "status": status(refusal.status),
        "details": details,
    } });
    let mut out = Vec::with_capacity(512 + refusal.message.len());
    json(&mut out, &error);
    out
}

/// Google's word for an HTTP status (google.rpc.Code). Being out of credit is a matter of billing, as with Google's own.
pub(crate) const fn status(http: u16) -> &'static str {
    match http {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 | 503 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// As proto3 writes durations.
fn seconds(span: vocab::Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    if millis.is_multiple_of(1_000) {
        format!("{}s", millis / 1_000)
    } else {
        format!("{}.{:03}s", millis / 1_000, millis % 1_000)
    }
}
