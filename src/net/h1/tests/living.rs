//! A connection's life: hang-ups, timeouts, order, stopping, streams.

use super::{hear, run};
use crate::net::h1::server::{self, HEAD_WITHIN, Service};
use bytes::Bytes;
use front::Response;
use futures::channel::mpsc;
use http::Request;
use http_body::Frame;
use std::convert::Infallible;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vocab::Duration;

/// Pieces as the test sends them.
struct Pieces {
    coming: mpsc::UnboundedReceiver<Bytes>,
    length: Option<u64>,
    dropped: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = std::task::ready!(futures::StreamExt::poll_next_unpin(&mut self.coming, cx));
        self.taken.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.length.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Answers by path: `/wait/MS` after a time, `/drip` with what the test sends, `/short` with less than was said, `/refuse`
/// without reading the body.
#[derive(Default)]
struct Desk {
    begun: AtomicUsize,
    dropped: Arc<AtomicUsize>,
    /// Pieces of bodies that were asked for.
    taken: Arc<AtomicUsize>,
    /// Senders of `/drip`, for the test.
    taps: std::sync::Mutex<Vec<mpsc::UnboundedSender<Bytes>>>,
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service for Desk {
    type Body = Pieces;

    async fn answer<B>(&self, request: Request<B>) -> Response<Pieces>
    where
        B: http_body::Body<Data = Bytes, Error: Display> + Send,
    {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let guard = Guard(self.dropped.clone());
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let (tap, pieces) = mpsc::unbounded();
        if path != "/refuse" {
            let mut body = pin!(body);
            let mut size = 0;
            while let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                size += frame.into_data().unwrap().len();
            }
            if path == "/size" {
                tap.unbounded_send(size.to_string().into()).unwrap();
            }
        }
        if let Some(ms) = path.strip_prefix("/wait/") {
            tokio::time::sleep(Duration::from_millis(ms.parse().unwrap())).await;
        }
        std::mem::forget(guard);
        let mut length = None;
        match path.as_str() {
            "/drip" => self.taps.lock().unwrap().push(tap),
            "/size" => {}
            "/short" => {
                length = Some(10);
                tap.unbounded_send("five.".into()).unwrap();
            }
            _ => {
                length = Some(path.len() as u64);
                tap.unbounded_send(path.into()).unwrap();
            }
        }
        let mut response = Response::new(Pieces {
            coming: pieces,
            length,
            dropped: self.dropped.clone(),
            taken: self.taken.clone(),
        });
        if head.uri.path() == "/none" {
            response.status = http::StatusCode::NO_CONTENT;
        }
        response
    }
}

struct World {
    client: DuplexStream,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn world(room: usize) -> World {
    let (client, io) = tokio::io::duplex(room);
    let desk = Arc::new(Desk::default());
    let (stop, stopped) = watch::channel(false);
    let service = desk.clone();
    let task = tokio::spawn(async move { server::serve(io, &*service, stopped).await });
    World { client, desk, stop, task }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

impl World {
    async fn say(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
        self.rest().await;
    }

    /// Until everybody has done what there was to do.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn hears(&mut self, within: Duration) -> (String, bool) {
        let (said, closed) = hear(&mut self.client, within).await;
        (String::from_utf8(said).unwrap(), closed)
    }

    fn dropped(&self) -> usize {
        self.desk.dropped.load(Ordering::SeqCst)
    }
}

fn bodies(said: &str) -> Vec<&str> {
    said.split("HTTP/1.1 ").skip(1).map(|answer| answer.split_once("\r\n\r\n").unwrap().1).collect()
}

const SHORT: Duration = Duration::from_millis(500);

#[test]
fn pipelined_requests_are_answered_in_order_and_none_is_lost() {
    run(async {
        let mut world = world(1 << 16);
        world.say(&[get("/wait/300"), get("/a")].concat()).await;
        world.say(&get("/wait/100")[..20]).await;
        world.say(&get("/wait/100")[20..]).await;
        world.say(&get("/b")).await;
        assert_eq!(world.desk.begun.load(Ordering::SeqCst), 1, "one after the other");
        let (said, closed) = world.hears(Duration::from_secs(2)).await;
        assert_eq!(bodies(&said), ["/wait/300", "/a", "/wait/100", "/b"]);
        assert!(!closed);
    });
}

#[test]
fn a_client_that_hangs_up_is_noticed_while_its_answer_is_made() {
    run(async {
        let mut world = world(1 << 16);
        world.say(&get("/wait/60000")).await;
        assert_eq!(world.dropped(), 0);
        drop(world.client);
        tokio::time::timeout(SHORT, world.task).await.expect("the connection ends at once").unwrap();
        assert_eq!(world.desk.dropped.load(Ordering::SeqCst), 1, "the answer's making is given up");
    });
}

#[test]
fn a_client_that_hangs_up_is_noticed_while_it_is_streamed_to() {
    run(async {
        let mut world = world(1 << 16);
        world.say(&get("/drip")).await;
        world.desk.taps.lock().unwrap()[0].unbounded_send("one".into()).unwrap();
        world.rest().await;
        assert_eq!(world.dropped(), 0);
        world.client.shutdown().await.unwrap();
        world.rest().await;
        assert_eq!(world.dropped(), 1, "the stream is given up");
        assert!(world.task.is_finished());
    });
}

#[test]
fn a_stream_passes_at_once_and_a_request_behind_it_waits() {
    run(async {
        let mut world = world(1 << 16);
        world.say(&get("/drip")).await;
        let tap = world.desk.taps.lock().unwrap().pop().unwrap();
        world.say(&get("/after")).await;
        let (head, _) = world.hears(SHORT).await;
        assert!(
            head.contains("transfer-encoding: chunked\r\n") && head.ends_with("\r\n\r\n"),
            "the head alone: {head:?}"
        );
        tap.unbounded_send("one".into()).unwrap();
        assert_eq!(world.hears(SHORT).await.0, "3\r\none\r\n");
        tap.unbounded_send("".into()).unwrap();
        tap.unbounded_send("0123456789abcdefg".into()).unwrap();
        assert_eq!(world.hears(SHORT).await.0, "11\r\n0123456789abcdefg\r\n");
        drop(tap);
        let (rest, closed) = world.hears(SHORT).await;
        assert!(rest.starts_with("0\r\n\r\nHTTP/1.1 200 OK\r\n") && rest.ends_with("/after"), "{rest:?}");
        assert!(!closed);
    });
}

#[test]
fn a_client_that_does_not_read_is_not_read_ahead_for() {
    run(async {
        let mut world = world(1_000);
        world.say(&get("/drip")).await;
        let tap = world.desk.taps.lock().unwrap().pop().unwrap();
        for _ in 0..100 {
            tap.unbounded_send(vec![b'x'; 500].into()).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(
            world.desk.taken.load(Ordering::SeqCst) <= 3,
            "what does not fit the socket is not asked for"
        );
        drop(tap);
        let (rest, closed) = world.hears(SHORT).await;
        assert_eq!(rest.matches("1f4\r\n").count(), 100);
        assert!(rest.ends_with("x\r\n0\r\n\r\n") && !closed);
    });
}

#[test]
fn slow_heads_and_idle_connections_are_closed() {
    run(async {
        // Nothing at all.
        let mut quiet = world(1 << 16);
        assert!(!quiet.hears(HEAD_WITHIN - SHORT).await.1);
        assert!(quiet.hears(2 * SHORT).await.1);
        // A byte now and then.
        let mut slow = world(1 << 16);
        let begun = tokio::time::Instant::now();
        for byte in get("/a").as_bytes().iter().chain(&[b'x'; 60]) {
            if slow.client.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        assert!(slow.task.is_finished() && begun.elapsed() < 3 * HEAD_WITHIN);
        assert_eq!(slow.desk.begun.load(Ordering::SeqCst), 0);
        // After an answer the time begins anew.
        let mut kept = world(1 << 16);
        for _ in 0..4 {
            kept.say(&get("/a")).await;
            assert!(!kept.hears(HEAD_WITHIN - SHORT).await.1);
        }
        assert!(kept.hears(2 * SHORT).await.1);
        // While a request is served, and while a stream flows, no head is waited for.
        let mut long = world(1 << 16);
        long.say(&get("/wait/60000")).await;
        let (said, closed) = long.hears(Duration::from_secs(61)).await;
        assert_eq!((bodies(&said), closed), (vec!["/wait/60000"], false));
    });
}

#[test]
fn stopping_ends_idle_connections_and_finishes_what_runs() {
    run(async {
        let mut idle = world(1 << 16);
        idle.say(&get("/a")).await;
        assert!(!idle.hears(SHORT).await.1);
        idle.stop.send(true).unwrap();
        assert!(idle.hears(SHORT).await.1);

        let mut busy = world(1 << 16);
        busy.say(&get("/wait/2000")).await;
        busy.stop.send(true).unwrap();
        let (said, closed) = busy.hears(Duration::from_secs(3)).await;
        assert!(said.contains("connection: close\r\n") && said.ends_with("/wait/2000") && closed, "{said:?}");

        let mut half = world(1 << 16);
        half.say(&get("/a")[..10]).await;
        half.stop.send(true).unwrap();
        half.rest().await;
        half.say(&get("/a")[10..]).await;
        let (said, closed) = half.hears(SHORT).await;
        assert!(said.contains("connection: close\r\n") && closed, "{said:?}");

        let mut unusual = world(1 << 16);
        unusual.say("GET /a HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").await;
        assert_eq!(bodies(&unusual.hears(SHORT).await.0), ["/a"]);
        unusual.stop.send(true).unwrap();
        assert!(unusual.hears(SHORT).await.1, "hyper's too");
    });
}

#[test]
fn what_is_said_of_a_body_is_true() {
    run(async {
        let mut world1 = world(1 << 16);
        world1.say("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world1.say(&get("/none")).await;
        world1.say("HEAD /size HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world1.say(&get("/size")).await;
        let (said, _) = world1.hears(SHORT).await;
        let answers: Vec<&str> = said.split("HTTP/1.1 ").skip(1).collect();
        assert!(answers[0].contains("content-length: 4\r\n") && answers[0].ends_with("\r\n\r\n"), "{said}");
        assert!(
            answers[1].starts_with("204 No Content\r\n") && !answers[1].contains("content-length"),
            "{said}"
        );
        assert!(answers[1].ends_with("\r\n\r\n") && !answers[1].contains("chunked"));
        assert!(answers[2].ends_with("\r\n\r\n") && !answers[2].contains("chunked"), "{said}");
        assert!(answers[3].ends_with("\r\n\r\n1\r\n0\r\n0\r\n\r\n"), "{said}");
        // A body that falls short ends the connection: the client must not take the next answer for its rest.
        let mut short = world(1 << 16);
        short.say(&[get("/short"), get("/a")].concat()).await;
        let (said, closed) = short.hears(SHORT).await;
        assert!(said.contains("content-length: 10") && said.ends_with("five.") && closed, "{said}");
    });
}

#[test]
fn large_bodies_come_whole_and_what_follows_is_the_next_request() {
    run(async {
        for (size, after) in [(0, ""), (1, "x"), (5_000, ""), (70_000, "x"), (300_000, ""), (1_000_000, "x")]
        {
            let mut world = world(1 << 16);
            let text = format!(
                "POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{}",
                "b".repeat(size)
            );
            let next = if after.is_empty() { String::new() } else { get("/next") };
            world.client.write_all(format!("{text}{next}").as_bytes()).await.unwrap();
            let (said, _) = world.hears(SHORT).await;
            assert!(bodies(&said)[0].contains(&format!("\r\n{size}\r\n")), "{size}: {said}");
            assert_eq!(bodies(&said).get(1).copied(), (!after.is_empty()).then_some("/next"));
        }
    });
}

#[test]
fn a_body_that_nobody_reads_is_read_over_or_ends_the_connection() {
    run(async {
        let mut small = world(1 << 16);
        small
            .say(&format!(
                "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n{}{}",
                "b".repeat(9_000),
                get("/next")
            ))
            .await;
        let (said, closed) = small.hears(SHORT).await;
        assert_eq!((bodies(&said), closed), (vec!["/refuse", "/next"], false));

        let mut missing = world(1 << 16);
        missing.say("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\nb").await;
        let (said, closed) = missing.hears(SHORT).await;
        assert!(said.contains("connection: close\r\n") && closed, "{said}");
        // It is heard out for a while, so that it can read why; and not for ever.
        assert!(missing.client.write_all(&[b'b'; 8_000]).await.is_ok());
        assert!(!missing.task.is_finished());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(missing.task.is_finished());

        let mut large = world(1 << 16);
        large.say("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").await;
        let (said, closed) = large.hears(SHORT).await;
        assert!(said.contains("connection: close\r\n") && closed, "{said}");
    });
}

#[test]
fn a_connection_takes_little() {
    let (_stop, stopped) = watch::channel(false);
    let (_, io) = tokio::io::duplex(1);
    let desk = Desk::default();
    let size = run(async { size_of_val(&server::serve(io, &desk, stopped)) });
    assert!(size <= 1_200, "{size} bytes");
}
