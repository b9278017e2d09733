//! Where a message's body ends, and whether another message may follow it (RFC 9112, 6 and 9).
//!
//! Two who read one head differently see two different bodies. Here nothing is guessed: a head that can be read in two ways
//! is refused, or left to hyper.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode};

/// Larger lengths are no lengths.
const LENGTH_MAX: u64 = 1 << 60;

/// How a response's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    After(u64),
    /// It says so itself.
    Chunked,
    /// With the connection.
    Closing,
}

/// A `Content-Length`: digits and nothing else.
pub fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum = value
        .iter()
        .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    (sum <= LENGTH_MAX).then_some(sum)
}

/// The one value of a header; an error where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(()) } else { Ok(first) }
}

/// How the body of a response ends that has this head (RFC 9112, 6.3), or what is wrong with its head. `old` is HTTP/1.0.
pub fn response(
    method: &Method,
    status: StatusCode,
    old: bool,
    headers: &HeaderMap,
) -> Result<Ends, &'static str> {
    let coding = only(headers, &TRANSFER_ENCODING).map_err(|()| "several Transfer-Encoding headers")?;
    let length_said = only(headers, &CONTENT_LENGTH).map_err(|()| "several Content-Length headers")?;
    if method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 304) {
        return Ok(Ends::After(0));
    }
    match (coding, length_said) {
        (Some(_), Some(_)) => Err("both Transfer-Encoding and Content-Length"),
        (Some(_), None) if old => Err("Transfer-Encoding in HTTP/1.0"),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Ends::Chunked),
        (Some(_), None) => Err("a Transfer-Encoding other than chunked"),
        (None, Some(said)) => match length(said.as_bytes()) {
            Some(length) => Ok(Ends::After(length)),
            None => Err("a Content-Length that is no number"),
        },
        (None, None) => Ok(Ends::Closing),
    }
}

/// Whether the sender of a response keeps the connection after it. `old` is HTTP/1.0, where that has to be said.
pub fn keeps(old: bool, headers: &HeaderMap) -> bool {
    let mut keeps = !old;
    for value in headers.get_all(CONNECTION) {
        // What is not a list of tokens may have meant to close.
        let Ok(list) = value.to_str() else { return false };
        for token in list.split(',').map(str::trim) {
            if token.eq_ignore_ascii_case("close") {
                return false;
            }
            keeps |= token.eq_ignore_ascii_case("keep-alive");
        }
    }
    keeps
}
