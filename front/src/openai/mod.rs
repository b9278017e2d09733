//! OpenAI's chat completions, both ways.

mod chunks;
mod parse;
mod survey;
mod whole;
pub(crate) mod write;

pub use chunks::Chunks;
pub use parse::parse;
pub use survey::survey;
pub use whole::{Label, whole};
