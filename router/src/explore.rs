//! Trying what is not known to be the best, with probabilities that can be written down and a bound in money.
//!
//! The candidate whose utility could be the greatest within [`OPTIMISM`] standard deviations of its quality is put first (LinUCB),
//! and each of the others keeps a probability of [`FLOOR`]: so every propensity is known exactly and none is so small that a
//! log could not be judged by it. What a try costs is the utility that is given up by it, and at least what it is dearer;
//! a candidate that would cost more than is left of the budget is not tried.

use crate::score::Ranked;
use crate::{Decision, Offer, Reason};
use vocab::Dice;

/// The least probability of a candidate that may be tried.
pub const FLOOR: f64 = 0.01;
/// How many standard deviations of a quality are hoped for.
pub const OPTIMISM: f64 = 1.0;
/// No more candidates are tried, the most hopeful first: the others are given up by so many floors at most.
const TRIED_MAX: usize = 8;

/// One that may be tried.
struct Hope {
    offer: usize,
    utility: f64,
    /// What a try costs, USD.
    costs: f64,
}

/// Has a decision try something, where `left_usd` allows. Returns what the try costs of the budget, which is nothing where it
/// came to the best after all. `dice` decide which; a decision without two candidates of known utility stays as it is.
pub fn explore(decision: &mut Decision, offers: &[Offer], left_usd: f64, dice: &mut Dice) -> f64 {
    let scored = |row: &&Ranked| row.removed.is_none() && row.utility.is_finite();
    let fit: Vec<Ranked> = decision.ranked.iter().filter(scored).copied().collect();
    let Some(best) = fit.first().copied() else { return 0.0 };
    let spread = |row: &Ranked| {
        let learned = offers.get(row.offer).and_then(|offer| offer.learned);
        learned.map_or(0.0, |learned| f64::from(learned.spread))
    };
    let hope = |row: &Ranked| {
        let dearer = row.cost_usd.zip(best.cost_usd).map_or(0.0, |(cost, of_best)| cost - of_best);
        let utility = row.utility + decision.weights.answer_value * OPTIMISM * spread(row);
        Hope { offer: row.offer, utility, costs: (best.utility - row.utility).max(dearer).max(0.0) }
    };
    // What breaks a tie among the best is the throw of the plan, which is not repeated here: whoever it put first costs nothing.
    let mut hopes: Vec<Hope> = fit.iter().map(hope).collect();
    hopes.retain(|hope| hope.offer == best.offer || hope.costs <= left_usd);
    hopes.sort_by(|a, b| b.utility.total_cmp(&a.utility));
    let keeps = |at: usize, hope: &Hope| at < TRIED_MAX || hope.offer == best.offer;
    let hopes: Vec<Hope> =
        hopes.into_iter().enumerate().filter(|(at, hope)| keeps(*at, hope)).map(|(_, hope)| hope).collect();
    if hopes.len() < 2 {
        return 0.0;
    }
    let first = 1.0 - FLOOR * (hopes.len() - 1) as f64;
    let mut left = dice.unit() - first;
    let mut tried = 0;
    while left >= 0.0 && tried + 1 < hopes.len() {
        tried += 1;
        left -= FLOOR;
    }
    let share = |at: usize| if at == 0 { first } else { FLOOR };
    decision.shares = Some(hopes.iter().enumerate().map(|(at, hope)| (hope.offer, share(at))).collect());
    decision.propensity = share(tried);
    let chosen = &hopes[tried];
    if decision.plan.first() != Some(&chosen.offer) {
        let length = decision.plan.len().max(2);
        decision.plan.retain(|offer| *offer != chosen.offer);
        decision.plan.insert(0, chosen.offer);
        decision.plan.truncate(length);
        decision.reason = Reason::Tried { of: fit.len() };
    }
    chosen.costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{brief, card, limits, offer, wish};
    use crate::{Learned, Source, plan};
    use vocab::{Card, Instant, Pico, Quality};

    const NOW: Instant = Instant::from_secs(1_800_000_000);

    fn learned(mean: f64, spread: f32) -> Learned {
        let quality = Quality { mean, confidence: 0.5 };
        Learned { spread, ..Learned::of(quality, Source::Learned) }
    }

    fn decide(cards: &[(Card, Learned, i128)], left: f64, seed: u64) -> (Decision, f64) {
        let offers: Vec<Offer<'_>> = cards
            .iter()
            .map(|(card, learned, cost)| Offer {
                learned: Some(*learned),
                cost: Some(Pico(*cost)),
                ..offer(card)
            })
            .collect();
        let (brief, limits) = (brief(), limits());
        let mut decision = plan(&wish(&brief, &limits), &offers, NOW, &mut Dice::seeded(3));
        let costs = explore(&mut decision, &offers, left, &mut Dice::seeded(seed));
        (decision, costs)
    }

    fn three(spreads: [f32; 3]) -> Vec<(Card, Learned, i128)> {
        let names = ["a/m", "b/m", "c/m"];
        let of = |at: usize| {
            (card(names[at]), learned(0.8 - 0.1 * at as f64, spreads[at]), 1_000_000_000 + at as i128)
        };
        (0..3).map(of).collect()
    }

    #[test]
    fn propensities_are_what_happens() {
        for (spreads, favourite) in [([0.0; 3], 0), ([0.0, 0.2, 0.0], 1)] {
            let cards = three(spreads);
            let mut counts = [0.0; 3];
            let rounds = 20_000;
            for seed in 0..rounds {
                let (decision, costs) = decide(&cards, 1.0, seed);
                let chosen = decision.plan[0];
                counts[chosen] += 1.0 / rounds as f64;
                let shares: Vec<f64> = (0..3).map(|offer| decision.share(offer)).collect();
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert_eq!(shares[favourite], 1.0 - 2.0 * FLOOR);
                assert_eq!(decision.propensity, shares[chosen]);
                assert_eq!(costs == 0.0, chosen == 0, "only the best costs nothing: {costs}");
                let all: std::collections::BTreeSet<_> = decision.plan.iter().collect();
                assert_eq!(all.len(), decision.plan.len(), "nobody is asked twice: {:?}", decision.plan);
            }
            for (at, count) in counts.iter().enumerate() {
                let share = if at == favourite { 0.98 } else { FLOOR };
                assert!((count - share).abs() < 0.003, "{at}: {count}");
            }
        }
    }

    #[test]
    fn what_is_left_is_never_overspent() {
        let cards = three([0.0, 0.3, 0.3]);
        // b gives up a tenth of an answer's worth (0.05 USD), c two.
        for (left, tried) in [(0.0, 1), (0.004, 1), (0.006, 2), (0.02, 3)] {
            for seed in 0..300 {
                let (decision, costs) = decide(&cards, left, seed);
                assert!(costs <= left, "{costs} of {left}");
                let possible = (0..3).filter(|offer| decision.share(*offer) > 0.0).count();
                assert_eq!(possible, tried, "{left}");
            }
        }
    }

    #[test]
    fn what_is_dearer_costs_at_least_that() {
        let mut cards = three([0.0, 0.5, 0.0]);
        cards[1].1 = learned(0.9, 0.5);
        cards[1].2 += 10_000_000_000;
        let dearest = (0..200).map(|seed| decide(&cards, 1.0, seed).1).fold(0.0, f64::max);
        assert!(dearest >= 0.01, "a cent more is a cent spent: {dearest}");
    }

    #[test]
    fn one_alone_is_not_tried() {
        let cards = three([0.5; 3]);
        let (decision, costs) = decide(&cards[..1], 1.0, 1);
        assert_eq!((decision.shares, costs, decision.propensity), (None, 0.0, 1.0));
    }
}
