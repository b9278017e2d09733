//! Policies that do not look at the prompt, and the one that knows the outcome.

use super::{Guesses, Played, Policy, Seen, believe};
use crate::judge::Ground;
use crate::measure::{Choices, Point};

/// Any model, all alike; the mean over them, so that no dice are needed.
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn play(&self, ground: &Ground<'_>, _: &Seen) -> Played {
        let models = ground.outcomes.models;
        let mean = |list: &[f64]| list.iter().sum::<f64>() / models as f64;
        let rows = ground.outcomes.s.chunks(models).zip(ground.outcomes.c.chunks(models));
        let points = rows.map(|(s, c)| Point { cost: mean(c), quality: mean(s) }).collect();
        Played { choices: Choices::led_to(vec![points]), guesses: None }
    }
}

fn always(ground: &Ground<'_>, model: usize) -> Played {
    let choices = Choices::new(&ground.outcomes, [vec![model; ground.outcomes.rows()]]);
    Played { choices, guesses: None }
}

/// The first place of the greatest; an unknown figure is not chosen.
fn greatest(figures: impl Iterator<Item = f64>) -> usize {
    let known = figures.enumerate().filter(|(_, x)| !x.is_nan());
    known
        .fold(
            None,
            |best, (at, x)| if best.is_some_and(|(_, most)| most >= x) { best } else { Some((at, x)) },
        )
        .map_or(0, |(at, _)| at)
}

/// The model that was cheapest on the rows seen.
pub struct Cheapest;

impl Policy for Cheapest {
    fn name(&self) -> &str {
        "cheapest"
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        always(ground, greatest(seen.cost.iter().map(|c| -c)))
    }
}

/// The model that was best on the rows seen.
pub struct BestSingle;

impl Policy for BestSingle {
    fn name(&self) -> &str {
        "best-single"
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        always(ground, greatest(seen.quality.iter().copied()))
    }
}

/// Each model as it was on average on the rows seen: what can be had without a look at the prompt, by somebody who does not know
/// the averages of the rows to come.
pub struct Blind;

impl Policy for Blind {
    fn name(&self) -> &str {
        "blind"
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        believe(
            ground,
            Guesses {
                quality: seen.quality.repeat(ground.rows.len()),
                cost: seen.cost.repeat(ground.rows.len()),
            },
        )
    }
}

/// Who knows every outcome beforehand. Not a policy that anybody can have.
pub struct Oracle;

impl Policy for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn play(&self, ground: &Ground<'_>, _: &Seen) -> Played {
        let of = |figures: fn(&crate::Row) -> &Vec<f64>| {
            ground.rows.iter().flat_map(|r| figures(&ground.pool.rows[*r]).iter().copied()).collect()
        };
        Played {
            choices: ground.oracle.clone(),
            guesses: Some(Guesses { quality: of(|r| &r.s), cost: of(|r| &r.c) }),
        }
    }
}
