//! Scripts on real sockets.

use super::{Heard, Say, hear, lab};
use crate::{End, Lab, Limits, Script, serve, tokens};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Raw {
    bytes: Vec<u8>,
    error: Option<ErrorKind>,
}

async fn start() -> (SocketAddr, Arc<Lab>) {
    let lab = lab();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let limits = Limits { body: 64 << 10, ..Limits::default() };
    tokio::spawn(serve(listener, Arc::clone(&lab), limits, std::future::pending()));
    (at, lab)
}

/// Sends and reads until the connection ends or nothing more comes for a while.
async fn exchange(at: SocketAddr, lab: &Lab, say: &Say) -> Raw {
    let request = say.request(lab);
    let mut head = format!("POST {} HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n", request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server may refuse before it has read all of a body.
    let _ = stream.write_all(&request.body).await;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut buffer)).await {
            Err(_) => return Raw { bytes, error: Some(ErrorKind::TimedOut) },
            Ok(Err(e)) => return Raw { bytes, error: Some(e.kind()) },
            Ok(Ok(0)) => return Raw { bytes, error: None },
            Ok(Ok(n)) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Takes HTTP apart: status, headers, body, and whether the body ended as HTTP says it ends.
fn parse(raw: &Raw) -> (Script, bool) {
    let split = raw.bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(raw.bytes[..split].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let mut rest = &raw.bytes[split + 4..];
    let mut body = Vec::new();
    let mut whole = false;
    if headers.contains_key("transfer-encoding") {
        while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            let chunk = &rest[line + 2..];
            if size == 0 {
                whole = true;
                break;
            }
            let end = size.min(chunk.len());
            body.extend_from_slice(&chunk[..end]);
            rest = chunk.get(size + 2..).unwrap_or_default();
        }
    } else {
        body = rest.to_vec();
        let told: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        whole = body.len() == told;
    }
    let step = crate::Step { after: Duration::ZERO, bytes: body.into() };
    (
        Script { status, headers, head_after: Duration::ZERO, steps: vec![step], end: End::Done, ticket: 0 },
        whole,
    )
}

async fn ask(what: &str, stream: bool) -> (Raw, Arc<Lab>) {
    let (at, lab) = start().await;
    let say = Say::to("openai", "gpt-lab-mini", &format!("Hello [[lab: tokens=12 {what}]]"));
    let say = if stream { say.streamed() } else { say };
    (exchange(at, &lab, &say).await, lab)
}

async fn told(what: &str, stream: bool) -> (Heard, bool) {
    let (raw, _) = ask(what, stream).await;
    let (script, whole) = parse(&raw);
    (hear(vocab::Dialect::OpenaiChat, &script), whole)
}

#[tokio::test]
async fn a_socket_says_what_the_script_says() {
    for stream in [false, true] {
        let (heard, whole) = told("", stream).await;
        assert!(whole && heard.ended);
        assert_eq!((tokens(&heard.text), heard.usage.unwrap().output), (12, 12));
    }
    let (heard, whole) = told("fault=split_utf8", true).await;
    assert!(whole && heard.ended && tokens(&heard.text) == 12);
}

#[tokio::test]
async fn a_cut_body_is_cut_in_four_ways() {
    let (heard, whole) = told("fault=cut after=4", true).await;
    assert!(whole && !heard.ended && tokens(&heard.text) == 4, "HTTP is content, the dialect is not");
    let (raw, _) = ask("fault=drop after=4", true).await;
    let (script, whole) = parse(&raw);
    assert!(!whole && raw.error.is_none(), "closed without the last chunk");
    assert_eq!(tokens(&hear(vocab::Dialect::OpenaiChat, &script).text), 4);
    let (raw, _) = ask("fault=reset after=4", true).await;
    assert_eq!(raw.error, Some(ErrorKind::ConnectionReset));
    assert!(!raw.bytes.is_empty(), "what came before the reset was read");
    let (raw, lab) = ask("fault=stall after=4", true).await;
    assert_eq!(raw.error, Some(ErrorKind::TimedOut));
    assert!(!lab.seen()[0].progress.ended);
}

#[tokio::test]
async fn no_head_and_no_connection() {
    let (raw, _) = ask("fault=no_head", true).await;
    assert!(raw.bytes.is_empty() && raw.error == Some(ErrorKind::TimedOut));
    let (raw, _) = ask("fault=refuse", true).await;
    assert!(raw.bytes.is_empty() && raw.error == Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_length_may_lie() {
    let (raw, _) = ask("fault=length_lie", false).await;
    let (_, whole) = parse(&raw);
    assert!(!whole);
}

#[tokio::test]
async fn the_log_knows_how_far_it_got() {
    let (_, lab) = ask("", true).await;
    let seen = lab.seen().remove(0);
    assert!(seen.progress.ended && seen.progress.steps == seen.steps);
    assert_eq!(seen.reported().unwrap().output, 12);
}

#[tokio::test]
async fn too_much_is_turned_away() {
    let (at, lab) = start().await;
    let say = Say::to("openai", "gpt-lab-mini", &"x".repeat(100_000));
    let raw = exchange(at, &lab, &say).await;
    assert!(raw.bytes.starts_with(b"HTTP/1.1 413"), "{:?}", String::from_utf8_lossy(&raw.bytes));
}

#[tokio::test]
async fn it_stops_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = async {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, lab(), Limits::default(), until));
    assert!(TcpStream::connect(at).await.is_ok());
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}
