//! Google's `generateContent`, `streamGenerateContent`, `countTokens` and embeddings, both ways.

mod count;
pub mod embed;
mod error;
mod frames;
mod models;
mod names;
mod parse;
mod seal;
mod survey;
#[cfg(test)]
mod tests;
mod whole;
mod write;

pub(crate) use count::counted;
pub(crate) use error::told;
pub use frames::{Form, Frames};
pub(crate) use models::{model, models};
pub use parse::parse;
pub use survey::{Surveyed, survey, survey_count};
pub use whole::{Label, whole};
