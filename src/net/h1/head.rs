//! Heads of messages, parsed by `httparse`, which is hyper's parser too.

use super::{HEAD_MAX, framing};
use bytes::{Buf, Bytes};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use httparse::Status;
use std::mem::MaybeUninit;

/// More header fields than this are refused; hyper's number.
const FIELDS_MAX: usize = 100;
/// What nearly every request fits into that has lost its noise. More would be beyond the kibibyte after which an allocation
/// costs several times as much.
const ROOM: usize = 8;

/// What the beginning of a request is.
pub enum Request {
    /// Not all of a head yet.
    Partial,
    /// Wrong or rare: hyper's matter.
    Unusual,
    Plain(Box<Plain>),
}

/// A request like nearly all: nothing in its head can be read in two ways.
pub struct Plain {
    pub request: http::Request<()>,
    /// Of its body.
    pub length: u64,
    /// The client will send another.
    pub keep: bool,
}

/// The head of a response.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    /// HTTP/1.0.
    pub old: bool,
    pub headers: HeaderMap,
}

/// Name and value of a field; an error where one is none. The value is a slice of the head, not a copy.
fn field(text: &Bytes, field: &httparse::Header<'_>) -> Result<(HeaderName, HeaderValue), http::Error> {
    let name = match usual(field.name.as_bytes()) {
        Some(name) => name,
        None => HeaderName::from_bytes(field.name.as_bytes())?,
    };
    // Nothing is not a part of anything.
    let value = if field.value.is_empty() { Bytes::new() } else { text.slice_ref(field.value) };
    Ok((name, HeaderValue::from_maybe_shared(value)?))
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What nearly every message has.
fn usual(name: &[u8]) -> Option<HeaderName> {
    let (usual, text): (_, &[u8]) = match name.len() {
        4 => (HOST, b"host"),
        12 if name.starts_with(b"x-") => (X_REQUEST_ID, b"x-request-id"),
        12 => (CONTENT_TYPE, b"content-type"),
        13 => (AUTHORIZATION, b"authorization"),
        14 => (CONTENT_LENGTH, b"content-length"),
        17 => (TRANSFER_ENCODING, b"transfer-encoding"),
        _ => return None,
    };
    name.eq_ignore_ascii_case(text).then_some(usual)
}

/// Whether a head may be complete now that there is more than its first `before` bytes. A head that trickles in is not
/// parsed again for every byte.
pub fn may_be_complete(bytes: &[u8], before: usize) -> bool {
    let fresh = &bytes[before.saturating_sub(3).min(bytes.len())..];
    memchr::memchr_iter(b'\n', fresh).any(|at| matches!(&fresh[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// Takes the head of a request off the beginning of `held`, if it is a plain one; else leaves everything there.
pub fn request(held: &mut Bytes) -> Request {
    // Empty lines before a request are tolerated by some.
    if held.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
        return Request::Unusual;
    }
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(held, &mut room) {
        Ok(Status::Complete(head)) if head <= HEAD_MAX => match plain(held, &parsed) {
            Some(plain) => {
                held.advance(head);
                Request::Plain(Box::new(plain))
            }
            None => Request::Unusual,
        },
        Ok(Status::Partial) if held.len() < HEAD_MAX => Request::Partial,
        Ok(_) | Err(_) => Request::Unusual,
    }
}

fn plain_method(name: &str) -> Option<Method> {
    Some(match name {
        "POST" => Method::POST,
        "GET" => Method::GET,
        "OPTIONS" => Method::OPTIONS,
        "HEAD" => Method::HEAD,
        "DELETE" => Method::DELETE,
        "PATCH" => Method::PATCH,
        "PUT" => Method::PUT,
        _ => return None,
    })
}

fn plain(text: &Bytes, parsed: &httparse::Request<'_, '_>) -> Option<Plain> {
    let method = plain_method(parsed.method?)?;
    let path = parsed.path.filter(|path| path.starts_with('/') && parsed.version == Some(1))?;
    let uri = Uri::from_maybe_shared(text.slice_ref(path.as_bytes())).ok()?;
    let mut headers = HeaderMap::with_capacity(ROOM);
    let (mut hosts, mut length, mut keep) = (0, None, None);
    for said in parsed.headers.iter() {
        // Its form has been judged by the parser; nobody asks what it says.
        if front::is_noise(said.name.as_bytes()) {
            continue;
        }
        let (name, value) = field(text, said).ok()?;
        match name {
            HOST => hosts += 1,
            CONTENT_LENGTH if length.is_none() => length = Some(framing::length(value.as_bytes())?),
            CONNECTION if keep.is_none() && value.as_bytes().eq_ignore_ascii_case(b"keep-alive") => {
                keep = Some(true);
            }
            CONNECTION if keep.is_none() && value.as_bytes().eq_ignore_ascii_case(b"close") => {
                keep = Some(false)
            }
            // Trailers are wanted, or another protocol, or a word before the body; or two lengths.
            CONTENT_LENGTH | CONNECTION | TRANSFER_ENCODING | UPGRADE | EXPECT | TE | TRAILER => return None,
            _ => {}
        }
        headers.append(name, value);
    }
    if hosts != 1 {
        return None;
    }
    let mut request = http::Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(Plain { request, length: length.unwrap_or(0), keep: keep.unwrap_or(true) })
}

/// Takes the head of a response off the beginning of `held`; None where not all of it is there yet. Of a good one only the
/// fields that are read.
pub fn response(held: &mut Bytes) -> Result<Option<Response>, String> {
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let parsing = httparse::ParserConfig::default();
    let head = match parsing.parse_response_with_uninit_headers(&mut parsed, held, &mut room) {
        Ok(Status::Complete(head)) if head <= HEAD_MAX => head,
        Ok(Status::Partial) if held.len() < HEAD_MAX => return Ok(None),
        Ok(_) => return Err(format!("longer than {HEAD_MAX} bytes")),
        Err(error) => return Err(error.to_string()),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or("no status")?;
    let old = parsed.version != Some(1);
    let mut headers = HeaderMap::with_capacity(if status.is_success() { 4 } else { parsed.headers.len() });
    for said in parsed.headers.iter() {
        if status.is_success() && !relay::ports::is_read(said.name.as_bytes()) {
            continue;
        }
        let (name, value) = field(held, said).map_err(|error| error.to_string())?;
        headers.append(name, value);
    }
    held.advance(head);
    Ok(Some(Response { status, old, headers }))
}
