//! One call on one connection to a provider.
//!
//! There is no task and no channel: whoever waits for the reply, or for the next piece of its body, drives the connection.
//! Dropping either closes it.

use super::buffer::{self, Appetite, COPIED_MAX, SPARE};
use super::chunked::{Decoder, End};
use super::compose::Frames;
use super::framing::{self, Ends};
use super::{chunked, compose, head};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Uri};
use relay::ports::{ByteStream, Upload};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use vocab::{Fault, Segments};

/// Heads of `1xx` that are read over before the one that counts.
const INFORMATION_MAX: usize = 64;
/// A body of known length that is of no use in parts is read into one piece of up to this size.
const GATHERED_MAX: u64 = 256 << 10;

/// A connection, and the place it goes back to when it can serve another call.
pub trait Lease: AsyncRead + AsyncWrite + Unpin + Send {
    fn give_back(self);
}

/// A request, ready to be written.
pub struct Message {
    method: Method,
    /// With the body, where that is small.
    head: Vec<u8>,
    body: Vec<Bytes>,
    /// What of the body is not there yet.
    coming: Option<Coming>,
}

/// A body that is sent as it comes.
struct Coming {
    /// None where it is over, or broke off.
    body: Option<ByteStream>,
    /// How much of it is missing, where its length was said.
    left: Option<u64>,
    /// Some of it was taken: it cannot be sent again.
    begun: bool,
    broken: bool,
}

impl Message {
    pub fn new(method: Method, uri: &Uri, headers: &HeaderMap, body: Segments) -> Option<Self> {
        let length = body.len();
        let mut body = body.0;
        let framed = if length > 0 { Frames::Length(length as u64) } else { Frames::Nothing };
        let mut head = compose::request(&method, uri, uri.authority()?, headers, framed);
        if length <= COPIED_MAX {
            body.drain(..).for_each(|piece| head.extend_from_slice(&piece));
        }
        Some(Self { method, head, body, coming: None })
    }

    /// With a body that is sent as it comes.
    pub fn upload(uri: &Uri, headers: &HeaderMap, upload: Upload) -> Option<Self> {
        let Upload { length, body } = upload;
        let framed = length.map_or(Frames::Chunked, Frames::Length);
        let head = compose::request(&Method::POST, uri, uri.authority()?, headers, framed);
        let coming = Some(Coming { body: Some(body), left: length, begun: false, broken: false });
        Some(Self { method: Method::POST, head, body: Vec::new(), coming })
    }

    fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        at: &mut usize,
    ) -> Poll<io::Result<()>> {
        loop {
            let pieces =
                std::iter::once(self.head.as_slice()).chain(self.body.iter().map(|piece| &piece[..]));
            ready!(buffer::write(io, cx, pieces, at))?;
            ready!(Pin::new(&mut *io).poll_flush(cx))?;
            let Some(coming) = &mut self.coming else { break };
            let next = ready!(coming.poll(cx))?;
            *at = 0;
            self.head.clear();
            self.body.clear();
            match next {
                Some((size, pieces)) => {
                    self.head.extend_from_slice(&size);
                    self.body = pieces;
                }
                None => self.coming = None,
            }
        }
        // What was written is never sent again.
        drop(self.take());
        Poll::Ready(Ok(()))
    }

    /// Nothing of it can have been read by anybody, and all of it is at hand.
    fn is_untouched(&self, at: usize) -> bool {
        at == 0 && self.coming.as_ref().is_none_or(|coming| !coming.begun)
    }

    /// All of it, for who writes the rest, or nobody.
    fn take(&mut self) -> Self {
        let (head, body) = (std::mem::take(&mut self.head), std::mem::take(&mut self.body));
        Self { method: self.method.clone(), head, body, coming: self.coming.take() }
    }
}

/// The size of a chunk, where there are chunks, and what follows it.
type Piece = (Vec<u8>, Vec<Bytes>);

impl Coming {
    /// The next piece of the body as it is sent; None behind its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Piece>>> {
        self.begun = true;
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(Ok(None)) };
            let Some(next) = ready!(body.as_mut().poll_next(cx)) else {
                self.body = None;
                return Poll::Ready(match self.left {
                    None => Ok(Some((Vec::new(), vec![Bytes::from_static(chunked::BODY_END)]))),
                    Some(0) => Ok(None),
                    Some(left) => Err(self.breaks(&format!("{left} bytes of the body are missing"))),
                });
            };
            let piece = match next {
                Ok(piece) if piece.is_empty() => continue,
                Ok(piece) => piece,
                Err(fault) => return Poll::Ready(Err(self.breaks(fault.message()))),
            };
            let Some(left) = &mut self.left else {
                let mut size = Vec::with_capacity(12);
                chunked::size_line(&mut size, piece.len());
                return Poll::Ready(Ok(Some((size, vec![piece, Bytes::from_static(chunked::CHUNK_END)]))));
            };
            let Some(rest) = left.checked_sub(piece.len() as u64) else {
                return Poll::Ready(Err(self.breaks("the body is longer than was said")));
            };
            *left = rest;
            return Poll::Ready(Ok(Some((Vec::new(), vec![piece]))));
        }
    }

    /// What was to be sent is not to be had: nobody may take what was for all of it.
    fn breaks(&mut self, why: &str) -> io::Error {
        (self.body, self.broken) = (None, true);
        io::Error::other(format!("the body broke off: {why}"))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        buffer::give_back(std::mem::take(&mut self.head));
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub struct Lost {
    /// Not a byte of the request was written: it can be sent again, on another connection.
    pub unsent: bool,
    pub why: String,
}

/// A reply whose head is there.
pub struct Answer<L> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Arriving<L>,
}

/// Sends a request and waits for the head of its reply.
pub async fn call<L: Lease>(lease: L, message: &mut Message) -> Result<Answer<L>, Lost> {
    let mut calling =
        Calling { lease: Some(lease), at: 0, held: Bytes::new(), seen: 0, informed: 0, written: None };
    let (head, ends) = poll_fn(|cx| calling.poll(message, cx)).await?;
    let Calling { lease, at, held, written, .. } = calling;
    let gather =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let whole = matches!(written, Some(Ok(())));
    let mut body = Arriving {
        lease,
        left: match ends {
            Ends::After(length) => Left::Bytes { left: length, gather },
            Ends::Chunked => Left::Chunks(Decoder::default()),
            Ends::Closing => Left::Open,
        },
        first: held,
        gathered: BytesMut::new(),
        appetite: Appetite::default(),
        keep: whole && framing::keeps(head.old, &head.headers),
        unsent: written.is_none().then(|| Box::new((message.take(), at))),
        fault: None,
    };
    if ends == Ends::After(0) {
        let more = !body.first.is_empty();
        body.over(more);
    }
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// A call until the head of its reply is there.
struct Calling<L> {
    lease: Option<L>,
    /// Bytes of the request that are written.
    at: usize,
    held: Bytes,
    /// How much of `held` was looked through in vain for the end of a head.
    seen: usize,
    informed: usize,
    /// How the writing ended, once it has. A server may answer and close before it has read everything: what it said
    /// counts.
    written: Option<Result<(), io::Error>>,
}

impl<L: Lease> Calling<L> {
    fn poll(
        &mut self,
        message: &mut Message,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(head::Response, Ends), Lost>> {
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        if self.written.is_none() {
            match message.poll_write(lease, cx, &mut self.at) {
                Poll::Ready(Err(error)) if message.is_untouched(self.at) => {
                    return Poll::Ready(Err(Lost { unsent: true, why: error.to_string() }));
                }
                Poll::Ready(Err(error)) if message.coming.as_ref().is_some_and(|coming| coming.broken) => {
                    return Poll::Ready(Err(Lost { unsent: false, why: error.to_string() }));
                }
                Poll::Ready(result) => self.written = Some(result),
                Poll::Pending => {}
            }
        }
        let lost = |why: String| Poll::Ready(Err(Lost { unsent: false, why }));
        loop {
            if !self.held.is_empty() && (self.seen == 0 || head::may_be_complete(&self.held, self.seen)) {
                match head::response(&mut self.held) {
                    Err(why) => return lost(format!("the reply's head cannot be read: {why}")),
                    Ok(None) => {}
                    Ok(Some(head)) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                        return lost("the reply is in another protocol, which nobody asked for".into());
                    }
                    Ok(Some(head)) if head.status.is_informational() => {
                        self.informed += 1;
                        if self.informed > INFORMATION_MAX {
                            return lost("nothing but preliminary replies came".into());
                        }
                        self.seen = 0;
                        continue;
                    }
                    Ok(Some(head)) => {
                        let ends = framing::response(&message.method, head.status, head.old, &head.headers);
                        return match ends {
                            Ok(ends) => Poll::Ready(Ok((head, ends))),
                            Err(why) => lost(format!("where the reply ends cannot be told: {why}")),
                        };
                    }
                }
            }
            self.seen = self.held.len();
            // A head is small, and what comes behind it is read into a place of its own.
            let read = ready!(buffer::read(lease, cx, &mut Appetite::default()));
            match (read, &self.written) {
                (Ok(more), _) if !more.is_empty() => buffer::append(&mut self.held, more),
                (Ok(_), Some(Err(error))) => return lost(error.to_string()),
                (Ok(_), _) => return lost("the connection was closed before the reply was there".into()),
                (Err(error), _) => return lost(error.to_string()),
            }
        }
    }
}

/// What is missing of a body.
enum Left {
    Bytes {
        left: u64,
        gather: bool,
    },
    Chunks(Decoder),
    /// It ends with the connection.
    Open,
}

/// A reply's body. At its end the connection goes back.
pub struct Arriving<L> {
    /// None once the body is over.
    lease: Option<L>,
    left: Left,
    /// What came together with the head.
    first: Bytes,
    gathered: BytesMut,
    appetite: Appetite,
    keep: bool,
    /// What of the request is being written still, and from where on.
    unsent: Option<Box<(Message, usize)>>,
    /// Told after what came before it.
    fault: Option<Fault>,
}

impl<L: Lease> Arriving<L> {
    /// The body is whole. The connection is kept, unless `more` was said on it.
    fn over(&mut self, more: bool) {
        if let Some(lease) = self.lease.take()
            && self.keep
            && !more
        {
            lease.give_back();
        }
        self.first = Bytes::new();
        self.unsent = None;
    }

    fn cut(&mut self, why: &dyn std::fmt::Display) -> Fault {
        self.lease = None;
        Fault::Cut(format!("the reply broke off: {why}"))
    }

    /// The end of the connection, before that of the body or at it.
    fn closed(&mut self) -> Option<Result<Bytes, Fault>> {
        let why = match &self.left {
            Left::Open => {
                self.lease = None;
                return None;
            }
            Left::Bytes { left, .. } => {
                let missing = left.saturating_sub(self.gathered.len() as u64);
                format!("the connection was closed with {missing} bytes missing")
            }
            Left::Chunks(_) => "the connection was closed between its first and its last chunk".into(),
        };
        let fault = self.cut(&why);
        if self.gathered.is_empty() {
            return Some(Err(fault));
        }
        self.fault = Some(fault);
        Some(Ok(std::mem::take(&mut self.gathered).freeze()))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Some(lease) = &mut self.lease else {
                return Poll::Ready(self.fault.take().map(Err));
            };
            if let Some(unsent) = &mut self.unsent {
                let (message, at) = &mut **unsent;
                if message.poll_write(lease, cx, at).is_ready() {
                    self.unsent = None;
                }
            }
            let first = std::mem::take(&mut self.first);
            let payload = match &self.left {
                Left::Bytes { left, gather: true } if (first.len() as u64) < *left => {
                    match ready!(gather(lease, cx, *left, &first, &mut self.gathered)) {
                        Ok(0) => return Poll::Ready(self.closed()),
                        Ok(_) if (self.gathered.len() as u64) < (*left).min(GATHERED_MAX) => continue,
                        Ok(_) => {
                            let gathered = std::mem::take(&mut self.gathered).freeze();
                            self.take(gathered)
                        }
                        Err(error) => return Poll::Ready(Some(Err(self.cut(&error)))),
                    }
                }
                Left::Chunks(_) if !first.is_empty() => self.take_chunks(BytesMut::from(&first[..])),
                _ if !first.is_empty() => self.take(first),
                left => {
                    let chunked = matches!(left, Left::Chunks(_));
                    match ready!(buffer::read(lease, cx, &mut self.appetite)) {
                        Ok(read) if read.is_empty() => return Poll::Ready(self.closed()),
                        Ok(read) if chunked => self.take_chunks(read),
                        Ok(read) => self.take(read.freeze()),
                        Err(error) => return Poll::Ready(Some(Err(self.cut(&error)))),
                    }
                }
            };
            if !payload.is_empty() {
                return Poll::Ready(Some(Ok(payload)));
            }
        }
    }

    fn take(&mut self, mut bytes: Bytes) -> Bytes {
        if let Left::Bytes { left, .. } = &mut self.left {
            let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            *left -= here as u64;
            if *left == 0 {
                let more = bytes.len() > here;
                self.over(more);
            }
            bytes.truncate(here);
        }
        bytes
    }

    fn take_chunks(&mut self, mut bytes: BytesMut) -> Bytes {
        let Left::Chunks(decoder) = &mut self.left else { return Bytes::new() };
        let decoded = decoder.decode(&mut bytes);
        match decoded.end {
            End::More => {}
            End::Done { used } => self.over(used < bytes.len()),
            End::Broken(why) => self.fault = Some(self.cut(&why.0)),
        }
        bytes.freeze().slice(decoded.payload)
    }
}

/// Reads on into one piece that begins with `first`; how much came, zero at the end of the connection.
fn gather<L: Lease>(
    lease: &mut L,
    cx: &mut Context<'_>,
    left: u64,
    first: &[u8],
    piece: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    if piece.capacity() == 0 {
        let size = usize::try_from(left.min(GATHERED_MAX)).unwrap_or(0).max(first.len());
        *piece = BytesMut::with_capacity(size + SPARE);
        piece.extend_from_slice(first);
    }
    buffer::read_into(lease, cx, piece)
}

impl<L: Lease> Stream for Arriving<L> {
    type Item = Result<Bytes, Fault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}
