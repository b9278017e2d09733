//! From records of decisions to what the estimators take: outcomes, probabilities, and a model that did not see the row.

use outcomes::replay::{Decided, Estimates, Verdict, replay};
use relay::decisions::{Candidate, Record};
use router::{Known, Weights, shares};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The policy that is asked about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Other {
    pub name: String,
    #[serde(flatten)]
    pub weights: Weights,
}

/// What is measured of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// USD, all calls together.
    Cost,
    /// Seconds to the end of the answer, of requests that got one.
    Latency,
    /// What callers said of their answers, 0 to 1.
    Quality,
}

impl Figure {
    pub const ALL: [Self; 3] = [Self::Cost, Self::Latency, Self::Quality];

    /// As gates name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Quality => "quality",
        }
    }

    /// What it came to; None where that is not known, which is not zero.
    fn outcome(self, record: &Record) -> Option<f64> {
        let value = match self {
            Self::Cost => Some(record.outcome.cost_usd),
            Self::Latency => record.outcome.served.as_ref().map(|_| record.outcome.seconds),
            Self::Quality => record.feedback.as_ref().map(|feedback| feedback.score),
        };
        value.filter(|value| value.is_finite())
    }

    /// What was expected of a candidate when it was decided.
    const fn expected(self, candidate: &Candidate) -> Option<f64> {
        match self {
            Self::Cost => candidate.cost_usd,
            Self::Latency => candidate.latency_s,
            Self::Quality => candidate.quality,
        }
    }
}

/// How another policy does on a log.
#[derive(Debug)]
pub struct Report {
    pub other: Other,
    /// Decisions that there was something to choose in.
    pub decisions: usize,
    /// Those that there was not: a named model, or one candidate.
    pub without_choice: usize,
    /// Share of the decisions in which the other policy would choose the same.
    pub same: f64,
    /// Rows that each figure is known of, and what the log says of it; why it says nothing.
    pub figures: Vec<(Figure, usize, Result<Estimates, String>)>,
}

impl Report {
    pub fn of(records: &[Record], other: &Other, (draws, seed): (usize, u64)) -> Self {
        let has_choice = |record: &&Record| !record.pinned && record.candidates.len() > 1;
        let rows: Vec<Row<'_>> =
            records.iter().filter(has_choice).map(|record| Row::of(record, other.weights)).collect();
        let same = rows.iter().map(Row::same).sum::<f64>() / rows.len().max(1) as f64;
        let estimates = |figure: Figure| {
            let known: Vec<(&Row<'_>, f64)> =
                rows.iter().filter_map(|row| Some((row, figure.outcome(row.record)?))).collect();
            let models = [Model::of(figure, &known, 0), Model::of(figure, &known, 1)];
            let expected: Vec<Vec<f64>> =
                known.iter().enumerate().map(|(at, (row, _))| models[at % 2].expects(row.record)).collect();
            let decided = known.iter().zip(&expected).map(|((row, outcome), expected)| Decided {
                chosen: row.record.chosen,
                outcome: *outcome,
                logged: &row.logged,
                other: &row.other,
                expected,
            });
            let decided: Vec<Decided<'_>> = decided.collect();
            let told = match (figure, decided.len()) {
                (Figure::Quality, 0) => Err("no caller has said anything of an answer".into()),
                (_, 0) => Err("no decision has it".into()),
                _ => replay(&decided, draws, seed),
            };
            (figure, decided.len(), told)
        };
        Self {
            figures: Figure::ALL.map(estimates).into(),
            other: other.clone(),
            decisions: rows.len(),
            without_choice: records.len() - rows.len(),
            same,
        }
    }

    /// By the name that a gate knows it by.
    pub fn estimates(&self, name: &str) -> Option<&Estimates> {
        let found = self.figures.iter().find(|(figure, _, _)| figure.name() == name);
        found.and_then(|(_, _, estimates)| estimates.as_ref().ok())
    }

    pub fn json(&self, verdict: Option<&Verdict>) -> Value {
        let figure = |(figure, rows, told): &(Figure, usize, Result<Estimates, String>)| {
            let told = match told {
                Ok(estimates) => json!(estimates),
                Err(why) => json!({ "rows": rows, "unknown": why }),
            };
            (figure.name().to_owned(), told)
        };
        let figures: serde_json::Map<String, Value> = self.figures.iter().map(figure).collect();
        let mut told = json!({
            "policy": self.other, "decisions": self.decisions, "without_choice": self.without_choice,
            "same": self.same, "figures": figures,
        });
        if let Some(verdict) = verdict {
            told["gate"] = match verdict {
                Verdict::Holds => json!({ "holds": true, "reasons": [] }),
                Verdict::Fails(reasons) => json!({ "holds": false, "reasons": reasons }),
            };
        }
        told
    }
}

/// A decision with both policies' probabilities.
struct Row<'a> {
    record: &'a Record,
    logged: Vec<f64>,
    other: Vec<f64>,
}

impl<'a> Row<'a> {
    fn of(record: &'a Record, weights: Weights) -> Self {
        let known =
            |c: &Candidate| Known { quality: c.quality, cost_usd: c.cost_usd, latency_s: c.latency_s };
        let known: Vec<Known> = record.candidates.iter().map(known).collect();
        let logged = record.candidates.iter().map(|c| c.propensity).collect();
        Self { record, logged, other: shares(weights, &known) }
    }

    /// Probability that the other policy chooses what was chosen.
    fn same(&self) -> f64 {
        self.other.get(self.record.chosen).copied().unwrap_or_default()
    }
}

/// Rows that say as much about a candidate as what was expected of it.
const DOUBT: f64 = 8.0;

/// What is expected of each candidate: what was expected when it was decided, corrected by how far that was off for it in the
/// other half of the rows.
struct Model {
    figure: Figure,
    /// Of candidates that nothing was expected of.
    usual: f64,
    off: HashMap<String, f64>,
}

impl Model {
    /// For the rows at even places (0) or odd ones (1), from the others.
    fn of(figure: Figure, rows: &[(&Row<'_>, f64)], half: usize) -> Self {
        let others = || rows.iter().enumerate().filter(|(at, _)| at % 2 != half).map(|(_, row)| row);
        let count = others().count().max(1) as f64;
        let usual = others().map(|(_, outcome)| outcome).sum::<f64>() / count;
        let mut sums: HashMap<String, (f64, f64)> = HashMap::new();
        for (row, outcome) in others() {
            let Some(chosen) = row.record.candidates.get(row.record.chosen) else { continue };
            let sum = sums.entry(chosen.id.clone()).or_default();
            sum.0 += outcome - figure.expected(chosen).unwrap_or(usual);
            sum.1 += 1.0;
        }
        let off = sums.into_iter().map(|(id, (sum, count))| (id, sum / (count + DOUBT))).collect();
        Self { figure, usual, off }
    }

    fn expects(&self, record: &Record) -> Vec<f64> {
        let of = |candidate: &Candidate| {
            let off = self.off.get(&candidate.id).copied().unwrap_or_default();
            self.figure.expected(candidate).unwrap_or(self.usual) + off
        };
        record.candidates.iter().map(of).collect()
    }
}
