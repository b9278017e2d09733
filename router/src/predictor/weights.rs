//! What was learned: the table of words, and for each set of outcomes what its models make of a prompt.

use super::forest::Forest;
use super::number::{exp, level};
use super::reader::{BUCKETS, Gist, SHAPES};

/// Domains are told apart and factors foretold; more columns than this no table may have.
pub const COLUMNS_MAX: usize = 256;
/// A feature's place is kept in a byte, of which the greatest means a leaf.
pub const FEATURES_MAX: usize = 255;

/// Words and pairs of words with what they speak for.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// How many domains the first columns tell apart.
    pub domains: usize,
    pub columns: usize,
    /// How rare each bucket is, in sixteenths; 0 where it was never learned.
    pub rarity: Vec<u8>,
    /// One row of [`Table::stride`] for each bucket, of which the first `columns` count.
    pub cells: Vec<i8>,
    /// What one step of each column stands for.
    pub steps: Vec<f32>,
    /// Added to each column.
    pub bias: Vec<f32>,
}

/// What the table makes of a prompt.
#[derive(Clone, Debug)]
pub struct Scores {
    /// The probability of each domain; what is less than one in 256 is 0.
    pub domains: Vec<f32>,
    /// The domains' scores less their mean, then the figures about the prompt's looks, then the factors.
    pub figures: Vec<f32>,
}

/// Rows of the table are whole numbers of this many cells, which are added at once.
const LANES: usize = 16;

impl Table {
    /// The length of a row.
    pub fn stride(&self) -> usize {
        self.columns.next_multiple_of(LANES)
    }

    /// How many factors are foretold.
    pub fn factors(&self) -> usize {
        self.columns - self.domains
    }

    /// How many features there are: domains, their scores, looks and factors.
    pub fn features(&self) -> usize {
        self.domains + self.figures()
    }

    /// How many of the features are not probabilities.
    pub fn figures(&self) -> usize {
        self.columns + SHAPES
    }

    /// The sums of the rows of a prompt's buckets, over the length of the vector of their rarities.
    pub fn columns(&self, gist: &Gist) -> Vec<f32> {
        let stride = self.stride();
        let mut sums = vec![0i32; stride];
        let mut squares = 0u64;
        // 250 of the greatest cells fit into 16 bits.
        for some in gist.buckets.chunks(250) {
            for bucket in some {
                let rarity = u64::from(self.rarity[usize::from(*bucket) % BUCKETS]);
                squares += rarity * rarity;
            }
            for (lane, sums) in sums.chunks_exact_mut(LANES).enumerate() {
                let mut few = [0i16; LANES];
                for bucket in some {
                    let at = (usize::from(*bucket) % BUCKETS) * stride + lane * LANES;
                    if let Some(cells) = self.cells.get(at..).and_then(|c| c.first_chunk::<LANES>()) {
                        for (sum, cell) in few.iter_mut().zip(cells) {
                            *sum = sum.wrapping_add(i16::from(*cell));
                        }
                    }
                }
                for (sum, part) in sums.iter_mut().zip(few) {
                    *sum += i32::from(part);
                }
            }
        }
        let length = ((squares as f32).sqrt() / 16.0).max(0.25);
        let scaled = sums.iter().zip(&self.steps).zip(&self.bias);
        let by = 1.0 / length;
        scaled.map(|((sum, step), bias)| *sum as f32 * step * by + bias).collect()
    }

    /// What it makes of a prompt.
    pub fn scores(&self, gist: &Gist) -> Scores {
        Scores::new(&self.columns(gist), self.domains, gist)
    }
}

impl Scores {
    /// From the domains' scores and the factors, as a table gives them.
    pub fn new(columns: &[f32], domains: usize, gist: &Gist) -> Self {
        let (logits, factors) = columns.split_at(domains);
        let (mut most, mut sum) = (f32::MIN, 0.0);
        for z in logits {
            most = if *z > most { *z } else { most };
            sum += z;
        }
        let mut shares: Vec<f32> = logits.iter().map(|z| exp(z - most)).collect();
        let by = 1.0 / shares.iter().sum::<f32>();
        for share in &mut shares {
            let scaled = *share * by;
            *share = if scaled < 1.0 / 256.0 { 0.0 } else { scaled };
        }
        let mean = sum / domains.max(1) as f32;
        let mut figures = Vec::with_capacity(columns.len() + SHAPES);
        figures.extend(logits.iter().map(|z| z - mean));
        figures.extend_from_slice(&gist.shape.0);
        figures.extend_from_slice(factors);
        Self { domains: shares, figures }
    }
}

/// A model that outcomes were seen of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    pub name: String,
    /// Mean quality, 0 to 1.
    pub quality: f32,
    /// Mean output tokens of an answer; 0 where the outcomes do not say.
    pub output: f32,
    /// Mean cost in millionths of a USD.
    pub cost: f32,
    /// USD per million tokens; NaN where nobody knows.
    pub usd_in: f32,
    pub usd_out: f32,
    /// Input tokens as billed, over what was estimated before the call.
    pub input_factor: f32,
}

/// A set of outcomes, and how its models differ by prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    pub name: String,
    pub models: Vec<Known>,
    /// By domain: how familiar prompts of it are, 0 to 1.
    pub familiar: Vec<f32>,
    /// By figure: what is taken off, and what the rest is multiplied with.
    pub mean: Vec<f32>,
    pub inverse: Vec<f32>,
    /// One row for each feature: every model's quality, every model's length, and last the length and the input that all
    /// share.
    pub heads: Vec<i16>,
    /// What one step of each column of the heads stands for, and what is added to it.
    pub steps: Vec<f32>,
    pub bias: Vec<f32>,
    /// Trees over the same features; each leaf has a difference in quality for every model.
    pub forest: Forest,
}

/// What a source expects of its models on one prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// How much better than its mean each model will do, less what all of them will.
    pub gain: Vec<f32>,
    /// What each model's mean length (where the outcomes have none: cost) is to be multiplied with.
    pub length: Vec<f32>,
    /// What the input tokens estimated before the call are to be multiplied with.
    pub input: f32,
    /// How familiar the prompt is, 0 to 1.
    pub familiar: f32,
}

/// A prompt as the heads and trees of one source see it.
#[derive(Clone, Debug)]
pub struct View {
    /// Every feature, in units of its spread.
    pub values: Vec<f32>,
    /// Every feature in 256 levels.
    pub levels: Vec<u8>,
}

impl Source {
    /// How many columns its heads have.
    pub fn columns(&self) -> usize {
        2 * self.models.len() + 2
    }

    /// A prompt in the units of this source.
    pub fn view(&self, scores: &Scores) -> View {
        let features = scores.domains.len() + scores.figures.len();
        let (mut values, mut levels) = (Vec::with_capacity(features), Vec::with_capacity(features));
        values.extend_from_slice(&scores.domains);
        levels.extend(scores.domains.iter().map(|p| level(p * 255.0)));
        for ((figure, mean), inverse) in scores.figures.iter().zip(&self.mean).zip(&self.inverse) {
            let value = ((figure - mean) * inverse).clamp(-4.0, 4.0);
            values.push(value);
            levels.push(level((value + 4.0) * (255.0 / 8.0)));
        }
        View { values, levels }
    }

    /// What is expected of its models.
    pub fn expect(&self, scores: &Scores) -> Expected {
        let view = self.view(scores);
        let columns = self.columns();
        let mut sums = vec![0.0f32; columns];
        for (value, row) in view.values.iter().zip(self.heads.chunks_exact(columns)) {
            if *value == 0.0 {
                continue;
            }
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += value * f32::from(*weight);
            }
        }
        for ((sum, step), bias) in sums.iter_mut().zip(&self.steps).zip(&self.bias) {
            *sum = *sum * step + bias;
        }
        let familiar: f32 = scores.domains.iter().zip(&self.familiar).map(|(p, f)| p * f).sum();
        let familiar = familiar.clamp(0.0, 1.0);
        let models = self.models.len();
        let trees = self.forest.sum(&view.levels, models);
        let gain = sums[..models].iter().zip(&trees);
        let shared = sums[2 * models];
        Expected {
            gain: gain.map(|(head, tree)| (head + tree).clamp(-1.0, 1.0)).collect(),
            length: sums[models..2 * models]
                .iter()
                .map(|own| exp((shared + familiar * own).clamp(-4.0, 4.0)))
                .collect(),
            input: exp((familiar * sums[2 * models + 1]).clamp(-2.0, 2.0)),
            familiar,
        }
    }
}
