//! Kept-alive connections to providers, one pool per core: no lock, no wake-up across cores.

use super::h1::client::Lease;
use super::tls;
use http::Uri;
use http::uri::{Authority, Scheme};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use vocab::Duration;

/// Unused connections kept for each provider and core.
const IDLE_MAX: usize = 1_024;
/// How often what nobody used is looked through. No clock is read when a connection comes or goes: its age is how often
/// that happened since.
const ROUND: Duration = Duration::from_secs(15);
/// Providers close idle connections after a minute or more; ours are given up sooner, between 30 and 45 seconds, so that
/// a request seldom meets one that is just being closed.
const ROUNDS: u32 = 3;

/// A connection to a provider.
enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn io(&mut self) -> Pin<&mut (dyn Io + '_)> {
        match self {
            Self::Plain(io) => Pin::new(io),
            Self::Secure(io) => Pin::new(&mut **io),
        }
    }

    /// Whether it can serve another call: still open, and nothing was said on it that nobody asked for.
    fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut read = ReadBuf::new(&mut byte);
        self.io().poll_read(&mut Context::from_waker(Waker::noop()), &mut read).is_pending()
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

struct Idle {
    wire: Wire,
    /// The round in which it was put here.
    since: u32,
}

impl Idle {
    fn is_old(&self, round: u32) -> bool {
        round.wrapping_sub(self.since) >= ROUNDS
    }
}

/// One provider's, the one used last at the back. There are few, so that looking through them is faster than hashing a
/// name.
struct Shelf {
    key: Key,
    idle: VecDeque<Idle>,
}

thread_local! {
    static SHELVES: RefCell<Vec<Shelf>> = const { RefCell::new(Vec::new()) };
    /// Whether this core's sweeper runs.
    static SWEPT: Cell<bool> = const { Cell::new(false) };
    /// How many rounds it has made.
    static ROUND_AT: Cell<u32> = const { Cell::new(0) };
}

/// Whether it is secure, and host and port.
struct Key(bool, Authority);

impl PartialEq for Key {
    /// By letter: an address is written in one way by whoever configured it, and if not it has two shelves.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 && self.1.as_str() == other.1.as_str()
    }
}

/// A connection that may be in use, and where it goes back to.
pub struct Held {
    wire: Wire,
    key: Key,
    pub reused: bool,
}

impl Lease for Held {
    fn give_back(self) {
        let Self { wire, key, .. } = self;
        SHELVES.with_borrow_mut(|shelves| {
            let at = shelves.iter().position(|shelf| shelf.key == key).unwrap_or_else(|| {
                shelves.push(Shelf { key, idle: VecDeque::new() });
                shelves.len() - 1
            });
            let idle = &mut shelves[at].idle;
            if idle.len() >= IDLE_MAX {
                idle.pop_front();
            }
            idle.push_back(Idle { wire, since: ROUND_AT.get() });
        });
        if !SWEPT.replace(true) {
            tokio::spawn(sweep());
        }
    }
}

/// Closes what nobody used for too long, until nothing is left: a provider that is not asked again holds no sockets.
async fn sweep() {
    let mut left = true;
    while left {
        tokio::time::sleep(ROUND).await;
        let round = ROUND_AT.get().wrapping_add(1);
        ROUND_AT.set(round);
        left = SHELVES.with_borrow_mut(|shelves| {
            for shelf in shelves.iter_mut() {
                let old = shelf.idle.partition_point(|idle| idle.is_old(round));
                drop(shelf.idle.drain(..old));
            }
            shelves.retain(|shelf| !shelf.idle.is_empty());
            !shelves.is_empty()
        });
    }
    SWEPT.set(false);
}

fn key(uri: &Uri) -> io::Result<Key> {
    let authority =
        uri.authority().cloned().ok_or_else(|| io::Error::other("the provider's address has no host"))?;
    Ok(Key(uri.scheme() == Some(&Scheme::HTTPS), authority))
}

/// A kept connection, the one used last; None where there is none.
pub fn take(uri: &Uri) -> io::Result<Option<Held>> {
    let key = key(uri)?;
    SHELVES.with_borrow_mut(|shelves| {
        let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.key == key) else { return Ok(None) };
        while let Some(mut idle) = shelf.idle.pop_back() {
            if idle.wire.is_quiet() {
                return Ok(Some(Held { wire: idle.wire, key, reused: true }));
            }
        }
        Ok(None)
    })
}

/// A new connection.
pub async fn connect(uri: &Uri) -> io::Result<Held> {
    let Key(secure, authority) = key(uri)?;
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    // Without this a kept-alive connection waits up to 40 ms for the peer's acknowledgement.
    stream.set_nodelay(true)?;
    let wire =
        if secure { Wire::Secure(Box::new(tls::connect(stream, host).await?)) } else { Wire::Plain(stream) };
    Ok(Held { wire, key: Key(secure, authority), reused: false })
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire.io().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.io().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire.io().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.io().poll_shutdown(cx)
    }
}
