//! Where a reply ends, by RFC 9112, 6.3; and when a connection is kept.

use crate::net::h1::framing::{Ends, keeps, length, response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
}

#[test]
fn the_end_of_a_reply_is_never_guessed() {
    let ends = |method: Method, status: u16, old: bool, list: &[(&'static str, &'static str)]| {
        response(&method, StatusCode::from_u16(status).unwrap(), old, &headers(list)).ok()
    };
    const CL: (&str, &str) = ("content-length", "5");
    const TE: (&str, &str) = ("transfer-encoding", "chunked");
    for (method, status, old, list, expected) in [
        (Method::POST, 200, false, &[CL][..], Some(Ends::After(5))),
        (Method::POST, 200, false, &[TE], Some(Ends::Chunked)),
        (Method::POST, 200, false, &[("transfer-encoding", "Chunked")], Some(Ends::Chunked)),
        (Method::POST, 200, false, &[], Some(Ends::Closing)),
        (Method::POST, 200, true, &[], Some(Ends::Closing)),
        (Method::HEAD, 200, false, &[CL], Some(Ends::After(0))),
        (Method::HEAD, 200, false, &[TE], Some(Ends::After(0))),
        (Method::POST, 204, false, &[CL], Some(Ends::After(0))),
        (Method::GET, 304, false, &[CL], Some(Ends::After(0))),
        (Method::POST, 200, false, &[TE, CL], None),
        (Method::POST, 200, false, &[CL, CL], None),
        (Method::POST, 200, false, &[CL, ("content-length", "6")], None),
        (Method::POST, 200, false, &[TE, TE], None),
        (Method::POST, 200, true, &[TE], None),
        (Method::POST, 200, false, &[("transfer-encoding", "gzip, chunked")], None),
        (Method::POST, 200, false, &[("transfer-encoding", "chunked, gzip")], None),
        (Method::POST, 200, false, &[("transfer-encoding", "identity")], None),
        (Method::POST, 200, false, &[("content-length", "5, 5")], None),
        (Method::POST, 200, false, &[("content-length", "")], None),
        (Method::POST, 200, false, &[("content-length", "+5")], None),
        (Method::POST, 200, false, &[("content-length", "-5")], None),
        (Method::POST, 200, false, &[("content-length", "0x5")], None),
        (Method::POST, 200, false, &[("content-length", "99999999999999999999")], None),
    ] {
        assert_eq!(ends(method.clone(), status, old, list), expected, "{method} {status} {list:?}");
    }
    assert_eq!(length(b"007"), Some(7));
    assert_eq!(length("٣".as_bytes()), None, "digits of another script");
}

#[test]
fn a_connection_is_kept_when_both_can() {
    for (old, list, expected) in [
        (false, &[][..], true),
        (false, &[("connection", "keep-alive")], true),
        (false, &[("connection", "Close")], false),
        (false, &[("connection", "x, close")], false),
        (false, &[("connection", "close"), ("connection", "keep-alive")], false),
        (false, &[("connection", "keep-alive"), ("connection", "close")], false),
        (true, &[], false),
        (true, &[("connection", "Keep-Alive")], true),
        (true, &[("connection", "keep-alive, close")], false),
    ] {
        assert_eq!(keeps(old, &headers(list)), expected, "{old} {list:?}");
    }
}
