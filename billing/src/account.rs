//! One account's money: `state + operation → entry or refusal`.
//!
//! The account keeps its balance, its open holds and the end of its chain, so its memory is bounded by what is going
//! on, not by what ever went on. Whether an id was *done* before is therefore not in it: whoever keeps the record
//! hands in what it says of the id (`past`), which is nothing for nearly every operation.

use crate::{Balance, Entry, Kind, Line, Op, Open, Refusal, Repeat, Tally, Windows, detail, tally};
use std::borrow::Cow;
use vocab::{Cap, Instant, Pico, Usage};

/// No amount and no total goes beyond this (8 × 10^19 USD): it can be written and read back as a decimal string, and
/// no sum of a few of them overflows.
const MOST: i128 = 1 << 106;

/// The outcome written on the line of a hold that nobody ended.
const ORPHAN: &str = "orphan";

/// An account and what may be done to it.
#[derive(Clone, Debug)]
pub struct Account {
    tally: Tally,
    overdraft: Option<Pico>,
    /// What the last entry's hash was taken of: room for the next one's.
    hashed: Vec<u8>,
}

/// What an operation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What is to be kept. None where the operation was done before: then nothing changed.
    pub entry: Option<Entry>,
    /// After the operation.
    pub balance: Balance,
}

/// What `decide` found.
enum Verdict {
    Again,
    Do { amount: Pico, detail: String, next: Balance },
}

impl Account {
    /// An account without entries. `overdraft` is how far below zero the available money may fall; None is without
    /// limit.
    pub fn new(name: &str, overdraft: Option<Pico>) -> Self {
        Self::resume(Tally::new(name), overdraft)
    }

    /// An account where its record left it.
    pub const fn resume(tally: Tally, overdraft: Option<Pico>) -> Self {
        Self { tally, overdraft, hashed: Vec::new() }
    }

    /// An account from its whole record, every entry checked.
    pub fn replay<'a>(
        name: &str,
        overdraft: Option<Pico>,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, crate::BadEntry> {
        let mut tally = Tally::new(name);
        for entry in entries {
            tally.step(entry)?;
        }
        Ok(Self::resume(tally, overdraft))
    }

    pub fn name(&self) -> &str {
        &self.tally.account
    }

    pub const fn balance(&self) -> Balance {
        self.tally.balance
    }

    pub const fn overdraft(&self) -> Option<Pico> {
        self.overdraft
    }

    pub const fn set_overdraft(&mut self, overdraft: Option<Pico>) {
        self.overdraft = overdraft;
    }

    /// Where the account stands; [`Account::resume`] takes it up again.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The hold of this id, if it has not ended.
    pub fn open(&self, id: &str) -> Option<&Open> {
        self.tally.open.get(id)
    }

    /// Decides about `op` and, where it is to be done, does it.
    ///
    /// `past` is what the record holds of the operation's id if no hold of it is open, and empty if it holds nothing
    /// ([`Account::open`] tells; where a hold is open, `past` is not looked at). An operation done before changes
    /// nothing and is no error; the same id with another content is a [`Refusal::Conflict`]. When a lease ends is
    /// not part of the content, except that it tells a hold's extensions apart.
    pub fn apply(&mut self, op: Op, past: &[Entry], now: Instant) -> Result<Applied, Refusal> {
        let (amount, detail, next) = match self.decide(&op, past)? {
            Verdict::Again => return Ok(Applied { entry: None, balance: self.balance() }),
            Verdict::Do { amount, detail, next } => (amount, detail, next),
        };
        let kind = op.kind();
        let mut entry = Entry {
            account: self.tally.account.clone(),
            seq: self.tally.seq + 1,
            time: now.max(self.tally.time),
            kind,
            op_id: String::new(),
            amount,
            balance_after: next,
            detail,
            prev_hash: self.tally.head,
            hash: [0; 32],
        };
        entry.op_id = self.note(op, entry.seq, amount);
        entry.hash = entry.hash_by(&mut self.hashed);
        self.tally.seq = entry.seq;
        self.tally.time = entry.time;
        self.tally.head = entry.hash;
        self.tally.balance = next;
        debug_assert_eq!(self.tally.held(), next.held, "what is held is what the open holds add up to");
        Ok(Applied { entry: Some(entry), balance: next })
    }

    /// Settlements for the holds whose lease has ended at `now`, oldest hold first: at what each was estimated to
    /// cost, marked as estimated.
    pub fn orphans(&self, now: Instant) -> Vec<Op> {
        let mut ended: Vec<_> = self.tally.open.iter().filter(|(_, open)| open.lease_until <= now).collect();
        ended.sort_by_key(|(_, open)| open.seq);
        ended.into_iter().map(|(id, open)| orphan(id, open)).collect()
    }

    fn decide(&self, op: &Op, past: &[Entry]) -> Result<Verdict, Refusal> {
        let conflict = || Err(Refusal::Conflict { id: op.id().into() });
        let open = self.tally.open.get(op.id());
        if open.is_none()
            && let Some(end) = past.iter().find(|entry| entry.kind.ends())
        {
            let same = past.iter().find(|entry| entry.kind == op.kind()).is_some_and(|entry| op.is_in(entry));
            return match op {
                Op::Extend { id, .. } if matches!(end.kind, Kind::Settle | Kind::Release) => {
                    Err(Refusal::NoHold { id: id.clone() })
                }
                _ if same => Ok(Verdict::Again),
                _ => conflict(),
            };
        }
        let mut next = self.balance();
        match (op, open) {
            (Op::Grant { amount, reason, .. }, None) => {
                next.granted = sane_sum(next.granted, *amount)?;
                if *amount < Pico::ZERO {
                    self.afford(Pico(amount.0.saturating_neg()))?;
                }
                let detail =
                    detail::text(&detail::Grant { reason: Cow::Borrowed(reason) }, 16 + reason.len());
                Ok(Verdict::Do { amount: *amount, detail, next })
            }
            (Op::Hold { amount, estimate, lease_until, tags, caps, .. }, None) => {
                positive(*estimate)?;
                next.held = sane_sum(next.held, positive(*amount)?)?;
                self.afford(*amount)?;
                let windows = self.windows(caps);
                self.within(caps, &windows, *amount)?;
                let detail = detail::hold_text(&windows, *estimate, *lease_until, tags);
                Ok(Verdict::Do { amount: *amount, detail, next })
            }
            (Op::Hold { amount, estimate, tags, .. }, Some(open)) => {
                let same = open.amount == *amount
                    && open.estimate == *estimate
                    && detail::hold_text(&open.budgets, *estimate, open.lease_until, &open.tags)
                        == detail::hold_text(&open.budgets, *estimate, open.lease_until, tags);
                if same { Ok(Verdict::Again) } else { conflict() }
            }
            (Op::Extend { more, lease_until, caps, .. }, Some(open)) => {
                if let Some((_, before)) = open.extensions.iter().find(|(lease, _)| lease == lease_until) {
                    return if before == more { Ok(Verdict::Again) } else { conflict() };
                }
                next.held = sane_sum(next.held, positive(*more)?)?;
                self.afford(*more)?;
                self.within(caps, &open.budgets, *more)?;
                let detail = detail::text(&detail::Extend { lease_until: *lease_until }, 40);
                Ok(Verdict::Do { amount: *more, detail, next })
            }
            (Op::Settle { lines, estimated, .. }, Some(open)) => {
                let amount = sum(lines)?;
                next.held = given_back(next.held, open)?;
                next.settled = sane_sum(next.settled, amount)?;
                Ok(Verdict::Do { amount, detail: settle_text(open.held, open.seq, lines, *estimated), next })
            }
            (Op::Release { lines, why, .. }, Some(open)) => {
                if sum(lines)? != Pico::ZERO {
                    return Err(Refusal::BadAmount);
                }
                next.held = given_back(next.held, open)?;
                Ok(Verdict::Do {
                    amount: Pico::ZERO,
                    detail: detail::release_text(open.held, open.seq, lines, why),
                    next,
                })
            }
            (Op::Repeat { of, saved, .. }, None) => Ok(Verdict::Do {
                amount: Pico::ZERO,
                detail: detail::repeat_text(of, positive(*saved)?),
                next,
            }),
            (Op::Grant { .. } | Op::Repeat { .. }, Some(_)) => conflict(),
            (Op::Extend { id, .. } | Op::Settle { id, .. } | Op::Release { id, .. }, None) => {
                Err(Refusal::NoHold { id: id.clone() })
            }
        }
    }

    /// Whether so much more may be set aside.
    fn afford(&self, needed: Pico) -> Result<(), Refusal> {
        let Some(overdraft) = self.overdraft else { return Ok(()) };
        let available = self.balance().available().plus(overdraft);
        if needed <= available { Ok(()) } else { Err(Refusal::Poor { needed, available }) }
    }

    /// The windows that a hold under these budgets belongs to.
    fn windows(&self, caps: &[Cap]) -> Windows {
        let window = |cap: &Cap| (cap.budget.clone(), self.tally.budgets.window(&cap.budget, cap.from));
        caps.iter().map(window).collect()
    }

    /// Whether the budgets have room for so much more in these windows.
    fn within(&self, caps: &[Cap], windows: &Windows, needed: Pico) -> Result<(), Refusal> {
        for cap in caps {
            let Some(from) = windows.get(&cap.budget) else { continue };
            let taken = self.tally.budgets.taken(&cap.budget, *from).sum();
            if sane_sum(taken, needed)? > cap.limit {
                return Err(Refusal::Budget { cap: cap.clone(), taken, needed });
            }
        }
        Ok(())
    }

    /// What the operation, of this amount, does to holds and budgets. Returns its id.
    fn note(&mut self, op: Op, seq: u64, amount: Pico) -> String {
        // Of a hold these are not the tally's yet.
        let windows = if let Op::Hold { caps, .. } = &op { self.windows(caps) } else { Windows::new() };
        let Tally { open, budgets, .. } = &mut self.tally;
        match op {
            Op::Grant { id, .. } | Op::Repeat { id, .. } => id,
            Op::Hold { id, amount, estimate, lease_until, tags, caps: _ } => {
                budgets.hold(&windows, amount);
                let (held, extensions) = (amount, Vec::new());
                open.insert(
                    id.clone(),
                    Open { seq, amount, held, estimate, lease_until, tags, budgets: windows, extensions },
                );
                id
            }
            Op::Extend { id, more, lease_until, caps: _ } => {
                if let Some(open) = open.get_mut(&id) {
                    open.extend(more, lease_until);
                    budgets.hold(&open.budgets, more);
                }
                id
            }
            Op::Settle { id, .. } | Op::Release { id, .. } => {
                if let Some(open) = open.remove(&id) {
                    budgets.end(&open.budgets, open.held, amount);
                }
                id
            }
        }
    }
}

impl Op {
    /// What its entry will be.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Grant { .. } => Kind::Grant,
            Self::Hold { .. } => Kind::Hold,
            Self::Extend { .. } => Kind::Extend,
            Self::Settle { .. } => Kind::Settle,
            Self::Release { .. } => Kind::Release,
            Self::Repeat { by: Repeat::Hit, .. } => Kind::Hit,
            Self::Repeat { by: Repeat::Replay, .. } => Kind::Replay,
        }
    }

    /// Whether `entry`, of the same kind and id, records this very content. One content has one text, so the detail
    /// is written again, with what the account had added to it, and compared.
    fn is_in(&self, entry: &Entry) -> bool {
        let text = match self {
            Self::Grant { amount, reason, .. } => (*amount == entry.amount)
                .then(|| detail::text(&detail::Grant { reason: Cow::Borrowed(reason) }, 16 + reason.len())),
            Self::Hold { amount, estimate, tags, .. } => tally::read::<detail::Hold>(entry)
                .ok()
                .filter(|_| *amount == entry.amount)
                .map(|was| detail::hold_text(&was.budgets, *estimate, was.lease_until, tags)),
            Self::Extend { .. } => None,
            Self::Settle { lines, estimated, .. } => tally::read::<detail::Settle>(entry)
                .ok()
                .map(|was| settle_text(was.held, was.hold, lines, *estimated)),
            Self::Release { lines, why, .. } => tally::read::<detail::Release>(entry)
                .ok()
                .map(|was| detail::release_text(was.held, was.hold, lines, why)),
            Self::Repeat { of, saved, .. } => Some(detail::repeat_text(of, *saved)),
        };
        text.is_some_and(|text| text == entry.detail)
    }
}

fn orphan(id: &str, open: &Open) -> Op {
    let line = Line {
        provider: "".into(),
        model: "".into(),
        usage: Usage { estimated: true, ..Usage::default() },
        price: None,
        amount: open.estimate,
        outcome: ORPHAN.into(),
    };
    Op::Settle { id: id.into(), lines: vec![line], estimated: true }
}

fn settle_text(held: Pico, hold: u64, lines: &[Line], estimated: bool) -> String {
    let over = sum(lines).is_ok_and(|amount| amount > held);
    detail::settle_text(held, hold, lines, estimated, over)
}

/// What is held once this hold has ended. Never less than nothing: the books would be wrong, so nothing is done.
fn given_back(held: Pico, open: &Open) -> Result<Pico, Refusal> {
    positive(Pico(held.0 - open.held.0))
}

fn positive(amount: Pico) -> Result<Pico, Refusal> {
    if (0..=MOST).contains(&amount.0) { Ok(amount) } else { Err(Refusal::BadAmount) }
}

fn sane_sum(a: Pico, b: Pico) -> Result<Pico, Refusal> {
    a.0.checked_add(b.0).filter(|sum| (-MOST..=MOST).contains(sum)).map(Pico).ok_or(Refusal::BadAmount)
}

fn sum(lines: &[Line]) -> Result<Pico, Refusal> {
    lines.iter().try_fold(Pico::ZERO, |sum, line| sane_sum(sum, positive(line.amount)?))
}
