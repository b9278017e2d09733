//! Who may ask, and what the operator settled for everybody: identity, keys, skills, browser origins.
//!
//! Pure: it reads no clock and draws no dice. Keys are known by their SHA-256 only, and a gateway's secret is never shown.

mod context;
mod credits;
mod identity;
mod key;
mod request_id;
mod settings;
mod skill;

pub use context::{AccountOf, BadContext, CONTEXT_HEADER, ContextSetting};
pub use credits::Credits;
pub use identity::{Caller, Credential, Origin, Refused, identify, is_admin};
pub use key::{Digest, KeySetting};
pub use request_id::{is_sane, request_id, request_seed};
pub use settings::{Cors, Settings};
pub use skill::{Skill, default_skills};
