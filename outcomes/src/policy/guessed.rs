//! A predictor as a policy.

use super::{Guesses, Played, Policy, Seen, believe};
use crate::judge::Ground;
use crate::{Predict, Row};

/// Takes what a predictor guesses to be worth most.
pub struct Guessed<'a> {
    pub name: &'a str,
    pub predictor: &'a dyn Predict,
}

impl Guessed<'_> {
    /// What is guessed of rows. A cost that nobody guesses is the mean of the rows seen; a guess that is no number counts as the
    /// worst, so that it is not chosen.
    pub fn of<'r>(&self, ground: &Ground<'_>, rows: impl Iterator<Item = &'r Row>, seen: &Seen) -> Guesses {
        let models = &ground.pool.models;
        let (mut guesses, mut out) = (Guesses::default(), Vec::new());
        for row in rows {
            let prompt = row.prompt();
            out.clear();
            self.predictor.predict(&prompt, models, &mut out);
            for (at, model) in models.iter().enumerate() {
                let guess = out.get(at).copied();
                let quality = guess.map_or(0.0, |g| g.quality);
                let cost =
                    guess.and_then(|g| g.micros(&prompt, model)).filter(|c| c.is_finite() && *c >= 0.0);
                guesses.quality.push(if quality.is_nan() { 0.0 } else { quality });
                guesses.cost.push(cost.unwrap_or(seen.cost[at]));
            }
        }
        guesses
    }
}

impl Policy for Guessed<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        let rows = ground.rows.iter().map(|r| &ground.pool.rows[*r]);
        believe(ground, self.of(ground, rows, seen))
    }
}
