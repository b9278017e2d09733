//! What went over the wire, kept for whoever audits the product's books.

use crate::trouble::Kind;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use vocab::Instant;

/// Usage by the lab's own count (see [`crate::tokens`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Every input token, cached ones included.
    pub input: u64,
    /// Of the input: read from the cache.
    pub cached: u64,
    /// Of the input: written to a short-lived cache, where the dialect bills that.
    pub written: u64,
    /// Of the input: written to a long-lived cache.
    pub written_long: u64,
    /// Text and tool arguments of every choice, without reasoning.
    pub output: u64,
    pub reasoning: u64,
    /// Of a text that was spoken, as they are billed.
    pub characters: u64,
    /// Of speech that was made, had all of it been sent.
    pub audio_ms: u64,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A model answered, perhaps not to the end: see [`Seen::troubles`].
    Answered,
    /// An error with a status other than 200, or no head at all.
    Refused,
    /// A list of models, a count of tokens, a health check.
    Told,
}

/// How much of the script was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Writes that were handed to the client's side.
    pub steps: usize,
    /// The script was played to its end, whatever that is; false while it plays, and when the client left.
    pub ended: bool,
}

/// One request as it was seen on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub ticket: u64,
    pub provider: String,
    pub model: String,
    /// The first 16 hexadecimal digits of the SHA-256 of the credential.
    pub credential: Option<String>,
    /// Since the lab began.
    pub at: Instant,
    pub stream: bool,
    pub status: u16,
    pub outcome: Outcome,
    /// What went wrong on purpose.
    pub troubles: Vec<Kind>,
    /// What the model made in truth, had the script been played to the end.
    pub made: Figures,
    /// What the reply says was used, by the step after which a client knows it.
    pub reports: Vec<(usize, Figures)>,
    pub steps: usize,
    pub progress: Progress,
    /// SHA-256 of the request body, in hexadecimal.
    pub body: String,
}

impl Seen {
    /// The usage that a right client knows from the part of the reply that was played; None where it was told none.
    pub fn reported(&self) -> Option<Figures> {
        self.reports.iter().rev().find(|(step, _)| *step < self.progress.steps).map(|(_, figures)| *figures)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub(crate) fn credential(key: &str) -> String {
    let mut out = sha256(key.as_bytes());
    out.truncate(16);
    out
}
