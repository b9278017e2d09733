//! weir's own way to be asked: a prompt in, an answer with its cost and route out.

mod answer;
mod ask;
mod stream;
#[cfg(test)]
mod tests;

pub use answer::whole;
pub use ask::{SiAsk, read};
pub use stream::Frames;
pub(crate) use stream::{broken, weir};
