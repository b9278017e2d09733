use crate::{Instant, Pico};
use serde::{Deserialize, Serialize};

/// What a budget allows within the window that a request falls into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Whose and how long: `account/month`, `key:NAME/day`, `tag:KEY=VALUE/total`.
    pub budget: String,
    /// When the window began, which tells it from the budget's others.
    pub from: Instant,
    /// When the next one begins; None: never.
    pub until: Option<Instant>,
    /// The most that may be charged and set aside within it.
    pub limit: Pico,
}
