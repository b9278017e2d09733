//! Answers that are told again: what makes two requests one, what is kept of an answer, how it is taken down as it leaves, and
//! who of an account gets it from memory. How a request goes through all that is in `http/repeats.rs`.

pub mod cache;
pub mod canon;
pub mod kept;
pub mod taping;
