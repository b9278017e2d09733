//! What is asked of the books, and what they answer.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use vocab::{Cap, Instant, Name, Pico, Usage};

/// One upstream call that may be billed. Failed attempts and hedge losers have one too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub provider: Name,
    pub model: Name,
    pub usage: Usage,
    /// The version of the price it was charged at; None where nothing was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Name>,
    pub amount: Pico,
    /// `ok`, or the name of the fault (`vocab::Fault::name`), or `left` (client gone), `lost` (hedge loser).
    pub outcome: Cow<'static, str>,
}

/// An operation on one account. The id makes it happen once, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Credit given. `id` is the grant's own.
    Grant { id: String, amount: Pico, reason: String },
    /// The worst case of a request is set aside until it is settled, released, or its lease ends.
    Hold {
        id: String,
        amount: Pico,
        /// What to settle at if the one who should end it never does.
        estimate: Pico,
        lease_until: Instant,
        /// Free-form marks of the caller (tags), canonical JSON or empty.
        tags: String,
        /// The budgets it falls under, each once. All must have room for it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        caps: Vec<Cap>,
    },
    /// More is set aside for a hold that runs out, and its lease is prolonged.
    ///
    /// `caps` says what the hold's budgets allow by now; of others nothing is asked.
    Extend {
        id: String,
        more: Pico,
        lease_until: Instant,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        caps: Vec<Cap>,
    },
    /// The request ended: charge the sum of its lines, give the rest back.
    Settle { id: String, lines: Vec<Line>, estimated: bool },
    /// The request ended and nothing was used.
    Release { id: String, lines: Vec<Line>, why: String },
    /// The request was told what another had been told before. Nobody was asked, nothing is charged.
    Repeat {
        id: String,
        by: Repeat,
        /// The request whose answer it was.
        of: String,
        /// What that one was charged.
        saved: Pico,
    },
}

/// Why a request was told an answer that was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// The cache had it.
    Hit,
    /// It is the same request, come again under its idempotency key.
    Replay,
}

impl Op {
    pub fn id(&self) -> &str {
        match self {
            Self::Grant { id, .. }
            | Self::Hold { id, .. }
            | Self::Extend { id, .. }
            | Self::Settle { id, .. }
            | Self::Release { id, .. }
            | Self::Repeat { id, .. } => id,
        }
    }
}

/// An account's money at one moment. `available = balance − held`, and may not fall below `−overdraft`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    pub granted: Pico,
    pub settled: Pico,
    pub held: Pico,
}

impl Balance {
    pub const fn balance(&self) -> Pico {
        self.granted.minus(self.settled)
    }

    pub const fn available(&self) -> Pico {
        self.balance().minus(self.held)
    }
}

/// Why an operation was not done. A refusal changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Not enough available.
    Poor { needed: Pico, available: Pico },
    /// A budget has no room for it in this window.
    Budget { cap: Cap, taken: Pico, needed: Pico },
    /// The id was used before for something else.
    Conflict { id: String },
    /// There is no open hold of that id.
    NoHold { id: String },
    /// A negative or overflowing amount.
    BadAmount,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Poor { needed, available } => write!(f, "needs {needed} USD, {available} USD available"),
            Self::Budget { cap, taken, needed } => write!(
                f,
                "needs {needed} USD, the budget {} has taken {taken} of its {} USD",
                cap.budget, cap.limit
            ),
            Self::Conflict { id } => write!(f, "the id {id} was used before for another operation"),
            Self::NoHold { id } => write!(f, "there is no open hold {id}"),
            Self::BadAmount => f.write_str("an amount is negative or too large"),
        }
    }
}

impl std::error::Error for Refusal {}
