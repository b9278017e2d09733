//! Heads and chunked bodies of HTTP/1.1.

use crate::h1::chunked::{Decoder, End};
use crate::h1::head::{self, Request};
use crate::{cut, h1::framing};
use bytes::Bytes;

/// A head that is taken is one that httparse takes, is gone from the buffer and leaves what follows it; one that is not taken
/// leaves everything.
pub fn heads(bytes: &[u8]) {
    let all = Bytes::copy_from_slice(bytes);
    let mut held = all.clone();
    match head::request(&mut held) {
        Request::Plain(plain) => {
            let used = all.len() - held.len();
            assert!(all.ends_with(&held) && used > 0);
            let mut room = [httparse::EMPTY_HEADER; 512];
            let mut parsed = httparse::Request::new(&mut room);
            let said = parsed.parse(&all);
            assert_eq!(said, Ok(httparse::Status::Complete(used)), "it takes what httparse does not");
            assert_eq!(parsed.method, Some(plain.request.method().as_str()));
            // Nothing of a plain request is up to the reader: it has one length, and no other framing.
            let named =
                |name: &str| parsed.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).count();
            assert!(named("content-length") <= 1 && named("transfer-encoding") == 0);
            let (room, whole) = (all.slice(..used), &mut all.slice(..used));
            assert!(
                matches!(head::request(whole), Request::Plain(_)),
                "a head needs what comes after it: {room:?}"
            );
            assert!(head::may_be_complete(&all, 0), "a whole head that may not be complete");
        }
        Request::Partial | Request::Unusual => assert_eq!(held, all, "what is not taken stays"),
    }
    let mut held = all.clone();
    match head::response(&mut held) {
        Ok(Some(response)) => {
            assert!(all.ends_with(&held) && held.len() < all.len());
            let _ = framing::keeps(response.old, &response.headers);
            for method in [http::Method::GET, http::Method::HEAD, http::Method::POST] {
                let _ = framing::response(&method, response.status, response.old, &response.headers);
            }
        }
        Ok(None) | Err(_) => assert_eq!(held, all),
    }
    let _ = framing::length(bytes);
}

/// However a chunked body is cut, the same payload comes out, with the same end at the same place.
pub fn chunks(bytes: &[u8]) {
    let (pieces, text) = cut(bytes);
    let whole = decoded(&[text]);
    assert_eq!(whole, decoded(&pieces), "in {} pieces", pieces.len());
    assert_eq!(whole, decoded(&text.chunks(1).collect::<Vec<_>>()), "byte by byte");
    assert!(whole.0.len() <= text.len());
}

/// The payload, and how it ended: after how many bytes, or why not.
fn decoded(pieces: &[&[u8]]) -> (Vec<u8>, Option<Result<usize, &'static str>>) {
    let (mut decoder, mut payload, mut before) = (Decoder::default(), Vec::new(), 0);
    for piece in pieces {
        let mut room = piece.to_vec();
        let decoded = decoder.decode(&mut room);
        payload.extend_from_slice(&room[decoded.payload]);
        match decoded.end {
            End::More => before += piece.len(),
            End::Done { used } => return (payload, Some(Ok(before + used))),
            End::Broken(why) => return (payload, Some(Err(why.0))),
        }
    }
    (payload, None)
}
