//! What the story of a request needs from its platform. Few, small and boring.

use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Line, Op, Refusal};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use http::HeaderMap;
use policy::jwt::PublicKey;
use policy::limit::{Estimate, Over, Rule, Taken, Use};
use policy::{BadKey, Caller, Digest, KeyChange, ManagedKey};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokens::Family;
use vocab::{Call, Duration, Fault, Instant, Pico, Segments};

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
        6 => name.eq_ignore_ascii_case(b"cf-ray"),
        10 => name.eq_ignore_ascii_case(b"connection") || name.eq_ignore_ascii_case(b"request-id"),
        12 => name.eq_ignore_ascii_case(b"content-type") || name.eq_ignore_ascii_case(b"x-request-id"),
        13 => name.eq_ignore_ascii_case(b"dg-char-count") || name.eq_ignore_ascii_case(b"dg-request-id"),
        14 => name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"character-cost"),
        16 => name.eq_ignore_ascii_case(b"content-encoding"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
        _ => false,
    }
}

/// A body that is sent as it comes.
pub struct Upload {
    /// In bytes, where it is known.
    pub length: Option<u64>,
    /// An error breaks the call off.
    pub body: ByteStream,
}

/// Sends calls to providers.
#[async_trait]
pub trait Http: Send + Sync {
    /// Until the head of the reply is there. Gives up connecting after `connect`; the caller bounds the rest.
    /// Dropping the future or the body ends the call.
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault>;

    /// A POST of another body than the call's own. It is read no faster than it is sent. A platform that can only send what
    /// is there gathers it first.
    async fn upload(&self, call: Call, mut upload: Upload, connect: Duration) -> Result<Reply, Fault> {
        let mut body = Vec::new();
        while let Some(piece) = upload.body.next().await {
            body.push(piece?);
        }
        self.send(Call { body: Segments(body), ..call }, connect).await
    }
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

    /// The same for a hold. `chosen`: its id is its caller's choice, so it may have been there before, and who decides without
    /// a look at the record does not decide about it.
    fn hold_at_once(
        &self,
        account: &str,
        op: Op,
        now: Instant,
        chosen: bool,
    ) -> Result<Result<Posted, BooksError>, Op> {
        let _ = chosen;
        self.post_at_once(account, op, now)
    }

    /// Returns when everything up to `mark` is on disk.
    async fn durable(&self, mark: Mark) -> Result<(), BooksError>;
    async fn balance(&self, account: &str) -> Result<Balance, BooksError>;
    /// What the account's budgets have taken.
    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError>;
    /// The account's entries with `seq` above `after`, oldest first, at most `limit`.
    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError>;
    /// The account's ended requests (settle and release entries) with `seq` below `before`, newest first.
    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError>;
    /// The `seq` of the account's last entry before `at`; 0 where there is none. Times never fall along a record, so it is
    /// found by halving.
    async fn seq_before(&self, account: &str, at: Instant) -> Result<u64, BooksError> {
        // Beyond the end of the record there is nothing, which is as good as late.
        let (mut low, mut high) = (0, 1u64);
        let is_before = async |seq: u64| {
            let found = self.entries(account, seq - 1, 1).await?;
            Ok::<bool, BooksError>(found.first().is_some_and(|entry| entry.seq == seq && entry.time < at))
        };
        while is_before(high).await? {
            (low, high) = (high, high.saturating_mul(2));
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if is_before(middle).await? { low = middle } else { high = middle }
        }
        Ok(low)
    }
    /// Every entry of one operation id, oldest first.
    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError>;
    /// What was spent since `from`, over the settled requests of the account.
    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError>;

    /// Whether new requests can be taken; else why not, for those who ask whether this node is ready.
    fn well(&self) -> Result<(), String> {
        Ok(())
    }

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

/// Who counts requests against their limits: this process for itself ([`crate::limits::Local`]), or somebody for many. What
/// is counted how says `policy`.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Takes a request from all of its limits or from none, where nothing has to be waited for; else they come back for
    /// [`Limits::take`].
    fn take_at_once(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Result<Box<Taken>, Box<Over>>, Vec<Rule>> {
        let _ = (estimate, now);
        Err(rules)
    }

    /// Takes a request from all of its limits or from none. Whether one is let in where nobody can be asked is for
    /// whoever counts to say. A dropped future takes nothing.
    async fn take(&self, rules: Vec<Rule>, estimate: Estimate, now: Instant)
    -> Result<Box<Taken>, Box<Over>>;

    /// A request is over: gives back what it did not use. Without a wait, where that can be; else it comes back for
    /// [`Limits::end`].
    fn end_at_once(&self, taken: Box<Taken>, used: Use, now: Instant) -> Result<(), Box<Taken>> {
        let _ = (used, now);
        Err(taken)
    }

    async fn end(&self, taken: Box<Taken>, used: Use, now: Instant);
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Known(Caller),
    /// Nobody's, or one that is disabled or has expired: no difference can be told.
    Nobody,
    /// Not to be said at once: ask [`Directory::look_up`].
    Elsewhere,
}

/// Why a directory does not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryError {
    /// There is no key with this id.
    Unknown,
    Bad(BadKey),
    /// Keys are not managed on this platform.
    Unavailable,
    /// The store is out of order.
    Down(String),
}

impl From<BadKey> for DirectoryError {
    fn from(bad: BadKey) -> Self {
        Self::Bad(bad)
    }
}

/// A key, and when it last opened as far as that is known: to the minute, and a minute late.
pub type Used = (Arc<ManagedKey>, Option<Instant>);

/// The keys that are managed while weir runs. What a change makes of a key says `policy`; this is who keeps them. Without
/// any of it nobody has such a key.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Whether there is a key at all. Then nobody comes in without a credential.
    fn has_keys(&self) -> bool {
        false
    }

    /// Asked on every request that brings a key which the configuration does not know: without a wait, and as long
    /// whatever comes of it.
    fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        let _ = (digest, now);
        Holder::Nobody
    }

    /// The same where it could not be said at once.
    async fn look_up(&self, digest: &Digest, now: Instant) -> Result<Option<Caller>, DirectoryError> {
        let _ = (digest, now);
        Ok(None)
    }

    /// Keys with ids after this one, in the order in which they were made; of one account, or of all.
    async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Used>, DirectoryError> {
        let _ = (account, after, limit);
        Ok(Vec::new())
    }

    async fn key(&self, id: &str) -> Result<Used, DirectoryError> {
        let _ = id;
        Err(DirectoryError::Unknown)
    }

    /// Returns when it is kept for good.
    async fn add(&self, key: ManagedKey) -> Result<(), DirectoryError> {
        let _ = key;
        Err(DirectoryError::Unavailable)
    }

    /// The key as it is then, kept for good.
    async fn change(&self, id: &str, change: KeyChange, now: Instant) -> Result<Used, DirectoryError> {
        let _ = (id, change, now);
        Err(DirectoryError::Unknown)
    }

    async fn remove(&self, id: &str) -> Result<(), DirectoryError> {
        let _ = id;
        Err(DirectoryError::Unknown)
    }
}

/// What is kept besides the record, and of no use to anybody after a time. The record itself is none of it: a chain of which
/// something is missing cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leftover {
    /// Managed keys, so long after they expired.
    Keys,
    /// Secrets of keys that were replaced, so long after they stopped opening.
    Secrets,
    /// Messages to webhooks, so long after they were heard or given up.
    Messages,
    /// What was told of accounts, so long after it could have been noticed again.
    Alerts,
}

impl Leftover {
    pub const ALL: [Self; 4] = [Self::Keys, Self::Secrets, Self::Messages, Self::Alerts];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "expired_keys",
            Self::Secrets => "replaced_secrets",
            Self::Messages => "webhook_messages",
            Self::Alerts => "alerts",
        }
    }

    /// How long it stays, where nobody says otherwise.
    pub const fn stays(self) -> Duration {
        const DAY: u64 = 86_400;
        Duration::from_secs(match self {
            Self::Keys => 30 * DAY,
            Self::Secrets => 0,
            Self::Messages | Self::Alerts => 7 * DAY,
        })
    }
}

/// Where leftovers are.
#[async_trait]
pub trait Attic: Send + Sync {
    /// What of them this platform keeps.
    fn keeps(&self) -> &'static [Leftover] {
        &[]
    }

    /// Throws away what was of no use any more at `before`, or only counts it. Returns how much that is.
    ///
    /// # Errors
    /// The store is out of order.
    async fn clear(&self, what: Leftover, before: Instant, dry_run: bool) -> Result<u64, String> {
        let _ = (what, before, dry_run);
        Ok(0)
    }
}

/// Why a platform's cryptography did not do its work. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CryptoError {
    /// The platform has none of it here.
    Unavailable,
    Failed(String),
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("this is not available here"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// What takes a platform's own cryptography: secrets that nobody can guess, and RS256 (RSASSA-PKCS1-v1_5 with SHA-256;
/// RFC 7518, 3.3). May wait, as browsers' and Workers' does.
#[async_trait]
pub trait Crypto: Send + Sync {
    /// Fills it from the generator for secrets.
    fn random(&self, into: &mut [u8]) -> Result<(), CryptoError> {
        let _ = into;
        Err(CryptoError::Unavailable)
    }

    /// Whether the signature is by the private half of this key.
    async fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
        let _ = (key, message, signature);
        Err(CryptoError::Unavailable)
    }

    /// Makes a private key ready, once for many signatures. `pkcs8` is the key's bytes.
    async fn signer(&self, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, CryptoError> {
        let _ = pkcs8;
        Err(CryptoError::Unavailable)
    }
}

/// A private key at work.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Its public half, named by itself.
    fn public(&self) -> &PublicKey;

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A platform that keeps no keys and has no cryptography of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotHere;

impl Directory for NotHere {}
impl Attic for NotHere {}
impl Crypto for NotHere {}
