//! How well each model of a pool will answer a prompt, and at what length, from the prompt alone.
//!
//! A [`Reader`] walks along the text once. A table of hashed words tells what domain the prompt is of and foretells a few
//! factors of how models differ; with some figures about the prompt's looks these are the features of linear heads and of
//! trees, one set for each [`Source`] of outcomes, and a source says of its models how much better or worse than their mean
//! they will do. A pool's models are looked up once, by [`Predictor::bind`]; a model that no source saw is placed by its
//! public benchmarks and follows, by half, the models of its strength.
//!
//! Same weights and same bytes, same guess to the last bit on every platform: sums are in one order, and there is no
//! function in it but addition, multiplication, division and the square root.

mod bound;
mod file;
mod forest;
mod number;
mod reader;
mod weights;

#[cfg(test)]
mod tests;

pub use bound::Bound;
pub use file::{BYTES_MAX, Flaw, VERSION};
pub use forest::{Forest, LEAF, Node, Tree};
pub use number::{exp, ln};
pub use reader::{BUCKETS, Gist, Reader, SHAPES, Shape};
pub use weights::{COLUMNS_MAX, Expected, FEATURES_MAX, Known, Scores, Source, Table, View};

/// The weights that weir comes with; `docs/predictor.md` says what they were learned from and what they are worth.
pub const SHIPPED: &[u8] = include_bytes!("predictor/weights.bin");

/// What was learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    pub table: Table,
    pub sources: Vec<Source>,
}

/// A model of a pool, as it is known before any prompt is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate<'a> {
    pub name: &'a str,
    /// Quality by public benchmarks, 0 to 1.
    pub prior: Option<f32>,
    /// USD per million tokens.
    pub usd_in: Option<f32>,
    pub usd_out: Option<f32>,
}

/// What is expected of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guess {
    /// The probability that it answers well, 0 to 1.
    pub quality: f32,
    pub output_tokens: f32,
    /// Millionths of a USD; None where neither prices nor past costs are known.
    pub cost: Option<f32>,
    /// How familiar the prompt is to who speaks for the model, 0 to 1.
    pub familiar: f32,
}
