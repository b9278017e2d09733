//! What a model costs. The arithmetic on it lives in `billing`; here are the nouns.

use crate::{Bucket, Instant, Modifiers, Rate, Ratio};

/// Rates by bucket. A bucket without a rate of its own may fall back to a broader one (see `billing::charge`);
/// where that has none either, the price is unknown, which is never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<Rate>; Bucket::COUNT]);

impl Rates {
    pub const fn get(&self, bucket: Bucket) -> Option<Rate> {
        self.0[bucket as usize]
    }

    pub const fn set(&mut self, bucket: Bucket, rate: Rate) {
        self.0[bucket as usize] = Some(rate);
    }

    #[must_use]
    pub const fn with(mut self, bucket: Bucket, rate: Rate) -> Self {
        self.set(bucket, rate);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (Bucket, Rate)> + '_ {
        Bucket::ALL.into_iter().filter_map(|b| self.get(b).map(|r| (b, r)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Rates for the *whole* request once its total input is above a number of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    pub above_input: u64,
    pub rates: Rates,
}

/// Rates in force from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: Instant,
    pub rates: Rates,
    pub tiers: Vec<Tier>,
}

/// One model's price with everything that can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The catalogue entry it belongs to, `provider/model`.
    pub id: String,
    /// Names this price among its successors; every ledger line carries it.
    pub version: crate::Name,
    pub source: String,
    pub rates: Rates,
    /// Ascending by `above_input`.
    pub tiers: Vec<Tier>,
    /// Ascending by `from`.
    pub changes: Vec<Change>,
    pub multipliers: Vec<(Modifiers, Ratio)>,
    /// The least audio that one request is billed for, in milliseconds.
    pub audio_millis_min: u64,
}

impl Price {
    /// The rates and tiers in force at `now`.
    pub fn at(&self, now: Instant) -> (&Rates, &[Tier]) {
        match self.changes.iter().rev().find(|c| c.from <= now) {
            Some(change) => (&change.rates, &change.tiers),
            None => (&self.rates, &self.tiers),
        }
    }

    /// The rates for a request with `input` input tokens at `now`: the highest tier strictly below `input`.
    pub fn for_input(&self, input: u64, now: Instant) -> &Rates {
        let (base, tiers) = self.at(now);
        tiers.iter().rev().find(|t| input > t.above_input).map_or(base, |t| &t.rates)
    }
}
