//! Anthropic's Messages, both ways.
//!
//! What is dropped without a word on the way to other providers, because the answer is as good without it: cache
//! breakpoints, `metadata` but for the user's id, `diagnostics`, that thoughts are not to be displayed,
//! `eager_input_streaming`, betas named in headers (what they allow stands in fields), citations in earlier answers, and
//! thoughts of earlier turns where the next model is none that can read them. Everything else that others have no words
//! for makes the request Anthropic's alone
//! ([`vocab::Caps::ANTHROPIC_ONLY`]).
//!
//! What an answer of another provider rests on is told with its address, as what a search found; what has none is left out, as
//! here it would have to be one of the client's documents. In a whole answer the text is cut at its passages; in a stream the
//! text is out before it is said what it rests on, so that all of the block is said to.

mod cited;
mod error;
mod frames;
mod models;
mod parse;
mod seal;
mod survey;
#[cfg(test)]
mod tests;
mod whole;
mod write;

pub(crate) use error::{counted, kind, kind_within, told};
pub use frames::Frames;
pub(crate) use frames::{broken, trailer};
pub use models::{model, models};
pub use parse::parse;
pub use survey::{Surveyed, Wanted, survey};
pub use whole::whole;

use vocab::Effort;

/// A budget of thoughts in words: Google's convention of low 1K, medium 8K, high 24K, to the nearest.
fn effort_of(budget: u32) -> Effort {
    match budget {
        0..=4_095 => Effort::Low,
        4_096..=16_383 => Effort::Medium,
        _ => Effort::High,
    }
}
