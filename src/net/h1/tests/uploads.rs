//! Bodies that are sent as they come.

use super::bytes;
use super::replies::Lent;
use crate::net::h1::client::{self, Message};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, stream};
use http::HeaderMap;
use relay::ports::Upload;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use vocab::Fault;

fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn message(length: Option<u64>, pieces: Vec<Result<Bytes, Fault>>) -> Message {
    let body = Box::pin(stream::iter(pieces));
    Message::upload(&"http://a.test/b".parse().unwrap(), &HeaderMap::new(), Upload { length, body }).unwrap()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Reads what is sent up to `end`, answers, and tells what it read.
async fn served(mut io: DuplexStream, end: &[u8]) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end) {
        let mut piece = [0; 100];
        match io.read(&mut piece).await {
            Ok(n) if n > 0 => said.extend_from_slice(&piece[..n]),
            _ => return String::from_utf8(said).unwrap() + "<closed>",
        }
    }
    io.write_all(OK).await.unwrap();
    // Nothing more may come of it.
    let mut more = [0; 1];
    let rest = tokio::time::timeout(std::time::Duration::from_millis(30), io.read(&mut more)).await;
    assert!(!matches!(rest, Ok(Ok(n)) if n > 0), "something came behind the end");
    String::from_utf8(said).unwrap()
}

fn sent(length: Option<u64>, pieces: &[&str], end: &str) -> (String, bool, bool) {
    let pieces = pieces.iter().map(|piece| Ok(bytes(piece))).collect();
    alone(async {
        // A socket that takes little at a time.
        let (near, far) = tokio::io::duplex(7);
        let (lent, back) = Lent::new(near);
        let mut message = message(length, pieces);
        let call = async {
            let mut answer = client::call(lent, &mut message).await.ok()?;
            while answer.body.next().await.is_some() {}
            Some(())
        };
        let (said, done) = tokio::join!(served(far, end.as_bytes()), call);
        (said, done.is_some(), back.has_it())
    })
}

#[test]
fn pieces_leave_in_chunks_or_behind_their_length() {
    let (said, done, back) = sent(None, &["he", "", "llo, weir"], "0\r\n\r\n");
    assert_eq!(
        said,
        "POST /b HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n9\r\nllo, weir\r\n0\r\n\r\n"
    );
    assert!(done && back, "the connection serves again");
    let (said, done, back) = sent(Some(11), &["he", "llo, weir"], "weir");
    assert_eq!(said, "POST /b HTTP/1.1\r\nhost: a.test\r\ncontent-length: 11\r\n\r\nhello, weir");
    assert!(done && back);
}

#[test]
fn what_breaks_off_never_ends_as_if_it_were_whole() {
    let broken = || Err(Fault::Cut("the client left".into()));
    for (length, pieces) in [
        (None, vec![Ok(bytes("he")), broken()]),
        (Some(10), vec![Ok(bytes("he")), broken()]),
        (Some(10), vec![Ok(bytes("he"))]),
        (Some(1), vec![Ok(bytes("he"))]),
    ] {
        alone(async {
            let (near, far) = tokio::io::duplex(1 << 10);
            let (lent, back) = Lent::new(near);
            let mut message = message(length, pieces);
            let call = async {
                let lost = client::call(lent, &mut message).await.err().unwrap();
                assert!(!lost.unsent && lost.why.contains("the body"), "{}", lost.why);
            };
            let (said, ()) = tokio::join!(served(far, b"0\r\n\r\n"), call);
            assert!(said.ends_with("<closed>"), "{said:?}");
            assert!(!back.has_it());
        });
    }
}

/// What a provider says before it has read everything counts; the connection is not used again.
#[test]
fn an_early_answer_is_heard() {
    alone(async {
        let (near, mut far) = tokio::io::duplex(64);
        let (lent, back) = Lent::new(near);
        let (_more, coming) = mpsc::unbounded::<Result<Bytes, Fault>>();
        let body = Box::pin(stream::iter([Ok(bytes("some"))]).chain(coming));
        let upload = Upload { length: None, body };
        let mut message =
            Message::upload(&"http://a.test/b".parse().unwrap(), &HeaderMap::new(), upload).unwrap();
        let serve = async {
            let mut said = [0; 20];
            far.read_exact(&mut said).await.unwrap();
            far.write_all(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
            let mut rest = Vec::new();
            let _ = far.read_to_end(&mut rest).await;
        };
        let call = async {
            let mut answer = client::call(lent, &mut message).await.unwrap();
            assert_eq!(answer.status, 429);
            assert_eq!(answer.body.next().await.unwrap().unwrap(), "no");
            assert!(answer.body.next().await.is_none());
            drop(answer);
        };
        tokio::join!(serve, call);
        assert!(!back.has_it());
    });
}
