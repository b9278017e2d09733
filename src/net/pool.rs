//! Kept-alive connections to providers, one pool per core: no lock, no wake-up across cores.

use super::tls;
use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use vocab::{Duration, Segments};

/// Unused connections kept for each provider and core.
const IDLE_MAX: usize = 1_024;
/// Providers close idle connections after a minute or more; ours are given up sooner, so that a request seldom meets
/// one that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(45);
/// hyper's own default, 400 KiB, would let one large frame grow every connection's buffer to that.
const BUFFER_MAX: usize = 64 << 10;

/// A request body in pieces.
pub struct Outgoing(VecDeque<Bytes>);

impl From<Segments> for Outgoing {
    fn from(segments: Segments) -> Self {
        Self(segments.0.into_iter().filter(|s| !s.is_empty()).collect())
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(http_body::Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

type Sender = SendRequest<Outgoing>;

struct Idle {
    sender: Sender,
    since: std::time::Instant,
}

/// One provider's. There are few, so that looking through them is faster than hashing a name.
struct Shelf {
    key: Key,
    idle: Vec<Idle>,
}

thread_local! {
    static SHELVES: RefCell<Vec<Shelf>> = const { RefCell::new(Vec::new()) };
}

/// Whether it is secure, and host and port.
type Key = (bool, Authority);

/// A connection that may be in use, and where it goes back to.
pub struct Lease {
    pub sender: Sender,
    key: Key,
    pub reused: bool,
}

#[allow(clippy::disallowed_methods, reason = "the age of a socket is the shell's own matter")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

impl Lease {
    /// Puts it back for the next request. A closed one is dropped there.
    pub fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        SHELVES.with_borrow_mut(|shelves| {
            let at = shelves.iter().position(|shelf| shelf.key == self.key).unwrap_or_else(|| {
                shelves.push(Shelf { key: self.key, idle: Vec::new() });
                shelves.len() - 1
            });
            let idle = &mut shelves[at].idle;
            if idle.len() >= IDLE_MAX {
                idle.remove(0);
            }
            idle.push(Idle { sender: self.sender, since: now() });
        });
    }
}

fn key(uri: &Uri) -> io::Result<Key> {
    let authority =
        uri.authority().cloned().ok_or_else(|| io::Error::other("the provider's address has no host"))?;
    Ok((uri.scheme() == Some(&Scheme::HTTPS), authority))
}

/// A kept connection, the one used last; None where there is none.
pub fn take(uri: &Uri) -> io::Result<Option<Lease>> {
    let key = key(uri)?;
    SHELVES.with_borrow_mut(|shelves| {
        let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.key == key) else { return Ok(None) };
        while let Some(found) = shelf.idle.pop() {
            if found.since.elapsed() > IDLE_FOR {
                // The rest of the shelf was used even longer ago.
                shelf.idle.clear();
                return Ok(None);
            }
            if !found.sender.is_closed() {
                return Ok(Some(Lease { sender: found.sender, key, reused: true }));
            }
        }
        Ok(None)
    })
}

/// A new connection.
pub async fn connect(uri: &Uri) -> io::Result<Lease> {
    let (secure, authority) = key(uri)?;
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    // Without this a kept-alive connection waits up to 40 ms for the peer's acknowledgement.
    stream.set_nodelay(true)?;
    let sender = if secure {
        shake(TokioIo::new(tls::connect(stream, host).await?)).await?
    } else {
        shake(TokioIo::new(stream)).await?
    };
    Ok(Lease { sender, key: (secure, authority), reused: false })
}

async fn shake<T: Read + Write + Unpin + Send + 'static>(io: T) -> io::Result<Sender> {
    let (sender, connection) =
        http1::Builder::new().max_buf_size(BUFFER_MAX).handshake(io).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
    });
    Ok(sender)
}
