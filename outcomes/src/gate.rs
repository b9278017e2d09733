//! Figures that must not fall.

use crate::report::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Figures as they once were, and how far each may fall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The seed they were had with.
    pub seed: u64,
    /// How much less than here is still no fall.
    pub allowance: f64,
    /// By `setting/pool/policy/measure`; higher is better for all of them.
    pub figures: BTreeMap<String, f64>,
}

/// Rounded as it is written, so that the last digits of another machine's `exp` are no change.
fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

impl Baseline {
    /// What a report says now.
    pub fn of(report: &Report, allowance: f64) -> Self {
        let mut figures = BTreeMap::new();
        for part in &report.parts {
            for pool in &part.pools {
                for policy in &pool.policies {
                    let score = &policy.figures.score;
                    for (measure, figure) in [
                        ("nAIQ", Some(score.naiq)),
                        ("maxq", Some(score.quality_max)),
                        ("CostSave", score.cost_save),
                    ] {
                        let key = format!("{}/{}/{}/{measure}", part.setting.name(), pool.pool, policy.name);
                        figures.extend(figure.filter(|f| f.is_finite()).map(|f| (key, rounded(f))));
                    }
                }
            }
        }
        Self { seed: report.seed, allowance, figures }
    }

    /// Every figure that is less than it was, or is gone, each in a sentence; empty where all is as good. What is new is not held
    /// against anybody.
    pub fn fallen(&self, report: &Report) -> Vec<String> {
        let now = Self::of(report, self.allowance).figures;
        let fell = |(name, was): (&String, &f64)| match now.get(name) {
            Some(is) if *is >= was - self.allowance => None,
            Some(is) => Some(format!(
                "{name} fell from {was:.4} to {is:.4}, by {:.4} where {:.4} is allowed",
                was - is,
                self.allowance
            )),
            None => Some(format!("{name} was {was:.4} and there is no such figure now")),
        };
        let mut all: Vec<String> = self.figures.iter().filter_map(fell).collect();
        if self.seed != report.seed {
            all.insert(0, format!("the baseline is of seed {} and this of seed {}", self.seed, report.seed));
        }
        all
    }
}

#[cfg(test)]
mod tests;
