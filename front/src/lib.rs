//! The HTTP surface of weir, the same on both shells.

mod answer;
pub mod anthropic;
#[cfg(test)]
mod cited;
pub mod gemini;
pub mod http;
mod json;
mod nearest;
pub mod openai;
mod refusal;
mod repeat;
mod report;
pub mod responses;
#[cfg(test)]
mod samples;
pub mod si;

pub mod wishes;

pub use http::{Body, Fields, Front, Peer, Response, is_noise};
pub use refusal::Refusal;
