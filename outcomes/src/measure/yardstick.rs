//! A pool on a set of rows: the fixed baselines that every policy is held against.

use super::numeric::{argmax, mean};
use super::{Hull, Point, prices};
use crate::Pool;
use serde::Serialize;

/// Quality and cost of every model on some rows of a pool, all of them known. Row by row.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    pub models: usize,
    pub s: Vec<f64>,
    pub c: Vec<f64>,
}

impl Outcomes {
    /// Of these rows, which have to be complete.
    pub fn of(pool: &Pool, rows: &[usize]) -> Self {
        let rows = || rows.iter().filter_map(|r| pool.rows.get(*r));
        Self {
            models: pool.models.len(),
            s: rows().flat_map(|r| r.s.iter().copied()).collect(),
            c: rows().flat_map(|r| r.c.iter().copied()).collect(),
        }
    }

    pub fn rows(&self) -> usize {
        self.s.len() / self.models.max(1)
    }

    fn point(&self, row: usize, model: usize) -> Point {
        let at = row * self.models + model;
        Point { cost: self.c[at], quality: self.s[at] }
    }

    fn means(&self, of: &[f64], rows: &[usize]) -> Vec<f64> {
        (0..self.models).map(|m| mean(rows.iter().map(|r| of[r * self.models + m]))).collect()
    }
}

/// Which model a policy takes of each row, at each of several prices of quality. They are looked at together, and so kept as the
/// outcomes that they lead to.
#[derive(Clone, Debug)]
pub struct Choices(Vec<Vec<Point>>);

impl Choices {
    /// `choose` says the model of a row.
    pub fn new(outcomes: &Outcomes, choices: impl IntoIterator<Item = Vec<usize>>) -> Self {
        let row = |(row, model): (usize, usize)| outcomes.point(row, model);
        Self(choices.into_iter().map(|models| models.into_iter().enumerate().map(row).collect()).collect())
    }

    /// Sweeps the price of quality over guesses, which are row by row like the outcomes.
    pub fn sweep(outcomes: &Outcomes, quality: &[f64], cost: &[f64]) -> Self {
        let models = outcomes.models.max(1);
        let at = |price: f64| {
            let rows = quality.chunks(models).zip(cost.chunks(models));
            rows.map(|(q, c)| argmax(q.iter().zip(c).map(|(q, c)| q - price * c))).collect()
        };
        Self::new(outcomes, prices().into_iter().map(at))
    }

    /// Where calls lead that are not one call to one model, such as asking a second where the first did badly.
    pub const fn led_to(points: Vec<Vec<Point>>) -> Self {
        Self(points)
    }

    /// Choices on several sets of rows, made at the same prices, as choices on all of them in that order.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Self {
        let mut all: Vec<Vec<Point>> = Vec::new();
        for part in parts {
            all.resize(all.len().max(part.0.len()), Vec::new());
            for (led, more) in all.iter_mut().zip(part.0) {
                led.extend(more);
            }
        }
        Self(all)
    }

    /// The operating points over some rows, which may be there several times.
    pub fn points(&self, rows: &[usize]) -> Vec<Point> {
        let at = |led: &Vec<Point>| Point {
            cost: mean(rows.iter().map(|r| led[*r].cost)),
            quality: mean(rows.iter().map(|r| led[*r].quality)),
        };
        self.0.iter().map(at).collect()
    }
}

/// The measures of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    #[serde(rename = "AIQ")]
    pub aiq: f64,
    #[serde(rename = "AIQlog")]
    pub aiq_log: f64,
    /// 0 is the best mix of single models, 1 the oracle.
    #[serde(rename = "nAIQ")]
    pub naiq: f64,
    /// Highest quality on the curve ÷ the best single model's − 1.
    #[serde(rename = "PerfGain")]
    pub perf_gain: f64,
    /// 1 − least cost at the best single model's quality ÷ its cost; None where that quality is never reached.
    #[serde(rename = "CostSave")]
    pub cost_save: Option<f64>,
    /// 1 − highest quality ÷ the oracle's.
    #[serde(rename = "GapO")]
    pub gap_oracle: f64,
    #[serde(rename = "maxq")]
    pub quality_max: f64,
    #[serde(rename = "Arena")]
    pub arena: f64,
}

/// The baselines on a set of rows.
#[derive(Clone, Debug)]
pub struct Yardstick {
    /// Each model's mean quality and cost.
    pub singles: Vec<Point>,
    /// The model of the highest mean quality.
    pub best: usize,
    pub cheapest: usize,
    /// The hull of the singles.
    pub zero: Hull,
    pub oracle: Hull,
    /// Mean heights of both over the logarithm of cost.
    pub zero_log: f64,
    pub oracle_log: f64,
    low: f64,
    high: f64,
}

impl Yardstick {
    /// On `rows`, which may be there several times. `oracle` is [`Choices::sweep`] over the truth.
    pub fn new(outcomes: &Outcomes, oracle: &Choices, rows: &[usize]) -> Self {
        let (quality, cost) = (outcomes.means(&outcomes.s, rows), outcomes.means(&outcomes.c, rows));
        let singles: Vec<Point> =
            quality.iter().zip(&cost).map(|(&quality, &cost)| Point { cost, quality }).collect();
        let zero = Hull::of(&singles);
        let oracle = Hull::of(&oracle.points(rows));
        let mut yardstick = Self {
            best: argmax(quality.iter().copied()),
            cheapest: argmax(cost.iter().map(|c| -c)),
            low: cost.iter().copied().fold(f64::INFINITY, f64::min),
            high: cost.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            singles,
            zero,
            oracle,
            zero_log: 0.0,
            oracle_log: 0.0,
        };
        yardstick.zero_log = yardstick.log(&yardstick.zero);
        yardstick.oracle_log = yardstick.log(&yardstick.oracle);
        yardstick
    }

    /// Mean height of a hull between the cheapest and the dearest single model.
    pub fn linear(&self, hull: &Hull) -> f64 {
        hull.area(self.low, self.high, false)
    }

    fn log(&self, hull: &Hull) -> f64 {
        hull.area(self.low, self.singles[self.best].cost.max(self.low * 1.01), true)
    }

    /// A policy's hull: its points and the cheapest model, which is open to everybody.
    pub fn hull(&self, points: &[Point]) -> Hull {
        let mut points = points.to_vec();
        points.push(self.singles[self.cheapest]);
        Hull::of(&points)
    }

    pub fn score(&self, points: &[Point]) -> Score {
        let hull = self.hull(points);
        let best = self.singles[self.best];
        let aiq_log = self.log(&hull);
        Score {
            aiq: self.linear(&hull),
            aiq_log,
            naiq: (aiq_log - self.zero_log) / (self.oracle_log - self.zero_log).max(1e-9),
            perf_gain: hull.top() / best.quality - 1.0,
            cost_save: hull.reach(best.quality).map(|cost| 1.0 - cost / best.cost),
            gap_oracle: 1.0 - hull.top() / self.oracle.top(),
            quality_max: hull.top(),
            arena: points.iter().map(|p| arena(*p)).fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// RouterArena's figure of one operating point. Millionths of a USD a call are thousandths for a thousand.
fn arena(point: Point) -> f64 {
    const BETA: f64 = 0.1;
    const DEAREST: f64 = 200.0;
    const CHEAPEST: f64 = 0.0044;
    if point.quality <= 0.0 {
        return 0.0;
    }
    let usd = point.cost / 1e3;
    let thrift = (DEAREST.log2() - usd.log2()) / (DEAREST.log2() - CHEAPEST.log2());
    (1.0 + BETA) * point.quality * thrift / (BETA * point.quality + thrift)
}
