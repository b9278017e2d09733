//! One request to an address that somebody else chose: a webhook's.
//!
//! A name is resolved once, every address that comes of it is looked at, and the connection is made to one of those and to no
//! other: who answers differently the next time has gained nothing. Redirects are not followed, and of an answer nothing but
//! its head is read.

use super::h1::client::{self, Lease, Message};
use super::tls;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method};
use policy::alert::{Host, Target};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use vocab::{Duration, Segments};

/// How long a connection to one of several addresses may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Of so many addresses at most one is tried after the other.
const ADDRESSES: usize = 4;

/// Who knows names.
pub trait Resolve: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Posts a body and returns the status of the answer, or why there is none. `patience` is for all of it together.
pub async fn post(
    resolver: &dyn Resolve,
    target: &Target,
    headers: &HeaderMap,
    body: Bytes,
    patience: Duration,
) -> Result<u16, String> {
    let posting = async {
        let addresses = addresses(resolver, target).await?;
        let stream = connect(&addresses).await?;
        let io: Box<dyn Io> = if target.secure {
            let name = target.uri.host().unwrap_or_default();
            let name = name.trim_start_matches('[').trim_end_matches(']');
            let secure = tls::connect(stream, name).await.map_err(|error| format!("TLS: {error}"))?;
            Box::new(secure)
        } else {
            Box::new(stream)
        };
        let mut message = Message::new(Method::POST, &target.uri, headers, Segments(vec![body]))
            .ok_or_else(|| "the address has no host".to_owned())?;
        let answer = client::call(Once(io), &mut message).await.map_err(|lost| lost.why)?;
        Ok(answer.status.as_u16())
    };
    let late = |_| format!("no answer within {} s", patience.as_secs_f64());
    tokio::time::timeout(patience, posting).await.map_err(late)?
}

/// Every address of the target, all of them allowed. One that is not spoils them all: nobody means well who mixes them.
async fn addresses(resolver: &dyn Resolve, target: &Target) -> Result<Vec<SocketAddr>, String> {
    let found = match &target.host {
        Host::Address(address) => vec![SocketAddr::new(*address, target.port)],
        Host::Name(name) => {
            let found = resolver.resolve(name, target.port).await;
            found.map_err(|error| format!("{name} cannot be resolved: {error}"))?
        }
    };
    if let Some(inside) = found.iter().find(|address| !target.may_reach(address.ip())) {
        return Err(format!("its name is that of {}, which is no public address", inside.ip()));
    }
    if found.is_empty() { Err("its name has no address".into()) } else { Ok(found) }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut why = String::new();
    for address in addresses.iter().take(ADDRESSES) {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = format!("no connection: {error}"),
            Err(_) => why = format!("no connection within {} s", CONNECT.as_secs()),
        }
    }
    Err(why)
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection for one request.
struct Once(Box<dyn Io>);

impl Lease for Once {
    fn give_back(self) {}
}

impl AsyncRead for Once {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Once {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
