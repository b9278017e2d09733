//! A wire to PostgreSQL that can be cut where it hurts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is to happen to connections.
#[derive(Default)]
pub struct Fate {
    /// So many commits reach the server, and nobody hears that they did.
    pub unheard: AtomicU32,
    /// So many commits are lost on the way.
    pub lost: AtomicU32,
}

pub struct Proxy {
    pub port: u16,
    pub fate: Arc<Fate>,
}

/// Takes one, where there is one left.
fn take(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Proxy {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fate = Arc::new(Fate::default());
        let told = Arc::clone(&fate);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], server))).await;
                if let Ok(far) = far {
                    tokio::spawn(pass(near, far, Arc::clone(&told)));
                }
            }
        });
        Self { port, fate }
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, fate: Arc<Fate>) {
    let (mut asked, mut said) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = near.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let bytes = &asked[..count];
                // A query of its own: Q, its length, the text, and a zero. Entries go before it in the same breath.
                let commits = bytes.ends_with(b"Q\0\0\0\x0bCOMMIT\0") && count > 100;
                if commits && take(&fate.lost) {
                    return;
                }
                if far.write_all(bytes).await.is_err() {
                    return;
                }
                if commits && take(&fate.unheard) {
                    // Until the server has answered, that is, done it.
                    while !matches!(far.read(&mut said).await, Ok(count) if said[..count].windows(6).any(|w| w == b"COMMIT")) {}
                    return;
                }
            }
            read = far.read(&mut said) => {
                let Ok(count @ 1..) = read else { return };
                if near.write_all(&said[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
