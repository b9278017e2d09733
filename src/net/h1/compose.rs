//! Heads of messages as they are sent.

use super::buffer::{self, COPIED_MAX};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Uri};
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a response's body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// None, and nothing is said about its length.
    Nothing,
    /// None, but had it been asked for it would have had this length.
    Told(u64),
    Length(u64),
    Chunked,
}

/// How the answer to such a request is sent, if it has that body.
pub fn sends(method: &Method, status: StatusCode, body: http_body::SizeHint) -> Sends {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Sends::Nothing;
    }
    match (body.exact(), *method == Method::HEAD) {
        (Some(length), false) => Sends::Length(length),
        (None, false) => Sends::Chunked,
        (None | Some(0), true) => Sends::Nothing,
        (Some(length), true) => Sends::Told(length),
    }
}

/// The head of a response with these fields. What frames it is said here and nowhere else. With room for a small body.
pub fn response(status: StatusCode, fields: &str, sends: Sends, keep: bool) -> Vec<u8> {
    let body = match sends {
        Sends::Length(length) => usize::try_from(length).unwrap_or(usize::MAX).min(COPIED_MAX),
        _ => 0,
    };
    let mut out = buffer::room();
    out.reserve(160 + fields.len() + body);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(fields.as_bytes());
    match sends {
        Sends::Nothing => {}
        Sends::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Sends::Length(length) | Sends::Told(length) => {
            field(&mut out, "content-length", itoa::Buffer::new().format(length).as_bytes());
        }
    }
    if !keep {
        out.extend_from_slice(b"connection: close\r\n");
    }
    date(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}

/// How a request's body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    Nothing,
    Length(u64),
    Chunked,
}

/// The head of a request whose body is framed so, in origin form, as HTTP/1.1 wants it. With room for a small body.
pub fn request(
    method: &Method,
    uri: &Uri,
    authority: &Authority,
    headers: &HeaderMap,
    frames: Frames,
) -> Vec<u8> {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let mut out = buffer::room();
    let length = match frames {
        Frames::Length(length) => usize::try_from(length).unwrap_or(usize::MAX).min(COPIED_MAX),
        _ => 0,
    };
    out.reserve(128 + path.len() + headers.len() * 48 + length);
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    if !path.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    // Never with what may stand before an @ in an address.
    let host = authority.as_str();
    out.extend_from_slice(host.rsplit_once('@').map_or(host, |(_, host)| host).as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        if !matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION | HOST) {
            field(&mut out, name.as_str(), value.as_bytes());
        }
    }
    match frames {
        Frames::Nothing => {}
        Frames::Length(length) => {
            field(&mut out, "content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Frames::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

thread_local! {
    /// The line of this second.
    static DATE_LINE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

#[allow(clippy::disallowed_methods, reason = "the date of an answer is the shell's own matter")]
fn date(out: &mut Vec<u8>) {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE_LINE.with_borrow_mut(|(of, line)| {
        if *of != second {
            *of = second;
            *line = format!("date: {}\r\n", httpdate::fmt_http_date(now));
        }
        out.extend_from_slice(line.as_bytes());
    });
}
