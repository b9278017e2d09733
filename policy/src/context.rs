//! Context tokens: a gateway that has found out who is calling says so in an HS256 JWT (RFC 7515, 7519), signed with a
//! secret that only it and weir know.
//!
//! One algorithm, so the header of a token chooses nothing. The signature is checked before a single claim is read.

mod setting;

pub use setting::{AccountOf, ContextSetting};

use crate::identity::{Caller, Refused};
use crate::jose::{Object, decoded, parts};
use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use setting::Secret;
use sha2::Sha256;
use std::fmt;
use subtle::Choice;
use vocab::{Duration, Instant};

/// Where a gateway puts it.
pub const CONTEXT_HEADER: &str = "x-weir-context";
/// Parsed once: every request is looked through for it.
const CARRIED: HeaderName = HeaderName::from_static(CONTEXT_HEADER);

/// Longer ones are not looked at. A gateway's own come to about 300 bytes.
const LONGEST: usize = 4 << 10;

/// Why a token is not taken. It holds nothing of the token but names of claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadContext {
    /// No context tokens are taken here.
    Unconfigured,
    /// More than one came: which of them counts?
    Several,
    /// Not three parts of base64url, or too long, or header or claims are no plain JSON object.
    Malformed,
    /// Its header does not say HS256, or asks for extensions.
    Algorithm,
    /// Signed by somebody else, or changed since.
    Signature,
    Expired,
    /// `nbf` or `iat` is in the future.
    Early,
    /// It expires further ahead than a token may.
    LongLived,
    Issuer,
    Audience,
    /// A claim is missing or is not what it should be.
    Claim(&'static str),
}

impl BadContext {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unconfigured => "context_not_accepted",
            Self::Expired => "context_expired",
            _ => "invalid_context",
        }
    }
}

impl fmt::Display for BadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Unconfigured => {
                return f.write_str(
                    "X-Weir-Context was sent, and no context tokens are taken here. Configure `service.context`, or do \
                     not send it.",
                );
            }
            Self::Several => "it was sent more than once",
            Self::Malformed => {
                "it is no compact JWT: three parts of base64url that hold JSON objects, each name once"
            }
            Self::Algorithm => "its header must say \"alg\":\"HS256\" and nothing critical",
            Self::Signature => "its signature is not by a secret that is known here",
            Self::Expired => "it has expired; sign a new one for each request",
            Self::Early => "`nbf` or `iat` is in the future; compare the clocks",
            Self::LongLived => "`exp` is further ahead than `service.context.life_max_s` allows",
            Self::Issuer => "`iss` is not the issuer that is configured here",
            Self::Audience => "`aud` does not name this service",
            Self::Claim(name) => {
                return write!(f, "The context token is not taken: {}.", wanted(name));
            }
        };
        write!(f, "The context token is not taken: {why}.")
    }
}

fn wanted(claim: &str) -> String {
    match claim {
        "exp" | "nbf" | "iat" => format!("`{claim}` must be whole seconds since 1970"),
        "tenant" => "`tenant` must be 1 to 128 letters, digits or `_.:-`, and not `local`".into(),
        _ => format!("`{claim}` must be text of 1 to 128 printable characters"),
    }
}

/// The token that a request carries: in the header of its own, or as a bearer that says it is one. None where the
/// request does not claim a context.
pub(crate) fn carried<'h>(
    setting: Option<&ContextSetting>,
    headers: &'h HeaderMap,
) -> Result<Option<&'h [u8]>, BadContext> {
    let mut sent = headers.get_all(&CARRIED).iter();
    if let Some(token) = sent.next() {
        return match sent.next() {
            Some(_) => Err(BadContext::Several),
            None => Ok(Some(token.as_bytes())),
        };
    }
    // Other software's keys may be JWTs too: where no context is taken, a bearer is a key.
    if setting.is_none() {
        return Ok(None);
    }
    let bearer = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.split_once(' '));
    let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, t)| t.trim());
    Ok(token.map(str::as_bytes).filter(|token| says_hs256(token)))
}

fn says_hs256(token: &[u8]) -> bool {
    token.len() <= LONGEST
        && parts(token).and_then(|[head, ..]| Object::of(head)).is_some_and(|head| head.is("alg", "HS256"))
}

/// Who the token says is calling.
pub(crate) fn verify(
    setting: Option<&ContextSetting>,
    token: &[u8],
    now: Instant,
) -> Result<Caller, BadContext> {
    let setting = setting.ok_or(BadContext::Unconfigured)?;
    if token.len() > LONGEST {
        return Err(BadContext::Malformed);
    }
    let [head, payload, signature] = parts(token).ok_or(BadContext::Malformed)?;
    let signed = token.get(..head.len() + 1 + payload.len()).unwrap_or_default();
    let signature = decoded(signature).ok_or(BadContext::Malformed)?;
    if !bool::from(signed_by_one_of(&setting.keys, signed, &signature)) {
        return Err(BadContext::Signature);
    }
    let head = Object::of(head).ok_or(BadContext::Malformed)?;
    // RFC 7515, 4.1.11: what is marked critical must be understood, and nothing is.
    let a_jwt = !head.has("typ") || head.is_regardless_of_case("typ", "JWT");
    if !head.is("alg", "HS256") || head.has("crit") || !a_jwt {
        return Err(BadContext::Algorithm);
    }
    let claims = Object::of(payload).ok_or(BadContext::Malformed)?;
    in_time(setting, &claims, now)?;
    if setting.issuer.as_deref().is_some_and(|issuer| !claims.is("iss", issuer)) {
        return Err(BadContext::Issuer);
    }
    if !claims.names("aud", &setting.audience) {
        return Err(BadContext::Audience);
    }
    caller(setting, &claims)
}

/// Looks at every secret, found or not: how long it takes tells nothing.
fn signed_by_one_of(keys: &[Secret], signed: &[u8], signature: &[u8]) -> Choice {
    let by = |key: &Secret| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.bytes()) else { return Choice::from(0) };
        mac.update(signed);
        Choice::from(u8::from(mac.verify_slice(signature).is_ok()))
    };
    keys.iter().map(by).fold(Choice::from(0), |found, this| found | this)
}

fn in_time(setting: &ContextSetting, claims: &Object, now: Instant) -> Result<(), BadContext> {
    let leeway = Duration::from_secs(setting.leeway_s);
    let exp = seconds(claims, "exp")?.ok_or(BadContext::Claim("exp"))?;
    if exp.after(leeway) <= now {
        return Err(BadContext::Expired);
    }
    for name in ["nbf", "iat"] {
        if seconds(claims, name)?.is_some_and(|from| from > now.after(leeway)) {
            return Err(BadContext::Early);
        }
    }
    if exp > now.after(leeway + Duration::from_secs(setting.life_max_s)) {
        return Err(BadContext::LongLived);
    }
    Ok(())
}

fn seconds(claims: &Object, name: &'static str) -> Result<Option<Instant>, BadContext> {
    claims.seconds(name).map_err(|_| BadContext::Claim(name))
}

fn text<'c>(claims: &'c Object, name: &'static str) -> Result<Option<&'c str>, BadContext> {
    claims.text(name).map_err(|_| BadContext::Claim(name))
}

fn caller(setting: &ContextSetting, claims: &Object) -> Result<Caller, BadContext> {
    let tenant = text(claims, "tenant")?.filter(|t| crate::is_sane(t) && *t != crate::identity::LOCAL);
    let tenant = tenant.ok_or(BadContext::Claim("tenant"))?;
    let user = text(claims, "user")?;
    let plan = text(claims, "plan")?;
    let account = match setting.account {
        AccountOf::Tenant => tenant.to_owned(),
        AccountOf::User => {
            // Else `a:b` of tenant `c` would pay with the account of `b` of tenant `c:a`.
            let tenant = Some(tenant).filter(|t| !t.contains(':')).ok_or(BadContext::Claim("tenant"))?;
            let account = format!("{tenant}:{}", user.ok_or(BadContext::Claim("user"))?);
            Some(account).filter(|a| crate::is_sane(a)).ok_or(BadContext::Claim("user"))?
        }
    };
    Ok(Caller {
        account,
        key: Some("context".into()),
        admin: false,
        user: user.map(Into::into),
        plan: plan.map(Into::into),
    })
}

impl From<BadContext> for Refused {
    fn from(bad: BadContext) -> Self {
        Self::Context(bad)
    }
}

#[cfg(test)]
mod tests;
