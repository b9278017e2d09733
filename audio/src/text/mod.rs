//! A text as it is spoken: in sentences, and in utterances that are sent to a provider in one call each.

mod abbreviation;
mod cut;
mod sentence;
mod utterance;

#[cfg(test)]
mod tests;

pub use sentence::sentences;
pub use utterance::{Lengths, Utterances};

/// Whether there is anything in it to be spoken: a letter or a digit of any script.
pub fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
