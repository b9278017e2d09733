//! What a provider is going to do on the wire, as a value.

use bytes::Bytes;
use http::HeaderMap;
use std::time::Duration;

/// One write: after a pause, these bytes in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since the step before, or since the head for the first one.
    pub after: Duration,
    pub bytes: Bytes,
}

/// How the exchange ends once every step is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The body ends as HTTP says a body ends. Whether the dialect's own end mark was among the steps is another matter.
    Done,
    /// The connection is closed in the middle of the body: the client's HTTP library sees an unfinished one.
    Close,
    /// The connection is reset (TCP RST) in the middle of the body.
    Reset,
    /// Nothing more comes and the connection stays open.
    Hang,
    /// Not even a head comes; the connection stays open. There are no steps.
    NoHead,
    /// The connection is refused. On a server that has accepted it already: reset before the first byte.
    Refuse,
    /// The connection is never made (packets vanish): a client notices by its own connect timeout. A server that has
    /// accepted already plays [`End::NoHead`].
    NoConnect,
}

/// A reply, whole or in pieces, with everything that goes wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub status: u16,
    pub headers: HeaderMap,
    /// From the request to the head.
    pub head_after: Duration,
    pub steps: Vec<Step>,
    pub end: End,
    /// Names this exchange in [`crate::Lab::seen`].
    pub ticket: u64,
}

impl Script {
    /// All the bytes of the body that will ever come.
    pub fn body(&self) -> Vec<u8> {
        self.steps.iter().flat_map(|s| s.bytes.iter().copied()).collect()
    }

    /// From the request to the last byte.
    pub fn duration(&self) -> Duration {
        self.steps.iter().fold(self.head_after, |sum, step| sum.saturating_add(step.after))
    }

    /// Whether a head comes at all.
    pub const fn has_head(&self) -> bool {
        !matches!(self.end, End::NoHead | End::Refuse | End::NoConnect)
    }
}
