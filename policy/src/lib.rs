//! Who may ask, how fast, and what the operator settled for everybody: identity, keys, tokens, plans, limits, skills, browser
//! origins.
//!
//! Pure: it reads no clock and draws no dice. Keys are known by their SHA-256 only, and a secret is never shown.

pub mod alert;
mod budget;
mod context;
mod credits;
mod email;
mod identity;
mod jose;
pub mod jwt;
mod key;
mod keyring;
pub mod limit;
mod managed;
pub mod plan;
mod repeats;
mod request_id;
mod settings;
mod skill;
mod tenant;

pub use budget::{Budget, Budgets};
pub use context::{AccountOf, BadContext, CONTEXT_HEADER, ContextSetting};
pub use credits::Credits;
pub use email::EMAIL_HEADER;
pub use identity::{Caller, Claim, Credential, Origin, Refused, claim, is_admin};
pub use key::{Digest, KeySetting, is_account};
pub use keyring::Keyring;
pub use managed::{
    BadKey, Former, KEY_PREFIX, KEY_RANDOM, KeyChange, KeyEdit, KeyWish, ManagedKey, OVERLAP, Secret,
    Standing,
};
pub use repeats::{CacheMode, CacheSetting, IdempotencySetting};
pub use request_id::{is_sane, request_id, request_seed};
pub use settings::{Cors, Settings};
pub use skill::{Skill, default_skills};
pub use tenant::{IDEMPOTENCY_KEY_MAX, IdempotencyKey, Page, Slot, Tenant};
