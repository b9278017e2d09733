//! Requests are JSON, read in one pass that builds nothing.
//!
//! [`Read`] is like `serde`'s visitor with two things added: an object refuses a key that is there twice, because two
//! readers of one body must not read two different things, and a fault knows the path of its field. Values that
//! nobody asks for are read like any others ([`Skip`]), so what is let through is JSON by the same rules: bounds on
//! numbers and nesting, no halves of surrogate pairs. Those rules are `serde_json`'s, which reads whatever the much
//! quicker walk along the text gives up ([`read`]).

pub mod parsed;
mod plain;
mod read;
#[cfg(test)]
mod tests;
pub mod walked;
mod way;
mod wrong;

pub use json::{Found, Quoted};
pub use plain::{
    AnyObject, Bool, Each, Maybe, OneOf, Real, Skip, Spoken, Text, Whole, filled, length, listed, owned, say,
};
pub use read::{Array, Items, Members, Object, Read, check, look, read, text};
pub use wrong::{Wrong, shortened};
