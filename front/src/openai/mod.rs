//! OpenAI's chat completions, embeddings and image generations, both ways.

mod chunks;
pub mod embeddings;
pub mod form;
pub mod images;
mod models;
mod parse;
pub(crate) mod survey;
#[cfg(test)]
mod tests;
pub mod transcripts;
mod whole;
pub(crate) mod write;

pub use chunks::Chunks;
pub(crate) use chunks::broken;
pub use models::{model, models};
pub use parse::parse;
pub use survey::survey;
pub use whole::{Label, whole};
