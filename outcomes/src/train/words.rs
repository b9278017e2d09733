//! The table of words: a classifier of domains, and ridges that foretell factors.

use super::algebra::Dense;
use super::dice::Dice;
use router::predictor::{BUCKETS, Gist, Table, exp, ln};

const EPOCHS: usize = 8;
const RATE: f32 = 0.5;
const BIAS_RATE: f32 = 0.02;
/// The penalty of the ridges, for prompts of length 1.
const PENALTY: f32 = 3.0;
const STEPS: usize = 25;
/// A step of a column, over the root of its cells' mean square.
const STEP: f32 = 0.8;

/// Prompts to learn words from.
pub struct Lesson<'a> {
    pub gists: Vec<&'a Gist>,
    /// Of each prompt its domain, where it has one.
    pub domains: Vec<Option<usize>>,
    pub count: usize,
    /// Factors to be foretold: of which prompts (by place), and their values.
    pub factors: Vec<(Vec<usize>, Dense)>,
}

/// What was learned, before it is cut to bytes.
pub struct Words {
    pub domains: usize,
    pub columns: usize,
    /// Rarity in sixteenths.
    rarity: Vec<u8>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// How rare each bucket is among these prompts; what occurs once says nothing.
fn rarity(gists: &[&Gist]) -> Vec<u8> {
    let mut seen = vec![0u32; BUCKETS];
    for bucket in gists.iter().flat_map(|g| &g.buckets) {
        seen[usize::from(*bucket)] += 1;
    }
    let all = (gists.len() + 1) as f32;
    let of = |n: u32| if n < 2 { 0.0 } else { ln(all / (n + 1) as f32) * 16.0 + 0.5 };
    // At most 16 times the logarithm of the number of prompts.
    #[allow(clippy::cast_sign_loss)]
    seen.into_iter().map(|n| of(n).clamp(0.0, 255.0) as u8).collect()
}

impl Words {
    /// A prompt's known buckets with their weights, which are of length 1 together.
    fn known<'a>(&'a self, gist: &'a Gist) -> impl Iterator<Item = (usize, f32)> + Clone + 'a {
        let places = gist.buckets.iter().map(|b| usize::from(*b)).filter(|b| self.rarity[*b] > 0);
        let squares: u32 = places.clone().map(|b| u32::from(self.rarity[b]).pow(2)).sum();
        let length = ((squares as f32).sqrt() / 16.0).max(0.25);
        places.map(move |b| (b, f32::from(self.rarity[b]) / 16.0 / length))
    }

    /// Learns.
    pub fn learn(lesson: &Lesson<'_>, dice: &mut Dice) -> Self {
        let factors: usize = lesson.factors.iter().map(|(_, y)| y.columns).sum();
        let columns = lesson.count + factors;
        let mut words = Self {
            domains: lesson.count,
            columns,
            rarity: rarity(&lesson.gists),
            weights: vec![0.0; BUCKETS * columns],
            bias: vec![0.0; columns],
        };
        words.classify(lesson, dice);
        let mut from = lesson.count;
        for (rows, y) in &lesson.factors {
            let gists: Vec<&Gist> = rows.iter().map(|r| lesson.gists[*r]).collect();
            words.foretell(&gists, y, from);
            from += y.columns;
        }
        words
    }

    /// Multinomial logistic regression by stochastic descent, with a rate for each bucket that falls with what it has
    /// moved (Adagrad).
    fn classify(&mut self, lesson: &Lesson<'_>, dice: &mut Dice) {
        let (count, columns) = (lesson.count, self.columns);
        let mut moved = vec![1e-3f32; BUCKETS];
        let mut order: Vec<usize> =
            (0..lesson.gists.len()).filter(|r| lesson.domains[*r].is_some()).collect();
        let mut z = vec![0.0f32; count];
        let mut known: Vec<(usize, f32)> = Vec::new();
        for _ in 0..EPOCHS {
            dice.shuffle(&mut order);
            for row in &order {
                known.clear();
                known.extend(self.known(lesson.gists[*row]));
                z.copy_from_slice(&self.bias[..count]);
                for (bucket, value) in &known {
                    let weights = &self.weights[bucket * columns..bucket * columns + count];
                    for (z, w) in z.iter_mut().zip(weights) {
                        *z += value * w;
                    }
                }
                let most = z.iter().fold(f32::MIN, |m, x| m.max(*x));
                z.iter_mut().for_each(|x| *x = exp(*x - most));
                let sum: f32 = z.iter().sum();
                z.iter_mut().for_each(|x| *x /= sum);
                if let Some(right) = lesson.domains[*row] {
                    z[right] -= 1.0;
                }
                let steep: f32 = z.iter().map(|x| x * x).sum();
                for (bias, x) in self.bias.iter_mut().zip(&z) {
                    *bias -= BIAS_RATE * x;
                }
                for (bucket, value) in &known {
                    moved[*bucket] += steep * value * value;
                    let rate = RATE * value / moved[*bucket].sqrt();
                    let weights = &mut self.weights[bucket * columns..bucket * columns + count];
                    for (w, x) in weights.iter_mut().zip(&z) {
                        *w -= rate * x;
                    }
                }
            }
        }
    }

    /// Ridges by conjugate gradients.
    fn foretell(&mut self, gists: &[&Gist], y: &Dense, from: usize) {
        let outputs = y.columns;
        if outputs == 0 {
            return;
        }
        let rows: Vec<Vec<(usize, f32)>> = gists.iter().map(|g| self.known(g).collect()).collect();
        let back = |of_rows: &[f32]| {
            let mut sums = vec![0.0f32; BUCKETS * outputs];
            for (row, values) in rows.iter().zip(of_rows.chunks_exact(outputs)) {
                for (bucket, value) in row {
                    for (s, v) in sums[bucket * outputs..(bucket + 1) * outputs].iter_mut().zip(values) {
                        *s += value * v;
                    }
                }
            }
            sums
        };
        let forth = |weights: &[f32]| {
            let mut sums = vec![0.0f32; rows.len() * outputs];
            for (row, values) in rows.iter().zip(sums.chunks_exact_mut(outputs)) {
                for (bucket, value) in row {
                    for (s, w) in values.iter_mut().zip(&weights[bucket * outputs..]) {
                        *s += value * w;
                    }
                }
            }
            sums
        };
        let products = |a: &[f32], b: &[f32]| {
            let mut sums = vec![0.0f64; outputs];
            for (a, b) in a.chunks_exact(outputs).zip(b.chunks_exact(outputs)) {
                for ((s, x), y) in sums.iter_mut().zip(a).zip(b) {
                    *s += f64::from(x * y);
                }
            }
            sums
        };
        let mut weights = vec![0.0f32; BUCKETS * outputs];
        let right: Vec<f32> = y.cells.iter().map(|v| *v as f32).collect();
        let mut rest = back(&right);
        let mut way = rest.clone();
        let mut square = products(&rest, &rest);
        for _ in 0..STEPS {
            let mut pull = back(&forth(&way));
            for (p, w) in pull.iter_mut().zip(&way) {
                *p += PENALTY * w;
            }
            let along = products(&way, &pull);
            let far: Vec<f32> = square.iter().zip(&along).map(|(s, a)| (s / a.max(1e-30)) as f32).collect();
            for at in 0..weights.len() {
                weights[at] += far[at % outputs] * way[at];
                rest[at] -= far[at % outputs] * pull[at];
            }
            let next = products(&rest, &rest);
            let turn: Vec<f32> = next.iter().zip(&square).map(|(n, s)| (n / s.max(1e-30)) as f32).collect();
            for at in 0..way.len() {
                way[at] = rest[at] + turn[at % outputs] * way[at];
            }
            square = next;
        }
        for (bucket, learned) in weights.chunks_exact(outputs).enumerate() {
            let at = bucket * self.columns + from;
            self.weights[at..at + outputs].copy_from_slice(learned);
        }
    }

    /// What a prompt scores in each column.
    pub fn columns(&self, gist: &Gist) -> Vec<f32> {
        let mut sums = self.bias.clone();
        for (bucket, value) in self.known(gist) {
            let weights = &self.weights[bucket * self.columns..(bucket + 1) * self.columns];
            for (s, w) in sums.iter_mut().zip(weights) {
                *s += value * w;
            }
        }
        sums
    }

    /// As bytes.
    pub fn table(&self) -> Table {
        let value = |bucket: usize, column: usize| {
            f32::from(self.rarity[bucket]) / 16.0 * self.weights[bucket * self.columns + column]
        };
        // A step as long as the cells are on average: two bits say most of them, and the sum over a prompt's words hardly
        // notices.
        let used = self.rarity.iter().filter(|r| **r > 0).count().max(1) as f32;
        let step = |c: usize| (0..BUCKETS).map(|b| value(b, c) * value(b, c)).sum::<f32>() / used;
        let steps: Vec<f32> = (0..self.columns).map(|c| step(c).sqrt().max(1e-9) * STEP).collect();
        let mut table = Table {
            domains: self.domains,
            columns: self.columns,
            rarity: self.rarity.clone(),
            cells: Vec::new(),
            bias: self.bias.clone(),
            steps,
        };
        let stride = table.stride();
        table.cells.reserve(BUCKETS * stride);
        for bucket in 0..BUCKETS {
            table.cells.extend(table.steps.iter().enumerate().map(|(c, step)| {
                let x = value(bucket, c) / step;
                // Cells are held to what 250 of which fit into 16 bits.
                (if x < 0.0 { x - 0.5 } else { x + 0.5 }).clamp(-127.0, 127.0) as i8
            }));
            table.cells.resize((bucket + 1) * stride, 0);
        }
        table
    }
}
