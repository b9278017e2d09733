//! Books of one isolate alone, for a Worker that was given no object to keep them.
//!
//! Each isolate counts for itself and forgets when it ends: an account may spend its credit once in every isolate. What
//! is decided here is decided by the same state machine; what is missing is that there is only one of it.

use crate::account::Done;
use billing::{Account, Balance, Budgets, Entry, Kind, Op, Refusal};
use relay::config::Terms;
use std::collections::{BTreeMap, VecDeque};
use vocab::{Instant, Pico};

/// Entries of an account that are remembered: to be read, and to know an id that comes twice.
const RECENT_MAX: usize = 1_000;

#[derive(Default)]
pub struct Rough(BTreeMap<String, Page>);

struct Page {
    account: Account,
    recent: VecDeque<Entry>,
}

impl Rough {
    /// Decides about an operation; the entries it made are to be written down where that can be.
    pub fn post(
        &mut self,
        name: &str,
        terms: Terms,
        op: Op,
        now: Instant,
    ) -> Result<(Done, Vec<Entry>), Refusal> {
        let page = self.0.entry(name.to_owned()).or_insert_with(|| Page {
            account: Account::new(name, terms.overdraft),
            recent: VecDeque::new(),
        });
        page.account.set_overdraft(terms.overdraft);
        let mut fresh = Vec::with_capacity(1);
        if page.account.tally().seq == 0 && terms.opening > Pico::ZERO {
            let (id, reason) = ("opening".into(), "opening credit".into());
            let opening = Op::Grant { id, amount: terms.opening, reason };
            fresh.extend(page.apply(opening, now)?.1);
        }
        for orphan in page.account.orphans(now) {
            fresh.extend(page.apply(orphan, now)?.1);
        }
        let (done, entry) = page.apply(op, now)?;
        fresh.extend(entry);
        Ok((done, fresh))
    }

    pub fn balance(&self, name: &str, terms: Terms) -> Balance {
        let unseen = Balance { granted: terms.opening, ..Balance::default() };
        self.0
            .get(name)
            .filter(|page| page.account.tally().seq > 0)
            .map_or(unseen, |page| page.account.balance())
    }

    /// What the account's budgets have taken here.
    pub fn budgets(&self, name: &str) -> Budgets {
        self.0.get(name).map(|page| page.account.tally().budgets.clone()).unwrap_or_default()
    }

    /// What is remembered, oldest first.
    pub fn entries(&self, name: &str, wanted: impl Fn(&Entry) -> bool, limit: usize) -> Vec<Entry> {
        self.recent(name).filter(|entry| wanted(entry)).take(limit).cloned().collect()
    }

    /// Settle and release entries, newest first.
    pub fn ended(&self, name: &str, before: u64, limit: usize) -> Vec<Entry> {
        let ended = self.recent(name).rev().filter(|e| matches!(e.kind, Kind::Settle | Kind::Release));
        ended.filter(|entry| entry.seq < before).take(limit).cloned().collect()
    }

    /// What was spent since then, as far as it is remembered.
    pub fn spent(&self, name: &str, from: Instant) -> Pico {
        let settled = self.recent(name).filter(|entry| entry.kind == Kind::Settle && entry.time >= from);
        settled.map(|entry| entry.amount).sum()
    }

    fn recent(&self, name: &str) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.get(name).into_iter().flat_map(|page| page.recent.iter())
    }
}

impl Page {
    fn apply(&mut self, op: Op, now: Instant) -> Result<(Done, Option<Entry>), Refusal> {
        let past: Vec<Entry> = match self.account.open(op.id()) {
            Some(_) => vec![],
            None => self.recent.iter().filter(|entry| entry.op_id == op.id()).cloned().collect(),
        };
        let applied = self.account.apply(op, &past, now)?;
        if let Some(entry) = &applied.entry {
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(entry.clone());
        }
        Ok((Done { balance: applied.balance, fresh: applied.entry.is_some() }, applied.entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_secs(1_800_000_000);
    const TERMS: Terms = Terms { overdraft: Some(Pico::ZERO), opening: Pico(1_000) };

    fn hold(n: u32) -> Op {
        let lease_until = NOW.after(vocab::Duration::from_secs(60));
        Op::Hold {
            id: format!("r-{n}"),
            amount: Pico(100),
            estimate: Pico(40),
            lease_until,
            tags: String::new(),
            caps: vec![],
        }
    }

    #[test]
    fn one_isolate_keeps_to_the_credit() {
        let mut rough = Rough::default();
        assert_eq!(rough.balance("a", TERMS).granted, Pico(1_000));
        let admitted = (0..50).filter(|n| rough.post("a", TERMS, hold(*n), NOW).is_ok()).count();
        assert_eq!(admitted, 10);
        let (again, entries) = rough.post("a", TERMS, hold(3), NOW).unwrap();
        assert!(!again.fresh && entries.is_empty());
        assert_eq!(rough.entries("a", |e| e.op_id == "r-3", 9).len(), 1);
        let entries = rough.entries("a", |_| true, 99);
        assert!(billing::verify(&entries).is_ok());
    }

    #[test]
    fn what_nobody_ended_is_settled_and_what_is_old_is_forgotten() {
        let mut rough = Rough::default();
        let unlimited = Terms { overdraft: None, opening: Pico::ZERO };
        rough.post("a", unlimited, hold(0), NOW).unwrap();
        let late = NOW.after(vocab::Duration::from_secs(61));
        let release = |n: u32| Op::Release { id: format!("r-{n}"), lines: vec![], why: "x".into() };
        let (_, entries) = rough.post("a", unlimited, hold(1), late).unwrap();
        assert_eq!(entries.iter().map(|e| e.kind).collect::<Vec<_>>(), [Kind::Settle, Kind::Hold]);
        assert_eq!(rough.spent("a", late), Pico(40));
        assert_eq!(rough.ended("a", u64::MAX, 5).len(), 1);
        for n in 2..1_500 {
            rough.post("a", unlimited, hold(n), NOW).unwrap();
            rough.post("a", unlimited, release(n), NOW).unwrap();
        }
        assert_eq!(rough.entries("a", |_| true, usize::MAX).len(), RECENT_MAX);
    }
}
