//! What a trial found, as values that tables, pictures and machines are served from.

use crate::judge::{PairFigures, PoolFigures};
use crate::measure::{Hull, Point};
use serde::Serialize;
use std::collections::BTreeMap;

/// How learning and judging were kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// A third of the rows judged, the others learned from: the tasks are known.
    Known,
    /// Whole tasks left out in turn, and judged.
    Unseen,
    /// Every row judged, others learned from.
    Given,
}

impl Setting {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unseen => "unseen",
            Self::Given => "given",
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub parts: Vec<Part>,
}

/// Under one setting.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    pub setting: Setting,
    pub pools: Vec<PoolReport>,
    /// Mean nAIQ over the pools by policy.
    pub means: BTreeMap<String, f64>,
}

/// A model alone.
#[derive(Clone, Debug, Serialize)]
pub struct Single {
    pub model: String,
    #[serde(flatten)]
    pub point: Point,
}

/// One pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    pub pool: String,
    pub licence: String,
    /// Rows that were judged.
    pub rows: usize,
    /// Rows that were learned from; of the first turn where there are several.
    pub learned: usize,
    /// Whether all of its models have a prior, so that the presets went by those.
    pub priors: bool,
    pub singles: Vec<Single>,
    pub zero: Hull,
    pub oracle: Hull,
    /// Tasks among the rows judged.
    pub tasks_judged: usize,
    /// Tasks with enough rows for a table, with how many.
    pub tasks: BTreeMap<String, usize>,
    pub policies: Vec<PolicyReport>,
}

impl PoolReport {
    pub fn policy(&self, name: &str) -> Option<&PolicyReport> {
        self.policies.iter().find(|p| p.name == name)
    }
}

/// One policy on one pool.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyReport {
    pub name: String,
    pub figures: PoolFigures,
    /// The hull of its operating points and the cheapest model.
    pub hull: Hull,
    /// Where it stands at each preset's price of quality; one point for policies with one.
    pub presets: BTreeMap<String, Point>,
    /// nAIQ of each turn's rows alone, where whole tasks were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<f64>,
    /// nAIQ by task.
    pub tasks: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pairs: BTreeMap<String, PairFigures>,
    /// Share of choices that stay when the prompt is reworded, by kind of rewording and for each kind at the `balanced` price.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reworded: BTreeMap<String, f64>,
}
