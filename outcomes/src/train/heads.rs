//! What the models of one pool make of a prompt, by the features the table gives.

use super::algebra::{Dense, add, dot, eigen, ridge};
use super::dice::Dice;
use super::grove::{Growth, grow};
use crate::{Pool, Row};
use router::predictor::{Forest, Known, SHAPES, Scores, Source, View, exp, ln};

/// Factors of how models differ that the table foretells.
const FACTORS_MAX: usize = 4;

/// How heads and trees are fitted. The default was chosen by the routing curve on rows and tasks held out.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The penalty of the heads of quality for the greatest factor; for a lesser one as much more as it is less.
    pub penalty: f64,
    pub penalty_length: f64,
    /// How many prompts of a domain must have been seen for it to be half familiar.
    pub half_familiar: f32,
    /// What the trees say counts this much, and what the heads say the rest.
    pub trees_share: f64,
    pub growth: Growth,
    /// How much of a feature's spread is believed beforehand, by kind: domain, its score, looks, own factors, others'.
    pub gains: [f64; 5],
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            penalty: 100.0,
            penalty_length: 30.0,
            half_familiar: 3.0,
            trees_share: 0.65,
            growth: Growth { trees: 40, depth: 8, leaf: 12, tried: 1.0 },
            gains: [3.0, 1.0 / 8.5, 1.0 / 7.6, 0.7, 1.0 / 3.0],
        }
    }
}

/// Outcomes as differences: of a row, and of each model in it.
pub struct Differences {
    pub quality: Vec<f64>,
    /// By row: what all models have in common.
    ease: Vec<f64>,
    /// By row and model, with what is not known as 0.
    gain: Dense,
    /// Logarithms of output tokens, or of costs where there are none, less their means; what is not known as 0.
    length: Dense,
    /// Whether lengths are costs.
    priced: bool,
    /// By row: the logarithm of input tokens as billed over what was estimated, less its mean.
    input: Vec<f64>,
}

fn mean(list: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = list.filter(|x| !x.is_nan()).fold((0.0, 0usize), |(s, n), x| (s + x, n + 1));
    if n == 0 { f64::NAN } else { sum / n as f64 }
}

/// Each column's mean, and what is left without it, NaN where not known.
fn centred(rows: &[&Row], models: usize, of: impl Fn(&Row, usize) -> f64) -> (Vec<f64>, Dense) {
    let means: Vec<f64> = (0..models)
        .map(|m| mean(rows.iter().map(|r| of(r, m))))
        .map(|x| if x.is_nan() { 0.0 } else { x })
        .collect();
    let cells = rows.iter().flat_map(|r| means.iter().enumerate().map(|(m, mean)| of(r, m) - mean)).collect();
    (means, Dense { columns: models, cells })
}

fn log(x: f64) -> f64 {
    f64::from(ln(x.max(1.0) as f32))
}

/// The logarithm of a call's input tokens, as they were billed, over what was estimated; NaN where the data does not say.
fn billed(pool: &Pool, row: &Row, m: usize) -> f64 {
    let model = &pool.models[m];
    match (model.usd_per_mtok_in, model.usd_per_mtok_out, row.ot.get(m)) {
        (Some(into), Some(out), Some(tokens)) if into > 0.0 => {
            let billed = (row.c[m] - out * tokens) / into;
            if billed >= 1.0 { log(billed) - log(f64::from(row.tokens_in)) } else { f64::NAN }
        }
        _ => f64::NAN,
    }
}

impl Differences {
    pub fn of(pool: &Pool, rows: &[&Row]) -> Self {
        let models = pool.models.len();
        let (quality, mut gain) = centred(rows, models, |r, m| r.s[m]);
        let ease: Vec<f64> = gain.rows().map(|r| mean(r.iter().copied())).collect();
        for (at, ease) in ease.iter().enumerate() {
            for x in gain.row_mut(at) {
                *x = if x.is_nan() { 0.0 } else { *x - ease };
            }
        }
        let priced = rows.iter().all(|r| r.ot.is_empty());
        let of = |r: &Row, m: usize| {
            if priced { log(r.c[m]) } else { r.ot.get(m).map_or(f64::NAN, |x| log(*x)) }
        };
        let (_, mut length) = centred(rows, models, of);
        length.cells.iter_mut().for_each(|x| {
            if x.is_nan() {
                *x = 0.0;
            }
        });
        let ease = ease.into_iter().map(|x| if x.is_nan() { 0.0 } else { x }).collect();
        let mut input: Vec<f64> =
            rows.iter().map(|r| mean((0..models).map(|m| billed(pool, r, m)))).collect();
        let usual = mean(input.iter().copied());
        input.iter_mut().for_each(|x| *x = if x.is_nan() { 0.0 } else { *x - usual });
        Self { quality, ease, gain, length, priced, input }
    }

    fn shared_length(&self) -> Vec<f64> {
        self.length.rows().map(|r| r.iter().sum::<f64>() / r.len().max(1) as f64).collect()
    }

    /// The directions in which models differ most, greatest first, with their sizes.
    fn directions(&self) -> (Vec<f64>, Dense) {
        eigen(&self.gain.transposed_times(&self.gain))
    }

    /// What the table is to foretell of each row: its ease, the greatest factors of how models differ, its length.
    pub fn factors(&self) -> Dense {
        let (values, directions) = self.directions();
        let most = values.first().copied().unwrap_or(0.0);
        let kept = values.iter().take(FACTORS_MAX).filter(|v| **v > most * 1e-6).count();
        let length = self.shared_length();
        let varies = length.iter().any(|x| x.abs() > 1e-6);
        let columns = 1 + kept + usize::from(varies);
        let mut factors = Dense { columns, cells: Vec::with_capacity(columns * self.ease.len()) };
        for ((ease, gain), length) in self.ease.iter().zip(self.gain.rows()).zip(&length) {
            factors.cells.push(*ease);
            factors.cells.extend(directions.rows().take(kept).map(|d| dot(d, gain)));
            factors.cells.extend(varies.then_some(*length));
        }
        let n = self.ease.len().max(1) as f64;
        let mut means = vec![0.0; columns];
        factors.rows().for_each(|r| add(&mut means, r, 1.0 / n));
        for row in factors.cells.chunks_exact_mut(columns) {
            add(row, &means, -1.0);
        }
        factors
    }
}

/// The spread of each figure among these prompts.
fn spread(scores: &[Scores]) -> (Vec<f32>, Vec<f32>) {
    let figures = scores.first().map_or(0, |s| s.figures.len());
    let n = scores.len().max(1) as f64;
    let (mut sum, mut squares) = (vec![0.0f64; figures], vec![0.0f64; figures]);
    for score in scores {
        for ((s, q), x) in sum.iter_mut().zip(&mut squares).zip(&score.figures) {
            *s += f64::from(*x) / n;
            *q += f64::from(*x) * f64::from(*x) / n;
        }
    }
    let inverse = sum.iter().zip(&squares).map(|(s, q)| 1.0 / ((q - s * s).max(0.0).sqrt() + 1e-3));
    (sum.iter().map(|x| *x as f32).collect(), inverse.map(|x| x as f32).collect())
}

/// A ridge with a penalty for each direction that is the heavier the less the models differ in it.
fn by_direction(gram: &Dense, right: &Dense, values: &[f64], directions: &Dense, penalty: f64) -> Dense {
    let mut weights = Dense::zero(gram.columns, right.columns);
    let most = values.first().copied().unwrap_or(0.0);
    for (value, direction) in values.iter().zip(directions.rows()) {
        if *value <= most * 1e-6 {
            break;
        }
        let along = Dense { columns: 1, cells: right.rows().map(|r| dot(r, direction)).collect() };
        let solved = ridge(gram, &along, penalty * most / value);
        for (at, x) in solved.cells.iter().enumerate() {
            add(weights.row_mut(at), direction, *x);
        }
    }
    weights
}

/// Everything that a source knows, from what its rows score. `own` are the places of the pool's factors among all.
pub fn source(
    pool: &Pool,
    rows: &[&Row],
    scores: &[Scores],
    own: std::ops::Range<usize>,
    recipe: &Recipe,
    dice: &mut Dice,
) -> Source {
    let differences = Differences::of(pool, rows);
    let models = pool.models.len();
    let domains = scores.first().map_or(0, |s| s.domains.len());
    let (mean_of, inverse) = spread(scores);
    let seen = (0..domains).map(|d| scores.iter().map(|s| s.domains[d]).sum::<f32>());
    let mut source = Source {
        name: pool.name.clone(),
        models: Vec::new(),
        familiar: seen.map(|n| n / (n + recipe.half_familiar)).collect(),
        mean: mean_of,
        inverse,
        heads: Vec::new(),
        steps: Vec::new(),
        bias: Vec::new(),
        forest: Forest::default(),
    };
    let views: Vec<View> = scores.iter().map(|s| source.view(s)).collect();
    let features = views.first().map_or(0, |v| v.values.len());
    let gain = |feature: usize| match feature {
        f if f < domains => recipe.gains[0],
        f if f < 2 * domains => recipe.gains[1],
        f if f < 2 * domains + SHAPES => recipe.gains[2],
        f if own.contains(&(f - 2 * domains - SHAPES)) => recipe.gains[3],
        _ => recipe.gains[4],
    };
    let gains: Vec<f64> = (0..features).map(gain).collect();
    let mut inputs = Dense { columns: features, cells: Vec::with_capacity(features * views.len()) };
    for view in &views {
        inputs.cells.extend(view.values.iter().zip(&gains).map(|(x, g)| f64::from(*x) * g));
    }
    let mut offset = vec![0.0; features];
    inputs.rows().for_each(|r| add(&mut offset, r, 1.0 / views.len().max(1) as f64));
    for row in inputs.cells.chunks_exact_mut(features.max(1)) {
        add(row, &offset, -1.0);
    }
    let gram = inputs.transposed_times(&inputs);

    let (values, directions) = differences.directions();
    let right = inputs.transposed_times(&differences.gain);
    let quality = by_direction(&gram, &right, &values, &directions, recipe.penalty);

    let shared = Dense { columns: 1, cells: differences.shared_length() };
    let shared = ridge(&gram, &inputs.transposed_times(&shared), recipe.penalty_length);
    let said = inputs.times(&shared);
    let mut rest = differences.length.clone();
    for (row, said) in rest.cells.chunks_exact_mut(models.max(1)).zip(&said.cells) {
        row.iter_mut().for_each(|x| *x -= said);
    }
    let own_length = ridge(&gram, &inputs.transposed_times(&rest), recipe.penalty_length);
    let said_own = inputs.times(&own_length);

    let input = Dense { columns: 1, cells: differences.input.clone() };
    let input = ridge(&gram, &inputs.transposed_times(&input), recipe.penalty_length);
    let said_input = inputs.times(&input);

    let columns = 2 * models + 2;
    let mut heads = Dense::zero(features, columns);
    for (f, gain) in gains.iter().enumerate() {
        let (q, l) = (quality.row(f), own_length.row(f));
        let row = heads.row_mut(f);
        for m in 0..models {
            row[m] = q[m] * gain * (1.0 - recipe.trees_share);
            row[models + m] = l[m] * gain;
        }
        row[2 * models] = shared.cells[f] * gain;
        row[2 * models + 1] = input.cells[f] * gain;
    }
    for column in 0..columns {
        let most = heads.rows().fold(1e-9f64, |m, r| m.max(r[column].abs()));
        source.steps.push((most / 4_000.0) as f32);
    }
    for row in heads.rows() {
        source.heads.extend(row.iter().zip(&source.steps).map(|(w, s)| (w / f64::from(*s)).round() as i16));
    }
    for column in 0..columns {
        let at_mean: f64 = heads.rows().zip(&gains).zip(&offset).map(|((r, g), o)| r[column] * o / g).sum();
        source.bias.push(-at_mean as f32);
    }
    let levels: Vec<Vec<u8>> = views.into_iter().map(|v| v.levels).collect();
    source.forest = grow(&levels, &differences.gain, recipe.growth, recipe.trees_share, dice);
    source.models = (0..models)
        .map(|m| {
            let length = |r: usize| said.cells[r] + said_own.row(r)[m];
            known(pool, rows, &differences, m, length, |r| said_input.cells[r])
        })
        .collect();
    source
}

/// A model's means; the length foretold is to be right on average, not in its logarithm.
fn known(
    pool: &Pool,
    rows: &[&Row],
    of: &Differences,
    m: usize,
    said: impl Fn(usize) -> f64,
    input: impl Fn(usize) -> f64,
) -> Known {
    let model = &pool.models[m];
    let foretold = mean((0..rows.len()).map(|r| f64::from(exp(said(r) as f32))));
    let finite = |x: f64| if x.is_finite() { x as f32 } else { 0.0 };
    let cost = mean(rows.iter().map(|r| r.c[m]));
    let output = mean(rows.iter().map(|r| r.ot.get(m).copied().unwrap_or(f64::NAN)));
    let input_factor = match (model.usd_per_mtok_in, model.usd_per_mtok_out) {
        (Some(into), Some(out)) if !of.priced && into > 0.0 => {
            let billed = mean(rows.iter().map(|r| (r.c[m] - out * r.ot[m]) / into));
            let estimated =
                |(at, r): (usize, &&Row)| f64::from(r.tokens_in) * f64::from(exp(input(at) as f32));
            billed / mean(rows.iter().enumerate().map(estimated)).max(1.0)
        }
        _ => 1.0,
    };
    Known {
        name: model.id.clone(),
        quality: of.quality[m].clamp(0.0, 1.0) as f32,
        output: if of.priced { 0.0 } else { finite(output / foretold) },
        cost: if of.priced { finite(cost / foretold) } else { finite(cost) },
        usd_in: model.usd_per_mtok_in.map_or(f32::NAN, |x| x as f32),
        usd_out: model.usd_per_mtok_out.map_or(f32::NAN, |x| x as f32),
        input_factor: if input_factor.is_finite() { input_factor.clamp(0.2, 5.0) as f32 } else { 1.0 },
    }
}
