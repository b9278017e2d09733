//! The one async story of a request, and the ports it needs.
//!
//! The four siblings (`router`, `providers`, `policy`, `billing`) do not know one another; they meet here. Control flow
//! lives in this crate, and what it calls only computes.

mod adapters;
mod advisor;
pub mod alerts;
mod answer;
pub mod answers;
mod ask;
mod attempt;
pub mod config;
mod count;
pub mod decisions;
pub mod environment;
pub mod faults;
pub mod fleet;
pub mod foresight;
mod hear;
pub mod learning;
pub mod limits;
pub mod metrics;
mod offers;
mod persist;
pub mod ports;
pub mod probe;
mod relay;
mod serve;
mod sessions;
mod source;
mod speech;
pub mod still;
mod tab;
mod unreported;
pub mod voice;
pub mod watched;

pub use crate::relay::{CredentialInfo, ModelHealth, ModelInfo, ProviderInfo, Relay};
pub use answer::{Advice, Answer, Attempt, Bill, Content, DecisionId, Piece, Served, Trouble};
pub use ask::{Ask, BadInput, Wishes, Words};
pub use count::Counted;
pub use hear::{Hear, Tape, WINDOW_MIN};
pub use speech::Speech;
pub use unreported::{Meter, PIECE_MAX};
pub use voice::{Sounding, VoiceInfo};
