//! The HTTP surface of weir, the same on both shells.

mod answer;
mod json;
mod nearest;
pub mod openai;
mod refusal;
mod report;
pub mod si;
pub mod wishes;
