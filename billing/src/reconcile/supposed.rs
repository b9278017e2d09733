//! What the same usage would have come to under other suppositions: a provider's figure that fits one of them tells why it is
//! another than ours.

use crate::cost;
use std::collections::BTreeMap;
use vocab::{Bucket, Instant, Modifiers, Pico, Price, Usage};

/// What may have been otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Supposition {
    /// Nothing: at the catalogue's price of now, which need not be the one that was charged.
    AsIs,
    /// Cached tokens cost what fresh ones do.
    CachedAsFresh,
    /// Another service tier: the bits of its [`Modifiers`], zero for the usual one.
    Tier(u8),
}

/// Calls added up under every supposition that their prices know of.
#[derive(Clone, Debug, Default)]
pub(super) struct Supposed {
    calls: u64,
    sums: BTreeMap<Supposition, (u64, Pico)>,
}

impl Supposed {
    /// Adds a call. One without a price leaves every sum unknown.
    pub fn add(&mut self, price: Option<&Price>, usage: &Usage, at: Instant) {
        self.calls += 1;
        let Some(price) = price else { return };
        let mut note = |supposition, usage: &Usage| {
            if let Ok(amount) = cost(price, usage, at) {
                let (calls, sum) = self.sums.entry(supposition).or_default();
                (*calls, *sum) = (*calls + 1, sum.plus(amount));
            }
        };
        note(Supposition::AsIs, usage);
        let cached = usage.get(Bucket::CacheRead);
        let fresh = usage
            .with(Bucket::CacheRead, 0)
            .with(Bucket::Input, usage.get(Bucket::Input).saturating_add(cached));
        note(Supposition::CachedAsFresh, &fresh);
        let tiers = price.multipliers.iter().map(|(tier, _)| *tier).filter(|tier| !tier.is_empty());
        for tier in tiers.chain([Modifiers::empty()]) {
            note(Supposition::Tier(tier.bits()), &Usage { modifiers: tier, ..*usage });
        }
    }

    /// A day's figures as if they were one call, by the rates that hold whatever a call's length is.
    pub fn of_whole(price: &Price, usage: &Usage, at: Instant) -> Self {
        let mut flat = price.clone();
        flat.tiers.clear();
        flat.changes.iter_mut().for_each(|change| change.tiers.clear());
        let mut supposed = Self::default();
        supposed.add(Some(&flat), usage, at);
        supposed
    }

    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.calls += other.calls;
        for (supposition, (calls, sum)) in &other.sums {
            let mine = self.sums.entry(*supposition).or_default();
            *mine = (mine.0 + calls, mine.1.plus(*sum));
        }
        self
    }

    /// The sum, where it is known of every call.
    pub fn get(&self, supposition: Supposition) -> Option<Pico> {
        self.sums.get(&supposition).filter(|(calls, _)| *calls == self.calls).map(|(_, sum)| *sum)
    }

    /// Every tier with what it would have come to.
    pub fn tiers(&self) -> impl Iterator<Item = (Modifiers, Pico)> + '_ {
        self.sums.keys().filter_map(|supposition| match supposition {
            Supposition::Tier(bits) => Some((Modifiers::from_bits_truncate(*bits), self.get(*supposition)?)),
            _ => None,
        })
    }
}
