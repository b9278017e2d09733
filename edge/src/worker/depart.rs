//! An answer on its way out.

use super::{glue, heads, later};
use bytes::Bytes;
use futures::future::{Either, select};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use wasm_bindgen_futures::JsFuture;

/// Hands an answer to the runtime. A stream is pumped by work of its own, which ends when the stream has: what it cost
/// is settled by then, whether or not anybody still listens.
pub fn respond(response: front::Response, silent: bool) -> web_sys::Response {
    let front::Response { status, fields, body } = response;
    let (status, heads) = (status.as_u16(), heads::lines(fields.iter()));
    match body {
        // The answer to a HEAD, and statuses that have no body.
        _ if silent || matches!(status, 204 | 304) => glue::respond(status, &heads, None),
        front::Body::Whole(bytes) => {
            glue::respond(status, &heads, Some(bytes.as_deref().unwrap_or_default()))
        }
        body @ front::Body::Stream(_) => {
            let speaking = glue::Speaking::new(status, &heads);
            let response = speaking.response();
            later::spawn(pump(body, speaking));
            response
        }
    }
}

async fn pump(mut body: front::Body, to: glue::Speaking) {
    let mut left = JsFuture::from(to.left());
    loop {
        let piece = match select(pin!(piece(&mut body)), &mut left).await {
            Either::Left((piece, _)) => piece,
            // Dropping the body is the client leaving: the relay settles by itself.
            Either::Right(_) => return,
        };
        let Some(piece) = piece else { break };
        if JsFuture::from(to.write(&piece)).await.is_err() {
            return;
        }
    }
    // Nobody is there to be told if this fails.
    let _ = JsFuture::from(to.end()).await;
}

async fn piece(body: &mut front::Body) -> Option<Bytes> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        // It never fails, and trailers cannot be sent from here.
        if let Some(bytes) = frame.ok().and_then(|frame| frame.into_data().ok()) {
            return Some(bytes);
        }
    }
}
