//! RS256 JWTs (RFC 7515, 7518, 7519): those of an issuer outside, known by its JWKS, and those that weir signs itself.
//!
//! A token's header says which key it is by, and nothing else: there is one algorithm, and where keys are to be had says
//! the configuration, never a token. Here everything is judged but the signature itself, which is the shell's: what a
//! platform has for RSA differs. No claim counts before the signature was found good.

mod jwks;
mod mint;
mod pem;
mod setting;

pub use jwks::{JWKS_MAX, PublicKey, document, read as read_jwks};
pub use mint::{BadClaims, LIFE_S, Unsigned, asked_for, guest};
pub use pem::pkcs8;
pub use setting::{GuestSetting, JwtSetting, PrivateKey, SigningSetting};

use crate::jose::{Object, decoded, parts};
use serde_json::Value;
use std::fmt;
use vocab::{Duration, Instant};

/// Longer ones are not looked at. Those of large companies' identity providers come to a few thousand bytes.
pub const TOKEN_MAX: usize = 8 << 10;
/// The longest name of a key.
const KID_MAX: usize = 256;

/// Why a token is not taken. It holds nothing of the token but names of claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadToken {
    TooLong,
    /// Not three parts of base64url, or header or claims are no plain JSON object.
    Malformed,
    /// Its header does not say RS256, or asks for extensions.
    Algorithm,
    /// No key by the name that its header says, or several and no name.
    UnknownKey,
    /// Signed by somebody else, or changed since.
    Signature,
    Expired,
    /// `nbf` or `iat` is in the future.
    Early,
    Issuer,
    Audience,
    /// A claim is missing or is not what it should be.
    Claim(String),
    /// None of the claims that an account is taken from is there.
    Nobody(Vec<String>),
}

impl BadToken {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            _ => "invalid_token",
        }
    }
}

impl BadToken {
    /// Without the words around it.
    fn why(&self) -> String {
        match self {
            Self::TooLong => format!("it is longer than {TOKEN_MAX} bytes"),
            Self::Malformed => {
                "it is no compact JWT: three parts of base64url that hold JSON objects, each name once".into()
            }
            Self::Algorithm => "its header must say \"alg\":\"RS256\" and nothing critical".into(),
            Self::UnknownKey => "its header's `kid` names no key that is known here".into(),
            Self::Signature => "its signature is not by the key that its header names".into(),
            Self::Expired => "it has expired; get a new one".into(),
            Self::Early => "`nbf` or `iat` is in the future; compare the clocks".into(),
            Self::Issuer => "`iss` is not the issuer whose key signed it".into(),
            Self::Audience => "`aud` does not name this service".into(),
            Self::Nobody(claims) => format!("it says of nobody's account; expected {}", told(claims)),
            Self::Claim(name) => wanted(name),
        }
    }
}

impl fmt::Display for BadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The token is not taken: {}.", self.why())
    }
}

impl std::error::Error for BadToken {}

fn told(claims: &[String]) -> String {
    let named: Vec<String> = claims.iter().map(|name| format!("`{name}`")).collect();
    named.join(" or ")
}

fn wanted(claim: &str) -> String {
    match claim {
        "exp" | "nbf" | "iat" => format!("`{claim}` must be whole seconds since 1970"),
        "email_verified" => "its `email` is not verified".into(),
        "user" | "plan" => format!("`{claim}` must be text of 1 to 128 printable characters"),
        _ => format!("`{claim}` cannot be an account: 1 to 128 letters, digits or `_.:@+-`, and not `local`"),
    }
}

/// Whether a credential is to be read as a token: three parts. No weir key has a dot in it.
pub(crate) fn is_token(credential: &str) -> bool {
    credential.bytes().filter(|b| *b == b'.').count() == 2
}

/// A token whose header says that it can be checked.
pub struct Token<'t> {
    signed: &'t [u8],
    payload: &'t [u8],
    signature: Vec<u8>,
    kid: Option<String>,
}

impl<'t> Token<'t> {
    pub fn read(text: &'t str) -> Result<Self, BadToken> {
        if text.len() > TOKEN_MAX {
            return Err(BadToken::TooLong);
        }
        let [head, payload, signature] = parts(text.as_bytes()).ok_or(BadToken::Malformed)?;
        let signed = text.as_bytes().get(..head.len() + 1 + payload.len()).ok_or(BadToken::Malformed)?;
        let head = Object::of(head).ok_or(BadToken::Malformed)?;
        let signature = decoded(signature).ok_or(BadToken::Malformed)?;
        // RFC 8725, 3.1 and 3.11: one algorithm, and a token that was made for something else is none of ours.
        let typed = ["JWT", "at+jwt", "application/at+jwt"];
        let a_jwt = !head.has("typ") || typed.iter().any(|typ| head.is_regardless_of_case("typ", typ));
        // RFC 7515, 4.1.11: what is marked critical must be understood, and nothing is.
        if !head.is("alg", "RS256") || head.has("crit") || !a_jwt {
            return Err(BadToken::Algorithm);
        }
        let kid = match head.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_MAX => Some(kid.clone()),
            Some(_) => return Err(BadToken::UnknownKey),
        };
        Ok(Self { signed, payload, signature, kid })
    }

    /// What was signed.
    pub const fn signed(&self) -> &'t [u8] {
        self.signed
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The one of these keys that the header names, if it names any.
    pub fn named_key<'k>(&self, keys: &'k [PublicKey]) -> Option<&'k PublicKey> {
        self.kid.as_ref().and_then(|kid| keys.iter().find(|key| key.kid == *kid))
    }

    /// The one of these keys that the header names. A header that names none means the only one there is.
    pub fn key<'k>(&self, keys: &'k [PublicKey]) -> Option<&'k PublicKey> {
        match keys {
            [only] if self.kid.is_none() => Some(only),
            keys => self.named_key(keys),
        }
    }

    /// What it says, once its signature was found good.
    pub fn claims(&self, rules: &Rules<'_>, now: Instant) -> Result<Claims, BadToken> {
        let claims = Object::of(self.payload).ok_or(BadToken::Malformed)?;
        let seconds = |name: &str| claims.seconds(name).map_err(|_| BadToken::Claim(name.into()));
        let exp = seconds("exp")?.ok_or_else(|| BadToken::Claim("exp".into()))?;
        if exp.after(rules.leeway) <= now {
            return Err(BadToken::Expired);
        }
        for name in ["nbf", "iat"] {
            if seconds(name)?.is_some_and(|from| from > now.after(rules.leeway)) {
                return Err(BadToken::Early);
            }
        }
        if !claims.is("iss", rules.issuer) {
            return Err(BadToken::Issuer);
        }
        if !claims.names("aud", rules.audience) {
            return Err(BadToken::Audience);
        }
        Ok(Claims(claims))
    }
}

/// What a token must say besides.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    /// How far clocks may be apart.
    pub leeway: Duration,
}

/// The claims of a token that holds.
#[derive(Clone, PartialEq)]
pub struct Claims(pub(crate) Object);

impl Claims {
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.to_map())
    }

    /// The first of these claims that is there, as an account: where it cannot be one, no other takes its place.
    pub(crate) fn account(&self, names: &[String]) -> Result<String, BadToken> {
        let claim =
            names.iter().find(|name| self.0.has(name)).ok_or_else(|| BadToken::Nobody(names.to_vec()))?;
        let unusable = || BadToken::Claim(claim.clone());
        let text = self.0.text(claim).ok().flatten().ok_or_else(unusable)?;
        let is_email = matches!(claim.as_str(), "email" | "em");
        // Whoever may write any address into his profile at the issuer would else have any account here.
        if is_email && self.0.get("email_verified").is_some_and(|v| v == false || v == "false") {
            return Err(BadToken::Claim("email_verified".into()));
        }
        let account = if is_email { text.to_ascii_lowercase() } else { text.to_owned() };
        Some(account).filter(|account| crate::is_account(account)).ok_or_else(unusable)
    }

    pub(crate) fn label(&self, name: &str) -> Result<Option<vocab::Name>, BadToken> {
        let text = self.0.text(name).map_err(|_| BadToken::Claim(name.into()))?;
        Ok(text.map(Into::into))
    }
}

#[cfg(test)]
mod tests;
