//! One client's connection: request by request, in order, on one task.
//!
//! Only the plain case is served here, which is nearly every case: what is rare or wrong is handed to hyper together with
//! what was read of it, and hyper keeps the connection from there on.

use super::buffer::{self, Appetite, COPIED_MAX};
use super::chunked::{self, BODY_END, CHUNK_AND_BODY_END, CHUNK_END};
use super::compose::{self, Sends};
use super::intake::{Body, Came, Shared, Wire, lock};
use super::{head::Plain, unusual};
use bytes::{Buf, Bytes};
use front::Response;
use front::session::Session;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};
use vocab::Duration;

/// A request's head must be there within this time after the last answer, or the connection is closed: slow heads hold
/// nothing.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A client that was refused while it was still sending is listened to that long, so that it can read why: closing at once
/// would take the answer back.
const LINGER: Duration = Duration::from_secs(2);
/// Pieces are put behind one another up to here while the client does not take what is written.
const BEGIN_MAX: usize = 2 * COPIED_MAX;

/// What answers requests.
pub trait Service: Send + Sync {
    /// One that fails ends its connection without the end of the body.
    type Body: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static;

    fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response<Self::Body>> + Send
    where
        B: http_body::Body<Data = Bytes, Error: std::fmt::Display> + Send;

    /// The conversation that the connection becomes with this answer, where it does.
    fn switched(response: &mut Response<Self::Body>) -> Option<Box<Session>> {
        let _ = response;
        None
    }
}

/// Serves a connection to its end. After `stop` says so, no request is waited for any more.
pub async fn serve<T, S>(io: T, service: &S, mut stop: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    let asked_to_stop = stop.clone();
    let mut waiting = Waiting {
        stop: pin!(async move { drop(stop.wait_for(|stop| *stop).await) }),
        stopping: false,
        timer: pin!(sleep(HEAD_WITHIN)),
    };
    let wire: Shared<T> = Mutex::new(Wire::new(io));
    loop {
        let came = waiting.next(&wire).await;
        let plain = match came {
            Came::Plain(plain) => plain,
            Came::Gone => break,
            Came::Unusual => {
                let wire = wire.into_inner().unwrap_or_else(PoisonError::into_inner);
                // Boxed: rare and large.
                return Box::pin(unusual::serve(wire.io, wire.held, service, asked_to_stop)).await;
            }
        };
        let Plain { request, length: _, keep } = *plain;
        let method = request.method().clone();
        let body = match lock(&wire).whole_body() {
            Some(body) => Body::Whole(Some(body).filter(|body| !body.is_empty())),
            None if is_form(request.headers()) => Body::Pieces { from: &wire, appetite: Appetite::default() },
            None => Body::Coming { from: &wire, body: bytes::BytesMut::new() },
        };
        // Boxed, so that it is gone once the answer begins.
        let mut answer = Box::pin(service.answer(request.map(|()| body)));
        let response = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending if lock(&wire).has_left(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        drop(answer);
        let Some(response) = response else { break };
        let read = lock(&wire).drain(&mut Context::from_waker(Waker::noop()));
        let keep = keep && read && !asked_to_stop.has_changed().unwrap_or(true);
        let mut saying = Saying::new(&method, response, keep);
        if !saying.say(&wire).await {
            break;
        }
        if !keep {
            let wire = wire.into_inner().unwrap_or_else(PoisonError::into_inner);
            return Box::pin(end(wire.io, !read)).await;
        }
    }
    let wire = wire.into_inner().unwrap_or_else(PoisonError::into_inner);
    Box::pin(end(wire.io, false)).await;
}

/// Whether a body is a form, in which files are sent.
fn is_form(headers: &HeaderMap) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.and_then(|kind| kind.get(..FORM.len())).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}

/// Says that nothing more comes. Where the client is `still_sending`, what nobody wants is read until it has done with it.
async fn end<T: AsyncRead + AsyncWrite + Unpin>(mut io: T, still_sending: bool) {
    if io.shutdown().await.is_ok() && still_sending {
        let mut appetite = Appetite::default();
        let reading = async {
            while poll_fn(|cx| buffer::read(&mut io, cx, &mut appetite))
                .await
                .is_ok_and(|read| !read.is_empty())
            {}
        };
        // Whichever comes first.
        drop(tokio::time::timeout(LINGER, reading).await);
    }
}

/// What ends the waiting for a request. The timer is set once and moved only when it rings.
struct Waiting<'a, F> {
    stop: Pin<&'a mut F>,
    stopping: bool,
    timer: Pin<&'a mut Sleep>,
}

impl<F: Future<Output = ()>> Waiting<'_, F> {
    async fn next<T>(&mut self, wire: &Shared<T>) -> Came
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut deadline = None;
        poll_fn(|cx| {
            let mut wire = lock(wire);
            if let Poll::Ready(came) = wire.poll_head(cx) {
                return Poll::Ready(came);
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + HEAD_WITHIN);
            while self.timer.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Came::Gone);
                }
                self.timer.as_mut().reset(deadline);
            }
            if !self.stopping {
                self.stopping = self.stop.as_mut().poll(cx).is_ready();
            }
            // Half a head may be finished still.
            if self.stopping && !wire.has_begun() { Poll::Ready(Came::Gone) } else { Poll::Pending }
        })
        .await
    }
}

/// A response on its way out.
struct Saying<B> {
    body: Option<B>,
    sends: Sends,
    /// What is being written: its beginning (the head, the size of a chunk, small pieces), a piece of the body, its end.
    begin: Vec<u8>,
    piece: Bytes,
    end: &'static [u8],
    at: usize,
    /// The body failed: what came before it is sent, and nothing behind it.
    cut: bool,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> Saying<B> {
    fn new(method: &http::Method, response: Response<B>, keep: bool) -> Self {
        let Response { status, fields, body } = response;
        let sends = compose::sends(method, status, body.size_hint());
        let begin = compose::response(status, fields.lines(), sends, keep);
        let body = matches!(sends, Sends::Length(1..) | Sends::Chunked).then_some(body);
        let end = if sends == Sends::Chunked && body.is_none() { BODY_END } else { b"" };
        Self { body, sends, begin, piece: Bytes::new(), end, at: 0, cut: false }
    }

    /// False where the client is gone, or the body was not as long as was said.
    async fn say<T: AsyncRead + AsyncWrite + Unpin>(&mut self, wire: &Shared<T>) -> bool {
        poll_fn(|cx| {
            let polled = self.poll(&mut lock(wire), cx);
            if polled.is_pending() && lock(wire).has_left(cx) { Poll::Ready(false) } else { polled }
        })
        .await
    }

    fn poll<T: AsyncWrite + Unpin>(&mut self, wire: &mut Wire<T>, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let room = self.piece.is_empty() && self.begin.len() < BEGIN_MAX;
            let waits = room && self.take(cx).is_pending();
            if !self.is_written() {
                let pieces = [self.begin.as_slice(), &self.piece, self.end];
                match buffer::write(&mut wire.io, cx, pieces.into_iter(), &mut self.at) {
                    Poll::Ready(Ok(())) => self.written(),
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.body.is_none() {
                // A body that fell short of its length leaves the client waiting for the rest.
                return Poll::Ready(!self.cut && !matches!(self.sends, Sends::Length(1..)));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    fn is_written(&self) -> bool {
        self.begin.is_empty() && self.piece.is_empty() && self.end.is_empty()
    }

    fn written(&mut self) {
        // Whoever waits for more holds nothing.
        buffer::give_back(std::mem::take(&mut self.begin));
        self.piece = Bytes::new();
        self.end = b"";
        self.at = 0;
    }

    /// The next piece of the body, put behind what is not written yet.
    fn take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = &mut self.body {
            let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(cx));
            let over = frame.is_none() || body.is_end_stream();
            if self.begin.capacity() == 0 {
                self.begin = buffer::room();
            }
            let mut piece = match frame {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => {
                    self.cut = true;
                    self.body = None;
                    return Poll::Ready(());
                }
                None => Bytes::new(),
            };
            if over {
                self.body = None;
            }
            match &mut self.sends {
                Sends::Chunked => {
                    self.end = match (piece.is_empty(), over) {
                        (true, false) => continue,
                        (true, true) => BODY_END,
                        (false, true) => CHUNK_AND_BODY_END,
                        (false, false) => CHUNK_END,
                    };
                    if !piece.is_empty() {
                        chunked::size_line(&mut self.begin, piece.len());
                    }
                }
                Sends::Length(left) => {
                    // What is longer than was said is not sent.
                    piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        self.body = None;
                    }
                }
                Sends::Nothing | Sends::Told(_) => {}
            }
            if piece.has_remaining() || over {
                if piece.len() <= COPIED_MAX {
                    self.begin.extend_from_slice(&piece);
                    self.begin.extend_from_slice(std::mem::take(&mut self.end));
                } else {
                    self.piece = piece;
                }
                break;
            }
        }
        Poll::Ready(())
    }
}
