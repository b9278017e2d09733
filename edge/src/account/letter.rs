//! What is asked of an account's object, and what it answers: JSON, in one call there and back.

use billing::{BadEntry, Balance, Budgets, Entry, Line, Op, Refusal, Summary};
use relay::config::Terms;
use serde::{Deserialize, Serialize};
use vocab::{Instant, Pico};

/// Everything that is asked at once, done in this order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Letter {
    pub account: String,
    /// What the account is allowed. The object does not read the configuration: who asks has it.
    pub terms: Terms,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posts: Vec<Post>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Progress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Read>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Slice>,
    /// Nobody waits for what the posts did: only what was refused is told, and the balance.
    #[serde(default, skip_serializing_if = "is_false")]
    pub quiet: bool,
}

/// An operation, and when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    pub now: Instant,
    pub op: Op,
    /// It was decided by the isolate, out of its slice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leased: bool,
}

/// An isolate's slice of the balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The isolate's name for itself.
    pub of: String,
    /// How much it would like to have; nothing: it gives back what it has; None: it does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<Pico>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How far a request has come that is still being answered. Not an entry: it counts only if the request is never heard
/// of again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub id: String,
    /// When it was so.
    pub at: Instant,
    /// What would be charged if this were the end.
    pub lines: Vec<Line>,
}

/// What is to be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    Balance,
    Budgets,
    Entries {
        after: u64,
        limit: usize,
    },
    Ended {
        before: u64,
        limit: usize,
    },
    OfRequest {
        id: String,
    },
    Spent {
        from: Instant,
    },
    /// Walks the whole chain.
    Verify,
}

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub balance: Balance,
    /// Not an operation that was done before.
    pub fresh: bool,
}

/// Answers in the order of what was asked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Of a quiet letter nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posted: Vec<Result<Done, Refusal>>,
    /// Of a quiet letter: what was not done, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(String, Refusal)>,
    /// After all that was posted.
    pub balance: Balance,
    /// What is left in the isolate's slice after all that was posted. None: it has none, and is to give back what it
    /// may have had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Pico>,
    /// Somebody was refused who may be let in when slices are back: to be asked again in a moment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wait: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// What is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    Balance(Balance),
    Budgets(Budgets),
    Entries(Vec<Entry>),
    Spent(Pico),
    Verified(Verified),
}

/// What a walk along the chain came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub ok: bool,
    pub entries: u64,
    pub open_holds: usize,
    /// The last hash, in hexadecimal.
    pub head: String,
    pub balance: Balance,
    /// What is wrong with the first bad entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl From<Summary> for Verified {
    fn from(summary: Summary) -> Self {
        Self {
            ok: true,
            entries: summary.entries,
            open_holds: summary.open_holds,
            head: billing::hex(&summary.head),
            balance: summary.balance,
            problem: None,
        }
    }
}

impl Verified {
    /// How far the chain is good, and what is wrong after that.
    pub fn bad(good: Summary, why: &BadEntry) -> Self {
        Self { ok: false, problem: Some(why.to_string()), ..good.into() }
    }
}
