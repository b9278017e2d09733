mod client;
mod refusals;
mod said;
#[cfg(feature = "serve")]
mod serving;
mod speech;
mod troubles;
mod voices;

pub(crate) use client::{EVERYONE, Heard, Say, frames, hear, lab};
