//! A prediction file against pools, group by group of their rows.

use super::pairs::{self, Named, PairFigures};
use super::{Draws, Ground, PoolFigures};
use crate::measure::Choices;
use crate::{Pool, Predictions, Row, predictions::Said};
use serde::Serialize;
use std::collections::BTreeMap;

/// The figures of one group of rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolFigures>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pairs: BTreeMap<String, PairFigures>,
}

/// By pool, then by part of the data (`iid`, `ood`, `dev`) or by task.
pub type Groups = BTreeMap<String, BTreeMap<String, Group>>;

/// Mean cost of each model by pool, for predictions that say nothing about cost.
pub type Costs = BTreeMap<String, Vec<f64>>;

/// Fewer rows of a task make no table.
const TASK_ROWS_MIN: usize = 100;

/// How predictions are scored.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Taken where predictions say no cost; without them the means of the rows themselves.
    pub costs: &'a Costs,
    pub pairs: &'a [Named<'a>],
    /// Every task of some size is a group of its own too.
    pub by_task: bool,
    pub draws: Draws,
}

/// Scores predictions. A pool, or a group of its rows, about which nothing was said is left out.
///
/// # Errors
/// Says which row of which pool was not spoken of as the others were.
pub fn evaluate(pools: &[Pool], said: &Predictions, terms: Terms<'_>) -> Result<Groups, String> {
    let Terms { costs, by_task, draws, .. } = terms;
    let mut all = Groups::new();
    for pool in pools {
        for (name, rows) in groups(pool, by_task) {
            let rows: Vec<usize> =
                rows.into_iter().filter(|r| said.0.contains_key(&pool.rows[*r].id)).collect();
            let said: Vec<&Said> = rows.iter().filter_map(|r| said.0.get(&pool.rows[*r].id)).collect();
            let Some(first) = said.first() else { continue };
            let mut group = Group::default();
            let knows_all = |q: &BTreeMap<String, f64>| pool.models.iter().all(|m| q.contains_key(&m.id));
            let guessed = first.quality.as_ref().is_some_and(knows_all);
            if (guessed || !first.taken.is_empty())
                && let Some(ground) = Ground::new(pool, rows.clone())
            {
                let choices = if guessed {
                    guesses(&ground, &said, costs.get(&pool.name))?
                } else {
                    taken(&ground, &said)?
                };
                group.pool = Some(ground.judge(&choices, &ground.drawn(draws)));
            }
            group.pairs = of_pairs(pool, &name, &rows, &said, terms)?;
            if group != Group::default() {
                all.entry(pool.name.clone()).or_default().insert(name, group);
            }
        }
    }
    Ok(all)
}

/// Parts of the data, then tasks of some size.
fn groups(pool: &Pool, by_task: bool) -> Vec<(String, Vec<usize>)> {
    let rows = |fits: &dyn Fn(&Row) -> bool| {
        (0..pool.rows.len()).filter(|r| fits(&pool.rows[*r])).collect::<Vec<usize>>()
    };
    let mut groups: Vec<(String, Vec<usize>)> =
        ["iid", "ood", "dev"].into_iter().map(|part| (part.into(), rows(&|r| r.split == part))).collect();
    groups.retain(|(_, rows)| !rows.is_empty());
    if by_task {
        let tasks = pool.tasks().into_iter().map(|task| (task.to_owned(), rows(&|r| r.task == task)));
        groups.extend(tasks.filter(|(_, rows)| rows.len() >= TASK_ROWS_MIN));
    }
    groups
}

/// A number for each model of the pool, in its order.
fn line(
    pool: &Pool,
    row: &Row,
    what: &str,
    by_model: Option<&BTreeMap<String, f64>>,
) -> Result<Vec<f64>, String> {
    let by_model = by_model.ok_or_else(|| format!("{}: no {what} is said, as of other rows", row.id))?;
    let one = |id: &String| {
        by_model.get(id).copied().ok_or_else(|| format!("{}: no {what} is said of {id:?}", row.id))
    };
    pool.models.iter().map(|m| one(&m.id)).collect()
}

fn guesses(ground: &Ground<'_>, said: &[&Said], costs: Option<&Vec<f64>>) -> Result<Choices, String> {
    let pool = ground.pool;
    let with_cost = said.first().is_some_and(|s| s.cost.is_some());
    let means: Vec<f64> = match costs {
        Some(costs) => costs.clone(),
        None => ground.yardstick.singles.iter().map(|p| p.cost).collect(),
    };
    let (mut quality, mut cost) = (Vec::new(), Vec::new());
    for at in &ground.complete {
        let (row, said) = (&pool.rows[ground.rows[*at]], said[*at]);
        quality.extend(line(pool, row, "quality", said.quality.as_ref())?);
        if with_cost {
            cost.extend(line(pool, row, "cost", said.cost.as_ref())?);
        } else {
            cost.extend_from_slice(&means);
        }
    }
    Ok(Choices::sweep(&ground.outcomes, &quality, &cost))
}

fn taken(ground: &Ground<'_>, said: &[&Said]) -> Result<Choices, String> {
    let prices: Vec<f64> = said[0].taken.iter().map(|(price, _)| *price).collect();
    let mut choices = vec![Vec::with_capacity(ground.complete.len()); prices.len()];
    for at in &ground.complete {
        let (row, taken) = (&ground.pool.rows[ground.rows[*at]], &said[*at].taken);
        for (price, choices) in prices.iter().zip(&mut choices) {
            let (_, id) = taken
                .iter()
                .find(|(other, _)| other == price)
                .ok_or_else(|| format!("{}: nothing is said at wtp {price}, as of other rows", row.id))?;
            let model = ground.pool.model(id);
            choices.push(model.ok_or_else(|| format!("{}: the pool has no model {id:?}", row.id))?);
        }
    }
    Ok(Choices::new(&ground.outcomes, choices))
}

fn of_pairs(
    pool: &Pool,
    group: &str,
    rows: &[usize],
    said: &[&Said],
    terms: Terms<'_>,
) -> Result<BTreeMap<String, PairFigures>, String> {
    let mut found = BTreeMap::new();
    for (name, strong, weak) in pairs::of_pool(pool, terms.pairs) {
        let ids = [&pool.models[strong].id, &pool.models[weak].id];
        let first = said[0];
        let by_quality = first.quality.as_ref().is_some_and(|q| q.contains_key(ids[0]));
        if first.strong.is_none() && !by_quality {
            continue;
        }
        let rank = |row: &Row, said: &Said| -> Result<f64, String> {
            if first.strong.is_some() {
                return said.strong.ok_or_else(|| format!("{}: no ranking, as of other rows", row.id));
            }
            let of = |id| said.quality.as_ref().and_then(|q| q.get(id).copied());
            let pair = of(ids[0]).zip(of(ids[1]));
            pair.map(|(s, w)| s - w).ok_or_else(|| format!("{}: no quality of {ids:?} is said", row.id))
        };
        let mut parts: BTreeMap<String, Vec<(f64, f64, f64)>> = BTreeMap::new();
        for (row, said) in rows.iter().zip(said) {
            let row = &pool.rows[*row];
            let figures = (rank(row, said)?, row.s[strong], row.s[weak]);
            parts.entry(part(pool, group, name, row)).or_default().push(figures);
        }
        for (name, rows) in parts {
            found.extend(pairs::figures(&rows, terms.draws).map(|figures| (name, figures)));
        }
    }
    Ok(found)
}

/// Unseen tasks of a two-model pool are different benchmarks, each with published figures of its own.
fn part(pool: &Pool, group: &str, pair: &str, row: &Row) -> String {
    if group == "ood" && pool.models.len() == 2 {
        let family = row.task.split(':').next().unwrap_or_default();
        format!("{pair} {family}")
    } else {
        pair.into()
    }
}
