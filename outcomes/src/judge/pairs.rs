//! Which two models of a pool are compared, and how a ranking between them did.

use super::Draws;
use crate::Pool;
use crate::measure::{Interval, Pair, bootstrap, pair};
use serde::Serialize;

/// Pairs that are commonly reported. They are looked for in every pool.
pub const KNOWN_PAIRS: [Named<'static>; 12] = [
    ("gpt4/mixtral", "gpt-4-1106-preview", "mixtral-8x7b-instruct"),
    ("gpt4/mixtral", "gpt-4-1106-preview", "mistralai/mixtral-8x7b-chat"),
    ("gemini-pro/flash", "gemini-1.5-pro-002", "gemini-1.5-flash-002"),
    ("llama 70b/8b", "llama-3.1-70b-instruct", "llama-3.1-8b-instruct"),
    ("sonnet3.5/haiku3", "claude-3-5-sonnet-20241022", "claude-3-haiku-20240307"),
    ("4o/4o-mini", "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"),
    ("llama 405b/8b", "meta-llama-3.1-405b-instruct", "meta-llama-3.1-8b-instruct"),
    ("4-turbo/haiku-FC", "gpt-4-turbo-2024-04-09-fc", "claude-3-haiku-20240307-fc"),
    ("sonnet/4o-mini", "claude-3-5-sonnet-20240620", "gpt-4o-mini-2024-07-18-fc"),
    ("gpt4/gpt3.5", "gpt4_1106_preview", "gpt-3.5-turbo-1106"),
    ("gpt4/claude-instant", "gpt4_1106_preview", "claude-instant-1.2"),
    ("flash2/haiku3", "gemini-2.0-flash-001", "claude-3-haiku-20240307"),
];

/// A short name, the stronger and the weaker model.
pub type Named<'a> = (&'a str, &'a str, &'a str);

/// Those pairs of which a pool has both models, as name and places.
pub(crate) fn of_pool<'a>(pool: &Pool, pairs: &[Named<'a>]) -> Vec<(&'a str, usize, usize)> {
    let found = |(name, strong, weak): &Named<'a>| Some((*name, pool.model(strong)?, pool.model(weak)?));
    pairs.iter().filter_map(found).collect()
}

/// How a ranking between two models did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairFigures {
    #[serde(flatten)]
    pub pair: Pair,
    #[serde(rename = "n")]
    pub rows: usize,
    /// Of whoever knows the outcomes.
    #[serde(rename = "oracle_APGR")]
    pub oracle: f64,
    /// Of `APGR_full`.
    #[serde(rename = "ci")]
    pub interval: Option<Interval>,
}

/// Fewer rows say nothing.
const ROWS_MIN: usize = 50;

/// Of rows as ranking, stronger model's quality, weaker's. None where there are too few, or no gap to recover.
pub(crate) fn figures(rows: &[(f64, f64, f64)], draws: Draws) -> Option<PairFigures> {
    let known: Vec<(f64, f64, f64)> =
        rows.iter().copied().filter(|(_, s, w)| !s.is_nan() && !w.is_nan()).collect();
    let ranking: Vec<f64> = known.iter().map(|r| r.0).collect();
    let strong: Vec<f64> = known.iter().map(|r| r.1).collect();
    let weak: Vec<f64> = known.iter().map(|r| r.2).collect();
    let sum = |list: &[f64]| list.iter().sum::<f64>();
    let rows = known.len();
    if rows < ROWS_MIN || ((sum(&strong) - sum(&weak)) / rows as f64).abs() < 1e-6 {
        return None;
    }
    let truth: Vec<f64> = strong.iter().zip(&weak).map(|(s, w)| s - w).collect();
    let again = |draw: &[usize]| {
        let of = |list: &[f64]| draw.iter().map(|r| list[*r]).collect::<Vec<f64>>();
        Some(pair(&of(&ranking), &of(&strong), &of(&weak)).apgr_full)
    };
    Some(PairFigures {
        pair: pair(&ranking, &strong, &weak),
        rows,
        oracle: pair(&truth, &strong, &weak).apgr_full,
        interval: (draws.repeats > 0).then(|| bootstrap(rows, draws.repeats, draws.seed, again)).flatten(),
    })
}
