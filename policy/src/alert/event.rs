//! What is told, and what it is told by: an id that is always the same for the same thing.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use vocab::{Cap, Instant, Pico};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A part of a budget is spent.
    Threshold,
    /// A request was refused because a budget has no room for it.
    Exceeded,
    /// Less than a sum is left of an account's credit.
    CreditLow,
    /// A request was refused because the account has not enough credit for it.
    CreditExhausted,
}

impl AlertKind {
    pub const ALL: [Self; 4] = [Self::Threshold, Self::Exceeded, Self::CreditLow, Self::CreditExhausted];

    /// As webhooks name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "budget.threshold",
            Self::Exceeded => "budget.exceeded",
            Self::CreditLow => "credit.low",
            Self::CreditExhausted => "credit.exhausted",
        }
    }
}

/// Something to be told, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Follows from what happened, not from when it was noticed or by whom.
    pub id: String,
    pub kind: AlertKind,
    pub account: String,
    pub at: Instant,
    /// When it cannot be noticed again any more; None: never.
    pub until: Option<Instant>,
    /// The JSON that webhooks are sent.
    pub body: String,
}

impl Event {
    pub(super) fn threshold(account: &str, cap: &Cap, charged: Pico, percent: u32, now: Instant) -> Self {
        let mut data = of_cap(account, cap);
        data["percent"] = percent.into();
        data["spent_usd"] = json!(charged);
        let same = [&*cap.budget, &window(cap), &percent.to_string()];
        Self::new(AlertKind::Threshold, account, &same, data, cap.until, now)
    }

    /// A budget had no room for `needed`, as `taken` of it were charged or set aside. Told once for each window and limit.
    pub fn exceeded(account: &str, cap: &Cap, taken: Pico, needed: Pico, now: Instant) -> Self {
        let mut data = of_cap(account, cap);
        data["taken_usd"] = json!(taken);
        data["needed_usd"] = json!(needed);
        Self::new(AlertKind::Exceeded, account, &[&*cap.budget, &window(cap)], data, cap.until, now)
    }

    /// Told once for what was granted: again after a new grant.
    pub(super) fn credit_low(account: &str, granted: Pico, left: Pico, low: Pico, now: Instant) -> Self {
        let data = json!({ "account": account, "balance_usd": left, "low_usd": low, "granted_usd": granted });
        let same = [&*granted.to_string(), &*low.to_string()];
        Self::new(AlertKind::CreditLow, account, &same, data, None, now)
    }

    /// An account had not `needed` available. Told once for what was granted.
    pub fn credit_exhausted(
        account: &str,
        granted: Pico,
        available: Pico,
        needed: Pico,
        now: Instant,
    ) -> Self {
        let data = json!({
            "account": account, "available_usd": available, "needed_usd": needed, "granted_usd": granted,
        });
        Self::new(AlertKind::CreditExhausted, account, &[&*granted.to_string()], data, None, now)
    }

    /// `same` is all that makes it this one, besides kind and account.
    fn new(
        kind: AlertKind,
        account: &str,
        same: &[&str],
        data: Value,
        until: Option<Instant>,
        now: Instant,
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [kind.name(), account].iter().chain(same) {
            // With its length, so that no two lists of parts are one text.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let id = hash.finalize().iter().take(16).fold("evt_".to_owned(), |mut id, byte| {
            // Writing to a string does not fail.
            let _ = write!(id, "{byte:02x}");
            id
        });
        let body = json!({ "type": kind.name(), "timestamp": now.rfc3339(), "data": data }).to_string();
        Self { id, kind, account: account.into(), at: now, until, body }
    }
}

/// A budget that has another limit now is another budget.
fn window(cap: &Cap) -> String {
    format!("{}/{}", cap.from.as_micros(), cap.limit)
}

fn of_cap(account: &str, cap: &Cap) -> Value {
    let (whose, window) = cap.budget.rsplit_once('/').unwrap_or((&cap.budget, ""));
    let (scope, name) = whose.split_once(':').map_or((whose, None), |(scope, name)| (scope, Some(name)));
    let mut data = json!({ "account": account, "budget": cap.budget, "scope": scope });
    if let Some(name) = name {
        data[scope] = name.into();
    }
    data["window"] = window.into();
    data["window_start"] = cap.until.map(|_| cap.from.rfc3339()).into();
    data["window_end"] = cap.until.map(Instant::rfc3339).into();
    data["limit_usd"] = json!(cap.limit);
    data
}

/// Something to be told, and to whom.
#[derive(Clone, Debug)]
pub struct Message {
    pub event: Event,
    /// By name.
    pub hooks: Vec<String>,
}

/// A try to tell one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event's.
    pub id: String,
    pub hook: String,
    /// Before this one.
    pub tries: i64,
    pub made: Instant,
    pub body: String,
}
