//! What the operator says of RS256 tokens.

use super::{BadToken, Claims, PublicKey, Rules, pem, read_jwks};
use crate::identity::Caller;
use crate::jose::is_plain;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use vocab::Duration;

const LEEWAY_S_MAX: u64 = 300;
/// One that signs, and those that were or will be.
const KEYS_MAX: usize = 4;
/// Where a token of weir's own says whose it is.
const OWN_ACCOUNT: [&str; 4] = ["account", "email", "em", "sub"];

/// Which tokens of an issuer outside are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSetting {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must name.
    pub audience: String,
    /// Where its public keys are: read at start, each hour, and when a token names one that is not among them, but at
    /// most once a minute.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// The keys themselves, as JSON: instead of an address, or until it first answers.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Claims that an account is taken from: the first that is there.
    #[serde(default = "account")]
    pub account: Vec<String>,
    /// What stands before it, so that nobody outside names an account of ours.
    #[serde(default)]
    pub account_prefix: String,
    /// The claim that names a plan; None: such tokens say nothing of plans.
    #[serde(default)]
    pub plan: Option<String>,
    /// How far the issuer's clock may be from ours, in seconds.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
}

/// Tokens that weir signs itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningSetting {
    /// Names of the environment variables or Worker secrets that hold private keys: PKCS#8 as PEM. The first signs; all
    /// are published and believed, so that one can replace another without a token being refused.
    #[serde(default = "keys")]
    pub keys: Vec<String>,
    #[serde(default = "weir")]
    pub issuer: String,
    #[serde(default = "weir")]
    pub audience: String,
    /// The longest that a token may hold, in seconds.
    #[serde(default = "life_max_s")]
    pub life_max_s: u64,
    /// Whoever asks is given a token as a guest; None: nobody is.
    #[serde(default)]
    pub guest: Option<GuestSetting>,
    /// The keys themselves, once they were looked up.
    #[serde(skip)]
    secrets: Vec<PrivateKey>,
}

/// What guests get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuestSetting {
    /// How long a token holds, in seconds.
    pub life_s: u64,
    /// Stands before `guest_…` in the name of a guest's account: each has one of his own.
    pub account_prefix: String,
    /// The name of a plan; empty: none.
    pub plan: String,
    /// How many tokens are given away in a minute, by each process.
    pub per_minute: u32,
}

impl Default for GuestSetting {
    fn default() -> Self {
        Self { life_s: 3_600, account_prefix: String::new(), plan: String::new(), per_minute: 60 }
    }
}

fn account() -> Vec<String> {
    ["email", "em", "sub"].map(Into::into).into()
}

fn keys() -> Vec<String> {
    vec!["WEIR_JWT_KEY".into()]
}

fn weir() -> String {
    "weir".into()
}

const fn leeway_s() -> u64 {
    30
}

const fn life_max_s() -> u64 {
    86_400
}

impl JwtSetting {
    pub const fn rules(&self) -> Rules<'_> {
        let leeway = Duration::from_secs(self.leeway_s);
        Rules { issuer: self.issuer.as_str(), audience: self.audience.as_str(), leeway }
    }

    /// The keys that stand in the configuration.
    pub fn inline(&self) -> Vec<PublicKey> {
        self.jwks.as_ref().and_then(|text| read_jwks(text.as_bytes()).ok()).unwrap_or_default()
    }

    /// Who is calling.
    pub fn caller(&self, claims: &Claims) -> Result<Caller, BadToken> {
        let named = claims.account(&self.account)?;
        let account = format!("{}{named}", self.account_prefix);
        let plan = self.plan.as_ref().map(|claim| claims.label(claim)).transpose()?.flatten();
        caller(account, Some(named.as_str().into()), plan)
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.issuer.is_empty() || self.audience.is_empty() {
            faults.push("jwt: `issuer` and `audience` cannot be empty".into());
        }
        if self.jwks_url.is_none() && self.jwks.is_none() {
            faults.push("jwt: nobody's keys are known; set `jwks_url` or `jwks`".into());
        }
        if let Some(url) = &self.jwks_url
            && !is_safe(url)
        {
            faults.push(format!(
                "jwt.jwks_url: {url:?} must begin with https:// (http:// on this machine only)"
            ));
        }
        if let Some(Err(why)) = self.jwks.as_ref().map(|text| read_jwks(text.as_bytes())) {
            faults.push(format!("jwt.jwks: {why}"));
        }
        if self.account.is_empty() || self.account.iter().chain(&self.plan).any(|claim| !is_plain(claim)) {
            faults.push("jwt: `account` needs the name of a claim, and `plan` one that is not empty".into());
        }
        if !is_prefix(&self.account_prefix) {
            faults.push("jwt.account_prefix: up to 64 letters, digits or `_.:@+-`".into());
        }
        if self.leeway_s > LEEWAY_S_MAX {
            faults.push(format!("jwt.leeway_s: at most {LEEWAY_S_MAX}"));
        }
        faults
    }
}

/// Who answers in the clear may be anybody on the way.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => crate::identity::is_own_name(host),
        _ => false,
    }
}

fn is_prefix(text: &str) -> bool {
    text.is_empty() || text.len() <= 64 && crate::is_account(text)
}

fn caller(account: String, user: Option<vocab::Name>, plan: Option<vocab::Name>) -> Result<Caller, BadToken> {
    if !crate::is_account(&account) || account == crate::identity::LOCAL {
        return Err(BadToken::Claim("account".into()));
    }
    Ok(Caller { account, key: Some("jwt".into()), admin: false, user, plan })
}

impl SigningSetting {
    pub const fn rules(&self) -> Rules<'_> {
        let leeway = Duration::from_secs(leeway_s());
        Rules { issuer: self.issuer.as_str(), audience: self.audience.as_str(), leeway }
    }

    /// The private keys, in the order of their names.
    pub fn secrets(&self) -> &[PrivateKey] {
        &self.secrets
    }

    /// Who is calling.
    pub fn caller(&self, claims: &Claims) -> Result<Caller, BadToken> {
        let account = claims.account(&OWN_ACCOUNT.map(Into::into))?;
        let user = match claims.label("user")? {
            None => claims.label("sub")?,
            said => said,
        };
        caller(account, user, claims.label("plan")?)
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=KEYS_MAX).contains(&self.keys.len()) {
            faults.push(format!("signing.keys: expected 1 to {KEYS_MAX} names, got {}", self.keys.len()));
        }
        if self.issuer.is_empty() || self.audience.is_empty() {
            faults.push("signing: `issuer` and `audience` cannot be empty".into());
        }
        if self.life_max_s == 0 {
            faults.push("signing.life_max_s: 0 would make tokens that have expired".into());
        }
        let Some(guest) = &self.guest else { return faults };
        if guest.life_s == 0 || guest.life_s > self.life_max_s {
            faults
                .push(format!("signing.guest.life_s: from 1 to `life_max_s`, which is {}", self.life_max_s));
        }
        if !is_prefix(&guest.account_prefix) {
            faults.push("signing.guest.account_prefix: up to 64 letters, digits or `_.:@+-`".into());
        }
        if !guest.plan.is_empty() && !is_plain(&guest.plan) {
            faults.push("signing.guest.plan: up to 128 printable characters".into());
        }
        faults
    }

    /// Looks the keys up by name; what is wrong with them. Without this nothing is signed, and no token of ours believed.
    pub(crate) fn unlock(&mut self, secret: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = Vec::new();
        self.secrets.clear();
        for name in &self.keys {
            match secret(name).filter(|value| !value.is_empty()).map(|value| pem::pkcs8(&value)) {
                None => faults.push(format!("signing.keys: {name} is not set in the environment")),
                Some(Err(why)) => faults.push(format!("signing.keys: {name} {why}")),
                Some(Ok(pkcs8)) => {
                    self.secrets.push(PrivateKey { name: name.as_str().into(), pkcs8: pkcs8.into() })
                }
            }
        }
        faults
    }
}

/// A private key. Never printed, never written.
#[derive(Clone)]
pub struct PrivateKey {
    /// Of the variable that it was read from.
    pub name: vocab::Name,
    pkcs8: Arc<[u8]>,
}

impl PrivateKey {
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && bool::from(self.pkcs8.ct_eq(&other.pkcs8))
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, …)", self.name)
    }
}
