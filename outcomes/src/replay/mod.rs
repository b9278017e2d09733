//! What another policy would have come to, from decisions that were logged with their propensities.
//!
//! | estimate | of a row | right where |
//! | --- | --- | --- |
//! | IPS | weight × outcome | propensities are right; wide |
//! | SNIPS | the same, divided by the mean weight | the same, a little biased, narrower |
//! | direct | what a model of outcomes expects of the other policy | the model is right |
//! | doubly robust | direct + weight × what the model missed | one of both is right |
//!
//! The weight is how much likelier the other policy is to choose what was chosen (Horvitz and Thompson 1952; Swaminathan and Joachims 2015;
//! Dudík, Langford and Li 2011). Outcomes are of any kind: a quality, a cost.

mod gate;

pub use gate::{Gate, Limit, Verdict};

use crate::measure::{Interval, quantile};
use serde::Serialize;
use vocab::Dice;

/// One decision as far as replaying it goes. The slices have an entry for each candidate.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Who was chosen.
    pub chosen: usize,
    /// What came of it.
    pub outcome: f64,
    /// Probabilities with which the logged policy chose.
    pub logged: &'a [f64],
    /// Probabilities with which the other policy would choose.
    pub other: &'a [f64],
    /// What a model that did not see this row expects of each.
    pub expected: &'a [f64],
}

/// A figure with where it lies in 95 of 100 logs like this one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub interval: Option<Interval>,
}

/// What another policy would have come to, each way, and how far to trust it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimates {
    /// Of the policy that was logged, as it was.
    pub logged: Estimate,
    pub ips: Estimate,
    pub snips: Estimate,
    pub direct: Estimate,
    pub doubly_robust: Estimate,
    pub rows: usize,
    /// How many rows of the other policy's own the log is worth (Kish).
    pub effective_rows: f64,
    /// Share of the other policy's choices that the logged one never made.
    pub unsupported: f64,
    /// Why these figures should not be trusted, in sentences.
    pub warnings: Vec<String>,
}

/// More of it, and nobody knows what it would have come to.
const UNSUPPORTED_MAX: f64 = 0.01;
/// Fewer, and the intervals themselves are guesses.
const EFFECTIVE_MIN: f64 = 100.0;

/// What a row adds to each estimate.
#[derive(Clone, Copy)]
struct Term {
    outcome: f64,
    weight: f64,
    direct: f64,
    robust: f64,
}

/// The five figures of some rows: logged, IPS, SNIPS, direct, doubly robust.
fn figures(terms: impl Iterator<Item = Term>) -> [f64; 5] {
    let (mut rows, mut weights, mut sums) = (0.0, 0.0, [0.0; 4]);
    for term in terms {
        rows += 1.0;
        weights += term.weight;
        sums[0] += term.outcome;
        sums[1] += term.weight * term.outcome;
        sums[2] += term.direct;
        sums[3] += term.robust;
    }
    [sums[0] / rows, sums[1] / rows, sums[1] / weights, sums[2] / rows, sums[3] / rows]
}

/// Estimates from a log, with as many draws for intervals.
///
/// # Errors
/// Names the row that is no decision: no probabilities, a chosen one that could not have been.
pub fn replay(rows: &[Decided<'_>], draws: usize, seed: u64) -> Result<Estimates, String> {
    let mut terms = Vec::with_capacity(rows.len());
    let mut unsupported = 0.0;
    for (at, row) in rows.iter().enumerate() {
        terms.push(term(row).map_err(|why| format!("decision {}: {why}", at + 1))?);
        let never = row.logged.iter().zip(row.other).filter(|(logged, _)| **logged <= 0.0);
        unsupported += never.map(|(_, other)| other).sum::<f64>() / rows.len() as f64;
    }
    if terms.is_empty() {
        return Err("no decisions".into());
    }
    let values = figures(terms.iter().copied());
    let mut dice = Dice::seeded(seed);
    let again: Vec<[f64; 5]> = (0..draws)
        .map(|_| {
            let draw = |_| terms[usize::try_from(dice.below(terms.len() as u64)).unwrap_or_default()];
            figures((0..terms.len()).map(draw))
        })
        .collect();
    let estimate = |which: usize| Estimate {
        value: values[which],
        interval: Interval::of(again.iter().map(|figures| figures[which]).collect()),
    };
    let (weights, squares) =
        terms.iter().fold((0.0, 0.0), |(w, s), t| (w + t.weight, s + t.weight * t.weight));
    let effective_rows = if squares > 0.0 { weights * weights / squares } else { 0.0 };
    let apart: Vec<f64> = again.iter().map(|f| f[2] - f[4]).collect();
    Ok(Estimates {
        logged: estimate(0),
        ips: estimate(1),
        snips: estimate(2),
        direct: estimate(3),
        doubly_robust: estimate(4),
        rows: rows.len(),
        effective_rows,
        unsupported,
        warnings: warnings(unsupported, effective_rows, values[2] - values[4], apart),
    })
}

fn term(row: &Decided<'_>) -> Result<Term, String> {
    let Decided { chosen, outcome, logged, other, expected } = *row;
    if logged.len() != other.len() || logged.len() != expected.len() {
        return Err(format!(
            "{} logged probabilities, {} of the other policy and {} expectations",
            logged.len(),
            other.len(),
            expected.len()
        ));
    }
    let is_share = |list: &[f64]| {
        list.iter().all(|p| (0.0..=1.0 + 1e-9).contains(p)) && (list.iter().sum::<f64>() - 1.0).abs() < 1e-6
    };
    if !is_share(logged) || !is_share(other) {
        return Err("probabilities that do not add up to 1".into());
    }
    let propensity = logged.get(chosen).copied().filter(|p| *p > 0.0);
    let propensity =
        propensity.ok_or_else(|| format!("candidate {chosen} was chosen with no probability"))?;
    if !outcome.is_finite() || expected.iter().any(|e| !e.is_finite()) {
        return Err("an outcome or expectation that is no number".into());
    }
    let weight = other[chosen] / propensity;
    let direct = other.iter().zip(expected).map(|(p, e)| p * e).sum();
    Ok(Term { outcome, weight, direct, robust: direct + weight * (outcome - expected[chosen]) })
}

fn warnings(unsupported: f64, effective: f64, apart: f64, mut draws: Vec<f64>) -> Vec<String> {
    let mut all = Vec::new();
    if unsupported > UNSUPPORTED_MAX {
        all.push(format!(
            "{:.1} % of the other policy's choices were never made under the logged one: the log cannot say what they come to",
            unsupported * 100.0
        ));
    }
    if effective < EFFECTIVE_MIN {
        all.push(format!("the log is worth {effective:.0} decisions of the other policy: too few"));
    }
    draws.retain(|d| d.is_finite());
    draws.sort_by(f64::total_cmp);
    // One standard error as the middle 68 of 100 draws have it, which a single wild draw does not move.
    let error = (quantile(&draws, 0.841) - quantile(&draws, 0.159)) / 2.0;
    if apart.abs() > 2.0 * error + 1e-12 {
        all.push(format!(
            "SNIPS and doubly robust are {:.4} apart, more than two standard errors ({error:.4}): the propensities or the model are wrong",
            apart.abs()
        ));
    }
    all
}

#[cfg(test)]
mod tests;
