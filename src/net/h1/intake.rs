//! What a client sends: heads, bodies, and that it has left.

use super::buffer::{self, Appetite, SPARE};
use super::head::{self, Plain};
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};

/// What is set aside for a body before any of it is there, at most: a length is only a promise.
const PROMISED_MAX: usize = 256 << 10;
/// Requests that came before they were due are kept up to here; the rest waits in the kernel.
const EARLY_MAX: usize = 64 << 10;
/// What nobody read of a body is read over up to here, to keep the connection.
const DRAIN_MAX: u64 = 64 << 10;

/// A client's connection.
pub struct Wire<T> {
    pub io: T,
    /// What was read and is not used yet.
    pub held: Bytes,
    /// How much of `held` was looked through in vain for the end of a head.
    seen: usize,
    /// What is missing still of the body of the request at hand.
    left: u64,
}

/// What came.
pub enum Came {
    Plain(Box<Plain>),
    /// For hyper, with all that is held.
    Unusual,
    /// The connection has ended, properly or not.
    Gone,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub fn new(io: T) -> Self {
        Self { io, held: Bytes::new(), seen: 0, left: 0 }
    }

    /// The next request's head.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        loop {
            if !self.held.is_empty() && (self.seen == 0 || head::may_be_complete(&self.held, self.seen)) {
                match head::request(&mut self.held) {
                    head::Request::Partial => {}
                    head::Request::Unusual => return Poll::Ready(Came::Unusual),
                    head::Request::Plain(plain) => {
                        self.seen = 0;
                        self.left = plain.length;
                        return Poll::Ready(Came::Plain(plain));
                    }
                }
            }
            self.seen = self.held.len();
            if self.seen >= super::HEAD_MAX {
                return Poll::Ready(Came::Unusual);
            }
            match ready!(self.poll_more(cx)) {
                Ok(0) if self.held.is_empty() => return Poll::Ready(Came::Gone),
                // Half a head is refused by hyper, in its words.
                Ok(0) => return Poll::Ready(Came::Unusual),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Came::Gone),
            }
        }
    }

    /// Whether the beginning of a head is there.
    pub fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let more = ready!(buffer::read(&mut self.io, cx, &mut Appetite::default()))?;
        let n = more.len();
        buffer::append(&mut self.held, more);
        Poll::Ready(Ok(n))
    }

    /// The body of the request at hand, if all of it is there already.
    pub fn whole_body(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.left).ok().filter(|length| *length <= self.held.len())?;
        self.left = 0;
        let body = self.held.split_to(length);
        if self.held.is_empty() {
            // An empty rest would keep the block.
            self.held = Bytes::new();
        }
        Some(body)
    }

    /// Whether the client has left. What it sends meanwhile is kept: it may be its next request.
    pub fn has_left(&mut self, cx: &mut Context<'_>) -> bool {
        // The end of a body that is still coming is for who reads it.
        while self.left == 0 && self.held.len() < EARLY_MAX {
            match self.poll_more(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Ready(Ok(_)) => {}
            }
        }
        false
    }

    /// Reads over what nobody wanted of a body, as far as it is there already. True where nothing is left of it.
    pub fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        let mut most = DRAIN_MAX;
        loop {
            let here = self.left.min(self.held.len() as u64);
            drop(self.held.split_to(usize::try_from(here).unwrap_or(0)));
            self.left -= here;
            if self.left == 0 || self.left > most {
                return self.left == 0;
            }
            self.held = Bytes::new();
            match self.poll_more(cx) {
                Poll::Ready(Ok(n)) if n > 0 => most = most.saturating_sub(n as u64),
                _ => return false,
            }
        }
    }

    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        appetite: &mut Appetite,
    ) -> Poll<Result<Bytes, BrokenOff>> {
        if self.held.is_empty() {
            match ready!(buffer::read(&mut self.io, cx, appetite)) {
                Ok(read) if !read.is_empty() => self.held = read.freeze(),
                Ok(_) | Err(_) => return Poll::Ready(Err(BrokenOff(self.left))),
            }
        }
        let here = self.left.min(self.held.len() as u64);
        self.left -= here;
        let piece = self.held.split_to(usize::try_from(here).unwrap_or(0));
        if self.held.is_empty() {
            // An empty rest would keep the block.
            self.held = Bytes::new();
        }
        Poll::Ready(Ok(piece))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, body: &mut BytesMut) -> Poll<Result<(), BrokenOff>> {
        if body.capacity() == 0 {
            let promised = usize::try_from(self.left).unwrap_or(usize::MAX).min(PROMISED_MAX);
            *body = BytesMut::with_capacity(promised.max(self.held.len()) + SPARE);
            body.extend_from_slice(&self.held);
            self.left = self.left.saturating_sub(self.held.len() as u64);
            self.held = Bytes::new();
        }
        let missing = usize::try_from(self.left).unwrap_or(usize::MAX);
        if body.capacity() == body.len() {
            body.reserve(missing.min(body.len()) + SPARE);
        }
        let n = match ready!(buffer::read_into(&mut self.io, cx, body)) {
            Ok(0) => return Poll::Ready(Err(BrokenOff(self.left))),
            Ok(n) => n,
            Err(_) => return Poll::Ready(Err(BrokenOff(self.left))),
        };
        if n > missing {
            // The beginning of the next request.
            self.held = Bytes::copy_from_slice(&body[body.len() - (n - missing)..]);
            body.truncate(body.len() - (n - missing));
        }
        self.left = self.left.saturating_sub(n as u64);
        Poll::Ready(Ok(()))
    }
}

/// The client stopped sending with so many bytes of the body missing.
#[derive(Clone, Copy, Debug)]
pub struct BrokenOff(u64);

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection ended with {} bytes missing", self.0)
    }
}

impl std::error::Error for BrokenOff {}

/// A connection that is shared between who serves it and the body that arrives on it. Both are polled by one task, one
/// after the other, so nobody ever waits for the lock.
pub type Shared<T> = Mutex<Wire<T>>;

pub fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, Wire<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of a request, in one piece however it comes; but a form as it comes, as a file may be in it. An empty frame says
/// that something came and more is missing.
pub enum Body<'a, T> {
    Whole(Option<Bytes>),
    Coming { from: &'a Shared<T>, body: BytesMut },
    Pieces { from: &'a Shared<T>, appetite: Appetite },
}

impl<T: AsyncRead + AsyncWrite + Unpin> http_body::Body for Body<'_, T> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        match this {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Pieces { from, appetite } => {
                let mut wire = lock(from);
                let result = ready!(wire.poll_piece(cx, appetite));
                let over = wire.left == 0;
                drop(wire);
                if over || result.is_err() {
                    *this = Self::Whole(None);
                }
                Poll::Ready(Some(result.map(Frame::data)))
            }
            Self::Coming { from, body } => {
                let mut wire = lock(from);
                let result = ready!(wire.poll_body(cx, body));
                let over = wire.left == 0;
                drop(wire);
                Poll::Ready(Some(match result {
                    Ok(()) if over => {
                        let whole = std::mem::take(body).freeze();
                        *this = Self::Whole(None);
                        Ok(Frame::data(whole))
                    }
                    Ok(()) => Ok(Frame::data(Bytes::new())),
                    Err(broken) => {
                        *this = Self::Whole(None);
                        Err(broken)
                    }
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Coming { from, body } => {
                SizeHint::with_exact(lock(from).left.saturating_add(body.len() as u64))
            }
            Self::Pieces { from, .. } => SizeHint::with_exact(lock(from).left),
        }
    }
}
