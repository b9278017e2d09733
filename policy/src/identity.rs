//! Who is calling.

use crate::context::{self, BadContext};
use crate::jwt::{self, BadToken};
use crate::{Digest, Settings, email};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use std::fmt;
use subtle::{Choice, ConditionallySelectable};
use vocab::{Instant, Name};

/// The account of callers on loopback while no keys are configured.
pub(crate) const LOCAL: &str = "local";

/// Where a request came from, as the shell saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// From this machine itself.
    pub loopback: bool,
}

/// Who pays, and what later parts ask of him. Cheap to make: what a key always says is shared, not copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    /// Which key it was: the id of a managed one, the name of a configured one, `admin`, `context`, `jwt`, `gateway`; None
    /// on loopback.
    pub key: Option<Name>,
    /// It is the operator: may read every account.
    pub admin: bool,
    /// Who of the account, where that is said.
    pub user: Option<Name>,
    /// The name of what the account has booked, where that is said.
    pub plan: Option<Name>,
}

/// What a request says of its sender, as far as that can be judged without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'h> {
    /// It is settled who that is.
    Caller(Caller),
    /// The digest of a key that the configuration does not know: whoever keeps the others is to be asked.
    Key(Digest),
    /// A JWT that is to be checked.
    Token(&'h str),
}

/// Why nobody is let in. The message says what would be right; it never holds what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No credential where one is needed.
    Missing,
    /// A credential nobody here knows.
    Unknown,
    /// A web page that is not allowed to use this machine's open door.
    ForeignPage { origin: String },
    /// Addressed by a name that is not this machine's: a page may have re-bound its own name to it.
    ForeignHost { host: String },
    /// A context token that is not taken. Whatever else the request carries is not looked at.
    Context(BadContext),
    /// A JWT that is not taken.
    Token(BadToken),
    /// What the gateway says is no address, or two.
    Email,
}

impl Refused {
    pub const fn status(&self) -> u16 {
        match self {
            Self::Missing | Self::Unknown | Self::Context(_) | Self::Token(_) | Self::Email => 401,
            Self::ForeignPage { .. } | Self::ForeignHost { .. } => 403,
        }
    }

    pub const fn code(&self) -> &'static str {
        match self {
            Self::Email => "invalid_email",
            Self::Missing => "missing_api_key",
            Self::Unknown => "invalid_api_key",
            Self::ForeignPage { .. } => "origin_not_allowed",
            Self::ForeignHost { .. } => "host_not_allowed",
            Self::Context(bad) => bad.code(),
            Self::Token(bad) => bad.code(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "No API key. Send a weir key as `Authorization: Bearer wk_…`, `x-api-key`, `x-goog-api-key`, `xi-api-key` or `?key=`.",
            ),
            // One sentence for all of it: whether a key is known is nobody's business who does not have one that opens.
            Self::Unknown => f.write_str(
                "The API key is not taken here. Check that it is complete, and that it was not disabled or deleted and has \
                 not expired.",
            ),
            Self::Email => f.write_str(
                "The gateway's word who is calling, X-User-Email or ?email=, is no address, or it is two different ones.",
            ),
            Self::ForeignPage { origin } => write!(
                f,
                "Pages of {origin} may not use this machine's open door. Add the origin to `cors.origins`, or use a key."
            ),
            Self::ForeignHost { host } => write!(
                f,
                "Without a key weir answers on this machine's own names only, not on {host:?}. Use localhost, add the \
                 name to `loopback_hosts`, or use a key."
            ),
            Self::Context(bad) => bad.fmt(f),
            Self::Token(bad) => bad.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

impl From<BadToken> for Refused {
    fn from(bad: BadToken) -> Self {
        Self::Token(bad)
    }
}

/// A key as a request carries it. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a>(&'a str);

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl<'a> Credential<'a> {
    /// `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `xi-api-key`, then `?key=`; the first that is there.
    pub fn of(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.split_at_checked("bearer ".len()))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "))
            .map(|(_, key)| key.trim());
        let asked = || query?.split('&').find_map(|pair| pair.strip_prefix("key="));
        bearer
            .or_else(|| text("x-api-key"))
            .or_else(|| text("x-goog-api-key"))
            .or_else(|| text("xi-api-key"))
            .or_else(asked)
            .filter(|key| !key.is_empty())
            .map(Self)
    }
}

/// Who is calling, or who is to be asked, or why they are not let in. At most one digest is made.
///
/// A context token comes before all else: where one is there, it alone decides, and a bad one is not made good by a key
/// beside it. The same holds for a JWT where such are taken, and for a key: the word of a gateway counts only where
/// neither was sent, or nobody here has any. While nobody was given a credential (`kept_keys`: whether there are keys
/// outside the configuration), callers on loopback are `local` whatever credential their SDK insists on sending; as soon as
/// there is one key, everybody needs one. The open door asks where a request comes from, because every
/// web page can make a browser call `127.0.0.1`: a page's origin must be on the list, and the host must be a name of
/// this machine, else a page could point its own name here.
pub fn claim<'h>(
    settings: &Settings,
    headers: &'h HeaderMap,
    query: Option<&'h str>,
    from: Origin,
    now: Instant,
    kept_keys: bool,
) -> Result<Claim<'h>, Refused> {
    let gateway = settings.context.as_ref();
    if let Some(token) = context::carried(gateway, headers)? {
        return Ok(Claim::Caller(context::verify(gateway, token, now)?));
    }
    let credential = Credential::of(headers, query);
    if let Some(Credential(text)) = credential {
        if settings.takes_tokens() && jwt::is_token(text) {
            return Ok(Claim::Token(text));
        }
        let has_keys = kept_keys || !settings.keys.is_empty();
        if has_keys || settings.admin_key_sha256.is_some() {
            let digest = Digest::of(text);
            if let Some(caller) = operator(settings, &digest).or_else(|| key_holder(settings, &digest)) {
                return Ok(Claim::Caller(caller));
            }
            if kept_keys {
                return Ok(Claim::Key(digest));
            }
        }
        if has_keys || settings.takes_tokens() {
            return Err(Refused::Unknown);
        }
    }
    if settings.trust_gateway
        && let Some(caller) = email::caller(headers, query)?
    {
        return Ok(Claim::Caller(caller));
    }
    if !kept_keys && !settings.wants_credentials() && settings.loopback_open && from.loopback {
        at_home(settings, headers)?;
        return Ok(Claim::Caller(Caller { account: LOCAL.into(), ..Caller::default() }));
    }
    Err(if credential.is_some() { Refused::Unknown } else { Refused::Missing })
}

/// Whether the request carries the operator's key.
pub fn is_admin(settings: &Settings, headers: &HeaderMap, query: Option<&str>) -> bool {
    Credential::of(headers, query).is_some_and(|c| admin_matches(settings, &Digest::of(c.0)))
}

fn operator(settings: &Settings, digest: &Digest) -> Option<Caller> {
    let caller =
        || Caller { account: LOCAL.into(), key: Some("admin".into()), admin: true, ..Caller::default() };
    admin_matches(settings, digest).then(caller)
}

fn admin_matches(settings: &Settings, digest: &Digest) -> bool {
    settings.admin_key_sha256.is_some_and(|admin| bool::from(admin.alike(digest)))
}

/// Looks at every key, found or not: how long it takes tells nothing.
fn key_holder(settings: &Settings, digest: &Digest) -> Option<Caller> {
    let mut found = u32::MAX;
    for (place, key) in (0u32..).zip(&settings.keys) {
        found = u32::conditional_select(&found, &place, Choice::from(key.sha256.alike(digest).unwrap_u8()));
    }
    let key = settings.keys.get(usize::try_from(found).ok()?)?;
    Some(Caller { account: key.account.clone(), key: Some(key.name.as_str().into()), ..Caller::default() })
}

fn at_home(settings: &Settings, headers: &HeaderMap) -> Result<(), Refused> {
    let shown = |text: &str| text.chars().take(200).collect::<String>();
    // What is not even text is no name of ours.
    let text = |name| headers.get(name).map(|v: &http::HeaderValue| v.to_str().unwrap_or("?"));
    let host = text(HOST);
    if let Some(host) = host
        && !is_own_name(host)
        && !settings.loopback_hosts.iter().any(|h| *h == without_port(host))
    {
        return Err(Refused::ForeignHost { host: shown(host) });
    }
    if let Some(origin) = text(ORIGIN) {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let own = authority.is_some() && authority == host;
        if !own && !settings.cors.allows(origin) {
            return Err(Refused::ForeignPage { origin: shown(origin) });
        }
    }
    Ok(())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

pub(crate) fn is_own_name(host: &str) -> bool {
    let name = without_port(host);
    let ends = |end: &str| {
        name.len()
            .checked_sub(end.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|t| t.eq_ignore_ascii_case(end))
    };
    name.eq_ignore_ascii_case("localhost")
        || ends(".localhost")
        || name == "[::1]"
        || name == "127.0.0.1"
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Of a request that needs nobody else to be asked.
#[cfg(test)]
pub(crate) fn identify(
    settings: &Settings,
    headers: &HeaderMap,
    query: Option<&str>,
    from: Origin,
    now: Instant,
) -> Result<Caller, Refused> {
    match claim(settings, headers, query, from, now, false)? {
        Claim::Caller(caller) => Ok(caller),
        other => panic!("{other:?}"),
    }
}

#[cfg(test)]
mod tests;
