//! Tokens of weir's own, up to the signature.

use super::{SigningSetting, TOKEN_MAX};
use crate::jose::{Object, encoded, is_plain};
use serde_json::{Map, Value, json};
use vocab::Instant;

/// How long a token holds whose operator does not say, in seconds.
pub const LIFE_S: u64 = 3_600;
/// What weir says of a token, and nobody else.
const OURS: [&str; 4] = ["iss", "aud", "iat", "exp"];

/// Claims that cannot be put into a token: which, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadClaims {
    pub claim: String,
    pub message: String,
}

/// A token that lacks its signature.
pub struct Unsigned {
    text: String,
    pub expires: Instant,
}

impl Unsigned {
    fn new(
        kid: &str,
        setting: &SigningSetting,
        mut claims: Map<String, Value>,
        life_s: u64,
        now: Instant,
    ) -> Self {
        let expires = Instant::from_secs(now.as_secs().saturating_add(life_s));
        claims.insert("iss".into(), setting.issuer.as_str().into());
        claims.insert("aud".into(), setting.audience.as_str().into());
        claims.insert("iat".into(), now.as_secs().into());
        claims.insert("exp".into(), expires.as_secs().into());
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": kid }).to_string();
        Self { text: format!("{}.{}", encoded(head), encoded(Value::Object(claims).to_string())), expires }
    }

    /// What is to be signed.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub fn signed(self, signature: &[u8]) -> String {
        format!("{}.{}", self.text, encoded(signature))
    }
}

/// A guest's token and name; None where guests get none. `random` is from the platform's generator for secrets: who can
/// guess a guest's name does not have his token, but nobody shall meet another by chance.
pub fn guest(
    setting: &SigningSetting,
    kid: &str,
    random: [u8; 16],
    now: Instant,
) -> Option<(String, Unsigned)> {
    let guest = setting.guest.as_ref()?;
    let subject = format!("guest_{}", encoded(random));
    let mut claims = Map::new();
    claims.insert("sub".into(), subject.as_str().into());
    if !guest.account_prefix.is_empty() {
        claims.insert("account".into(), format!("{}{subject}", guest.account_prefix).into());
    }
    if !guest.plan.is_empty() {
        claims.insert("plan".into(), guest.plan.as_str().into());
    }
    Some((subject, Unsigned::new(kid, setting, claims, guest.life_s, now)))
}

/// A token with the claims that the operator asks for.
///
/// # Errors
/// Those that weir says itself, and those with which nobody would let the token in.
pub fn asked_for(
    setting: &SigningSetting,
    kid: &str,
    claims: &str,
    life_s: Option<u64>,
    now: Instant,
) -> Result<Unsigned, BadClaims> {
    let bad = |claim: &str, message: String| BadClaims { claim: claim.into(), message };
    let Some(object) = Object::read(claims.as_bytes()) else {
        return Err(bad("claims", "claims: expected an object in which every name stands once".into()));
    };
    if let Some(ours) = OURS.iter().find(|name| object.has(name)) {
        let message = format!("claims.{ours}: is set by weir; `expires_in_s` says how long the token holds");
        return Err(bad(ours, message));
    }
    let fields = object.to_map();
    if object.has("nbf") && object.seconds("nbf").is_err() {
        return Err(bad("nbf", "claims.nbf: expected whole seconds since 1970".into()));
    }
    setting.caller(&super::Claims(object)).map_err(|why| bad("claims", format!("claims: {}", why.why())))?;
    if fields.keys().any(|name| !is_plain(name)) {
        return Err(bad("claims", "claims: a name must be 1 to 128 printable characters".into()));
    }
    let life_s = life_s.unwrap_or_else(|| LIFE_S.min(setting.life_max_s));
    if life_s == 0 || life_s > setting.life_max_s {
        let message = format!("expires_in_s: expected 1 to {}", setting.life_max_s);
        return Err(bad("expires_in_s", message));
    }
    let unsigned = Unsigned::new(kid, setting, fields, life_s, now);
    // A signature comes to at most 8192 bits.
    if unsigned.text.len() + 1 + 1_366 > TOKEN_MAX {
        return Err(bad("claims", format!("claims: the token would be longer than {TOKEN_MAX} bytes")));
    }
    Ok(unsigned)
}
