//! What a record adds up to, entry by entry, and what is wrong with it.
//!
//! A [`Tally`] believes nothing: it recomputes every hash, every balance and every hold from the entries alone. It
//! can be kept (it serialises) and taken up again, so that neither a restart nor a check of a long record has to
//! hold all of it.

use crate::entry::as_hex;
use crate::{Balance, Budgets, Entry, GENESIS, Hash, Kind, Line, Windows, detail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Instant, Pico};

/// A hold that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The `seq` of the hold's entry.
    pub seq: u64,
    /// As first asked for.
    pub amount: Pico,
    /// What is set aside now: the first amount and every extension.
    pub held: Pico,
    pub estimate: Pico,
    pub lease_until: Instant,
    pub tags: String,
    /// The budgets it falls under.
    #[serde(default, skip_serializing_if = "Windows::is_empty")]
    pub budgets: Windows,
    /// Lease and amount of every extension, to know one that comes twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<(Instant, Pico)>,
}

/// Where an account stands after some entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub account: String,
    /// Of the last entry; 0 before the first.
    pub seq: u64,
    pub time: Instant,
    #[serde(with = "as_hex")]
    pub head: Hash,
    pub balance: Balance,
    pub open: BTreeMap<String, Open>,
    /// What the account's budgets have taken.
    #[serde(default, skip_serializing_if = "Budgets::is_empty")]
    pub budgets: Budgets,
}

/// What a whole record came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub account: String,
    pub entries: u64,
    pub balance: Balance,
    pub open_holds: usize,
    /// The last hash. Compare it with one kept elsewhere: a chain alone cannot show that its end was cut off.
    #[serde(with = "as_hex")]
    pub head: Hash,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Of another account than the entries before.
    Account,
    /// Not the number after the entry before: one is missing, twice there, or moved.
    Sequence { expected: u64 },
    /// Before the entry before.
    Time,
    /// Does not name the hash of the entry before.
    Chain,
    /// Its own hash is not that of its content.
    Hash,
    /// The detail cannot be read as one of its kind.
    Detail,
    /// The amount does not follow from the detail, or is negative.
    Amount,
    /// Opens a hold that is open, ends one that is not, or has one and needs none.
    Hold,
    /// The balance does not follow from the one before.
    Balance,
    /// The record ends before the entry that is known to be its last.
    CutOff { expected: u64 },
}

/// The first bad entry of a record, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEntry {
    pub account: String,
    /// As the entry states it.
    pub seq: u64,
    pub flaw: Flaw,
}

impl std::fmt::Display for BadEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { account, seq, flaw } = self;
        write!(f, "entry {seq} of account {account}: ")?;
        match flaw {
            Flaw::Account => f.write_str("it belongs to another account"),
            Flaw::Sequence { expected } => write!(f, "entry {expected} should stand here"),
            Flaw::Time => f.write_str("it is older than the entry before"),
            Flaw::Chain => f.write_str("it does not follow the entry before (prev_hash)"),
            Flaw::Hash => f.write_str("its content was changed (hash)"),
            Flaw::Detail => f.write_str("its detail cannot be read"),
            Flaw::Amount => f.write_str("its amount is not what its detail says"),
            Flaw::Hold => f.write_str("its hold is not in the state it needs"),
            Flaw::Balance => f.write_str("its balance does not follow from the entries before"),
            Flaw::CutOff { expected } => write!(f, "the record ends here, entry {expected} was its last"),
        }
    }
}

impl std::error::Error for BadEntry {}

/// Walks a whole record from its first entry. An empty one is good.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Summary, BadEntry> {
    let mut entries = entries.into_iter().peekable();
    let account = entries.peek().map_or("", |first| first.account.as_str());
    let mut tally = Tally::new(account);
    for entry in entries {
        tally.step(entry)?;
    }
    Ok(tally.summary())
}

impl Tally {
    /// An account without entries.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.into(),
            seq: 0,
            time: Instant::ZERO,
            head: GENESIS,
            balance: Balance::default(),
            open: BTreeMap::new(),
            budgets: Budgets::default(),
        }
    }

    /// What is set aside, added up from the open holds.
    pub fn held(&self) -> Pico {
        self.open.values().map(|open| open.held).sum()
    }

    pub fn summary(&self) -> Summary {
        Summary {
            account: self.account.clone(),
            entries: self.seq,
            balance: self.balance,
            open_holds: self.open.len(),
            head: self.head,
        }
    }

    /// Takes the next entry, or says what is wrong with it and stays as it was.
    pub fn step(&mut self, entry: &Entry) -> Result<(), BadEntry> {
        self.take(entry).map_err(|flaw| BadEntry { account: self.account.clone(), seq: entry.seq, flaw })
    }

    fn take(&mut self, entry: &Entry) -> Result<(), Flaw> {
        if entry.account != self.account {
            return Err(Flaw::Account);
        }
        if entry.seq != self.seq + 1 {
            return Err(Flaw::Sequence { expected: self.seq + 1 });
        }
        if entry.prev_hash != self.head {
            return Err(Flaw::Chain);
        }
        if entry.hash != entry.computed_hash() {
            return Err(Flaw::Hash);
        }
        if entry.time < self.time {
            return Err(Flaw::Time);
        }
        let next = self.balance_with(entry)?;
        if next != entry.balance_after {
            return Err(Flaw::Balance);
        }
        self.note(entry)?;
        self.balance = next;
        self.seq = entry.seq;
        self.time = entry.time;
        self.head = entry.hash;
        Ok(())
    }

    fn balance_with(&self, entry: &Entry) -> Result<Balance, Flaw> {
        let mut next = self.balance;
        let add = |to: Pico, what: Pico| to.0.checked_add(what.0).map(Pico).ok_or(Flaw::Amount);
        let take = |from: Pico, what: Pico| from.0.checked_sub(what.0).map(Pico).ok_or(Flaw::Amount);
        let given_back = |held: Pico, hold: u64| match self.open.get(&entry.op_id) {
            Some(open) if open.seq == hold && open.held == held => Ok(open.held),
            _ => Err(Flaw::Hold),
        };
        if entry.kind != Kind::Grant && entry.amount < Pico::ZERO {
            return Err(Flaw::Amount);
        }
        match entry.kind {
            Kind::Grant => next.granted = add(next.granted, entry.amount)?,
            Kind::Hold | Kind::Extend => next.held = add(next.held, entry.amount)?,
            Kind::Settle => {
                let detail: detail::Settle = read(entry)?;
                if sum(&detail.lines)? != entry.amount || detail.over != (entry.amount > detail.held) {
                    return Err(Flaw::Amount);
                }
                next.held = take(next.held, given_back(detail.held, detail.hold)?)?;
                next.settled = add(next.settled, entry.amount)?;
            }
            Kind::Release => {
                let detail: detail::Release = read(entry)?;
                if sum(&detail.lines)? != Pico::ZERO || entry.amount != Pico::ZERO {
                    return Err(Flaw::Amount);
                }
                next.held = take(next.held, given_back(detail.held, detail.hold)?)?;
            }
            Kind::Hit | Kind::Replay => {
                let detail: detail::Repeat<'_> = read(entry)?;
                if entry.amount != Pico::ZERO || detail.saved < Pico::ZERO {
                    return Err(Flaw::Amount);
                }
            }
        }
        Ok(next)
    }

    /// What the entry does to the holds. Changes nothing where it fails.
    fn note(&mut self, entry: &Entry) -> Result<(), Flaw> {
        match entry.kind {
            Kind::Grant => {
                let _: detail::Grant = read(entry)?;
            }
            Kind::Hold => {
                let detail: detail::Hold = read(entry)?;
                if self.open.contains_key(&entry.op_id) {
                    return Err(Flaw::Hold);
                }
                self.budgets.hold(&detail.budgets, entry.amount);
                let open = Open {
                    seq: entry.seq,
                    amount: entry.amount,
                    held: entry.amount,
                    estimate: detail.estimate,
                    lease_until: detail.lease_until,
                    tags: detail.tags.map_or_else(String::new, |raw| raw.get().into()),
                    budgets: detail.budgets,
                    extensions: Vec::new(),
                };
                self.open.insert(entry.op_id.clone(), open);
            }
            Kind::Extend => {
                let detail: detail::Extend = read(entry)?;
                let open = self.open.get_mut(&entry.op_id).ok_or(Flaw::Hold)?;
                open.extend(entry.amount, detail.lease_until);
                self.budgets.hold(&open.budgets, entry.amount);
            }
            Kind::Settle | Kind::Release => {
                let open = self.open.remove(&entry.op_id).ok_or(Flaw::Hold)?;
                self.budgets.end(&open.budgets, open.held, entry.amount);
            }
            Kind::Hit | Kind::Replay if self.open.contains_key(&entry.op_id) => return Err(Flaw::Hold),
            Kind::Hit | Kind::Replay => {}
        }
        Ok(())
    }
}

impl Open {
    pub(crate) fn extend(&mut self, more: Pico, lease_until: Instant) {
        self.held = self.held.plus(more);
        self.lease_until = self.lease_until.max(lease_until);
        self.extensions.push((lease_until, more));
    }
}

pub(crate) fn read<'a, T: Deserialize<'a>>(entry: &'a Entry) -> Result<T, Flaw> {
    serde_json::from_str(&entry.detail).map_err(|_| Flaw::Detail)
}

fn sum(lines: &[Line]) -> Result<Pico, Flaw> {
    lines
        .iter()
        .try_fold(0i128, |sum, line| (line.amount >= Pico::ZERO).then_some(sum)?.checked_add(line.amount.0))
        .map(Pico)
        .ok_or(Flaw::Amount)
}
