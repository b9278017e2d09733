//! Replies: what hyper's client refuses is refused, and what is taken is taken as hyper takes it.

use super::{bytes, cuts, hear, rounds, run, send, shown, spoil};
use crate::net::h1::client::{self, Lease, Message};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use vocab::{Dice, Duration, Segments};

/// A connection that comes back here.
pub struct Lent<T> {
    io: Option<T>,
    back: Home<T>,
}

/// Where it is kept open.
pub struct Home<T>(Arc<Mutex<Option<T>>>);

impl<T> Home<T> {
    pub fn has_it(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }
}

impl<T: Unpin> Lent<T> {
    pub fn new(io: T) -> (Self, Home<T>) {
        let place = Arc::new(Mutex::new(None));
        (Self { io: Some(io), back: Home(place.clone()) }, Home(place))
    }

    fn io(&mut self) -> Pin<&mut T> {
        Pin::new(self.io.as_mut().unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Lease for Lent<T> {
    fn give_back(mut self) {
        *self.back.0.lock().unwrap() = self.io.take();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lent<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Lent<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

/// How a reply was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taken {
    Refused,
    /// Status, headers, body as far as it came, how it ended, and whether the connection is kept.
    Heard {
        head: String,
        body: Bytes,
        end: End,
        kept: bool,
    },
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    /// More is waited for.
    Open,
}

fn head(status: u16, headers: &HeaderMap) -> String {
    // Of a good reply ours has no others.
    let read = |name: &str| !(200..300).contains(&status) || relay::ports::is_read(name.as_bytes());
    let fields = headers.iter().filter(|(k, _)| read(k.as_str()));
    let mut fields: Vec<String> = fields.map(|(k, v)| format!("{k}={}", shown(v.as_bytes()))).collect();
    fields.sort();
    format!("{status} {}", fields.join(";"))
}

const PATIENCE: Duration = Duration::from_secs(4);

/// The provider: waits for the request, then says `text`, and closes where `closes`.
async fn provider(mut io: DuplexStream, text: Vec<u8>, cuts: Vec<usize>, closes: bool) {
    let _ = hear(&mut io, Duration::from_millis(20)).await;
    send(&mut io, &text, &cuts).await;
    if closes {
        let _ = io.shutdown().await;
    }
    let _ = hear(&mut io, 10 * PATIENCE).await;
}

fn message(method: &Method) -> Message {
    let body = if *method == Method::POST {
        Segments(vec![bytes("{\"a\":"), bytes("1}")])
    } else {
        Segments::default()
    };
    Message::new(method.clone(), &"http://a.test/b".parse().unwrap(), &HeaderMap::new(), body).unwrap()
}

async fn ours(method: &Method, text: &[u8], cuts: &[usize], closes: bool) -> Taken {
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(provider(far, text.to_vec(), cuts.to_vec(), closes));
    let (lent, back) = Lent::new(near);
    let mut message = message(method);
    let answer = match tokio::time::timeout(PATIENCE, client::call(lent, &mut message)).await {
        Err(_) => return Taken::Waiting,
        Ok(Err(_)) => return Taken::Refused,
        Ok(Ok(answer)) => answer,
    };
    let mut body = answer.body;
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, async {
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(_) => return End::Cut,
            }
        }
        End::Whole
    });
    let end = read.await.unwrap_or(End::Open);
    let kept = back.has_it();
    Taken::Heard { head: head(answer.status.as_u16(), &answer.headers), body: all.into(), end, kept }
}

async fn hypers(method: &Method, text: &[u8], cuts: &[usize], closes: bool) -> Taken {
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(provider(far, text.to_vec(), cuts.to_vec(), closes));
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let body = if *method == Method::POST { "{\"a\":1}" } else { "" };
    let request = Request::builder()
        .method(method)
        .uri("/b")
        .header("host", "a.test")
        .body(Full::new(bytes(body)))
        .unwrap();
    let response = match tokio::time::timeout(PATIENCE, sender.send_request(request)).await {
        Err(_) => return Taken::Waiting,
        Ok(Err(_)) => return Taken::Refused,
        Ok(Ok(response)) => response,
    };
    let (parts, mut body) = response.into_parts();
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, async {
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => return End::Cut,
            }
        }
        End::Whole
    });
    let end = read.await.unwrap_or(End::Open);
    let kept =
        end == End::Whole && tokio::time::timeout(PATIENCE, sender.ready()).await.is_ok_and(|r| r.is_ok());
    Taken::Heard { head: head(parts.status.as_u16(), &parts.headers), body: all.into(), end, kept }
}

/// What is refused here and not there: what can be read in two ways, and another protocol.
fn may_be_refused(head: &str) -> bool {
    let values = |name: &str| -> Vec<String> {
        let fields = head.split_once(' ').map_or("", |(_, fields)| fields).split(';');
        fields
            .filter_map(|field| Some(field.strip_prefix(name)?.strip_prefix('=')?.to_ascii_lowercase()))
            .collect()
    };
    let (codings, lengths) = (values("transfer-encoding"), values("content-length"));
    let odd =
        |length: &String| length.parse::<u64>().is_err() || length.starts_with('+') || length.len() > 18;
    head.starts_with("101 ")
        || lengths.len() > 1
        || codings.len() > 1
        || lengths.iter().any(odd)
        || codings.iter().any(|coding| coding != "chunked" || !lengths.is_empty())
}

#[track_caller]
fn check(name: &str, method: &Method, text: &[u8], cuts: &[usize], closes: bool) {
    let (ours, hypers) =
        run(async { (ours(method, text, cuts, closes).await, hypers(method, text, cuts, closes).await) });
    let place = format!("{name}, {method}, closes {closes}, cut at {cuts:?}: {}", shown(text));
    match (&ours, &hypers) {
        (Taken::Refused, Taken::Heard { head, .. }) => {
            assert!(may_be_refused(head), "refused {head}; {place}")
        }
        (
            Taken::Heard { head, body, end, kept },
            Taken::Heard { head: head_there, body: body_there, end: end_there, kept: kept_there },
        ) => {
            assert_eq!((head, end), (head_there, end_there), "{place}");
            // Of a body that is not whole more or less may have been passed on by then.
            let same = if *end != End::Whole {
                body_there.starts_with(body) || body.starts_with(body_there)
            } else {
                body == body_there
            };
            assert!(same, "{} and {}; {place}", shown(body), shown(body_there));
            assert!(!kept || *kept_there, "kept here only; {place}");
        }
        _ => assert_eq!(ours, hypers, "{place}"),
    }
}

fn right() -> Vec<Vec<u8>> {
    let large = "y".repeat(30_000);
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello".into(),
        "HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello".into(),
        "HTTP/1.0 200 OK\r\n\r\nhello".into(),
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello".into(),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into(),
        "HTTP/1.1 204 No Content\r\n\r\n".into(),
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".into(),
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".into(),
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30000\r\n\r\n{large}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n{large}\r\n0\r\n\r\n"),
    ]
    .map(String::into_bytes)
    .into()
}

fn nasty() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: 5 \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length : 5\r\n",
        "Content-Length:\r\n 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\n",
        "X: a\0b\r\n",
        "X: a\rb\r\n",
        "X\r\n",
        ": x\r\n",
        "X Y: z\r\n",
        "X: \u{e9}\r\n",
        " X: y\r\n",
        "X: y\r\n z\r\n",
        "Connection: close\r\nConnection: keep-alive\r\nContent-Length: 5\r\n",
        "Connection: x, close\r\nContent-Length: 5\r\n",
        "Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 5\r\n",
        "\r\n",
    ] {
        for body in
            ["hello", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""]
        {
            all.push(format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}").into_bytes());
        }
    }
    for first in [
        "HTTP/1.1 200",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 99 OK",
        "HTTP/1.1 999 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1  200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 \u{e9}",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 199 X",
        "HTTP/1.1 205 Reset",
        "HTTP/1.1 100 Continue",
        "HTTP/1.0 100 Continue",
        "",
        "\r\n",
        "GET / HTTP/1.1",
        "ICY 200 OK",
        "HTTP/1.1 200 OK\nX: y",
        "HTTP/1.1\t200\tOK",
    ] {
        all.push(format!("{first}\r\nContent-Length: 5\r\n\r\nhello").into_bytes());
        all.push(
            format!("{first}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes(),
        );
    }
    for body in [
        "5\r\nhello\r\n0\r\n",
        "5\r\nhel",
        "5\r\nhello",
        "5\r\nhello\r\n",
        "",
        "5\nhello\n0\n\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "g\r\n",
        "ffffffffffffffffff\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX y\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\nmore",
        "0\r\n\r\n",
        "000000000000000000005\r\nhello\r\n0\r\n\r\n",
    ] {
        all.push(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes());
    }
    for body in ["", "hel", "hello", "hello, and more", "helloHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] {
        for kind in ["text/plain", "application/json"] {
            all.push(
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 5\r\n\r\n{body}")
                    .into_bytes(),
            );
        }
    }
    for n in [99, 100, 101, 1_000] {
        let many: String = (0..n).map(|i| format!("X-{i}: y\r\n")).collect();
        all.push(format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 5\r\n\r\nhello").into_bytes());
    }
    all.push(b"\x15\x03\x01\x00\x02\x02\x28".to_vec());
    all.push(b"HTTP/1.1 200 OK\r\nX: ".to_vec());
    all.push(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    all
}

#[test]
fn every_nasty_reply_is_taken_as_hyper_takes_it_or_refused() {
    let mut dice = Dice::seeded(7);
    for text in nasty().iter().chain(&right()) {
        for method in [Method::POST, Method::GET, Method::HEAD] {
            for closes in [true, false] {
                check("by hand", &method, text, &[], closes);
                check("by hand", &method, text, &cuts(&mut dice, text.len()), closes);
            }
        }
    }
}

#[test]
fn right_replies_are_taken_wherever_they_are_cut() {
    for text in right().iter().filter(|text| text.len() < 1_000) {
        let whole = run(ours(&Method::POST, text, &[], true));
        assert!(matches!(&whole, Taken::Heard { end: End::Whole, .. }), "{whole:?} of {}", shown(text));
        for cut in 1..text.len() {
            assert_eq!(run(ours(&Method::POST, text, &[cut], true)), whole, "cut at {cut}: {}", shown(text));
        }
    }
}

#[test]
fn spoiled_replies_are_taken_as_hyper_takes_them_or_refused() {
    let whole = right();
    for seed in rounds(2_500) {
        let mut dice = Dice::seeded(seed);
        let mut text = whole[super::below(&mut dice, whole.len())].clone();
        for _ in 0..super::below(&mut dice, 4) {
            spoil(&mut dice, &mut text);
        }
        let method =
            [Method::POST, Method::POST, Method::GET, Method::HEAD][super::below(&mut dice, 4)].clone();
        let closes = super::below(&mut dice, 2) == 0;
        let cuts = cuts(&mut dice, text.len());
        check(&format!("seed {seed}"), &method, &text, &cuts, closes);
    }
}

#[test]
fn a_connection_is_given_back_only_after_a_whole_reply_and_nothing_else() {
    let kept = |text: &str, cuts: &[usize]| match run(ours(&Method::POST, text.as_bytes(), cuts, false)) {
        Taken::Heard { kept, .. } => kept,
        other => panic!("{other:?}"),
    };
    assert!(kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", &[]));
    assert!(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &[]));
    assert!(kept("HTTP/1.1 204 No Content\r\n\r\n", &[]));
    assert!(kept(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[3, 50, 62]
    ));
    assert!(!kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", &[]), "more than the body came");
    assert!(!kept("HTTP/1.1 204 No Content\r\n\r\nhello", &[]), "a body where there is none");
    assert!(!kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", &[]));
    assert!(!kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", &[]), "not whole yet");
    assert!(
        !kept("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", &[]),
        "HTTP/1.0 does not keep by itself"
    );
}
