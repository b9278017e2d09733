//! The HTTP surface of weir, the same on both shells.

mod answer;
pub mod anthropic;
#[cfg(test)]
mod cited;
pub mod gemini;
mod given;
pub mod http;
mod json;
mod multipart;
mod nearest;
pub mod openai;
mod refusal;
mod repeat;
mod report;
pub mod responses;
#[cfg(test)]
mod samples;
pub mod session;
pub mod si;
pub mod voice;

pub mod wishes;

pub use http::{Body, Cut, Fields, Front, Peer, Response, is_noise};
pub use refusal::Refusal;
