//! Answers that are kept under a name that the client chose for its request, so that the request can come again.
//!
//! What is kept says the front, byte for byte; whose name is whose says `policy` ([`Slot`]). This is who keeps it, and sees to it
//! that of requests under one name one is answered at a time.

mod flights;
mod local;

pub use flights::{Flight, Flights};
pub use local::Local;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use policy::{Digest, IdempotencySetting, Slot};
use vocab::Instant;

/// What there is under a name.
pub enum Claim {
    /// Nothing: it is for the one who asked to answer, until he says how that went with [`Answers::keep`] or
    /// [`Answers::give_up`] and this number.
    Yours(u64),
    /// An answer, and the digest of the request that it was the answer to.
    Kept { request: Digest, answer: Bytes },
    /// A request that is being answered, with its digest. `over` ends when it may be asked again.
    Busy { request: Digest, over: BoxFuture<'static, ()> },
}

/// Nobody can say what is kept. Holds no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswersDown(pub String);

/// Who keeps them.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Takes a name for a request with this digest, where nobody has it. One who is not heard of again by `until` has it no
    /// more; a platform on which he is gone with the process needs not look at that.
    async fn claim(
        &self,
        slot: &Slot,
        request: &Digest,
        now: Instant,
        until: Instant,
    ) -> Result<Claim, AnswersDown>;

    /// Keeps the answer, within the setting's bounds, and lets the name go. Returns when it would be found after a restart,
    /// where the platform has answers outlive one.
    async fn keep(
        &self,
        slot: &Slot,
        number: u64,
        request: &Digest,
        answer: Bytes,
        rules: &IdempotencySetting,
        now: Instant,
    ) -> Result<(), AnswersDown>;

    /// There will be no answer: lets the name go.
    async fn give_up(&self, slot: &Slot, number: u64);
}
