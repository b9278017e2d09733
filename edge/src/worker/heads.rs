//! Heads as one text: lines of name and value in turn.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields as lines.
pub fn lines<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::with_capacity(1_024);
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(name);
        text.push('\n');
        text.push_str(value);
    }
    text
}

/// Lines as headers. What cannot be a header is left out: it cannot have come over the wire either.
pub fn headers<'a>(mut lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
