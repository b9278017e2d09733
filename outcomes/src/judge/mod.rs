//! From what was said about rows to the figures of it.

mod groups;
pub(crate) mod pairs;

pub use groups::{Costs, Group, Groups, Terms, evaluate};
pub use pairs::{KNOWN_PAIRS, Named, PairFigures};

use crate::Pool;
use crate::measure::{Choices, Interval, Outcomes, Score, Yardstick};
use serde::Serialize;
use std::collections::BTreeMap;
use vocab::Dice;

/// How much is drawn again for intervals.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    /// Of two-model measures; a fifth of it, and at least 20, of whole curves. 0 is no intervals.
    pub repeats: usize,
    pub seed: u64,
}

/// Rows drawn again, each time with the baselines on them.
#[derive(Clone, Debug)]
pub struct Drawn(Vec<(Vec<usize>, Yardstick)>);

/// Some rows of a pool, with all that does not depend on the policy.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    pub pool: &'a Pool,
    /// Places in the pool's rows.
    pub rows: Vec<usize>,
    /// Places in `rows` of those on which every model was run: the ones that curves are made of.
    pub complete: Vec<usize>,
    pub outcomes: Outcomes,
    pub oracle: Choices,
    pub yardstick: Yardstick,
    /// Places in `complete`: all of them.
    pub every: Vec<usize>,
}

impl<'a> Ground<'a> {
    /// None where no row is complete.
    pub fn new(pool: &'a Pool, rows: Vec<usize>) -> Option<Self> {
        let complete: Vec<usize> = (0..rows.len()).filter(|i| pool.rows[rows[*i]].complete()).collect();
        let places: Vec<usize> = complete.iter().map(|i| rows[*i]).collect();
        if places.is_empty() {
            return None;
        }
        let outcomes = Outcomes::of(pool, &places);
        let oracle = Choices::sweep(&outcomes, &outcomes.s, &outcomes.c);
        let every: Vec<usize> = (0..places.len()).collect();
        let yardstick = Yardstick::new(&outcomes, &oracle, &every);
        Some(Self { pool, rows, complete, outcomes, oracle, yardstick, every })
    }

    /// Of a matrix with a line for each of `rows`, the lines of the complete ones.
    pub fn of_complete(&self, matrix: &[f64]) -> Vec<f64> {
        let models = self.pool.models.len();
        self.complete.iter().flat_map(|i| matrix[i * models..(i + 1) * models].iter().copied()).collect()
    }

    /// Draws the rows again, for the intervals of every policy that is judged here.
    pub fn drawn(&self, draws: Draws) -> Drawn {
        let (mut dice, rows) = (Dice::seeded(draws.seed), self.every.len() as u64);
        let repeats = if draws.repeats > 0 { (draws.repeats / 5).max(20) } else { 0 };
        let draw = |_| {
            let rows: Vec<usize> =
                (0..rows).map(|_| usize::try_from(dice.below(rows)).unwrap_or_default()).collect();
            let yardstick = Yardstick::new(&self.outcomes, &self.oracle, &rows);
            (rows, yardstick)
        };
        Drawn((0..repeats).map(draw).collect())
    }

    /// The figures of choices on the complete rows.
    pub fn judge(&self, choices: &Choices, drawn: &Drawn) -> PoolFigures {
        let yardstick = &self.yardstick;
        let score = yardstick.score(&choices.points(&self.every));
        let again = drawn.0.iter().map(|(rows, yardstick)| yardstick.score(&choices.points(rows)).naiq);
        let interval = Interval::of(again.collect());
        let best = yardstick.singles[yardstick.best];
        PoolFigures {
            score,
            interval,
            rows: self.every.len(),
            best_single: self.pool.models[yardstick.best].id.clone(),
            best_quality: best.quality,
            best_cost: best.cost,
            oracle_quality: yardstick.oracle.top(),
            zero_log: yardstick.zero_log,
            oracle_log: yardstick.oracle_log,
            zero: yardstick.linear(&yardstick.zero),
            oracle: yardstick.linear(&yardstick.oracle),
        }
    }

    /// The tasks of the complete rows, each with their places in `complete`.
    pub fn tasks(&self) -> BTreeMap<&'a str, Vec<usize>> {
        let mut tasks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, row) in self.complete.iter().enumerate() {
            tasks.entry(&self.pool.rows[self.rows[*row]].task).or_default().push(at);
        }
        tasks
    }

    /// The operating points of choices over all complete rows.
    pub fn points(&self, choices: &Choices) -> Vec<crate::measure::Point> {
        choices.points(&self.every)
    }
}

/// The measures of a policy on a pool, beside what they are measured against. Named in JSON as the field's evaluator does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolFigures {
    #[serde(flatten)]
    pub score: Score,
    #[serde(rename = "nAIQ_ci")]
    pub interval: Option<Interval>,
    #[serde(rename = "n")]
    pub rows: usize,
    pub best_single: String,
    #[serde(rename = "best_q")]
    pub best_quality: f64,
    pub best_cost: f64,
    #[serde(rename = "oracle_q")]
    pub oracle_quality: f64,
    #[serde(rename = "zero_AIQlog")]
    pub zero_log: f64,
    #[serde(rename = "oracle_AIQlog")]
    pub oracle_log: f64,
    #[serde(rename = "zero_AIQ")]
    pub zero: f64,
    #[serde(rename = "oracle_AIQ")]
    pub oracle: f64,
}
