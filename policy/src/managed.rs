//! Keys that are made, changed and taken back while weir runs.
//!
//! The key itself is shown once, where it is made; what is kept is its SHA-256, and enough of it to tell two apart.

use crate::identity::Caller;
use crate::jose::{encoded, is_plain};
use crate::{Digest, request_id};
use serde_json::{Value, json};
use std::fmt;
use vocab::{Dice, Duration, Instant, Name};

/// What every weir key begins with.
pub const KEY_PREFIX: &str = "wk_";
/// Random bytes in one: 256 bits.
pub const KEY_RANDOM: usize = 32;
/// How long the old secret of a rotated key holds, where nothing else is said.
pub const OVERLAP: Duration = Duration::from_secs(86_400);
const OVERLAP_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Old secrets that hold at a time.
const FORMER_MAX: usize = 4;
/// How much of a key its hint shows.
const SHOWN: usize = 4;

/// A new secret: all that is to be known of it. Neither printed nor kept.
pub struct Secret {
    text: String,
}

impl Secret {
    /// `random` is from the platform's generator for secrets.
    pub fn new(random: [u8; KEY_RANDOM]) -> Self {
        Self { text: format!("{KEY_PREFIX}{}", encoded(random)) }
    }

    /// To be shown once.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.text)
    }

    /// For people: which key it is, and nothing to come in with.
    pub fn hint(&self) -> String {
        let from = self.text.len().saturating_sub(SHOWN);
        format!("{KEY_PREFIX}…{}", self.text.get(from..).unwrap_or_default())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret that was replaced, and until when it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    pub digest: Digest,
    pub hint: String,
    pub until: Instant,
}

/// Whether a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    Disabled,
    Expired,
}

impl Standing {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }
}

/// One key, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedKey {
    /// `key_…`; sorts by when it was made.
    pub id: Name,
    pub digest: Digest,
    pub hint: String,
    /// For people: which of the account's keys this is; may be empty.
    pub name: String,
    /// Whose books pay.
    pub account: String,
    /// Who of the account.
    pub user: Option<Name>,
    /// The name of what the account has booked.
    pub plan: Option<Name>,
    pub created: Instant,
    /// From when on it does not open any more.
    pub expires: Option<Instant>,
    pub disabled: bool,
    pub former: Vec<Former>,
}

/// What is said of a key when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyWish {
    pub account: String,
    pub name: String,
    pub user: Option<String>,
    pub plan: Option<String>,
    pub expires: Option<Instant>,
}

/// What is to be another of a key. None: as it was; Some(None): taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEdit {
    pub name: Option<String>,
    pub user: Option<Option<String>>,
    pub plan: Option<Option<String>>,
    pub expires: Option<Option<Instant>>,
    pub disabled: Option<bool>,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    Edit(KeyEdit),
    /// Another secret. The one before holds on for `overlap`; with none at all no secret before this holds any longer.
    Rotate {
        digest: Digest,
        hint: String,
        overlap: Duration,
    },
}

/// What cannot be: which field, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    pub param: &'static str,
    pub message: String,
}

impl BadKey {
    fn new(param: &'static str, message: impl fmt::Display) -> Self {
        Self { param, message: format!("{param}: {message}") }
    }
}

const LABEL: &str = "expected 1 to 128 characters, none of them a control character";

fn label(param: &'static str, text: Option<&str>) -> Result<Option<Name>, BadKey> {
    match text {
        None => Ok(None),
        Some(text) if is_plain(text) => Ok(Some(text.into())),
        Some(_) => Err(BadKey::new(param, LABEL)),
    }
}

fn name(text: &str) -> Result<String, BadKey> {
    if text.is_empty() || is_plain(text) { Ok(text.to_owned()) } else { Err(BadKey::new("name", LABEL)) }
}

fn later(expires: Option<Instant>, now: Instant) -> Result<Option<Instant>, BadKey> {
    match expires {
        Some(at) if at <= now => {
            Err(BadKey::new("expires_at", "is in the past; disable or delete the key instead"))
        }
        at => Ok(at),
    }
}

impl ManagedKey {
    /// A new one. `throw` makes its id; it is no secret.
    pub fn new(wish: &KeyWish, secret: &Secret, throw: u64, now: Instant) -> Result<Self, BadKey> {
        if !crate::is_account(&wish.account) || wish.account == crate::identity::LOCAL {
            let right = "expected 1 to 128 letters, digits or `_.:@+-`, and not `local`";
            return Err(BadKey::new("account", right));
        }
        Ok(Self {
            id: format!("key_{}", request_id(None, now, Dice::seeded(throw).roll())).into(),
            digest: secret.digest(),
            hint: secret.hint(),
            name: name(&wish.name)?,
            account: wish.account.clone(),
            user: label("user", wish.user.as_deref())?,
            plan: label("plan", wish.plan.as_deref())?,
            created: now,
            expires: later(wish.expires, now)?,
            disabled: false,
            former: Vec::new(),
        })
    }

    pub fn standing(&self, now: Instant) -> Standing {
        match self.expires {
            _ if self.disabled => Standing::Disabled,
            Some(at) if at <= now => Standing::Expired,
            _ => Standing::Active,
        }
    }

    /// The same key, changed.
    pub fn changed(&self, change: &KeyChange, now: Instant) -> Result<Self, BadKey> {
        let mut key = self.clone();
        key.former.retain(|former| former.until > now);
        match change {
            KeyChange::Edit(edit) => {
                if let Some(text) = &edit.name {
                    key.name = name(text)?;
                }
                if let Some(user) = &edit.user {
                    key.user = label("user", user.as_deref())?;
                }
                if let Some(plan) = &edit.plan {
                    key.plan = label("plan", plan.as_deref())?;
                }
                if let Some(expires) = edit.expires {
                    key.expires = later(expires, now)?;
                }
                key.disabled = edit.disabled.unwrap_or(key.disabled);
            }
            KeyChange::Rotate { overlap, .. } if *overlap > OVERLAP_MAX => {
                return Err(BadKey::new("overlap_s", format!("at most {}", OVERLAP_MAX.as_secs())));
            }
            KeyChange::Rotate { digest, hint, overlap } => {
                let old = Former { digest: key.digest, hint: key.hint, until: now.after(*overlap) };
                (key.digest, key.hint) = (*digest, hint.clone());
                if overlap.is_zero() {
                    key.former.clear();
                } else if key.former.len() < FORMER_MAX {
                    key.former.push(old);
                } else {
                    let message = format!("{FORMER_MAX} old secrets of this key hold still; 0 ends them all");
                    return Err(BadKey::new("overlap_s", message));
                }
            }
        }
        Ok(key)
    }

    /// Who comes with it.
    pub fn caller(&self) -> Caller {
        Caller {
            account: self.account.clone(),
            key: Some(self.id.clone()),
            user: self.user.clone(),
            plan: self.plan.clone(),
            admin: false,
        }
    }

    /// As the operator is shown it: nothing to come in with. `used` is when it last opened, if that is known.
    pub fn shown(&self, used: Option<Instant>, now: Instant) -> Value {
        let at = |at: Option<Instant>| at.map(Instant::rfc3339);
        let former = self.former.iter().filter(|former| former.until > now);
        json!({
            "id": &*self.id,
            "hint": self.hint,
            "name": self.name,
            "account": self.account,
            "user": self.user.as_deref(),
            "plan": self.plan.as_deref(),
            "status": self.standing(now).name(),
            "created_at": self.created.rfc3339(),
            "expires_at": at(self.expires),
            "last_used_at": at(used),
            "overlap": former
                .map(|former| json!({ "hint": former.hint, "until": former.until.rfc3339() }))
                .collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
