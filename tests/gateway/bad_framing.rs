//! Requests that are wrong as HTTP, too large or too slow: refused where that can still be said, else the connection is
//! closed. Either way at once, and without memory.

use crate::bad_input::Before;
use crate::net::{Conn, request};
use crate::process::Weir;
use crate::world::World;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const CHAT: &str = "/v1/chat/completions";
const SOON: Duration = Duration::from_secs(5);

/// The status of what comes back before the connection is closed; 0 where nothing does.
fn outcome(weir: &Weir, bytes: &[u8]) -> (u16, bool) {
    let mut conn = weir.open();
    // It may be refused before all of it was sent.
    let _ = conn.stream.write_all(bytes);
    conn.stream.set_read_timeout(Some(SOON)).unwrap();
    let status = conn.reply().map_or(0, |r| r.status);
    (status, conn.closes(SOON))
}

#[test]
fn what_is_no_http_is_refused_or_cut() {
    let mut weir = World::new(1);
    let good = crate::world::body("hi").to_string();
    weir.chat(&crate::world::body("hi")).is(200);
    let before = Before::of(&weir.weir);
    let head = |lines: &str| {
        format!(
            "POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n{good}"
        )
    };
    let many: String = (0..5_000).map(|n| format!("X-Bomb-{n}: x\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("two lengths that differ", head("Content-Length: 5\r\nContent-Length: 7\r\n").into(), &[400]),
        ("a length that is no number", head("Content-Length: ten\r\n").into(), &[400]),
        ("a length below zero", head("Content-Length: -1\r\n").into(), &[400]),
        (
            "a length beyond all numbers",
            head("Content-Length: 99999999999999999999999\r\n").into(),
            &[400, 413],
        ),
        ("a length with a plus", head("Content-Length: +10\r\n").into(), &[400]),
        ("a transfer coding nobody knows", head("Transfer-Encoding: sandwich\r\n").into(), &[400, 501]),
        (
            "a chunk size that is no number",
            head("Transfer-Encoding: chunked\r\n").replace(&good, "zz\r\nhello\r\n0\r\n\r\n").into(),
            &[400],
        ),
        (
            "a chunk larger than it says",
            head("Transfer-Encoding: chunked\r\n").replace(&good, "2\r\nhello\r\n0\r\n\r\n").into(),
            &[400],
        ),
        (
            "a chunk size beyond all numbers",
            head("Transfer-Encoding: chunked\r\n").replace(&good, "ffffffffffffffffffff\r\n").into(),
            &[400, 413],
        ),
        ("5,000 headers", head(&many).into(), &[431, 400]),
        ("a header of a megabyte", head(&format!("X-Bomb: {}\r\n", "x".repeat(1 << 20))).into(), &[431, 400]),
        (
            "a path of a megabyte",
            request("GET", &format!("/{}", "x".repeat(1 << 20)), &[], b""),
            &[414, 431, 400],
        ),
        (
            "a path of 70,000 letters",
            request("GET", &format!("/{}", "x".repeat(70_000)), &[], b""),
            &[414, 431, 400],
        ),
        ("a header name with a space", head("X Bad: 1\r\nContent-Length: 0\r\n").into(), &[400]),
        ("a header without a colon", head("nonsense\r\n").into(), &[400]),
        ("a NUL in a header", head("X-Nul: a\0b\r\nContent-Length: 0\r\n").into(), &[400]),
        ("a NUL in the path", b"GET /he\0alth HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400]),
        ("a line break alone in a header", head("X-Bad: a\rb\r\n").into(), &[400]),
        (
            "HTTP/2 without asking",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            &[400, 505, 0],
        ),
        ("HTTP/9", b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n".to_vec(), &[400, 505, 0]),
        (
            "a TLS greeting",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
            &[400, 0],
        ),
        ("noise", (0..4_096u32).map(|n| (n * 7_919 % 251) as u8).collect(), &[400, 431, 0]),
        ("nothing but line breaks", b"\r\n\r\n\r\n\r\n".repeat(50_000), &[400, 431, 0]),
    ];
    let mut complaints = Vec::new();
    for (name, bytes, allowed) in cases {
        let (status, closed) = outcome(&weir.weir, &bytes);
        if !allowed.contains(&status) && status != 0 || (status == 0 && !closed) {
            complaints.push(format!("{name}: {status}, closed: {closed}"));
        }
        if status != 0 && !closed {
            complaints.push(format!("{name}: {status} and the connection goes on, out of step"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    before.still(&mut weir.weir);
}

#[test]
fn a_body_is_never_mistaken_for_the_next_request() {
    // Content-Length with Transfer-Encoding: whoever reads it one way hears a second request that nobody sent.
    let mut weir = World::new(1);
    let before = Before::of(&weir.weir);
    let smuggled = "GET /api/credits HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: smuggled\r\n\r\n";
    for first in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let text = format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n{first}\r\n\r\n0\r\n\r\n{smuggled}");
        let mut conn = weir.weir.open();
        conn.send(text.as_bytes());
        let reply = conn.reply().unwrap();
        assert!((400..500).contains(&reply.status), "{}", reply.status);
        let next = conn.reply();
        assert!(
            next.is_err(),
            "after an ambiguous request the connection goes on: {:?}",
            next.unwrap().headers
        );
    }
    before.still(&mut weir.weir);
}

#[test]
fn old_and_odd_but_right_requests_are_answered() {
    let weir = Weir::alone();
    let old = Conn::open(weir.address).ask(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!(old.status, 200, "HTTP/1.0");
    let absolute =
        Conn::open(weir.address).ask(b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(absolute.status, 200, "a whole address where a path is usual, as proxies get it");
    let text = br#"{"prompt":"hi","max_tokens":3,"stream":true}"#;
    let head =
        format!("POST /api/si/ask HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", text.len());
    let stream = Conn::open(weir.address).ask(&[head.as_bytes(), text].concat());
    assert!(stream.header("transfer-encoding").is_none(), "HTTP/1.0 knows no chunks");
    assert_eq!(stream.frames().last().unwrap().event.as_deref(), Some("weir"), "a stream in HTTP/1.0");
    let with_body = weir.ask("GET", "/health", &[], r#"{"why":"not"}"#);
    assert_eq!(with_body.status, 200, "GET with a body");
    let mut conn = weir.open();
    assert_eq!(conn.ask(&request("GET", "/health", &[], b"body that nobody reads")).status, 200);
    assert_eq!(
        conn.ask(&request("GET", "/ready", &[], b"")).status,
        200,
        "and the connection is still in step"
    );
    let body = br#"{"prompt":"hi","max_tokens":3}"#;
    let mut chunks = request("POST", "/api/si/ask", &[("Transfer-Encoding", "chunked")], b"");
    for byte in body {
        chunks.extend_from_slice(format!("1;name=value\r\n{}\r\n", char::from(*byte)).as_bytes());
    }
    chunks.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    assert_eq!(weir.open().ask(&chunks).status, 200, "a chunk for every byte");
    let mut conn = weir.open();
    conn.send(&request("POST", "/api/si/ask", &[("Expect", "100-continue"), ("Content-Length", "30")], b""));
    assert_eq!(conn.head().unwrap().status, 100);
    conn.send(body);
    assert_eq!(conn.reply().unwrap().status, 200, "after 100-continue");
}

#[test]
fn a_body_of_100_megabytes_is_refused_and_never_kept() {
    let mut weir = World::new(1);
    let size = 100 << 20;
    weir.chat(&crate::world::body("hi")).is(200);
    let before = Before::of(&weir.weir);

    // The length alone is enough to say so.
    let mut conn = weir.weir.open();
    let began = Instant::now();
    let reply = conn.ask(&request("POST", CHAT, &[("Content-Length", &size.to_string())], b"{"));
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (413, Some("body_too_large")));
    assert!(began.elapsed() < SOON, "only after {:?}", began.elapsed());
    before.still(&mut weir.weir);

    // Without a length it is refused when it has become too much.
    let mut weir = World::with(1, "[service]\nbody_max = 1000000", &[]);
    weir.chat(&crate::world::body("hi")).is(200);
    let before = Before::of(&weir.weir);
    let peak = weir.weir.process.memory("VmHWM");
    let mut conn = weir.weir.open();
    conn.send(&request("POST", CHAT, &[("Transfer-Encoding", "chunked")], b""));
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    conn.stream.write_all(b"b\r\n{\"model\":\"a\r\n").unwrap();
    while sent < size && conn.stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < size, "all of it was read");
    let mut answer = Vec::new();
    let _ = conn.stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    // The answer may be lost to the reset that a client earns by sending on.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer:.200}");
    let grown = weir.weir.process.memory("VmHWM").saturating_sub(peak);
    assert!(grown < 16 << 10, "the peak grew by {grown} KiB, of {} MiB sent", sent >> 20);
    before.still(&mut weir.weir);
}

#[test]
fn many_bodies_at_once_leave_nothing_behind() {
    let mut weir = World::with(1, "[service]\nbody_max = 1000000", &[]);
    weir.chat(&crate::world::body("hi")).is(200);
    let address = weir.weir.address;
    let send = move || {
        for _ in 0..10 {
            let mut conn = Conn::open(address);
            let big = vec![b'x'; 900_000];
            let _ = conn.stream.write_all(&request("POST", CHAT, &[], &big));
            assert_eq!(conn.reply().unwrap().status, 400);
        }
    };
    let round = || {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(send)).collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
    };
    // An allocator keeps what it will need again; what grows from round to round is a leak.
    round();
    let before = Before::of(&weir.weir);
    (0..3).for_each(|_| round());
    before.still(&mut weir.weir);
}

#[test]
fn slow_heads_and_slow_bodies_are_not_waited_for() {
    let mut weir = World::with(1, "[service]\nbody_idle_ms = 300", &[]);
    let before = Before::of(&weir.weir);
    // A body that stops.
    let mut conn = weir.weir.open();
    let began = Instant::now();
    let stopped = conn.ask(&request("POST", CHAT, &[("Content-Length", "1000")], b"{\"model\":"));
    assert_eq!((stopped.status, stopped.json()["error"]["code"].as_str()), (408, Some("body_timeout")));
    assert!(began.elapsed() < SOON, "only after {:?}", began.elapsed());
    assert!(conn.closes(SOON), "what is left of the body is not waited for");
    // A body that the client breaks off.
    let mut conn = weir.weir.open();
    conn.send(&request("POST", CHAT, &[("Content-Length", "1000")], b"{\"model\":"));
    conn.stream.shutdown(std::net::Shutdown::Both).unwrap();

    // Heads that never end, a byte at a time: each is given ten seconds in all, not ten for every byte.
    let mut conns: Vec<Conn> = (0..20).map(|_| weir.weir.open()).collect();
    let began = Instant::now();
    for conn in &mut conns {
        conn.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    }
    let mut open = conns;
    while !open.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "{} heads are still waited for", open.len());
        open.retain_mut(|conn| {
            let _ = conn.stream.write_all(b"x");
            !conn.closes(Duration::from_millis(10))
        });
        // Meanwhile everybody else is served.
        weir.weir.get("/health").is(200);
    }
    before.still(&mut weir.weir);
}
