//! A request as it comes in.

use super::{glue, heads};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TE};
use http::{HeaderValue, Method, Uri};
use http_body::{Body, Frame};
use js_sys::Uint8Array;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;
use worker::send::SendWrapper;

/// A body up to this size is taken in one piece.
const WHOLE_MAX: u64 = 1 << 20;

/// A request in the core's own terms; why it is none where it is none.
pub fn request(from: &Request) -> Result<http::Request<Arriving>, String> {
    let text = glue::head(from);
    let mut lines = text.split('\n');
    let method = lines.next().unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|e| format!("method: {e}"))?;
    let uri: Uri = lines.next().unwrap_or_default().parse().map_err(|e| format!("address: {e}"))?;
    let mut headers = heads::headers(lines);
    if !headers.contains_key(HOST)
        && let Some(host) = uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok())
    {
        headers.insert(HOST, host);
    }
    // There are no trailers here, whatever a client would take.
    headers.remove(TE);
    let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let (mut head, ()) = http::Request::new(()).into_parts();
    (head.method, head.uri, head.headers) = (method, uri, headers);
    Ok(http::Request::from_parts(head, Arriving::of(from, length)))
}

/// Whether the client came over TLS.
pub fn tls<B>(request: &http::Request<B>) -> bool {
    request.uri().scheme_str() == Some("https")
}

/// A request's body. Nothing of it is touched before it is asked for.
pub struct Arriving(SendWrapper<State>);

enum State {
    Unread { request: Request, whole: bool },
    Whole(JsFuture),
    Pieces { pieces: glue::Pieces, next: Option<JsFuture> },
    Over,
}

impl Arriving {
    fn of(request: &Request, length: Option<u64>) -> Self {
        let whole = length.is_some_and(|n| n <= WHOLE_MAX);
        Self(SendWrapper::new(State::Unread { request: Clone::clone(request), whole }))
    }
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
                State::Unread { request, whole: true } => *state = State::Whole(glue::whole(request).into()),
                State::Unread { request, whole: false } => {
                    *state = State::Pieces { pieces: glue::pieces(request), next: None };
                }
                State::Whole(all) => {
                    let read = ready!(Pin::new(all).poll(cx));
                    *state = State::Over;
                    return Poll::Ready(Some(match read {
                        Ok(bytes) => Ok(Frame::data(copied(&bytes.unchecked_into()))),
                        Err(error) => Err(glue::thrown(&error)),
                    }));
                }
                State::Pieces { pieces, next } => {
                    let read = next.get_or_insert_with(|| pieces.next().into());
                    let read = ready!(Pin::new(read).poll(cx));
                    *next = None;
                    return Poll::Ready(match read {
                        Ok(piece) if piece.is_undefined() => {
                            *state = State::Over;
                            None
                        }
                        Ok(piece) => Some(Ok(Frame::data(copied(&piece.unchecked_into())))),
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
