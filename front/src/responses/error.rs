//! How an error is told here, and what comes after everything of the protocol's.

use crate::openai::write::{json, number};
use crate::refusal::Refusal;

/// The last frame of a stream that was cut: an error, and none of the events that end a stream. The error is in it twice,
/// as the API's description has it and as its servers and SDKs do. `weir` holds the fields of the bill for a caller who
/// asked for them.
pub(crate) fn broken(
    out: &mut Vec<u8>,
    sequence: u64,
    refusal: &Refusal,
    request_id: &str,
    weir: Option<&[u8]>,
) {
    out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\",\"sequence_number\":");
    number(out, sequence);
    out.extend_from_slice(br#","code":"#);
    json(out, &refusal.code);
    out.extend_from_slice(br#","message":"#);
    json(out, &refusal.message);
    out.extend_from_slice(br#","param":"#);
    json(out, &refusal.param);
    if let Some(fields) = weir {
        out.extend_from_slice(br#","weir":{"#);
        out.extend_from_slice(fields);
        out.push(b'}');
    }
    out.push(b',');
    let error = refusal.openai(request_id);
    out.extend_from_slice(error.strip_prefix(b"{").unwrap_or(&error));
    out.extend_from_slice(b"\n\n");
}

/// The last event of a whole stream, for a caller who asked for it. The helper of the JavaScript SDK takes no event of a
/// type that it does not know, so this one's is one that says nothing to anybody.
pub(crate) fn trailer(out: &mut Vec<u8>, sequence: u64, request_id: &str, weir: &[u8]) {
    out.extend_from_slice(b"event: weir\ndata: {\"type\":\"keepalive\",\"sequence_number\":");
    number(out, sequence);
    out.extend_from_slice(br#","weir":{"id":"#);
    json(out, request_id);
    out.push(b',');
    out.extend_from_slice(weir);
    out.extend_from_slice(b"}}\n\n");
}

/// The answer to how many tokens there are.
pub fn counted(tokens: u64) -> Vec<u8> {
    format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#).into_bytes()
}

/// Why a response cannot be read, deleted or cancelled.
pub fn gone(id: &str) -> Refusal {
    let id = crate::json::shortened(id.split('/').next().unwrap_or(id));
    let message = format!(
        "response_id: there is no response {id:?}. weir stores no responses: what POST /v1/responses answers is all there is."
    );
    Refusal { param: Some("response_id".into()), ..Refusal::new(404, "response_not_found", message) }
}
