//! Requests: ours and hyper's server hear the same, in whatever pieces it comes.

use super::{corpus, cuts, hear, rounds, run, send, shown, spoil};
use crate::net::h1::head;
use crate::net::h1::server::{self, Service};
use bytes::Bytes;
use front::Response;
use http::Request;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use vocab::{Dice, Duration};

/// Keeps a record of what it heard, and says it back.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl Service for Listener {
    type Body = Full<Bytes>;

    async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body<Data = Bytes, Error: Display> + Send,
    {
        let (head, body) = request.into_parts();
        let mut headers: Vec<String> = head
            .headers
            .iter()
            .filter(|(k, _)| !front::is_noise(k.as_ref()))
            .map(|(k, v)| format!("{k}={}", shown(v.as_bytes())))
            .collect();
        headers.sort();
        let said = format!("{} {} {}", head.method, head.uri, headers.join(";"));
        let at = {
            let mut heard = self.0.lock().unwrap();
            heard.push(format!("{said} …"));
            heard.len() - 1
        };
        let mut body = pin!(body);
        let mut all = Vec::new();
        let mut end = "";
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            match frame {
                Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    end = " broken off";
                    break;
                }
            }
        }
        let all = shown(&all);
        self.0.lock().unwrap()[at] = format!("{said} {all:?}{end}");
        Response::new(Full::new(Bytes::from(all)))
    }
}

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    heard: Vec<String>,
    /// Status, whether the connection is said to end, and body, of each answer.
    answers: Vec<(u16, bool, String)>,
    closed: bool,
}

fn verdict(listener: &Listener, said: &[u8], closed: bool) -> Verdict {
    let heard = listener.0.lock().unwrap().clone();
    let mut answers: Vec<(u16, bool, String)> = Vec::new();
    let mut rest = said;
    while !rest.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(rest).unwrap() else {
            panic!("half a head: {}", shown(rest))
        };
        let field = |name: &str| {
            head.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| shown(h.value))
        };
        let asked = heard.get(answers.iter().filter(|a| a.0 != 100).count());
        let body: usize = match field("content-length") {
            Some(length) if !asked.is_some_and(|asked| asked.starts_with("HEAD ")) => length.parse().unwrap(),
            _ => 0,
        };
        let ends = field("connection").as_deref() == Some("close");
        assert!(head.code == Some(100) || field("date").is_some());
        answers.push((head.code.unwrap(), ends, shown(&rest[length..length + body])));
        rest = &rest[length + body..];
    }
    Verdict { heard, answers, closed }
}

const PATIENCE: Duration = Duration::from_secs(4);

async fn ours(text: &[u8], cuts: &[usize]) -> Verdict {
    let (mut client, io) = tokio::io::duplex(1 << 20);
    let listener = Listener::default();
    let service = listener.clone();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(async move { server::serve(io, &service, stopped).await });
    send(&mut client, text, cuts).await;
    let (said, closed) = hear(&mut client, PATIENCE).await;
    task.abort();
    drop(stop);
    verdict(&listener, &said, closed)
}

async fn hypers(text: &[u8], cuts: &[usize]) -> Verdict {
    let (mut client, io) = tokio::io::duplex(1 << 20);
    let listener = Listener::default();
    let service = listener.clone();
    let service = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(http::Response::from(service.answer(request).await)) }
    });
    let task = tokio::spawn(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(server::HEAD_WITHIN)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(io), service),
    );
    send(&mut client, text, cuts).await;
    let (said, closed) = hear(&mut client, PATIENCE).await;
    task.abort();
    verdict(&listener, &said, closed)
}

#[track_caller]
fn check(name: &str, text: &[u8], cuts: &[usize]) {
    let (ours, hypers) = run(async { (ours(text, cuts).await, hypers(text, cuts).await) });
    // Nonsense in half a head is refused at once or waited out, as the reads happen to fall.
    if let Some((400, true, _)) = hypers.answers.last()
        && !ours.closed
        && ours.heard == hypers.heard
        && ours.answers == hypers.answers[..hypers.answers.len() - 1]
    {
        return;
    }
    assert_eq!(ours, hypers, "ours and hyper's; {name}, cut at {cuts:?}: {}", shown(text));
}

#[test]
fn every_nasty_request_is_taken_as_hyper_takes_it() {
    let corpus = corpus::requests();
    assert!(corpus.len() >= 100, "{}", corpus.len());
    for (name, text) in &corpus {
        // Whoever frames it otherwise hears another request behind it.
        for after in ["", "GET /after HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let mut text = text.clone();
            text.extend_from_slice(after.as_bytes());
            check(name, &text, &[]);
            let mut dice = Dice::seeded(text.len() as u64);
            for _ in 0..2 {
                check(name, &text, &cuts(&mut dice, text.len()));
            }
        }
    }
}

#[test]
fn a_plain_request_is_the_same_wherever_it_is_cut() {
    let text = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldGET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let whole = run(hypers(text, &[]));
    assert_eq!(whole.heard.len(), 2);
    for cut in 1..text.len() {
        assert_eq!(run(ours(text, &[cut])), whole, "cut at {cut}");
    }
    let every: Vec<usize> = (1..text.len()).collect();
    assert_eq!(run(ours(text, &every)), whole);
}

#[test]
fn spoiled_requests_are_taken_as_hyper_takes_them() {
    let whole = corpus::right_requests();
    for seed in rounds(2_500) {
        let mut dice = Dice::seeded(seed);
        let mut text = Vec::new();
        for _ in 0..=super::below(&mut dice, 2) {
            text.extend_from_slice(&whole[super::below(&mut dice, whole.len())]);
        }
        for _ in 0..super::below(&mut dice, 4) {
            spoil(&mut dice, &mut text);
        }
        let cuts = cuts(&mut dice, text.len());
        check(&format!("seed {seed}"), &text, &cuts);
    }
}

#[test]
fn a_head_at_the_limit_is_heard_once_or_refused() {
    for n in (65_300..65_700).step_by(7) {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(n));
        for cuts in [vec![], vec![10_000, 30_000], vec![65_500.min(n)]] {
            let verdict = run(ours(text.as_bytes(), &cuts));
            let refused = verdict.heard.is_empty() && verdict.answers[0].0 == 431 && verdict.closed;
            assert!(refused || verdict.heard.len() == 1 && !verdict.closed, "{n}");
        }
    }
}

#[test]
fn only_the_plain_case_is_ours() {
    let is_plain = |text: &[u8]| {
        let mut held = Bytes::copy_from_slice(text);
        let plain = matches!(head::request(&mut held), head::Request::Plain(_));
        assert!(plain || held == text, "what is hyper's is left as it was");
        plain
    };
    // What all the others are worth nothing without: hyper is not asked for what comes all day.
    for text in corpus::right_requests() {
        assert_eq!(is_plain(&text), !shown(&text).contains("Transfer-Encoding"), "{}", shown(&text));
    }
    for lines in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n",
        "Host: a\r\nContent-Length: +1\r\n",
        "Host: a\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nConnection: close, x\r\n",
        "Host: a\r\nConnection: close\r\nConnection: close\r\n",
        "Host: a\r\nUpgrade: h2c\r\n",
        "Host: a\r\nExpect: 100-continue\r\n",
        "Host: a\r\nTE: trailers\r\n",
        "Host: a\r\nTrailer: x\r\n",
        "Host: a\r\nX: a\r\n b\r\n",
        "Host: a\r\nX : a\r\n",
    ] {
        assert!(!is_plain(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()), "{lines:?}");
    }
    for first in [
        "GET / HTTP/1.0",
        "GET * HTTP/1.1",
        "GET http://a/ HTTP/1.1",
        "CONNECT a:1 HTTP/1.1",
        "\r\nGET / HTTP/1.1",
    ] {
        assert!(!is_plain(format!("{first}\r\nHost: a\r\n\r\n").as_bytes()), "{first:?}");
    }
}
