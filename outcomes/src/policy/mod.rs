//! Ways to choose, from those that look at nothing to those that know everything.

mod blind;
mod cascade;
mod guessed;
mod knn;
mod presets;

pub use blind::{BestSingle, Blind, Cheapest, Oracle, Random};
pub use cascade::{CHECK, Cascade};
pub use guessed::Guessed;
pub use knn::Knn;
pub use presets::{Preset, price_of};

use crate::judge::Ground;
use crate::measure::Choices;
use crate::{Pool, Row};

/// What was seen of a pool before it is judged: the means of the rows that were learned from.
#[derive(Clone, Debug)]
pub struct Seen {
    pub quality: Vec<f64>,
    /// Millionths of a USD.
    pub cost: Vec<f64>,
    /// Output tokens; NaN where the data has none.
    pub output: Vec<f64>,
    /// Of the whole call; NaN where the data has none.
    pub seconds: Vec<f64>,
}

impl Seen {
    /// Of these rows. Where none of them has a figure it is NaN.
    pub fn of(pool: &Pool, rows: &[usize]) -> Self {
        let means = |of: &dyn Fn(&Row) -> &[f64]| -> Vec<f64> {
            let mean = |model: usize| {
                let figures =
                    rows.iter().filter_map(|r| of(&pool.rows[*r]).get(model)).filter(|x| !x.is_nan());
                let (sum, count) = figures.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
                sum / count
            };
            (0..pool.models.len()).map(mean).collect()
        };
        Self {
            quality: means(&|r| &r.s),
            cost: means(&|r| &r.c),
            output: means(&|r| &r.ot),
            seconds: means(&|r| &r.lat),
        }
    }
}

/// What a policy believes of every row of a ground, model by model.
#[derive(Clone, Debug, Default)]
pub struct Guesses {
    pub quality: Vec<f64>,
    /// Millionths of a USD.
    pub cost: Vec<f64>,
}

/// What a policy did on a ground.
#[derive(Clone, Debug)]
pub struct Played {
    pub choices: Choices,
    /// Of policies that believe something.
    pub guesses: Option<Guesses>,
}

/// A way to choose.
pub trait Policy {
    /// For tables and options.
    fn name(&self) -> &str;

    /// Chooses on the rows of a ground, having seen others.
    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played;
}

/// Beliefs, as the choices that they lead to over all prices of quality.
fn believe(ground: &Ground<'_>, guesses: Guesses) -> Played {
    let (quality, cost) = (ground.of_complete(&guesses.quality), ground.of_complete(&guesses.cost));
    Played { choices: Choices::sweep(&ground.outcomes, &quality, &cost), guesses: Some(guesses) }
}

#[cfg(test)]
mod tests;
