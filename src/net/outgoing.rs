//! Calls to providers over the pool.

use super::pool::{self, Lease, Outgoing};
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Request, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use relay::ports::{Http, Reply};
use std::pin::Pin;
use std::task::{Context, Poll};
use vocab::{Call, Duration, Fault};

/// The `Http` port on tokio and hyper. Holds nothing: the connections belong to the core's own pool.
#[derive(Clone, Copy, Debug)]
pub struct NativeHttp;

#[async_trait]
impl Http for NativeHttp {
    async fn send(&self, call: Call, connect: Duration) -> Result<Reply, Fault> {
        let uri = call.uri.clone();
        let mut request = request(call, &uri)?;
        loop {
            let mut lease = match pool::take(&uri).map_err(down)? {
                Some(lease) => lease,
                // Boxed: connecting is rare and large.
                None => Box::pin(fresh(&uri, connect)).await?,
            };
            if lease.sender.ready().await.is_err() {
                if lease.reused {
                    continue;
                }
                return Err(Fault::Down("the connection closed before the request was sent".into()));
            }
            match lease.sender.try_send_request(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let body = Box::pin(Arriving { body, lease: Some(lease) });
                    return Ok(Reply { status: head.status.as_u16(), headers: head.headers, body });
                }
                // A kept connection that was just being closed: nothing was sent, so it can be sent again.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if lease.reused => request = unsent,
                    _ => return Err(Fault::Down(told(failed.error()))),
                },
            }
        }
    }
}

async fn fresh(uri: &Uri, patience: Duration) -> Result<Lease, Fault> {
    match tokio::time::timeout(patience, pool::connect(uri)).await {
        Ok(connected) => connected.map_err(down),
        Err(_) => Err(Fault::Down(format!("no connection within {} ms", patience.as_millis()))),
    }
}

/// In origin form, as HTTP/1.1 wants it.
fn request(call: Call, uri: &Uri) -> Result<Request<Outgoing>, Fault> {
    let bad = |e: http::Error| Fault::Down(format!("the provider's address cannot be called: {e}"));
    let mut origin = http::uri::Parts::default();
    origin.path_and_query = uri.path_and_query().cloned();
    let method = call.method();
    let mut request = Request::new(Outgoing::from(call.body));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_parts(origin).map_err(|e| bad(e.into()))?;
    *request.headers_mut() = call.headers;
    if let Some(host) = uri.authority() {
        let host = HeaderValue::from_str(host.as_str()).map_err(|e| bad(e.into()))?;
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(request)
}

fn down(error: std::io::Error) -> Fault {
    Fault::Down(error.to_string())
}

/// hyper's error with its cause, which says what happened.
fn told(error: &hyper::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A reply's body. At its end the connection goes back to the pool.
struct Arriving {
    body: Incoming,
    lease: Option<Lease>,
}

impl Arriving {
    fn over(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        if self.body.is_end_stream() {
                            self.over();
                        }
                        Poll::Ready(Some(Ok(data)))
                    }
                    Err(_trailers) => continue,
                },
                Some(Err(error)) => {
                    self.lease = None;
                    Poll::Ready(Some(Err(Fault::Cut(told(&error)))))
                }
                None => {
                    self.over();
                    Poll::Ready(None)
                }
            };
        }
    }
}
