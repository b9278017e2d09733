//! The connections that hyper serves: those on which something rare or wrong was said, and those that become sockets.

use super::HEAD_MAX;
use super::server::{HEAD_WITHIN, Service};
use crate::net::socket;
use bytes::{Buf, Bytes};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// Serves a connection of which `held` was read already.
pub async fn serve<T, S>(io: T, held: Bytes, service: &S, mut stop: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    let io = Rewound { held, io };
    // What the connection becomes, once its answer is out.
    let switched = Mutex::new(None);
    let stopped = stop.clone();
    let service = service_fn(|mut request: Request<Incoming>| {
        let switched = &switched;
        // Boxed, so that it is gone once the head is out: hyper keeps its place for as long as the connection lives.
        Box::pin(async move {
            let key = request.headers().get("sec-websocket-key").cloned();
            let upgrade = key.is_some().then(|| hyper::upgrade::on(&mut request));
            let mut response = service.answer(request).await;
            let session = S::switched(&mut response);
            let mut response = http::Response::from(response);
            if let (Some(session), Some(upgrade), Some(Ok(key))) =
                (session, upgrade, key.as_ref().map(HeaderValue::to_str))
            {
                socket::accept(key, response.headers_mut());
                *switched.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, session));
            }
            Ok::<_, Infallible>(response)
        })
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut served = pin!(served);
    let result = tokio::select! {
        // What was read already is looked at before an end that was asked for.
        biased;
        result = served.as_mut() => result,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
    let switched = switched.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, session)) = switched {
        match upgrade.await {
            Ok(io) => socket::talk(io, *session, stopped).await,
            Err(error) => tracing::debug!(%error, "a connection did not become a socket"),
        }
    }
}

/// A connection with something to read before what comes on it.
struct Rewound<T> {
    held: Bytes,
    io: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let here = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..here]);
        self.held.advance(here);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
