//! Routing outcome data: what every model of a pool made of the same prompts, and what that says about a policy.
//!
//! A [`Pool`] is rows of prompts with the quality and the price of every model on each. A [`Learn`]er fits a
//! [`Predict`]or to some rows, and the other rows show what it is worth. Nothing here opens a file, reads a clock or throws
//! dice of its own: bytes and seeds are arguments, so a figure can be had again to its last digit.

mod findings;
mod gate;
pub mod judge;
pub mod measure;
pub mod policy;
mod pool;
mod predict;
pub mod predictions;
mod read;
pub mod replay;
pub mod report;
pub mod reword;
pub mod split;
pub mod train;
mod trial;

pub use findings::{assumptions, findings, usd};
pub use gate::Baseline;
pub use pool::{Model, Pool, Row};
pub use predict::{Guess, Learn, Part, Predict, Prompt, Step};
pub use predictions::Predictions;
pub use read::Bad;
pub use trial::Trial;
