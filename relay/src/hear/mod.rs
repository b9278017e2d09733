//! A file of sound that is to be read: what is asked of it, and the file itself, which is on its way.

mod tape;
mod upload;

#[cfg(test)]
mod tests;

pub use tape::{Tape, WINDOW_MIN};
pub(crate) use upload::upload;

use std::sync::Arc;
use vocab::{Brief, Listen};

/// What is asked for, and what of.
pub struct Hear {
    /// Its length is that of the file as far as it was there.
    pub brief: Brief,
    pub listen: Listen,
    pub tape: Arc<Tape>,
    /// Letters and digits that nobody could know before: they part the fields of a form from the file.
    pub boundary: String,
}
