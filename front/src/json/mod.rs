//! One pass over a JSON text without building anything of it.
//!
//! A caller's body is looked through once, in place: strings without escapes are borrowed, values nobody asks for
//! are only checked. It accepts exactly what `serde_json` accepts as a value (a property test keeps that), with the
//! same bound on nesting and on numbers, because what is passed on must be what the upstream reads. It exists beside
//! `serde_json` for what that cannot give at this price: byte spans of values, duplicate keys, and the same strictness
//! in the parts that are skipped.

mod scan;
mod seen;
#[cfg(test)]
mod tests;
mod wrong;

pub use scan::{Kind, Scan, Text, mismatch};
pub use seen::Seen;
pub use wrong::{Wrong, shortened};
