//! An answer on its way out.

use super::task::{Waiting, brought, waiting};
use super::{glue, later};
use bytes::Bytes;
use futures::future::{Either, select};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};

/// Hands an answer to the runtime. A stream is pumped by work of its own, which ends when the stream has: what it cost
/// is settled by then, whether or not anybody still listens.
pub fn respond(door: &glue::Door, response: front::Response, silent: bool) {
    let front::Response { status, fields, body } = response;
    let (status, heads) = (status.as_u16(), fields.lines());
    match body {
        // The answer to a HEAD, and statuses that have no body.
        _ if silent || matches!(status, 204 | 304) => glue::answer(door, status, heads, None),
        front::Body::Whole(bytes) => {
            glue::answer(door, status, heads, Some(bytes.as_deref().unwrap_or_default()));
        }
        body => later::spawn(pump(body, glue::Speaking::new(door, status, heads))),
    }
}

async fn pump(mut body: front::Body, to: glue::Speaking) {
    let ((), mut left) = waiting(|number| to.left(number));
    loop {
        let piece = match select(pin!(piece(&mut body)), &mut left).await {
            Either::Left((piece, _)) => piece,
            // Dropping the body is the client leaving: the relay settles by itself.
            Either::Right(_) => return,
        };
        let piece = match piece {
            Some(Ok(piece)) => piece,
            Some(Err(front::Cut)) => return to.cut(),
            None => break,
        };
        // What fails here ends `left`.
        if !to.write(&piece) && matches!(select(room(&to), &mut left).await, Either::Right(_)) {
            return;
        }
    }
    // Nobody is there to be told if this fails.
    let _ = brought(|number| to.end(number)).await;
}

/// Until the next piece may follow.
fn room(to: &glue::Speaking) -> Waiting {
    waiting(|number| to.room(number)).1
}

async fn piece(body: &mut front::Body) -> Option<Result<Bytes, front::Cut>> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(bytes)) => return Some(Ok(bytes)),
            // Trailers cannot be sent from here.
            Ok(Err(_)) => {}
            Err(cut) => return Some(Err(cut)),
        }
    }
}
