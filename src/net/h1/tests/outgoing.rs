//! Calls over real sockets: what is sent again, what is not, and what is left behind.

use super::replies::Lent;
use crate::net::NativeHttp;
use crate::net::h1::client::{self, Message};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method};
use relay::ports::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vocab::{Call, Duration, Fault, Segments};

fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn call(listener: &TcpListener, body: &str) -> Call {
    let uri = format!("http://{}/v1/x", listener.local_addr().unwrap()).parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer k"));
    Call { uri, headers: headers.into(), body: Segments(vec![super::bytes(body)]), stream: false }
}

/// The next request on a connection, head and body.
async fn request(io: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n = io.read(&mut piece).await.unwrap();
        text.extend_from_slice(&piece[..n]);
        let said = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = said.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "))
                .map_or(0, |l| l.parse().unwrap());
            if body.len() >= length {
                return said;
            }
        }
        assert!(n > 0, "closed after {said:?}");
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PATIENCE: Duration = Duration::from_secs(5);

async fn read(reply: relay::ports::Reply) -> Result<Bytes, Fault> {
    let mut body = reply.body;
    let mut all = Vec::new();
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.into())
}

async fn ask(call: Call) -> Result<Bytes, Fault> {
    read(NativeHttp.send(call, PATIENCE).await?).await
}

#[test]
fn a_kept_connection_serves_again_and_one_that_was_closed_is_noticed() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serve = async {
            let (mut first, _) = listener.accept().await.unwrap();
            for n in 0..3 {
                let said = request(&mut first).await;
                assert!(said.starts_with("POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:"), "{said}");
                assert!(
                    said.contains("authorization: Bearer k\r\n")
                        && said.ends_with(&format!("\r\n\r\nask {n}"))
                );
                first.write_all(OK).await.unwrap();
            }
            drop(first);
            let (mut second, _) = listener.accept().await.unwrap();
            assert!(request(&mut second).await.ends_with("ask 3"));
            second.write_all(OK).await.unwrap();
            // What nobody asked for makes a connection useless.
            second.write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            let (mut third, _) = listener.accept().await.unwrap();
            assert!(request(&mut third).await.ends_with("ask 4"));
            third.write_all(OK).await.unwrap();
        };
        let ask = async {
            for n in 0..5 {
                assert_eq!(ask(call(&listener, &format!("ask {n}"))).await.unwrap(), "ok");
                // The news of a closed connection takes its time.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, async { tokio::join!(serve, ask) }).await.unwrap();
    });
}

#[test]
fn a_connection_that_nobody_uses_is_closed() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serve = async {
            let (mut io, _) = listener.accept().await.unwrap();
            request(&mut io).await;
            io.write_all(OK).await.unwrap();
            io
        };
        let (mut io, answer) = tokio::join!(serve, ask(call(&listener, "x")));
        assert_eq!(answer.unwrap(), "ok");
        let mut byte = [0];
        assert!(tokio::time::timeout(Duration::from_millis(50), io.read(&mut byte)).await.is_err(), "kept");
        tokio::time::pause();
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(16)).await;
            tokio::task::yield_now().await;
        }
        tokio::time::resume();
        assert_eq!(tokio::time::timeout(PATIENCE, io.read(&mut byte)).await.unwrap().unwrap(), 0);
    });
}

#[test]
fn what_was_written_is_never_sent_again() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serve = async {
            let (mut first, _) = listener.accept().await.unwrap();
            request(&mut first).await;
            first.write_all(OK).await.unwrap();
            // Takes the second request, and says nothing.
            request(&mut first).await;
            drop(first);
            tokio::time::timeout(Duration::from_millis(300), listener.accept()).await.is_err()
        };
        let ask = async {
            assert!(ask(call(&listener, "one")).await.is_ok());
            ask(call(&listener, "two")).await.unwrap_err()
        };
        let (alone, fault) = tokio::join!(serve, ask);
        assert!(alone, "the request came a second time");
        assert!(matches!(&fault, Fault::Down(why) if why.contains("closed before the reply")), "{fault}");
    });
}

#[test]
fn a_reply_that_comes_early_is_heard_and_ends_the_connection() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let large = "x".repeat(16 << 20);
        let serve = async {
            for n in 0..2 {
                let (mut io, _) = listener.accept().await.unwrap();
                let mut piece = [0; 1_000];
                io.read_exact(&mut piece).await.unwrap();
                io.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large").await.unwrap();
                if n == 0 {
                    // It hears the rest, for whom the answer was meant has not stopped sending.
                    let mut rest = Vec::new();
                    drop(io.read_to_end(&mut rest).await);
                }
            }
        };
        let ask = async {
            for _ in 0..2 {
                let reply = NativeHttp.send(call(&listener, &large), PATIENCE).await.unwrap();
                assert_eq!(reply.status, 413);
                assert_eq!(read(reply).await.unwrap(), "too large");
            }
        };
        tokio::time::timeout(PATIENCE, async { tokio::join!(serve, ask) }).await.unwrap();
    });
}

#[test]
fn who_stops_listening_closes_the_connection() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for after_head in [false, true] {
            let serve = async {
                let (mut io, _) = listener.accept().await.unwrap();
                request(&mut io).await;
                if after_head {
                    io.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                        .await
                        .unwrap();
                }
                let mut rest = Vec::new();
                io.read_to_end(&mut rest).await.is_ok_and(|n| n == 0)
            };
            let ask = async {
                let sending = NativeHttp.send(call(&listener, "x"), PATIENCE);
                if after_head {
                    let mut body = sending.await.unwrap().body;
                    assert_eq!(body.next().await.unwrap().unwrap(), "hello");
                } else {
                    assert!(tokio::time::timeout(Duration::from_millis(50), sending).await.is_err());
                }
            };
            let (closed, ()) =
                tokio::time::timeout(PATIENCE, async { tokio::join!(serve, ask) }).await.unwrap();
            assert!(closed);
        }
    });
}

#[test]
fn large_bodies_pass_both_ways() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let large = "0123456789abcdef".repeat(256 << 10);
        for kind in ["application/json", "text/event-stream"] {
            for chunked in [false, true] {
                let serve = async {
                    let (mut io, _) = listener.accept().await.unwrap();
                    let said = request(&mut io).await;
                    let body = said.split_once("\r\n\r\n").unwrap().1;
                    assert!(body == large, "the request came otherwise than it was sent");
                    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n");
                    if chunked {
                        io.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())
                            .await
                            .unwrap();
                        for piece in body.as_bytes().chunks(10_007) {
                            io.write_all(format!("{:X}\r\n", piece.len()).as_bytes()).await.unwrap();
                            io.write_all(piece).await.unwrap();
                            io.write_all(b"\r\n").await.unwrap();
                        }
                        io.write_all(b"0\r\n\r\n").await.unwrap();
                    } else {
                        io.write_all(
                            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes(),
                        )
                        .await
                        .unwrap();
                    }
                };
                let (reply, ()) = tokio::time::timeout(4 * PATIENCE, async {
                    tokio::join!(ask(call(&listener, &large)), serve)
                })
                .await
                .unwrap();
                assert!(
                    reply.unwrap() == large.as_bytes(),
                    "{kind}, chunked {chunked}: the reply came otherwise than it was sent"
                );
            }
        }
    });
}

#[test]
fn a_body_cut_in_the_middle_tells_what_came_and_then_that_it_was_cut() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serve = async {
            let (mut io, _) = listener.accept().await.unwrap();
            request(&mut io).await;
            io.write_all(b"HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"error\"").await.unwrap();
        };
        let ask = async {
            let mut body = NativeHttp.send(call(&listener, "x"), PATIENCE).await.unwrap().body;
            assert_eq!(body.next().await.unwrap().unwrap(), "{\"error\"");
            let fault = body.next().await.unwrap().unwrap_err();
            assert!(matches!(&fault, Fault::Cut(why) if why.contains("92 bytes missing")), "{fault}");
            assert!(body.next().await.is_none());
        };
        tokio::join!(serve, ask);
    });
}

#[test]
fn what_frames_a_request_is_ours_alone() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "b"),
        ("content-length", "99"),
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("x-a", "b"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let uri = "https://me:secret@a.test:8443/v1?q=1".parse().unwrap();
    let mut message = Message::new(
        Method::POST,
        &uri,
        &headers,
        Segments(vec![super::bytes("he"), super::bytes(""), super::bytes("llo")]),
    )
    .unwrap();
    let (near, mut far) = tokio::io::duplex(1 << 10);
    let (lent, back) = Lent::new(near);
    alone(async {
        let serve = async {
            let mut said = vec![0; 1 << 10];
            let n = far.read(&mut said).await.unwrap();
            let mut text = String::from_utf8(said[..n].to_vec()).unwrap();
            while !text.ends_with("hello") {
                let n = far.read(&mut said).await.unwrap();
                text.push_str(std::str::from_utf8(&said[..n]).unwrap());
            }
            far.write_all(OK).await.unwrap();
            text
        };
        let (text, answer) = tokio::join!(serve, client::call(lent, &mut message));
        assert_eq!(
            text,
            "POST /v1?q=1 HTTP/1.1\r\nhost: a.test:8443\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello"
        );
        let mut body = answer.unwrap().body;
        assert_eq!(body.next().await.unwrap().unwrap(), "ok");
        assert!(body.next().await.is_none() && back.has_it());
    });
}
