//! When a second candidate may start beside a silent first, and for how much money.

use crate::Standing;
use vocab::{Duration, Pico};

/// Under so many samples a 95th percentile is merely the slowest seen, and hedging on it doubles the bill by accident.
pub const HEDGE_SAMPLES_MIN: u32 = 20;

/// How long to wait for first content before a second candidate may start: the live 95th percentile (Dean, Barroso:
/// "The Tail at Scale", CACM 2013), so that about one request in twenty hedges at all.
///
/// None without evidence: a prior of the catalogue knows nothing of tails.
pub fn hedge_after(standing: &Standing) -> Option<Duration> {
    standing.ttft_p95.filter(|p95| standing.samples >= HEDGE_SAMPLES_MIN && *p95 > Duration::ZERO)
}

/// What hedges may cost: a share of what is spent, saved up and never borrowed.
///
/// Kept in whole numbers. Savings are capped, so that a quiet month does not pay for one bad minute in which every
/// request hedges into the same overload. Cold it allows nothing but what is
/// free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HedgeBudget {
    per_mille: u32,
    /// Thousandths of a picodollar; negative after a hedge that cost more than was expected of it.
    saved: i128,
    saved_max: i128,
}

impl Default for HedgeBudget {
    /// 2 % of spend, at most 1 USD saved.
    fn default() -> Self {
        Self::new(20, Pico::from_usd(1))
    }
}

impl HedgeBudget {
    /// A share of spend in thousandths, and the most that may be saved up.
    pub const fn new(per_mille: u32, saved_max: Pico) -> Self {
        let saved_max = if saved_max.0 > 0 { saved_max.0.saturating_mul(1_000) } else { 0 };
        Self { per_mille, saved: 0, saved_max }
    }

    /// An answer was paid for.
    pub fn spent(&mut self, cost: Pico) {
        let share = cost.0.max(0).saturating_mul(i128::from(self.per_mille));
        self.saved = self.saved.saturating_add(share).min(self.saved_max);
    }

    /// A hedge's loser was paid for.
    pub fn hedged(&mut self, cost: Pico) {
        self.saved = self.saved.saturating_sub(cost.0.max(0).saturating_mul(1_000));
    }

    /// Whether a hedge that is expected to cost that much may start.
    pub fn allows(&self, cost: Pico) -> bool {
        self.per_mille > 0 && self.saved >= cost.0.max(0).saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tail_needs_evidence() {
        let p95 = Some(Duration::from_millis(900));
        for (samples, ttft_p95, after) in [(0, None, None), (19, p95, None), (20, p95, p95), (50, None, None)]
        {
            assert_eq!(
                hedge_after(&Standing { samples, ttft_p95, ..Standing::default() }),
                after,
                "{samples}"
            );
        }
    }

    #[test]
    fn fifty_answers_pay_for_one_hedge() {
        let mut budget = HedgeBudget::default();
        assert!(!budget.allows(Pico(1)), "cold");
        for _ in 0..49 {
            budget.spent(Pico(1_000));
        }
        assert!(!budget.allows(Pico(1_000)));
        budget.spent(Pico(1_000));
        assert!(budget.allows(Pico(1_000)));
        budget.hedged(Pico(1_000));
        assert!(!budget.allows(Pico(1)) && budget.allows(Pico::ZERO), "nothing left but what is free");
        budget.hedged(Pico(1_000));
        budget.spent(Pico(1_000));
        assert!(!budget.allows(Pico::ZERO), "debts come first");
    }

    #[test]
    fn savings_are_capped() {
        let mut budget = HedgeBudget::new(20, Pico(500));
        budget.spent(Pico::from_usd(1_000));
        assert!(budget.allows(Pico(500)) && !budget.allows(Pico(501)));
    }

    proptest! {
        #[test]
        fn hedges_never_cost_more_than_their_share(
            steps in prop::collection::vec((any::<bool>(), 0i128..1 << 60), 0..200), per_mille in 0u32..1_000,
        ) {
            let mut budget = HedgeBudget::new(per_mille, Pico::from_usd(1));
            let (mut spent, mut hedged) = (0i128, 0i128);
            for (hedge, cost) in steps {
                if !hedge {
                    budget.spent(Pico(cost));
                    spent += cost;
                } else if budget.allows(Pico(cost)) {
                    budget.hedged(Pico(cost));
                    hedged += cost;
                }
                prop_assert!(hedged * 1_000 <= spent * i128::from(per_mille));
            }
        }
    }
}
