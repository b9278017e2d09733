//! Scripts on real sockets with real time.

use crate::lab::{Lab, LabRequest};
use crate::prose::hash;
use crate::script::{End, Script, Step};
use crate::seen::Progress;
use bytes::Bytes;
use futures::future::{Either, select};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};
use vocab::Dice;

/// How much the server takes on. Beyond it, callers wait or are turned away; nothing grows without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more wait in the listener's queue.
    pub connections: usize,
    /// Bytes of one request body.
    pub body: usize,
    /// How long a hang lasts if the client does not give up before.
    pub hang: Duration,
    /// How long a client may take over its request's head.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            body: 32 << 20,
            hang: Duration::from_secs(600),
            head: Duration::from_secs(30),
        }
    }
}

/// Serves the lab until `stop` is there; then every connection is dropped.
///
/// Every provider has its own path prefix ([`Lab::base_url`]); `GET /` lists them. What cannot be done to a connection
/// that is already accepted is done as nearly as it can: a refused one is reset before its first byte, one that is
/// never made gets no answer.
pub async fn serve(
    listener: TcpListener,
    lab: Arc<Lab>,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let mut stop = pin!(stop);
    let house = Arc::new(House { lab, limits, start: Instant::now(), asked: AtomicU64::new(0) });
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let entry = async {
            let permit = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            io::Result::Ok((permit, stream))
        };
        let accepted = match select(pin!(entry), &mut stop).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return Ok(()),
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((permit, stream)) => {
                let house = Arc::clone(&house);
                connections.spawn(async move {
                    let _permit = permit;
                    house.connection(stream).await;
                });
            }
            // Out of descriptors, or a client gone before it was accepted: neither is a reason to stop.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

struct House {
    lab: Arc<Lab>,
    limits: Limits,
    start: Instant,
    asked: AtomicU64,
}

impl House {
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Without it, every first token of a kept-alive connection waits 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let reset = Arc::new(AtomicBool::new(false));
        let wire = Wire { stream, reset: Arc::clone(&reset) };
        let head = self.limits.head;
        let service = service_fn(move |request| {
            let (house, reset) = (Arc::clone(&self), Arc::clone(&reset));
            async move { house.answer(request, reset).await }
        });
        // An error is a client gone or a fault played as asked.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .serve_connection(TokioIo::new(wire), service)
            .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        reset: Arc<AtomicBool>,
    ) -> io::Result<Response<Playing>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, self.limits.body).collect().await else {
            let mut response = Response::new(Playing::nothing(&self.lab));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(response);
        };
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let request = LabRequest { method: head.method, path, headers: head.headers, body: body.to_bytes() };
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let seed = hash(&[&self.lab.scenario().seed.to_le_bytes(), &asked.to_le_bytes()]);
        let elapsed = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let now = vocab::Instant::from_micros(elapsed);
        let script = self.lab.respond(&request, now, &mut Dice::seeded(seed));
        match script.end {
            End::Refuse => {
                reset.store(true, Ordering::Relaxed);
                return Err(io::Error::other("refused, as asked"));
            }
            End::NoHead | End::NoConnect => {
                sleep(self.limits.hang).await;
                return Err(io::Error::other("no head, as asked"));
            }
            _ => sleep(script.head_after).await,
        }
        let mut response = Response::new(Playing::new(&self.lab, &script, self.limits.hang, reset));
        *response.status_mut() = StatusCode::from_u16(script.status).map_err(io::Error::other)?;
        *response.headers_mut() = script.headers;
        Ok(response)
    }
}

/// A script's body as it is played.
struct Playing {
    lab: Arc<Lab>,
    ticket: u64,
    steps: VecDeque<Step>,
    sent: usize,
    pause: Option<Pin<Box<Sleep>>>,
    end: End,
    hang: Duration,
    reset: Arc<AtomicBool>,
}

impl Playing {
    fn new(lab: &Arc<Lab>, script: &Script, hang: Duration, reset: Arc<AtomicBool>) -> Self {
        let steps = script.steps.iter().cloned().collect();
        Self {
            lab: Arc::clone(lab),
            ticket: script.ticket,
            steps,
            sent: 0,
            pause: None,
            end: script.end,
            hang,
            reset,
        }
    }

    fn nothing(lab: &Arc<Lab>) -> Self {
        Self {
            lab: Arc::clone(lab),
            ticket: u64::MAX,
            steps: VecDeque::new(),
            sent: 0,
            pause: None,
            end: End::Done,
            hang: Duration::ZERO,
            reset: Arc::default(),
        }
    }

    fn note(&self, ended: bool) {
        self.lab.carried(self.ticket, Progress { steps: self.sent, ended });
    }

    /// Waits once; the next call waits anew.
    fn wait(&mut self, span: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if span.is_zero() && self.pause.is_none() {
            return Poll::Ready(());
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(span)));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        Poll::Ready(())
    }
}

/// What was written before a connection breaks has to be read before the break is seen.
const BEFORE_BREAK: Duration = Duration::from_millis(20);

impl Body for Playing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(after) = self.steps.front().map(|s| s.after) {
            ready!(self.wait(after, cx));
            let Some(step) = self.steps.pop_front() else { return Poll::Ready(None) };
            self.sent += 1;
            let last = self.steps.is_empty() && self.end == End::Done;
            self.note(last);
            return Poll::Ready(Some(Ok(Frame::data(step.bytes))));
        }
        match self.end {
            End::Done => {
                self.note(true);
                return Poll::Ready(None);
            }
            End::Hang => {
                let hang = self.hang;
                ready!(self.wait(hang, cx));
            }
            End::Reset => {
                ready!(self.wait(BEFORE_BREAK, cx));
                self.reset.store(true, Ordering::Relaxed);
            }
            _ => ready!(self.wait(BEFORE_BREAK, cx)),
        }
        self.note(true);
        Poll::Ready(Some(Err(io::Error::other("broken off, as asked"))))
    }
}

/// A socket that can be told to end in a reset.
struct Wire {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Closing with a linger of zero sends RST instead of FIN.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
