//! Asking a second model where the first one's answer did not pass a check.

use super::{Played, Policy, Seen};
use crate::judge::Ground;
use crate::measure::{Choices, Point, prices};

/// How often a check is right, of good answers and of bad ones. No data set says what a check would have said, so this is an
/// assumption, about that of a schema, a test or a second opinion; everything about the cascade stands and falls with it.
pub const CHECK: f64 = 0.9;

/// At each price the single model or the pair, cheap first, that was worth most on the rows seen. Prompt-blind but for the check.
pub struct Cascade {
    /// How often the check is right, 0 to 1.
    pub check: f64,
}

/// What one answer and, where it is turned down, another come to, in expectation.
fn of_two(first: Point, second: Point, check: f64) -> Point {
    let passes = first.quality * check + (1.0 - first.quality) * (1.0 - check);
    Point {
        cost: first.cost + (1.0 - passes) * second.cost,
        quality: first.quality * check + (1.0 - passes) * second.quality,
    }
}

impl Policy for Cascade {
    fn name(&self) -> &str {
        "cascade"
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        let models = ground.outcomes.models;
        let mean = |m: usize| Point { cost: seen.cost[m], quality: seen.quality[m] };
        let plans: Vec<(usize, Option<usize>)> = (0..models)
            .flat_map(|first| {
                let seconds = (0..models).filter(move |second| *second != first).map(Some);
                std::iter::once(None).chain(seconds).map(move |second| (first, second))
            })
            .collect();
        let expected = |(first, second): (usize, Option<usize>)| match second {
            Some(second) => of_two(mean(first), mean(second), self.check),
            None => mean(first),
        };
        let at = |price: f64| {
            let worth = |plan| {
                let point = expected(plan);
                point.quality - price * point.cost
            };
            let best = plans
                .iter()
                .copied()
                .filter(|p| !worth(*p).is_nan())
                .max_by(|a, b| worth(*a).total_cmp(&worth(*b)));
            let (first, second) = best.unwrap_or((0, None));
            let rows = ground.outcomes.s.chunks(models).zip(ground.outcomes.c.chunks(models));
            let led = rows.map(|(s, c)| {
                let one = |m: usize| Point { cost: c[m], quality: s[m] };
                second.map_or(one(first), |second| of_two(one(first), one(second), self.check))
            });
            led.collect()
        };
        Played { choices: Choices::led_to(prices().into_iter().map(at).collect()), guesses: None }
    }
}
