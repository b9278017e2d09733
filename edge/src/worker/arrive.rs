//! A request as it comes in.

use super::task::{Waiting, waiting};
use super::{glue, heads};
use bytes::Bytes;
use http::header::{HOST, TE};
use http::{HeaderValue, Method, Uri};
use http_body::{Body, Frame};
use js_sys::Uint8Array;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasm_bindgen::JsCast;
use web_sys::Request;
use worker::send::SendWrapper;

/// A request in the core's own terms; why it is none where it is none. `head`: method, address, then names and values, a
/// line each. `body` where it is all there.
pub fn request(from: Request, head: &str, body: Option<Vec<u8>>) -> Result<http::Request<Arriving>, String> {
    let mut lines = head.split('\n');
    let method = lines.next().unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|e| format!("method: {e}"))?;
    let uri: Uri = lines.next().unwrap_or_default().parse().map_err(|e| format!("address: {e}"))?;
    let mut headers = heads::headers(lines, front::is_noise);
    if !headers.contains_key(HOST)
        && let Some(host) = uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok())
    {
        headers.insert(HOST, host);
    }
    // There are no trailers here, whatever a client would take.
    headers.remove(TE);
    let (mut head, ()) = http::Request::new(()).into_parts();
    (head.method, head.uri, head.headers) = (method, uri, headers);
    let body = match body {
        Some(bytes) => State::Whole(bytes.into()),
        None => State::Unread(from),
    };
    Ok(http::Request::from_parts(head, Arriving(SendWrapper::new(body))))
}

/// Whether the client came over TLS.
pub fn tls<B>(request: &http::Request<B>) -> bool {
    request.uri().scheme_str() == Some("https")
}

/// A request's body. Nothing of it is touched before it is asked for.
pub struct Arriving(SendWrapper<State>);

enum State {
    Whole(Bytes),
    Unread(Request),
    Pieces { pieces: glue::Pieces, next: Option<Waiting> },
    Over,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let state = &mut *self.0;
        loop {
            match state {
                State::Over => return Poll::Ready(None),
                State::Whole(bytes) => {
                    let bytes = std::mem::take(bytes);
                    *state = State::Over;
                    return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
                }
                State::Unread(request) => {
                    *state = State::Pieces { pieces: glue::pieces(request), next: None };
                }
                State::Pieces { pieces, next } => {
                    let read = next.get_or_insert_with(|| waiting(|number| pieces.next(number)).1);
                    let read = ready!(Pin::new(read).poll(cx));
                    *next = None;
                    return Poll::Ready(match read {
                        Ok((piece, _)) if piece.is_undefined() => {
                            *state = State::Over;
                            None
                        }
                        Ok((piece, _)) => Some(Ok(Frame::data(copied(&piece.unchecked_into())))),
                        Err(error) => {
                            *state = State::Over;
                            Some(Err(glue::thrown(&error)))
                        }
                    });
                }
            }
        }
    }
}

/// Bytes of JavaScript's as our own.
pub fn copied(bytes: &Uint8Array) -> Bytes {
    bytes.to_vec().into()
}
