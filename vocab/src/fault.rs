//! What went wrong upstream, named after what happens next. What each leads to is one table, in `relay`.

use crate::Duration;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Rate limited or out of capacity: bench it that long, next candidate.
    Busy { retry_after: Option<Duration>, message: String },
    /// The credential's quota or credit is used up: bench the credential (until then, if known).
    Spent { retry_after: Option<Duration>, message: String },
    /// The credential was refused (401, 402, 403): bench that credential, next credential.
    Denied(String),
    /// The model is gone or was never there (404, 410): bench that model, next candidate.
    Gone(String),
    /// The input is longer than the model takes: only larger contexts; nobody's fault.
    TooLong(String),
    /// This provider cannot do what was asked, another may; nobody's fault.
    Unfit(String),
    /// The client's mistake: say so, try nobody.
    Rejected { message: String, param: Option<String>, code: Option<String> },
    /// Refused for what it says: the client's matter, never carried to another provider in silence.
    Filtered(String),
    /// Refused connection, 5xx: count it, next candidate.
    Down(String),
    /// No useful output: no head, no content, no next byte in time, or an empty answer. Counted like `Down`.
    Silent(String),
    /// Ended without the protocol's end mark. Counted like `Down`.
    Cut(String),
    /// Unreadable: count it, next candidate.
    Garbled(String),
}

impl Fault {
    /// The stable machine name, for attempt lines, metrics and errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Spent { .. } => "spent",
            Self::Denied(_) => "denied",
            Self::Gone(_) => "gone",
            Self::TooLong(_) => "too_long",
            Self::Unfit(_) => "unfit",
            Self::Rejected { .. } => "rejected",
            Self::Filtered(_) => "filtered",
            Self::Down(_) => "down",
            Self::Silent(_) => "silent",
            Self::Cut(_) => "cut",
            Self::Garbled(_) => "garbled",
        }
    }

    /// What came, in the provider's words or ours.
    pub fn message(&self) -> &str {
        match self {
            Self::Busy { message, .. } | Self::Spent { message, .. } | Self::Rejected { message, .. } => {
                message
            }
            Self::Denied(m)
            | Self::Gone(m)
            | Self::TooLong(m)
            | Self::Unfit(m)
            | Self::Filtered(m)
            | Self::Down(m)
            | Self::Silent(m)
            | Self::Cut(m)
            | Self::Garbled(m) => m,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for Fault {}
