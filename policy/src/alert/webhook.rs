//! Whom to tell of what.

use super::event::{AlertKind, Event};
use super::reach::Target;
use super::sign::{self, Secret};
use crate::plan::fits;
use serde::{Deserialize, Serialize};
use vocab::Instant;

/// One webhook, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// The name of the environment variable that holds the secret: `whsec_` and 24 to 64 bytes in base64. Two with a space
    /// between them while one replaces the other.
    pub secret: String,
    /// Of which events, with `*` for any letters; empty is all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Of which accounts, in the same way; empty is all.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// It may be in a private network, and without TLS.
    #[serde(default)]
    pub allow_private: bool,
    /// The secrets themselves, once they were looked up.
    #[serde(skip)]
    secrets: Vec<Secret>,
}

impl Webhook {
    pub fn wants(&self, event: &Event) -> bool {
        let one_of = |list: &[String], text: &str| list.is_empty() || list.iter().any(|p| fits(p, text));
        one_of(&self.events, event.kind.name()) && one_of(&self.accounts, &event.account)
    }

    /// Where it is.
    pub fn target(&self) -> Result<Target, String> {
        Target::read(&self.url, self.allow_private)
    }

    /// The value of the signature's header, for this body sent at this time.
    pub fn signed(&self, id: &str, at: Instant, body: &str) -> String {
        sign::signatures(&self.secrets, id, at, body)
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(why) = self.target() {
            faults.push(format!("url: {why}"));
        }
        for pattern in &self.events {
            if !AlertKind::ALL.iter().any(|kind| fits(pattern, kind.name())) {
                let known: Vec<&str> = AlertKind::ALL.iter().map(|kind| kind.name()).collect();
                faults.push(format!("events: there is no {pattern:?}; known: {}", known.join(", ")));
            }
        }
        if self.accounts.iter().any(String::is_empty) {
            faults.push("accounts: an empty name fits nothing".into());
        }
        faults
    }

    pub(super) fn unlock(&mut self, secret: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        let name = &self.secret;
        let text = secret(name).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("secret: {name} is not set in the environment"))?;
        self.secrets = sign::secrets(&text).ok_or_else(|| {
            format!("secret: {name} must hold whsec_ and 24 to 64 bytes in base64; `openssl rand -base64 32` makes them")
        })?;
        Ok(())
    }
}
