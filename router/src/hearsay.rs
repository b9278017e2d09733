//! What one weir tells another of a model: a hint, never a verdict.
//!
//! Where many serve at once without a common memory (isolates of a Worker), each finds an outage out by itself. A hint
//! spares the others most of that. What one has seen itself since is believed before it.

use serde::{Deserialize, Serialize};
use vocab::Instant;

/// How a model was doing, as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearsay {
    /// When it was seen: the last outcome that it rests on.
    pub at: Instant,
    /// It is not to be asked before; None where it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Microseconds to first content, the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_us: Option<u64>,
    /// Thousandths of an output token per second, the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_milli: Option<u64>,
}
