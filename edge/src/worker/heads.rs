//! Heads as one text.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Lines of name and value in turn, as headers. What cannot be a header is left out: it cannot have come over the wire either.
/// `skip`: names that nobody reads.
pub fn headers<'a>(mut lines: impl Iterator<Item = &'a str>, skip: fn(&[u8]) -> bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if skip(name.as_bytes()) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
