//! Seals on what a model thought, on their way through clients that know one kind only.
//!
//! A `thoughtSignature` is base64 to Gemini's SDKs: they decode it, keep bytes, and write it again in the URL-safe
//! alphabet. Gemini's own come back the same after the alphabet is changed back. Others' are opaque texts, so they are
//! wrapped: base64 of `weir:` and the text. That also tells whose they are, and Gemini need not be shown them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const OTHERS: &[u8] = b"weir:";
/// How base64 of [`OTHERS`] begins, in both alphabets.
const OTHERS_BEGIN: &str = "d2Vpcj";

/// A seal that was not made by Gemini, as `thoughtSignature`.
pub(super) fn wrapped(seal: &str) -> String {
    let mut bytes = OTHERS.to_vec();
    bytes.extend_from_slice(seal.as_bytes());
    STANDARD.encode(bytes)
}

/// A seal on a call, as `thoughtSignature`: Gemini's as it is.
pub(super) fn on_call(seal: &str) -> String {
    let decoded = STANDARD.decode(seal);
    if decoded.is_ok_and(|bytes| !bytes.starts_with(OTHERS)) { seal.to_owned() } else { wrapped(seal) }
}

/// Whether a `thoughtSignature` is one that [`wrapped`] made.
pub(super) fn is_others(signature: &str) -> bool {
    signature.starts_with(OTHERS_BEGIN)
}

/// Whose a seal is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// As Gemini writes it.
    Gemini(String),
    /// Another provider's, as that wrote it.
    Others(String),
}

/// Reads a `thoughtSignature` in either alphabet.
pub(super) fn read(signature: &str) -> Seal {
    let standard = standard(signature);
    if is_others(&standard)
        && let Ok(bytes) = STANDARD.decode(&standard)
        && let Some(text) = bytes.strip_prefix(OTHERS)
        && let Ok(text) = std::str::from_utf8(text)
    {
        return Seal::Others(text.to_owned());
    }
    Seal::Gemini(standard)
}

/// Base64 in the standard alphabet with its padding, from either alphabet with or without: SDKs write bytes in the
/// URL-safe one, and nobody but Gemini takes that.
pub(super) fn standard(base64: &str) -> String {
    let mut out = String::with_capacity(base64.len() + 3);
    out.extend(base64.trim_end_matches('=').chars().map(|c| match c {
        '-' => '+',
        '_' => '/',
        other => other,
    }));
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;
    use proptest::prelude::*;

    /// What an SDK makes of a signature on its way round.
    fn through_an_sdk(signature: &str) -> String {
        URL_SAFE.encode(STANDARD.decode(signature).unwrap())
    }

    #[test]
    fn geminis_own_come_back_as_they_were() {
        let own = STANDARD.encode([0xfb_u8, 0xff, 0xfe, 1, 2]);
        assert_eq!(on_call(&own), own);
        assert_eq!(read(&through_an_sdk(&own)), Seal::Gemini(own));
    }

    proptest! {
        #[test]
        fn every_seal_goes_round(text in ".{0,80}") {
            prop_assert_eq!(read(&through_an_sdk(&wrapped(&text))), Seal::Others(text.clone()));
            prop_assert!(is_others(&wrapped(&text)));
            let on_call = on_call(&text);
            match read(&through_an_sdk(&on_call)) {
                Seal::Gemini(back) => prop_assert_eq!(back, text),
                Seal::Others(back) => prop_assert_eq!(back, text),
            }
        }
    }
}
