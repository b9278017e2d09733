//! A decision that was written down, made again under other weights.

use crate::Weights;
use crate::plan::key;
use crate::score::reckon;

/// What was known of a candidate that could be chosen; None is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// Probability that the answer is good.
    pub quality: Option<f64>,
    /// Expected, with the waste if it fails; USD.
    pub cost_usd: Option<f64>,
    /// Expected until the whole answer is there, with the time lost if it fails; seconds.
    pub latency_s: Option<f64>,
}

/// Probabilities with which a policy of these weights puts each of them first, over all seeds: 1 for the best, shared by
/// those that are as good to the last bit. The same score, and the same places for what is unknown, as in [`crate::plan`].
pub fn shares(weights: Weights, candidates: &[Known]) -> Vec<f64> {
    let place = |of: &Known| {
        let (known, missing) = reckon(weights, of.quality, of.cost_usd, of.latency_s);
        key(None, missing, known)
    };
    let places: Vec<_> = candidates.iter().map(place).collect();
    let best = places.iter().min();
    let equal = places.iter().filter(|place| Some(*place) == best).count();
    places.iter().map(|place| if Some(place) == best { 1.0 / equal as f64 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(quality: f64, cost_usd: f64, latency_s: f64) -> Known {
        Known { quality: Some(quality), cost_usd: Some(cost_usd), latency_s: Some(latency_s) }
    }

    #[test]
    fn other_weights_choose_otherwise() {
        let all = [known(0.9, 0.02, 1.0), known(0.7, 0.001, 1.0), known(0.7, 0.001, 1.0)];
        assert_eq!(shares(Weights::BEST, &all), [1.0, 0.0, 0.0]);
        assert_eq!(shares(Weights::CHEAP, &all), [0.0, 0.5, 0.5]);
        assert_eq!(shares(Weights::CHEAP, &[]), [0.0; 0]);
    }

    #[test]
    fn what_is_unknown_cannot_win() {
        let free = Known { cost_usd: None, ..known(1.0, 0.0, 0.0) };
        let dark = Known { quality: None, ..known(0.0, 0.0, 0.0) };
        let dear = known(0.1, 5.0, 60.0);
        assert_eq!(shares(Weights::BALANCED, &[free, dear, dark]), [0.0, 1.0, 0.0]);
        assert_eq!(shares(Weights::BALANCED, &[free, dark]), [0.0, 1.0], "an unknown price is the worst");
        let sums = Weights { answer_value: f64::NAN, time_value: 0.0 };
        assert_eq!(shares(sums, &[dear, dark]), [0.5, 0.5], "nonsense makes nobody the winner");
    }
}
