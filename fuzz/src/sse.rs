//! Server-sent events.

use crate::cut;
use bytes::Bytes;
use providers::Sse;

/// However a stream is cut, the same frames come out of it, whole or not at all; a frame that is too long is a fault.
pub fn frames(bytes: &[u8]) {
    let (pieces, text) = cut(bytes);
    for limit in [64, 1 << 16] {
        let whole = read(&[text], limit);
        assert_eq!(whole, read(&pieces, limit), "in {} pieces", pieces.len());
        assert_eq!(whole, read(&text.chunks(1).collect::<Vec<_>>(), limit), "byte by byte");
        let said: usize = whole.0.iter().map(|(event, data)| event.len() + data.len()).sum();
        // What is not UTF-8 may be shown by a character of three bytes.
        assert!(said <= 3 * text.len(), "{said} bytes out of {}", text.len());
    }
}

type Heard = (Vec<(String, String)>, Option<&'static str>);

fn read(pieces: &[&[u8]], limit: usize) -> Heard {
    let (mut sse, mut heard) = (Sse::with_limit(limit), Vec::new());
    for piece in pieces {
        sse.feed(Bytes::copy_from_slice(piece));
        loop {
            match sse.take() {
                Ok(Some(frame)) => heard.push((frame.event.to_owned(), frame.data.to_owned())),
                Ok(None) => break,
                Err(fault) => return (heard, Some(fault.name())),
            }
        }
    }
    let fault = match sse.end() {
        Ok(Some(frame)) => {
            heard.push((frame.event.to_owned(), frame.data.to_owned()));
            None
        }
        Ok(None) => None,
        Err(fault) => Some(fault.name()),
    };
    (heard, fault)
}
