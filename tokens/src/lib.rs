//! How many tokens a text has, before anybody counted them.
//!
//! A request is walked along once, before it is known whom it goes to, and candidates have different tokenizers. So what is
//! kept of its text is what it is *made of* ([`Text`]: words begun, letters, digits, characters of other scripts): a few
//! whole numbers, from which each [`Family`] of tokenizers makes its own estimate by as many multiplications. The weights
//! are fitted to the real tokenizers on real text; `docs/tokens.md` has the error that is left, per family and kind of text.
//!
//! There are two estimates. [`Family::likely`] is the middle, for choosing and for bills where a provider reports nothing.
//! [`Family::most`] is what is held: it covers nearly every request.

mod family;
mod frame;
mod size;
mod text;
mod weights;

#[cfg(test)]
mod tests;

pub use family::Family;
pub use frame::{ANTHROPIC, Frame, GEMINI, OPENAI};
pub use size::Size;
pub use text::{CLASSES, Class, Tally, Text};
