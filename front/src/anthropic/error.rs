//! How an error is told here.

use crate::openai::write::json;
use crate::refusal::Refusal;
use relay::Trouble;

/// The field of a conversation that the server holds. SDKs whose helpers send it are told in words of theirs that it is
/// not held here, and go on without.
pub(super) const THREAD: &str = "thread";

/// `{"type":"error","error":{…},"request_id":…}` as Anthropic's SDKs read it, with weir's own fields beside theirs.
pub(crate) fn told(refusal: &Refusal, kind: &str, request_id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + refusal.message.len());
    out.extend_from_slice(br#"{"type":"error","error":{"type":"#);
    json(&mut out, kind);
    out.extend_from_slice(br#","message":"#);
    json(&mut out, &refusal.message);
    out.extend_from_slice(br#","code":"#);
    json(&mut out, &refusal.code);
    out.extend_from_slice(br#","param":"#);
    json(&mut out, &refusal.param);
    if refusal.param.as_deref() == Some(THREAD) {
        out.extend_from_slice(
            br#","details":{"error_code":"thread_unsupported_request","unsupported":["thread"]}"#,
        );
    }
    if !refusal.attempts.is_empty() {
        out.extend_from_slice(br#","attempts":"#);
        json(&mut out, &refusal.attempts);
    }
    out.extend_from_slice(br#"},"request_id":"#);
    json(&mut out, request_id);
    out.push(b'}');
    out
}

/// The type of an error, by its status.
pub(crate) const fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The type of what cut a stream, whose status has long been told.
pub(crate) fn kind_within(trouble: &Trouble, status: u16) -> &'static str {
    match trouble {
        Trouble::Broken { fault, .. } if fault == "busy" => "overloaded_error",
        Trouble::Broken { fault, .. } if fault == "silent" => "timeout_error",
        _ => kind(status),
    }
}

/// The answer to how many tokens there are.
pub(crate) fn counted(tokens: u64) -> Vec<u8> {
    format!(r#"{{"input_tokens":{tokens}}}"#).into_bytes()
}
