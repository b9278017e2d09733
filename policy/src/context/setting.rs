//! What the operator says of context tokens.

use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// RFC 7518, 3.2: a key of the same size as the hash output or larger must be used.
const SECRET_MIN: usize = 32;
/// One, and the one that replaces it.
const SECRETS_MAX: usize = 2;
const LEEWAY_S_MAX: u64 = 300;

/// Whose account a token's bearer pays from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountOf {
    /// One for each tenant, named like it.
    #[default]
    Tenant,
    /// One for each user of each tenant: `tenant:user`.
    User,
}

/// Which context tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextSetting {
    /// Names of the environment variables or Worker secrets that hold the secrets that tokens are signed with. Two
    /// while one replaces the other: either is accepted.
    pub secrets: Vec<String>,
    /// What `aud` must name.
    #[serde(default = "weir")]
    pub audience: String,
    /// What `iss` must be; None: it is not looked at.
    #[serde(default)]
    pub issuer: Option<String>,
    /// How far the gateway's clock may be from ours, in seconds.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
    /// How far ahead a token may expire, in seconds: what leaks is of use no longer.
    #[serde(default = "life_max_s")]
    pub life_max_s: u64,
    #[serde(default)]
    pub account: AccountOf,
    /// The secrets themselves, once they were looked up.
    #[serde(skip)]
    pub(super) keys: Vec<Secret>,
}

fn weir() -> String {
    "weir".into()
}

const fn leeway_s() -> u64 {
    30
}

const fn life_max_s() -> u64 {
    300
}

impl ContextSetting {
    /// What is wrong with it, as far as can be said without the secrets.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            faults.push(format!(
                "context.secrets: expected one name, or two while one secret replaces the other; got {}",
                self.secrets.len()
            ));
        }
        if self.audience.is_empty() || self.issuer.as_deref() == Some("") {
            faults.push("context: `audience` and `issuer` cannot be empty".into());
        }
        if self.leeway_s > LEEWAY_S_MAX {
            faults.push(format!("context.leeway_s: at most {LEEWAY_S_MAX}"));
        }
        if self.life_max_s == 0 {
            faults.push("context.life_max_s: 0 would refuse every token".into());
        }
        faults
    }

    /// Looks the secrets up by name; what is wrong with them. Without this every token is refused.
    pub(crate) fn unlock(&mut self, secret: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = Vec::new();
        self.keys.clear();
        for name in &self.secrets {
            match secret(name).filter(|value| !value.is_empty()) {
                None => faults.push(format!("context.secrets: {name} is not set in the environment")),
                Some(value) if value.len() < SECRET_MIN => {
                    faults.push(format!("context.secrets: {name} must hold at least {SECRET_MIN} bytes"));
                }
                Some(value) => self.keys.push(Secret(value.into_bytes())),
            }
        }
        faults
    }
}

/// Never printed.
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

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
