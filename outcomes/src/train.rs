//! Training of `router::predictor` from outcome data.
//!
//! Three steps: a table of hashed words is taught to tell the tasks apart and to foretell a few factors of each pool; then
//! each pool's heads and trees are fitted on what the table says of prompts that it has not seen (it is taught anew without
//! each quarter of the rows in turn); last the table is taught on all rows. All sums are in one order and the dice are
//! seeded, so the same rows and seed give the same bytes.
//!
//! A pool whose licence says that it is for measuring only teaches the table nothing. Its heads are fitted where a trial
//! asks for it, and it is no part of weights that are kept.

mod algebra;
mod dice;
mod grove;
mod heads;
mod words;

#[cfg(test)]
mod tests;

use crate::{Guess, Learn, Model, Part, Predict, Prompt, Row, Step};
use algebra::Dense;
use dice::{Dice, hash};
pub use grove::Growth;
use heads::Differences;
pub use heads::Recipe;
use router::predictor::{
    Bound, Candidate, FEATURES_MAX, Gist, Predictor, Reader, SHAPES, Scores, Source, Table,
};
use std::collections::BTreeMap;
use std::ops::Range;
use words::{Lesson, Words};

/// In how many parts the rows are, each of which is scored by a table that has not seen it.
const FOLDS: u64 = 4;
/// Domains that the table tells apart at most: the tasks with the most rows.
const DOMAINS_MAX: usize = 72;

/// Whether data may become part of weights that are passed on: its licence does not say that it is for measuring only.
pub fn may_teach(licence: &str) -> bool {
    !licence.to_ascii_lowercase().contains("measuring only")
}

/// What the predictor reads of a prompt.
pub fn gist(reader: &mut Reader, prompt: &Prompt<'_>) -> Gist {
    reader.clear();
    reader.text(prompt.text);
    prompt.tools.iter().for_each(|name| reader.tool(name));
    reader.tools_chars(prompt.tools_chars);
    reader.finish().clone()
}

/// One pool's rows, ready to be learned from.
struct Ready<'a> {
    part: Part<'a>,
    rows: Vec<&'a Row>,
    gists: Vec<Gist>,
    fold: Vec<u64>,
    teaches: bool,
    /// What the table is to foretell of each row.
    factors: Dense,
    /// Where its factors are among those of all pools.
    own: Range<usize>,
}

fn ready<'a>(parts: &[Part<'a>], seed: u64) -> Vec<Ready<'a>> {
    let mut reader = Reader::new();
    let mut from = 0;
    let mut all = Vec::new();
    for part in parts.iter().filter(|p| !p.rows.is_empty()) {
        let rows: Vec<&Row> = part.rows.iter().map(|r| &part.pool.rows[*r]).collect();
        let teaches = may_teach(&part.pool.licence);
        let mut factors =
            if teaches { Differences::of(part.pool, &rows).factors() } else { Dense::zero(rows.len(), 0) };
        // Two features for each domain, one for each factor.
        if 2 * DOMAINS_MAX + SHAPES + from + factors.columns > FEATURES_MAX {
            factors = Dense::zero(rows.len(), 0);
        }
        let own = from..from + factors.columns;
        from = own.end;
        all.push(Ready {
            part: *part,
            gists: rows.iter().map(|r| gist(&mut reader, &r.prompt())).collect(),
            fold: rows.iter().map(|r| hash(seed, &r.id) % FOLDS).collect(),
            rows,
            teaches,
            factors,
            own,
        });
    }
    all
}

/// The tasks with the most rows, each with its place.
fn domains<'a>(ready: &[Ready<'a>]) -> BTreeMap<&'a str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in ready.iter().filter(|r| r.teaches).flat_map(|r| &r.rows) {
        *counts.entry(row.task.as_str()).or_default() += 1;
    }
    let mut most: Vec<(&str, usize)> = counts.into_iter().collect();
    most.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
    most.truncate(DOMAINS_MAX);
    most.sort_unstable();
    most.into_iter().enumerate().map(|(at, (task, _))| (task, at)).collect()
}

/// Teaches a table all rows but those of one fold.
fn teach(
    ready: &[Ready<'_>],
    domains: &BTreeMap<&str, usize>,
    without: Option<u64>,
    dice: &mut Dice,
) -> Words {
    let mut lesson =
        Lesson { gists: Vec::new(), domains: Vec::new(), count: domains.len(), factors: Vec::new() };
    for pool in ready.iter().filter(|p| p.teaches) {
        let kept: Vec<usize> = (0..pool.rows.len()).filter(|r| Some(pool.fold[*r]) != without).collect();
        let from = lesson.gists.len();
        lesson.gists.extend(kept.iter().map(|r| &pool.gists[*r]));
        lesson.domains.extend(kept.iter().map(|r| domains.get(pool.rows[*r].task.as_str()).copied()));
        let cells = kept.iter().flat_map(|r| pool.factors.row(*r)).copied().collect();
        let places = (from..lesson.gists.len()).collect();
        lesson.factors.push((places, Dense { columns: pool.factors.columns, cells }));
    }
    Words::learn(&lesson, dice)
}

/// Rows with what a table says of them that has not seen them, and the table that has seen them all.
pub struct Prepared<'a> {
    ready: Vec<Ready<'a>>,
    table: Table,
    scores: Vec<Vec<Scores>>,
    seed: u64,
}

impl<'a> Prepared<'a> {
    /// Teaches the tables.
    ///
    /// # Errors
    /// Says in a sentence why nothing can be learned from these rows.
    pub fn new(parts: &[Part<'a>], seed: u64, told: &mut dyn FnMut(Step<'_>)) -> Result<Self, String> {
        told(Step { done: 0.0, what: "reading prompts" });
        let ready = ready(parts, seed);
        let domains = domains(&ready);
        if domains.is_empty() {
            return Err(
                "there are no rows to learn words from: every pool is empty or for measuring only".to_owned()
            );
        }
        let mut columns: Vec<Vec<Vec<f32>>> = ready.iter().map(|p| vec![Vec::new(); p.rows.len()]).collect();
        for fold in 0..FOLDS {
            told(Step {
                done: 0.05 + 0.12 * fold as f64,
                what: "teaching a table without a quarter of the rows",
            });
            let words = teach(&ready, &domains, Some(fold), &mut Dice(seed ^ fold));
            for (pool, columns) in ready.iter().zip(&mut columns) {
                for (row, columns) in columns.iter_mut().enumerate().filter(|(r, _)| pool.fold[*r] == fold) {
                    *columns = words.columns(&pool.gists[row]);
                }
            }
        }
        told(Step { done: 0.55, what: "teaching the table all rows" });
        let table = teach(&ready, &domains, None, &mut Dice(seed ^ FOLDS)).table();
        let scores = ready.iter().zip(&columns).map(|(pool, columns)| {
            let unseen = |(c, gist): (&Vec<f32>, &Gist)| match pool.teaches {
                true => Scores::new(c, table.domains, gist),
                false => table.scores(gist),
            };
            columns.iter().zip(&pool.gists).map(unseen).collect()
        });
        Ok(Self { scores: scores.collect(), ready, table, seed })
    }

    /// Fits heads and trees.
    pub fn fit(&self, recipe: &Recipe, told: &mut dyn FnMut(Step<'_>)) -> Predictor {
        let mut sources: Vec<Source> = Vec::new();
        for (at, (pool, scores)) in self.ready.iter().zip(&self.scores).enumerate() {
            told(Step {
                done: 0.7 + 0.3 * at as f64 / self.ready.len() as f64,
                what: "fitting heads and trees",
            });
            let mut dice = Dice(hash(self.seed, &pool.part.pool.name));
            sources.push(heads::source(
                pool.part.pool,
                &pool.rows,
                scores,
                pool.own.clone(),
                recipe,
                &mut dice,
            ));
        }
        told(Step { done: 1.0, what: "done" });
        Predictor { table: self.table.clone(), sources }
    }
}

/// Learns a predictor from these rows.
///
/// # Errors
/// Says in a sentence why nothing can be learned from them.
pub fn train(parts: &[Part<'_>], seed: u64, told: &mut dyn FnMut(Step<'_>)) -> Result<Predictor, String> {
    Ok(Prepared::new(parts, seed, told)?.fit(&Recipe::default(), told))
}

/// Adds a pool to a predictor that was trained without it: its table stays as it is, and a source for the pool is added, or
/// replaced where there was one. A few hundred rows are enough.
pub fn adopt(predictor: &mut Predictor, part: Part<'_>, seed: u64) {
    let rows: Vec<&Row> = part.rows.iter().map(|r| &part.pool.rows[*r]).collect();
    if rows.is_empty() {
        return;
    }
    let mut reader = Reader::new();
    let scores: Vec<Scores> =
        rows.iter().map(|r| predictor.table.scores(&gist(&mut reader, &r.prompt()))).collect();
    let mut dice = Dice(hash(seed, &part.pool.name));
    let source = heads::source(part.pool, &rows, &scores, 0..0, &Recipe::default(), &mut dice);
    predictor.sources.retain(|s| s.name != source.name);
    predictor.sources.push(source);
}

/// The predictor as a learner, trained anew for each trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trainer;

impl Learn for Trainer {
    fn name(&self) -> &str {
        "weir"
    }

    fn fit(
        &self,
        parts: &[Part<'_>],
        seed: u64,
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<Box<dyn Predict>, String> {
        Ok(Box::new(Trained { predictor: train(parts, seed, told)? }))
    }
}

/// A predictor as the trials ask it.
pub struct Trained {
    pub predictor: Predictor,
}

impl Trained {
    fn bind(&self, models: &[Model]) -> Bound {
        let known = |x: Option<f64>| x.map(|x| x as f32);
        let candidates: Vec<Candidate<'_>> = models
            .iter()
            .map(|m| Candidate {
                name: &m.id,
                prior: known(m.prior),
                usd_in: known(m.usd_per_mtok_in),
                usd_out: known(m.usd_per_mtok_out),
            })
            .collect();
        self.predictor.bind(&candidates, models.first().map_or("", |m| &m.pool))
    }
}

impl Predict for Trained {
    fn predict(&self, prompt: &Prompt<'_>, models: &[Model], out: &mut Vec<Guess>) {
        let gist = gist(&mut Reader::new(), prompt);
        let mut guesses = Vec::with_capacity(models.len());
        self.predictor.guess(&self.bind(models), &gist, prompt.tokens_in, &mut guesses);
        out.clear();
        out.extend(guesses.iter().map(|g| Guess {
            quality: f64::from(g.quality),
            output_tokens: f64::from(g.output_tokens),
            cost: g.cost.map(f64::from),
        }));
    }
}
