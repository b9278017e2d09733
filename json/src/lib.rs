//! A walk along JSON text, in place.
//!
//! A request or an answer that passes through is mostly text that nobody here reads; a dozen of its fields matter. They are
//! found by walking along the text once, without a tree and without an allocation. The walk is strict where it goes, and
//! gives up (None) on whatever is wrong and on some of what is merely unusual: numbers with many digits, deep nesting. What
//! it gives up is left to `serde_json`, which knows everything and says what is wrong, where; so what is walked must be
//! what that reads, with the same content, and nothing else is asked of it.

mod number;
mod ordinary;
mod quoted;
#[cfg(test)]
mod tests;
mod walk;

pub use quoted::{Quoted, spell, unescaped_len};
pub use walk::{Found, Walk};
