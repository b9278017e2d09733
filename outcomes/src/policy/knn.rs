//! The nearest prompts and how each model did on them: the baseline that learned routers are most often held against.
//!
//! A prompt is its words and pairs of words, hashed, weighed by how rare they are. Of the nearest by cosine each model's
//! difference to its own mean is averaged, as far as they are near: where nothing is alike, what is left is the means.

use crate::split::hash;
use crate::{Guess, Learn, Model, Part, Pool, Predict, Prompt, Step};
use std::collections::BTreeMap;

const BUCKETS: u64 = 1 << 18;
/// How many are asked.
const NEAREST: usize = 60;
/// How much nearness the means are worth.
const MEANS: f64 = 6.0;

/// Nearest neighbours, of each pool among its own rows.
pub struct Knn;

struct Index {
    /// By bucket: rows, and how much it weighs in each.
    postings: BTreeMap<u32, Vec<(u32, f32)>>,
    rarity: BTreeMap<u32, f32>,
    /// By row: quality less the model's mean; NaN where not run.
    quality: Vec<Vec<f64>>,
    /// By row: how much longer than usual answers were, as a logarithm; over all models.
    length: Vec<f64>,
    seen: super::Seen,
}

struct Neighbours(BTreeMap<String, Index>);

impl Learn for Knn {
    fn name(&self) -> &str {
        "knn"
    }

    fn fit(
        &self,
        parts: &[Part<'_>],
        _seed: u64,
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<Box<dyn Predict>, String> {
        let mut indexes = BTreeMap::new();
        for (at, part) in parts.iter().enumerate() {
            told(Step { done: at as f64 / parts.len() as f64, what: &part.pool.name });
            indexes.insert(part.pool.name.clone(), Index::new(part.pool, part.rows));
        }
        Ok(Box::new(Neighbours(indexes)))
    }
}

/// Words and pairs of neighbours as buckets, each with how often it is there.
fn features(prompt: &Prompt<'_>) -> BTreeMap<u32, f32> {
    let text = prompt.text.to_lowercase();
    let mut words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.extend(prompt.tools.iter().map(String::as_str));
    let single = words.iter().map(|w| hash(w.bytes()));
    let pairs = words.windows(2).map(|two| hash(two[0].bytes().chain([b' ']).chain(two[1].bytes())));
    let mut counts = BTreeMap::new();
    for bucket in single.chain(pairs) {
        *counts.entry((bucket % BUCKETS) as u32).or_insert(0.0) += 1.0;
    }
    counts
}

impl Index {
    fn new(pool: &Pool, rows: &[usize]) -> Self {
        let seen = super::Seen::of(pool, rows);
        let found: Vec<BTreeMap<u32, f32>> = rows.iter().map(|r| features(&pool.rows[*r].prompt())).collect();
        let mut rarity: BTreeMap<u32, f32> = BTreeMap::new();
        for bucket in found.iter().flat_map(BTreeMap::keys) {
            *rarity.entry(*bucket).or_default() += 1.0;
        }
        for count in rarity.values_mut() {
            *count = ((rows.len() as f32 + 1.0) / (*count + 1.0)).ln() + 0.1;
        }
        let mut postings: BTreeMap<u32, Vec<(u32, f32)>> = BTreeMap::new();
        for (at, features) in found.iter().enumerate() {
            for (bucket, weight) in weighed(features, &rarity) {
                postings.entry(bucket).or_default().push((at as u32, weight));
            }
        }
        let difference = |row: &usize| {
            pool.rows[*row].s.iter().zip(&seen.quality).map(|(s, mean)| s - mean).collect::<Vec<f64>>()
        };
        let length = |row: &usize| {
            let row = &pool.rows[*row];
            let (each, means) =
                if row.ot.is_empty() { (&row.c, &seen.cost) } else { (&row.ot, &seen.output) };
            let ratios = each.iter().zip(means).map(|(x, mean)| (x / mean).ln()).filter(|r| r.is_finite());
            let (sum, count) = ratios.fold((0.0, 0.0), |(sum, count), r| (sum + r, count + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        };
        let quality = rows.iter().map(difference).collect();
        let length = rows.iter().map(length).collect();
        Self { postings, rarity, quality, length, seen }
    }

    /// The nearest rows, with their cosines.
    fn nearest(&self, prompt: &Prompt<'_>) -> Vec<(usize, f64)> {
        let mut cosine = vec![0f32; self.length.len()];
        for (bucket, weight) in weighed(&features(prompt), &self.rarity) {
            for (row, theirs) in self.postings.get(&bucket).into_iter().flatten() {
                cosine[*row as usize] += weight * theirs;
            }
        }
        let mut near: Vec<(usize, f64)> =
            cosine.into_iter().map(f64::from).enumerate().filter(|(_, c)| *c > 0.0).collect();
        let nearer = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if near.len() > NEAREST {
            near.select_nth_unstable_by(NEAREST, nearer);
            near.truncate(NEAREST);
        }
        near.sort_by(nearer);
        near
    }
}

/// Of length one, as cosines want it. What is in no row weighs as the rarest.
fn weighed(features: &BTreeMap<u32, f32>, rarity: &BTreeMap<u32, f32>) -> Vec<(u32, f32)> {
    let most = rarity.values().copied().fold(0.1, f32::max);
    let weight = |(bucket, count): (&u32, &f32)| {
        (*bucket, (1.0 + count.ln()) * rarity.get(bucket).copied().unwrap_or(most))
    };
    let mut all: Vec<(u32, f32)> = features.iter().map(weight).collect();
    let length = all.iter().map(|(_, w)| w * w).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    all.iter_mut().for_each(|(_, w)| *w /= length);
    all
}

impl Predict for Neighbours {
    fn predict(&self, prompt: &Prompt<'_>, models: &[Model], out: &mut Vec<Guess>) {
        out.clear();
        let Some(index) = models.first().and_then(|m| self.0.get(&m.pool)) else {
            out.resize(models.len(), Guess { quality: 0.5, output_tokens: 0.0, cost: None });
            return;
        };
        let near = index.nearest(prompt);
        let blend = |of: &dyn Fn(usize) -> f64| {
            let known = near.iter().map(|(row, weight)| (of(*row), weight)).filter(|(x, _)| !x.is_nan());
            let (sum, weight) =
                known.fold((0.0, 0.0), |(sum, all), (x, weight)| (sum + x * weight, all + weight));
            sum / (weight + MEANS)
        };
        let longer = blend(&|row| index.length[row]).exp();
        out.extend((0..models.len()).map(|m| {
            let mean = |of: &[f64]| of.get(m).copied().filter(|x| !x.is_nan());
            let (quality, output) = (mean(&index.seen.quality), mean(&index.seen.output));
            let priced = models[m].usd_per_mtok_in.is_some() && models[m].usd_per_mtok_out.is_some();
            let cost =
                if priced && output.is_some() { None } else { mean(&index.seen.cost).map(|c| c * longer) };
            Guess {
                quality: (quality.unwrap_or(0.5) + blend(&|row| index.quality[row][m])).clamp(0.0, 1.0),
                output_tokens: output.unwrap_or(0.0) * longer,
                cost,
            }
        }));
    }
}
