//! One upstream call: from the words to the first content, or to a fault.

use crate::answer::{Content, Piece};
use crate::ask::{Ask, BadInput, Words};
use crate::config::Bounds;
use crate::fleet::Candidate;
use crate::ports::{ByteStream, Clock, Http};
use crate::source::{Seen, Source};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::{Either, select};
use http::header::CONTENT_TYPE;
use std::collections::VecDeque;
use std::sync::OnceLock;
use vocab::{Call, Chat, Dialect, Duration, Event, Fault, Instant, Usage};

/// Error bodies are read up to here.
const FAULT_BODY_MAX: usize = 64 << 10;
/// Start-up events of a stream are held back up to here.
const START_MAX: usize = 64 << 10;

/// The conversation, taken apart at most once however many candidates need it so.
#[derive(Default)]
pub struct Parsed(OnceLock<Result<Chat, BadInput>>);

/// What a successful call has brought when it commits.
pub enum Got {
    Whole { content: Content, seen: Seen },
    Stream(Box<Begun>),
}

/// A stream that has its first content.
pub struct Begun {
    pub body: ByteStream,
    pub source: Source,
    /// What was held back until now, the first content included.
    pub queue: VecDeque<Piece>,
    pub first: Instant,
}

/// Why a call brought nothing, and what it used nevertheless as far as it said.
pub struct Lost {
    pub fault: Fault,
    pub usage: Option<Box<Usage>>,
    /// The words themselves could not be understood: nobody was asked.
    pub bad_input: bool,
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self { fault, usage: None, bad_input: false }
    }
}

/// A call ready to be made.
pub struct Prepared {
    call: Call,
    /// Its reply may pass to the client as it comes.
    passes: bool,
}

/// What to send to `candidate`; `Unfit` where it cannot be told what was asked.
pub fn prepare(ask: &Ask, parsed: &Parsed, candidate: &Candidate) -> Result<Prepared, Lost> {
    let adapter = candidate.provider.adapter;
    let chat = match &ask.words {
        Words::Chat { chat, .. } => chat.as_ref(),
        Words::Raw { raw, parse } => {
            if adapter.dialect() == Dialect::OpenaiChat
                && let Some(call) = adapter.patch(raw, &candidate.door)
            {
                return Ok(Prepared { call, passes: adapter.passes() });
            }
            match parsed.0.get_or_init(|| parse(raw)) {
                Ok(chat) => chat,
                Err(bad) => {
                    let fault = Fault::Rejected {
                        message: bad.message.clone(),
                        param: bad.param.clone(),
                        code: None,
                    };
                    return Err(Lost { fault, usage: None, bad_input: true });
                }
            }
        }
    };
    let call = adapter.encode(chat, &candidate.door)?;
    Ok(Prepared { call, passes: matches!(ask.words, Words::Raw { .. }) && adapter.passes() })
}

/// Makes the call and waits until it commits.
pub async fn fly(
    http: &dyn Http,
    clock: &dyn Clock,
    ask: &Ask,
    prepared: Prepared,
    candidate: &Candidate,
    bounds: &Bounds,
    left: Duration,
) -> Result<Got, Lost> {
    let Prepared { call, passes } = prepared;
    let streamed = call.stream;
    let patience = if streamed { bounds.first_content().min(left) } else { left };
    let work = std::pin::pin!(async {
        let reply = http.send(call, bounds.connect().min(left)).await?;
        if !(200..300).contains(&reply.status) {
            let body = collect(reply.body, FAULT_BODY_MAX, true).await?;
            return Err(Lost::from(candidate.provider.adapter.fault(
                reply.status,
                &reply.headers,
                &body,
                clock.now(),
            )));
        }
        let whole =
            reply.headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
        if streamed && !whole {
            begin(reply.body, candidate, passes, ask.brief().include_usage, clock).await
        } else {
            let body = collect(reply.body, bounds.reply_max, false).await?;
            finish(&body, candidate, passes && !ask.brief().stream)
        }
    });
    match select(work, clock.sleep(patience)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            let what = if streamed { "no content" } else { "no whole answer" };
            Err(Fault::Silent(format!("{what} within {} ms", patience.as_millis())).into())
        }
    }
}

/// Reads on until the first content; what comes before it is held back.
async fn begin(
    mut body: ByteStream,
    candidate: &Candidate,
    passes: bool,
    include_usage: bool,
    clock: &dyn Clock,
) -> Result<Got, Lost> {
    let adapter = candidate.provider.adapter;
    let mut source = match adapter.watch(!include_usage).filter(|_| passes) {
        Some(watch) => Source::pass(watch),
        None => Source::translate(adapter),
    };
    let mut queue = VecDeque::new();
    let mut held = 0;
    loop {
        let lost = |source: &Source, fault: Fault| Lost {
            fault,
            usage: source.seen().usage.map(Box::new),
            bad_input: false,
        };
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
                    })));
                }
                if source.content() || (source.done() && source.seen().useful()) {
                    return Ok(Got::Stream(Box::new(Begun { body, source, queue, first: clock.now() })));
                }
                if source.done() {
                    return Err(lost(&source, Fault::Silent("the answer was empty".into())));
                }
                if held > START_MAX {
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
        _ => size_of::<Event>(),
    }
}

/// Reads a whole answer.
fn finish(body: &Bytes, candidate: &Candidate, passes: bool) -> Result<Got, Lost> {
    let adapter = candidate.provider.adapter;
    let (content, seen) = if passes {
        let glance = adapter.glance(body)?;
        let seen = Seen {
            usage: glance.usage,
            text_bytes: glance.text_bytes,
            content: glance.useful,
            finish: glance.finish,
            done: true,
        };
        (Content::Raw(body.clone()), seen)
    } else {
        let mut events = Vec::new();
        adapter.decode(body, &mut events)?;
        let mut seen = Seen::default();
        events.iter().for_each(|e| seen.saw(e));
        (Content::Events(events), seen)
    };
    if !seen.useful() {
        let fault = Fault::Silent("the answer was empty".into());
        return Err(Lost { fault, usage: seen.usage.map(Box::new), bad_input: false });
    }
    Ok(Got::Whole { content, seen })
}

/// A whole body of at most `max` bytes. A longer one is cut there, or is a fault.
async fn collect(mut body: ByteStream, max: usize, cut: bool) -> Result<Bytes, Fault> {
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
