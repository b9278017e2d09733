//! The seam between whoever guesses and whoever judges the guesses.

use crate::{Model, Pool};

/// What a router sees of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prompt<'a> {
    pub text: &'a str,
    /// Names of the functions that are offered.
    pub tools: &'a [String],
    /// Length of their JSON definitions.
    pub tools_chars: u32,
    /// Input tokens of all of it, as estimated before a call.
    pub tokens_in: u32,
}

/// What is expected of one model's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guess {
    /// Probability that the answer is good, 0 to 1.
    pub quality: f64,
    /// Output tokens of the answer.
    pub output_tokens: f64,
    /// Millionths of a USD of the whole call, where the predictor knows better than prices × tokens; else None.
    pub cost: Option<f64>,
}

impl Guess {
    /// Expected cost of the call in millionths of a USD: its own word, else prices × tokens; None where the model has no
    /// prices either.
    pub fn micros(&self, prompt: &Prompt<'_>, model: &Model) -> Option<f64> {
        self.cost.or_else(|| {
            let (into, out) = (model.usd_per_mtok_in?, model.usd_per_mtok_out?);
            Some(into * f64::from(prompt.tokens_in) + out * self.output_tokens)
        })
    }
}

/// Something that looks at a prompt and guesses how each model of a pool would do on it.
pub trait Predict: Send + Sync {
    /// Replaces `out` with one guess for each of `models`, in their order. All of them are of one pool.
    fn predict(&self, prompt: &Prompt<'_>, models: &[Model], out: &mut Vec<Guess>);
}

/// Rows to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub pool: &'a Pool,
    /// Places in `pool.rows`. None of the others may be looked at.
    pub rows: &'a [usize],
}

/// How far a learner is, for whoever waits.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// 0 to 1.
    pub done: f64,
    /// What it does at the moment, in a few words.
    pub what: &'a str,
}

/// Something that makes a [`Predict`]or from outcomes.
pub trait Learn: Send + Sync {
    /// A short name for tables and options, such as `knn`.
    fn name(&self) -> &str;

    /// Fits to these rows of these pools and to nothing else. The same parts and seed give the same predictor, bit by bit.
    /// A predictor is asked about every pool among `parts`, one with no rows to learn from too; `told` may be called as often
    /// as it likes.
    ///
    /// # Errors
    /// Says in a sentence why nothing can be learned from these rows.
    fn fit(
        &self,
        parts: &[Part<'_>],
        seed: u64,
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<Box<dyn Predict>, String>;
}
