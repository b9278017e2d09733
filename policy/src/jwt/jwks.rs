//! Public keys, as issuers publish them (RFC 7517).

use crate::jose::{decoded, encoded};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Larger documents are not read.
pub const JWKS_MAX: usize = 256 << 10;
/// An issuer has a handful.
const KEYS_MAX: usize = 64;
/// RFC 7518, 3.3: 2048 bits or larger. More than 8192 take too long.
const BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// FIPS 186-5: the exponent is above 2^16. What is longer than four bytes is not in use.
const EXPONENT: std::ops::RangeInclusive<u64> = 65_537..=0xffff_ffff;

/// An RSA key that RS256 signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// What tokens call it; empty where its issuer gives it no name.
    pub kid: String,
    /// Modulus, the largest byte first, which is not 0.
    pub n: Vec<u8>,
    /// Exponent, likewise.
    pub e: Vec<u8>,
}

impl PublicKey {
    /// Named by its own thumbprint (RFC 7638): the same key has the same name wherever it is.
    pub fn named_by_itself(n: Vec<u8>, e: Vec<u8>) -> Result<Self, String> {
        let mut key = Self::checked(String::new(), n, e)?;
        let canonical = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encoded(&key.e), encoded(&key.n));
        key.kid = encoded(Sha256::digest(canonical));
        Ok(key)
    }

    fn checked(kid: String, n: Vec<u8>, e: Vec<u8>) -> Result<Self, String> {
        let trimmed = |bytes: Vec<u8>| match bytes.iter().position(|b| *b != 0) {
            Some(0) => bytes,
            Some(zeros) => bytes.get(zeros..).unwrap_or_default().to_vec(),
            None => Vec::new(),
        };
        let key = Self { kid, n: trimmed(n), e: trimmed(e) };
        let bits = key.n.len() * 8 - key.n.first().map_or(0, |b| b.leading_zeros() as usize);
        if !BITS.contains(&bits) {
            return Err(format!("it has {bits} bits; taken are {} to {}", BITS.start(), BITS.end()));
        }
        let exponent = key.e.iter().take(9).fold(0u64, |sum, b| (sum << 8) | u64::from(*b));
        if key.e.len() > 8 || !EXPONENT.contains(&exponent) || exponent % 2 == 0 {
            return Err("its exponent is none that is in use, like 65537".into());
        }
        Ok(key)
    }

    fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": encoded(&self.n), "e": encoded(&self.e),
        })
    }
}

/// What `/.well-known/jwks.json` says.
pub fn document<'k>(keys: impl IntoIterator<Item = &'k PublicKey>) -> Value {
    json!({ "keys": keys.into_iter().map(PublicKey::jwk).collect::<Vec<_>>() })
}

/// The keys of a document that RS256 signatures can be checked with; others of it are passed over.
///
/// # Errors
/// Why there is none, or that a private key stands there for all to see.
pub fn read(document: &[u8]) -> Result<Vec<PublicKey>, String> {
    if document.len() > JWKS_MAX {
        return Err(format!("it is larger than {JWKS_MAX} bytes"));
    }
    let document: Value = serde_json::from_slice(document).map_err(|e| format!("it is no JSON: {e}"))?;
    let list = document.get("keys").and_then(Value::as_array).ok_or("it has no list `keys`")?;
    if list.len() > KEYS_MAX {
        return Err(format!("it has more than {KEYS_MAX} keys"));
    }
    let (mut keys, mut why) = (Vec::<PublicKey>::new(), String::new());
    for jwk in list.iter().filter_map(Value::as_object) {
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|part| jwk.contains_key(*part)) {
            return Err("it has a private or secret key in it; only public keys belong there".into());
        }
        if !is_for_rs256(jwk) {
            continue;
        }
        match public(jwk) {
            // Of two by one name the first counts.
            Ok(key) if keys.iter().any(|other| other.kid == key.kid && !key.kid.is_empty()) => {}
            Ok(key) => keys.push(key),
            Err(problem) => why = format!(" ({problem})"),
        }
    }
    if keys.is_empty() { Err(format!("it has no RSA key for RS256{why}")) } else { Ok(keys) }
}

/// What a field that is there says otherwise rules the key out (RFC 7517, 4.2 to 4.4).
fn is_for_rs256(jwk: &Map<String, Value>) -> bool {
    let says = |name: &str, text: &str| jwk.get(name).is_none_or(|value| value.as_str() == Some(text));
    let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
    jwk.contains_key("kty")
        && says("kty", "RSA")
        && says("use", "sig")
        && says("alg", "RS256")
        && jwk.get("key_ops").is_none_or(verifies)
}

fn public(jwk: &Map<String, Value>) -> Result<PublicKey, String> {
    let number = |name: &str| {
        let text = jwk.get(name).and_then(Value::as_str);
        text.and_then(decoded).ok_or_else(|| format!("its `{name}` is no base64url"))
    };
    let kid = match jwk.get("kid") {
        None => String::new(),
        Some(Value::String(kid)) if kid.len() <= super::KID_MAX => kid.clone(),
        Some(_) => return Err("its `kid` is no short text".into()),
    };
    PublicKey::checked(kid, number("n")?, number("e")?)
}
