//! How many tokens a request has: `countTokens`.

/// A `CountTokensResponse`.
pub(crate) fn counted(tokens: u64) -> Vec<u8> {
    format!(r#"{{"totalTokens":{tokens}}}"#).into_bytes()
}
