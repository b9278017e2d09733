//! Signatures as Standard Webhooks has them (<https://www.standardwebhooks.com>): HMAC-SHA256 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq as _;
use vocab::Instant;

pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// What secrets of this kind begin with.
const PREFIX: &str = "whsec_";
/// Of the standard, in bytes.
const SECRET_MIN: usize = 24;
const SECRET_MAX: usize = 64;

/// What is signed with. Never printed.
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One secret, or several with spaces between them while one replaces another: then each signs. None: it is none.
pub(super) fn secrets(text: &str) -> Option<Vec<Secret>> {
    let read = |word: &str| {
        let bytes = word.strip_prefix(PREFIX).unwrap_or(word);
        let bytes = STANDARD.decode(bytes).or_else(|_| STANDARD_NO_PAD.decode(bytes)).ok()?;
        (SECRET_MIN..=SECRET_MAX).contains(&bytes.len()).then_some(Secret(bytes))
    };
    let secrets: Option<Vec<Secret>> = text.split_ascii_whitespace().map(read).collect();
    secrets.filter(|secrets| !secrets.is_empty())
}

/// The header's value: a signature of each secret.
pub(super) fn signatures(secrets: &[Secret], id: &str, at: Instant, body: &str) -> String {
    let one = |secret: &Secret| {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
        mac.update(format!("{id}.{}.{body}", at.as_secs()).as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}
