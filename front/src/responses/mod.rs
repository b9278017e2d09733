//! OpenAI's Responses, both ways.
//!
//! Nothing is stored: every request says all there is, every response says `store: false`, and what leans on something
//! stored is refused ([`survey`]).
//!
//! What is dropped without a word on the way to providers of other dialects, because the answer is as good without it:
//! `metadata` (weir says it back itself), ids, states and phases of earlier items, annotations and log probabilities of
//! earlier answers, hints for caches, `max_tool_calls` (it counts the provider's own tools), `include` of what there is none
//! of, `reasoning.summary` where the provider shows what it shows, and thoughts of earlier turns where the next model is none
//! that can read them. Everything else that others have no words for makes the request a Responses provider's alone
//! ([`vocab::Caps::RESPONSES_ONLY`]).

mod echo;
mod error;
mod frames;
mod parse;
mod seal;
mod survey;
#[cfg(test)]
pub(crate) use tests::schema;
#[cfg(test)]
mod tests;
mod told;
mod write;

pub(crate) use error::{broken, trailer};
pub use error::{counted, gone};
pub use frames::Frames;
pub use parse::parse;
pub use survey::{Surveyed, survey};

use crate::openai::Label;
use bytes::Bytes;
use vocab::Event;

/// The response that these events add up to. `request` is the client's body, of which a response says much again;
/// `summary`, whether the client asked to see what was thought.
pub fn whole(events: &[Event], label: Label, request: Bytes, summary: bool) -> Vec<u8> {
    Frames::quiet(label, request, summary).whole(events)
}
