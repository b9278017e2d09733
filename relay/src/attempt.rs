//! One upstream call: from the words to the first content, or to a fault.

mod hear;
mod parts;
mod task;

use crate::answer::{Content, Piece};
use crate::ask::{Ask, BadInput, Words};
use crate::config::Bounds;
use crate::fleet::Candidate;
use crate::ports::{ByteStream, Clock, Reply};
use crate::relay::Relay;
use crate::source::{Seen, Source};
use crate::voice::Talk;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use providers::{Framed, Glance};
use std::collections::VecDeque;
use std::sync::OnceLock;
use vocab::{Call, Chat, Dialect, Duration, Event, Fault, Instant, RawChat, Usage};

/// Error bodies are read up to here.
pub const FAULT_BODY_MAX: usize = 64 << 10;
/// Start-up events of a stream are held back up to here.
const START_MAX: usize = 64 << 10;
/// In the Responses API they repeat instructions and tools, in two or three events, and not every server writes what it
/// repeats as tersely as it was written: so many times the request is held back besides, whatever its answer is.
const ECHOES: usize = 4;

/// The conversation, taken apart at most once however many candidates need it so.
#[derive(Default)]
pub struct Parsed(OnceLock<Result<Box<Chat>, BadInput>>);

impl Parsed {
    fn taken_apart(&self, raw: &RawChat, parse: Parse) -> Result<&Chat, &BadInput> {
        self.0.get_or_init(|| parse(raw).map(Box::new)).as_ref().map(Box::as_ref)
    }

    /// The conversation of an ask; None where it is none, or cannot be told in other words.
    pub fn chat<'a>(&'a self, ask: &'a Ask) -> Option<&'a Chat> {
        match &ask.words {
            Words::Chat { chat, .. } => Some(chat),
            Words::Raw { raw, parse, .. } => self.taken_apart(raw, *parse).ok(),
            Words::Task { .. } | Words::Speak { .. } | Words::Hear(_) => None,
        }
    }
}

type Parse = fn(&RawChat) -> Result<Chat, BadInput>;

/// What a successful call has brought when it commits. Boxed, as it passes through many hands.
pub enum Got {
    Whole(Box<Whole>),
    Stream(Box<Begun>),
    Sound(Box<Talk>),
}

/// A whole answer.
pub struct Whole {
    pub content: Content,
    pub seen: Seen,
    /// What the provider calls it.
    pub request_id: Option<Box<str>>,
}

/// A stream that has its first content.
pub struct Begun {
    pub body: ByteStream,
    pub source: Source,
    /// What was held back until now, the first content included.
    pub queue: VecDeque<Piece>,
    pub first: Instant,
    /// What the provider calls it.
    pub request_id: Option<Box<str>>,
}

/// Why a call brought nothing, and what it used nevertheless as far as it said.
pub struct Lost {
    pub fault: Fault,
    pub usage: Option<Box<Usage>>,
    /// The words themselves could not be understood: nobody was asked.
    pub bad_input: bool,
    /// What the provider calls it.
    pub request_id: Option<Box<str>>,
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self::using(fault, None)
    }
}

impl Lost {
    /// A fault, and what was used nevertheless.
    pub fn using(fault: Fault, usage: Option<Usage>) -> Self {
        Self { fault, usage: usage.map(Box::new), bad_input: false, request_id: None }
    }

    /// The words cannot be said otherwise than they are.
    fn untold(BadInput { message, param }: BadInput) -> Self {
        Self { bad_input: true, ..Fault::Rejected { message, param, code: None }.into() }
    }
}

/// A call ready to be made.
pub struct Prepared {
    call: Call,
    /// More calls of the same attempt, where this one asks for a part only: their answers are put together in this order.
    more: Vec<Call>,
    /// Its reply may pass to the client as it comes.
    passes: bool,
    /// A file goes with it.
    framed: Option<Box<Framed>>,
}

impl Prepared {
    pub const fn one(call: Call, passes: bool) -> Self {
        Self { call, more: Vec::new(), passes, framed: None }
    }

    /// Of one that is a call and nothing else.
    pub fn into_call(self) -> Call {
        self.call
    }
}

/// What to send to `candidate`; `Unfit` where it cannot be told what was asked.
pub fn prepare(ask: &Ask, parsed: &Parsed, candidate: &Candidate) -> Result<Prepared, Lost> {
    let adapter = candidate.provider.adapter;
    let mut passes = false;
    let chat = match &ask.words {
        Words::Chat { chat, .. } => chat.as_ref(),
        Words::Raw { dialect, raw, parse } => {
            passes = adapter.dialect() == *dialect && adapter.passes();
            if adapter.dialect() == *dialect
                && let Some(call) = adapter.patch(raw, &candidate.door)
            {
                return Ok(Prepared::one(call, passes));
            }
            match parsed.taken_apart(raw, *parse) {
                Ok(chat) => chat,
                Err(bad) => return Err(Lost::untold(bad.clone())),
            }
        }
        Words::Task { raw, parse } => return task::prepare(raw, *parse, candidate),
        Words::Speak { .. } => return Err(Fault::Unfit("what is to be heard is no chat".into()).into()),
        Words::Hear(hear) => return hear::prepare(hear, candidate),
    };
    let call = adapter.encode(chat, &candidate.door)?;
    Ok(Prepared::one(call, passes))
}

/// Makes the call and waits until it commits.
pub fn fly<'a>(
    relay: &'a Relay,
    ask: &'a Ask,
    prepared: Prepared,
    candidate: &'a Candidate,
    bounds: &'a Bounds,
    left: Duration,
) -> BoxFuture<'a, Result<Got, Lost>> {
    let (http, clock) = (relay.http(), relay.clock());
    let Prepared { call, more, passes, framed } = prepared;
    if let (Words::Hear(hear), Some(framed)) = (&ask.words, framed) {
        return hear::fly(relay, ask, hear, *framed, candidate, bounds, left);
    }
    if !more.is_empty() {
        let calls = std::iter::once(call).chain(more).collect();
        return Box::pin(parts::fly(relay, ask, calls, candidate, bounds, left));
    }
    let streamed = call.stream;
    let patience = if streamed { bounds.first_content().min(left) } else { left };
    // Out here, because a future that was given the call would have room for it in every layer.
    let sending = http.send(call, bounds.connect().min(left));
    Box::pin(async move {
        let work = std::pin::pin!(reply(sending, clock, ask, candidate, bounds, streamed, passes));
        match select(work, clock.sleep(patience)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => {
                let what = if streamed { "no content" } else { "no whole answer" };
                Err(Fault::Silent(format!("{what} within {} ms", patience.as_millis())).into())
            }
        }
    })
}
/// From the head of the reply to its commit.
async fn reply(
    sending: BoxFuture<'_, Result<Reply, Fault>>,
    clock: &dyn Clock,
    ask: &Ask,
    candidate: &Candidate,
    bounds: &Bounds,
    streamed: bool,
    passes: bool,
) -> Result<Got, Lost> {
    let Reply { status, headers, body } = sending.await?;
    let request_id = named(candidate, &headers);
    let heard = if (200..300).contains(&status) {
        let kind = headers.get(CONTENT_TYPE);
        let whole = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        drop(headers);
        answered(body, clock, ask, candidate, bounds, streamed && !whole, passes).await
    } else {
        Err(Box::pin(refusal(Reply { status, headers, body }, candidate, clock)).await)
    };
    match heard {
        Ok(mut got) => {
            match &mut got {
                Got::Whole(whole) => whole.request_id = request_id,
                Got::Stream(begun) => begun.request_id = request_id,
                Got::Sound(talk) => talk.request_id = request_id,
            }
            Ok(got)
        }
        Err(lost) => Err(Lost { request_id, ..lost }),
    }
}

/// More than any provider's names of requests have, in bytes.
const REQUEST_ID_MAX: usize = 128;

/// What the provider calls this request. Letters, digits and a few marks: nothing else belongs in a header or a log.
pub fn named(candidate: &Candidate, headers: &HeaderMap) -> Option<Box<str>> {
    let id = headers.get(candidate.provider.adapter.request_id()?)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    let fits = (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(plain);
    fits.then(|| id.into())
}

/// The body of a good reply, to its commit.
async fn answered(
    body: ByteStream,
    clock: &dyn Clock,
    ask: &Ask,
    candidate: &Candidate,
    bounds: &Bounds,
    streamed: bool,
    passes: bool,
) -> Result<Got, Lost> {
    if streamed {
        let echo_max = match &ask.words {
            Words::Raw { dialect: Dialect::OpenaiResponses, raw, .. } if passes => {
                raw.body.len().saturating_mul(ECHOES)
            }
            _ => 0,
        };
        return Box::pin(begin(body, candidate, passes, ask.brief().include_usage, echo_max, clock)).await;
    }
    let body = collect(body, bounds.reply_max, false).await?;
    match &ask.words {
        Words::Task { raw, .. } => return task::finish(&body, raw, candidate, passes),
        Words::Hear(hear) => return hear::finish(&body, hear, candidate),
        _ => {}
    }
    finish(body, candidate, passes && !ask.brief().stream)
}

/// What a reply with another status than 2xx means.
async fn refusal(reply: Reply, candidate: &Candidate, clock: &dyn Clock) -> Lost {
    let Reply { status, headers, body } = reply;
    match collect(body, FAULT_BODY_MAX, true).await {
        Ok(body) => candidate.provider.adapter.fault(status, &headers, &body, clock.now()).into(),
        Err(fault) => fault.into(),
    }
}

/// Reads on until the first content; what comes before it is held back.
async fn begin(
    mut body: ByteStream,
    candidate: &Candidate,
    passes: bool,
    include_usage: bool,
    echo_max: usize,
    clock: &dyn Clock,
) -> Result<Got, Lost> {
    let adapter = candidate.provider.adapter;
    let mut source = match adapter.watch(!include_usage).filter(|_| passes) {
        Some(watch) => Source::pass(watch),
        None => Source::translate(adapter),
    };
    let mut queue = VecDeque::new();
    let mut held = 0;
    let held_max = START_MAX.saturating_add(echo_max);
    loop {
        let lost = |source: &Source, fault: Fault| Lost::using(fault, source.seen().usage);
        match body.next().await {
            Some(Ok(chunk)) => {
                let before = queue.len();
                let digested = source.digest(chunk, &mut queue);
                // What is held back counts, not what came: a large first frame that is still coming has its own bound.
                held += queue.range(before..).map(weight).sum::<usize>();
                if let Err(fault) = digested {
                    if !source.content() {
                        return Err(lost(&source, fault));
                    }
                    // Content and fault in one read: commit, and let the stream find the fault again at its end.
                    let failing: ByteStream = Box::pin(futures::stream::once(async { Err(fault) }));
                    return Ok(Got::Stream(Box::new(Begun {
                        body: failing,
                        source,
                        queue,
                        first: clock.now(),
                        request_id: None,
                    })));
                }
                if source.content() || (source.done() && source.seen().useful()) {
                    let first = clock.now();
                    return Ok(Got::Stream(Box::new(Begun { body, source, queue, first, request_id: None })));
                }
                if source.done() {
                    return Err(lost(&source, Fault::Silent("the answer was empty".into())));
                }
                if held > held_max {
                    return Err(lost(
                        &source,
                        Fault::Garbled(format!("no content after {held} bytes of start-up events")),
                    ));
                }
            }
            Some(Err(fault)) => return Err(lost(&source, fault)),
            None => {
                let fault = match source.end(&mut VecDeque::new()) {
                    Err(cut) => cut,
                    Ok(()) => Fault::Silent("the answer was empty".into()),
                };
                return Err(lost(&source, fault));
            }
        }
    }
}

/// Bytes that a piece held back takes, about.
fn weight(piece: &Piece) -> usize {
    match piece {
        Piece::Bytes(bytes) => bytes.len(),
        Piece::Event(Event::Signature { signature, .. }) => size_of::<Event>() + signature.len(),
        Piece::Event(Event::Citation(cited)) => size_of::<Event>() + size_of_val(&**cited) + cited.len(),
        _ => size_of::<Event>(),
    }
}

/// Reads a whole answer.
fn finish(body: Bytes, candidate: &Candidate, passes: bool) -> Result<Got, Lost> {
    let adapter = candidate.provider.adapter;
    let whole = if passes {
        let Glance { usage, text_bytes, useful, finish } = adapter.glance(&body)?;
        let seen = Seen { usage, text_bytes, content: useful, finish, done: true, tokens_out: None };
        Box::new(Whole { content: Content::Raw(body), seen, request_id: None })
    } else {
        let mut events = Vec::new();
        let decoded = adapter.decode(&body, &mut events);
        let mut seen = Seen::default();
        events.iter().for_each(|e| seen.saw(e));
        if let Err(fault) = decoded {
            return Err(Lost::using(fault, seen.usage));
        }
        Box::new(Whole { content: Content::Events(events), seen, request_id: None })
    };
    if !whole.seen.useful() {
        let fault = Fault::Silent("the answer was empty".into());
        return Err(Lost::using(fault, whole.seen.usage));
    }
    Ok(Got::Whole(whole))
}

/// A whole body of at most `max` bytes. A longer one is cut there, or is a fault.
pub async fn collect(mut body: ByteStream, max: usize, cut: bool) -> Result<Bytes, Fault> {
    let Some(first) = body.next().await.transpose()? else { return Ok(Bytes::new()) };
    let mut many: Option<BytesMut> = None;
    let mut size = first.len();
    while let Some(next) = body.next().await {
        let next = match next {
            Ok(next) => next,
            // The words of an error body that was cut still tell more than its status.
            Err(_) if cut => break,
            Err(fault) => return Err(fault),
        };
        size += next.len();
        if size > max {
            if cut {
                break;
            }
            return Err(Fault::Garbled(format!("the answer is longer than {max} bytes")));
        }
        many.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&next);
    }
    Ok(many.map_or(first, BytesMut::freeze))
}

/// A whole answer as the pieces of a stream, for a client that asked for one.
pub fn replay(events: Vec<Event>) -> VecDeque<Piece> {
    events.into_iter().map(Piece::Event).collect()
}
