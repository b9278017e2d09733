//! Connections from clients: one current-thread runtime per core, each with its own listener on the same port.

use super::h1::server::{self, Service};
use bytes::Bytes;
use front::session::Session;
use front::{Front, Peer, Response};
use http::Request;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use vocab::{Dice, Duration};

const BACKLOG: i32 = 4_096;
/// What was sent and is neither acknowledged nor asked for within this time ends the connection.
const UNREAD_FOR: Duration = Duration::from_secs(120);

/// A port, bound once for each core.
pub struct Listen {
    listeners: Vec<StdListener>,
    pub address: SocketAddr,
}

impl Listen {
    /// Binds `address` for `cores` cores; port 0 takes a free one.
    pub fn bind(address: SocketAddr, cores: usize) -> io::Result<Self> {
        let first = bind(address, cores > 1)?;
        let address = first.local_addr()?;
        let mut listeners = vec![first];
        for _ in 1..cores {
            listeners.push(bind(address, true)?);
        }
        Ok(Self { listeners, address })
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until `stop` says so; then no new connections are taken and those under way may finish within `grace`.
/// Blocks the calling thread; `within` runs on the first core's runtime.
pub fn serve(
    listen: Listen,
    front: Arc<Front>,
    seed: u64,
    stop: watch::Receiver<bool>,
    grace: Duration,
    within: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    let mut cores = Vec::new();
    let mut within = Some(within);
    let mut listeners = listen.listeners.into_iter().enumerate();
    let first = listeners.next();
    for (core, listener) in listeners {
        let (front, stop, open) = (front.clone(), stop.clone(), open.clone());
        cores.push(std::thread::Builder::new().name(format!("core-{core}")).spawn(move || {
            run(
                listener,
                front,
                Dice::seeded(seed ^ core as u64),
                stop,
                grace,
                open,
                None::<std::future::Ready<()>>,
            )
        })?);
    }
    if let Some((_, listener)) = first {
        run(listener, front, Dice::seeded(seed), stop, grace, open, within.take())?;
    }
    for core in cores {
        core.join().map_err(|_| io::Error::other("a core's thread panicked"))??;
    }
    Ok(())
}

fn run(
    listener: StdListener,
    front: Arc<Front>,
    mut dice: Dice,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
    open: Arc<AtomicUsize>,
    within: Option<impl Future<Output = ()> + Send + 'static>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        if let Some(within) = within {
            tokio::spawn(within);
        }
        let listener = TcpListener::from_std(listener)?;
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let dice = Dice::seeded(dice.roll());
                        tokio::spawn(connection(stream, peer, front.clone(), dice, stop.clone(), open.clone()));
                    }
                    // Out of descriptors or the like: what is open goes on, and new ones are tried again soon.
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                },
                _ = stop.changed() => break,
            }
        }
        drop(listener);
        let finish = async {
            while open.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(grace, finish).await.is_err() {
            tracing::warn!(open = open.load(Ordering::Relaxed), "connections were cut at the end of the grace time");
        }
        Ok(())
    })
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The front, for one client.
struct Desk {
    front: Arc<Front>,
    peer: Peer,
    dice: Mutex<Dice>,
}

impl Service for Desk {
    type Body = front::Body;

    async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes, Error: Display> + Send,
    {
        let seed = self.dice.lock().unwrap_or_else(PoisonError::into_inner).roll();
        self.front.serve(request, self.peer, seed).await
    }

    fn switched(response: &mut Response) -> Option<Box<Session>> {
        response.body.take_session()
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    front: Arc<Front>,
    dice: Dice,
    stop: watch::Receiver<bool>,
    open: Arc<AtomicUsize>,
) {
    open.fetch_add(1, Ordering::Relaxed);
    let _counted = Counted(open);
    // Without this every pooled client waits up to 40 ms for its first token.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended at once");
        return;
    }
    // A client that stays connected and reads nothing would hold its upstream and its money for ever.
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD_FOR)) {
        tracing::debug!(%error, "a stalled client will not be noticed");
    }
    let peer = Peer { loopback: peer.ip().is_loopback(), tls: false };
    server::serve(stream, &Desk { front, peer, dice: Mutex::new(dice) }, stop).await;
}
