//! Calls to providers over the pool.

use super::h1::client::{self, Message};
use super::pool::{self, Held};
use async_trait::async_trait;
use http::{Method, Uri};
use relay::ports::{Http, Reply, Upload};
use vocab::{Call, Duration, Fault};

/// The `Http` port on tokio. Holds nothing: the connections belong to the core's own pool.
#[derive(Clone, Copy, Debug)]
pub struct NativeHttp;

#[async_trait]
impl Http for NativeHttp {
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault> {
        let method = call.method();
        self.send_as(method, call, connect).await
    }

    async fn upload(&self, call: Call, upload: Upload, connect: Duration) -> Result<Reply, Fault> {
        let Call { uri, headers, .. } = call;
        let message = Message::upload(&uri, &headers, upload);
        drop(headers);
        sent(&uri, message, connect).await
    }
}

impl NativeHttp {
    /// The same by another method: providers are asked by two of them only.
    pub async fn send_as(&self, method: Method, call: Call, connect: Duration) -> Result<Reply, Fault> {
        let Call { uri, headers, body, .. } = call;
        let message = Message::new(method, &uri, &headers, body);
        drop(headers);
        sent(&uri, message, connect).await
    }
}

async fn sent(uri: &Uri, message: Option<Message>, connect: Duration) -> Result<Reply, Fault> {
    let mut message = message.ok_or_else(|| Fault::Down("the provider's address has no host".into()))?;
    loop {
        let lease = match pool::take(uri).map_err(down)? {
            Some(lease) => lease,
            // Boxed: connecting is rare and large.
            None => Box::pin(fresh(uri, connect)).await?,
        };
        let reused = lease.reused;
        match client::call(lease, &mut message).await {
            Ok(answer) => {
                let body = Box::pin(answer.body);
                return Ok(Reply { status: answer.status.as_u16(), headers: answer.headers, body });
            }
            // A kept connection that was just being closed: nothing was sent, so it can be sent again.
            Err(lost) if lost.unsent && reused => {}
            Err(lost) => return Err(Fault::Down(lost.why)),
        }
    }
}

async fn fresh(uri: &Uri, patience: Duration) -> Result<Held, Fault> {
    match tokio::time::timeout(patience, pool::connect(uri)).await {
        Ok(connected) => connected.map_err(down),
        Err(_) => Err(Fault::Down(format!("no connection within {} ms", patience.as_millis()))),
    }
}

fn down(error: std::io::Error) -> Fault {
    Fault::Down(error.to_string())
}
