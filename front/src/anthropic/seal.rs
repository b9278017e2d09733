//! Seals on what other providers' models thought, on their way through clients of the Messages API.
//!
//! A thinking block has a signature there, and goes back to the model as it came. What weir makes of another provider's
//! answer carries that provider's seal, marked, or none; so a request that brings such a block back is known, and
//! Anthropic, who would refuse it, is told the conversation without. So is what a block rests on, whose `encrypted_index`
//! only Anthropic could make.

use crate::openai::write::json;

/// What our signatures begin with; Anthropic's own are base64, where no colon is.
pub(super) const OURS: &str = "weir:";

/// The field of a `tool_use` block that holds the seal on a call. SDKs carry unknown fields round.
pub(super) const ON_CALL: &str = "weir_signature";

/// The seal on a call as a field of its block.
pub(super) fn on_call(out: &mut Vec<u8>, seal: Option<&str>) {
    if let Some(seal) = seal {
        out.extend_from_slice(br#","weir_signature":"#);
        json(out, seal);
    }
}

/// A foreign seal as the signature of a thinking block.
pub(super) fn sealed(signature: &str) -> String {
    format!("{OURS}{signature}")
}

/// Whether a signature was made by [`sealed`].
pub(super) fn is_ours(signature: &str) -> bool {
    signature.starts_with(OURS)
}

/// The seal in a signature as its provider made it; None where there is none.
pub(super) fn opened(signature: &str) -> Option<&str> {
    let seal = signature.strip_prefix(OURS).unwrap_or(signature);
    (!seal.is_empty()).then_some(seal)
}
