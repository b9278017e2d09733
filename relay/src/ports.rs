//! What the story of a request needs from its platform. Few, small and boring.

use async_trait::async_trait;
use billing::{Balance, Entry, Line, Op, Refusal};
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use http::HeaderMap;
use std::pin::Pin;
use tokens::Family;
use vocab::{Call, Duration, Fault, Instant, Pico};

/// A body as it arrives. An error ends it; a body that was cut ends with one, never as if it were whole.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Fault>> + Send>>;

/// What came back from a provider: the head is here, the body arrives.
pub struct Reply {
    pub status: u16,
    /// Of a good reply those that [`is_read`], at least; of others all.
    pub headers: HeaderMap,
    pub body: ByteStream,
}

/// Whether anybody here reads such a header of a good reply. A shell may leave the others out: providers send a dozen, and
/// taking them in costs more than reading a short answer. Of other replies all may be wanted, as they tell what is wrong.
pub fn is_read(name: &[u8]) -> bool {
    match name.len() {
        10 => name.eq_ignore_ascii_case(b"connection"),
        12 => name.eq_ignore_ascii_case(b"content-type"),
        14 => name.eq_ignore_ascii_case(b"content-length"),
        16 => name.eq_ignore_ascii_case(b"content-encoding"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
        _ => false,
    }
}

/// Sends calls to providers.
#[async_trait]
pub trait Http: Send + Sync {
    /// Until the head of the reply is there. Gives up connecting after `connect`; the caller bounds the rest.
    /// Dropping the future or the body ends the call.
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault>;
}

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Instant;
    async fn sleep(&self, span: Duration);
}

/// Names a point in the record up to which it must be durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub u64);

/// What posting an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    pub balance: Balance,
    /// Not an operation that was done before.
    pub fresh: bool,
    /// What [`Books::durable`] takes to wait until this is on disk.
    pub mark: Mark,
}

/// Why the books did not take an operation or give an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BooksError {
    Refused(Refusal),
    /// The store is out of order. Nothing may be sent upstream.
    Down(String),
}

impl From<Refusal> for BooksError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The accounts' books. What they decide is `billing`'s state machine; this is who serialises it and keeps it.
#[async_trait]
pub trait Books: Send + Sync {
    /// Decides and records. The decision holds from here on; it is durable once [`Books::durable`] says so.
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError>;

    /// The same, where nothing has to be waited for, which is nearly always; else the operation comes back for
    /// [`Books::post`]. Nothing to be kept while it waits, and nobody can leave in the middle of it.
    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        let _ = (account, now);
        Err(op)
    }

    /// Returns when everything up to `mark` is on disk.
    async fn durable(&self, mark: Mark) -> Result<(), BooksError>;
    async fn balance(&self, account: &str) -> Result<Balance, BooksError>;
    /// The account's entries with `seq` above `after`, oldest first, at most `limit`.
    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError>;
    /// The account's ended requests (settle and release entries) with `seq` below `before`, newest first.
    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError>;
    /// Every entry of one operation id, oldest first.
    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError>;
    /// What was spent since `from`, over the settled requests of the account.
    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError>;

    /// How often whoever tells a stream is to say how far it has come. None where books and stream end together, so
    /// that nobody needs to know.
    fn progress_every(&self) -> Option<Duration> {
        None
    }

    /// What would be charged if a request that is still being answered were never heard of again. No entry, and no
    /// promise: it may get lost.
    async fn progress(&self, account: &str, id: &str, lines: Vec<Line>, now: Instant) {
        let _ = (account, id, lines, now);
    }
}

/// What a tokenizer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Tokens(u64),
    /// It is being made ready: ask again.
    Soon,
    /// There is none for this family.
    Never,
}

/// Vocabularies that the platform has room for. None of them is needed: there is always the estimate of [`tokens`].
pub trait Tokenizers: Send + Sync {
    /// How many tokens a text has, at once or not at all.
    fn count(&self, family: Family, text: &str) -> Count;
}

/// None at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTokenizers;

impl Tokenizers for NoTokenizers {
    fn count(&self, _: Family, _: &str) -> Count {
        Count::Never
    }
}

/// Work that may outlive the response: draining an upstream whose client has left, settling its bill.
pub trait Later: Send + Sync {
    fn spawn(&self, work: BoxFuture<'static, ()>);
}
