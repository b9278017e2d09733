//! Files that are larger than what is kept of them, and providers and clients that leave in the middle.

use super::{PATH, Part, WHISPERED, form, posted, wav, whispers};
use crate::failover::attempts;
use crate::net::until;
use crate::process::{Lab, Setup, Weir};
use crate::upstream::Upstream;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Somebody who counts what comes and answers when it is over, without keeping any of it. Tells of each call how many bytes of a
/// body came, and whether its end did.
fn counting(answer: &'static str) -> (std::net::SocketAddr, mpsc::Receiver<(usize, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let (mut seen, mut tail, mut block) = (0, Vec::new(), vec![0; 64 << 10]);
                loop {
                    let n = stream.read(&mut block).unwrap_or(0);
                    seen += n;
                    tail.extend_from_slice(&block[..n]);
                    let end = tail.len().saturating_sub(16);
                    tail.drain(..end);
                    let over = tail.ends_with(b"\r\n0\r\n\r\n");
                    if n == 0 || over {
                        let head =
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                        let _ = write!(stream, "{head}content-length: {}\r\n\r\n{answer}", answer.len());
                        let _ = tell.send((seen, over));
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

fn at(address: std::net::SocketAddr, more: &str) -> Setup {
    let config = format!(
        "{more}\n[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{address}/v1\"\nkeys = [\"K\"]\nmodels = [\"whisper-1\"]\n"
    );
    Setup::new().config(&config).variable("K", "k")
}

#[test]
fn twenty_megabytes_go_by_in_flat_memory() {
    let (address, told) = counting(WHISPERED);
    let weir = at(address, "[service]\nupload_window = 1048576\n").start();
    let file = vec![0x55u8; 20 << 20];
    let body = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &file)]);
    let small = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &vec![1; 2 << 20])]);
    weir.open().ask(&posted(PATH, &[], &small)).is(200);
    let before = weir.process.memory("VmHWM");
    for _ in 0..3 {
        let reply = weir.open().ask(&posted(PATH, &[], &body)).is(200);
        assert_eq!(reply.json()["text"], "Hello, weir.");
    }
    let after = weir.process.memory("VmHWM");
    eprintln!("three files of 20 MiB: at most {before} KiB before, {after} KiB after");
    assert!(after < before + 8_192, "{before} KiB, then {after} KiB");
    told.recv().unwrap();
    for (bytes, over) in told.iter().take(3) {
        assert!(over && bytes > 20 << 20, "{bytes}");
    }
    // Twenty at once hold their windows and no more.
    let body = Arc::new(posted(PATH, &[], &body));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            let (body, weir) = (body.clone(), &weir);
            scope.spawn(move || weir.open().ask(&body).is(200));
        }
    });
    let many = weir.process.memory("VmHWM");
    eprintln!("twenty at once: {many} KiB");
    assert!(many < after + 20 * 2_048, "{after} KiB, then {many} KiB");
    assert_eq!(weir.at_rest().1, 0);
}

/// Twenty megabytes of WAV, heard by the lab: exact to the millisecond though nobody had it as a whole but the lab.
#[test]
fn the_whole_of_a_large_file_arrives() {
    let lab = Lab::start(
        "name = \"large\"\n[[provider]]\nname = \"openai\"\ndialect = \"openai-chat\"\n[[provider.model]]\nname = \"whisper-1\"\nkind = \"stt\"\nper_minute = \"0.006\"\n",
    );
    let config = format!(
        "[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{}/openai/v1\"\nkeys = [\"K\"]\nmodels = [\"whisper-1\"]\n",
        lab.address
    );
    let weir = Setup::new().config(&config).variable("K", "k").start();
    let file = wav(655_360);
    let parts: [Part<'_>; 3] = [
        ("model", None, b"whisper-1"),
        ("response_format", None, b"verbose_json"),
        ("file", Some("a.wav"), &file),
    ];
    let said = weir.open().ask(&posted(PATH, &[], &form(&parts))).is(200);
    assert_eq!((said.json()["duration"].clone(), said.told("x-cost-usd")), (json!(655.36), "0.065600000"));
    assert_eq!(weir.at_rest().1, 0);
}

const DOWN: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;

#[test]
fn another_is_asked_while_the_file_is_at_hand() {
    let alpha = Upstream::start(|call| call.whole("500 Internal Server Error", DOWN));
    let (beta, heard) = Upstream::telling(WHISPERED);
    let weir = whispers(&[&alpha, &beta], "[service]\nupload_window = 1048576\n").start();
    let file = wav(20_000);
    let ask = |weir: &Weir, file: &[u8]| {
        let parts: [Part<'_>; 3] =
            [("model", None, b"auto:best"), ("response_format", None, b"srt"), ("file", Some("a.wav"), file)];
        weir.open().ask(&posted(PATH, &[], &form(&parts)))
    };
    let reply = ask(&weir, &file).is(200);
    assert_eq!((reply.told("x-provider"), reply.told("x-route-attempts")), ("beta", "2"));
    assert_eq!(reply.text(), "1\n00:00:00,000 --> 00:00:02,000\nHello, weir.\n\n");
    // All of it again: header and samples.
    let body = heard.lock().unwrap()[0].1.clone();
    assert!(body.contains("RIFF") && body.contains("WAVEfmt"));
    let entry = weir.ended(reply.told("x-request-id"));
    let lines = entry["detail"]["lines"].as_array().unwrap();
    let outcome = |at: usize| (lines[at]["outcome"].as_str().unwrap(), lines[at]["amount"].as_str().unwrap());
    assert_eq!((outcome(0), outcome(1)), (("down", "0.000000000"), ("ok", "0.000200000")));

    // Four megabytes are not. Another weir, which has not seen yet how the first one is.
    let (calls, asked) = (alpha.calls(), beta.calls());
    let weir = whispers(&[&alpha, &beta], "[service]\nupload_window = 1048576\n").start();
    let reply = ask(&weir, &vec![3; 4 << 20]).is(502);
    assert_eq!(attempts(&reply), [("alpha".to_owned(), "down".to_owned())]);
    assert_eq!((alpha.calls(), beta.calls()), (calls + 1, asked));
    assert_eq!(weir.at_rest().1, 0);
}

/// A provider that refuses at the head of a call does not read what follows; the file is at hand still.
#[test]
fn whoever_refuses_before_the_file_is_over_costs_nobody_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut some = [0; 1_024];
            let _ = stream.read(&mut some);
            let error = r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{error}",
                error.len()
            );
            // Not closed: what is not read stays in the way.
            std::mem::forget(stream);
        }
    });
    let (beta, _) = Upstream::telling(WHISPERED);
    let alpha = Upstream::at(address);
    let weir = whispers(&[&alpha, &beta], "[service]\nupload_window = 8388608\n").start();
    let body = form(&[("model", None, b"auto:best"), ("file", Some("a.mp3"), &vec![5; 6 << 20])]);
    let reply = weir.open().ask(&posted(PATH, &[], &body)).is(200);
    assert_eq!((reply.told("x-provider"), reply.told("x-route-reason")), ("beta", "fallback after busy"));
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_file_pays_nothing() {
    let (address, told) = counting(WHISPERED);
    let weir = at(address, "[service]\nupload_window = 262144\n").start();
    let body = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &vec![9; 4 << 20])]);
    let mut conn = weir.open();
    let bytes = posted(PATH, &[("x-request-id", "left-in-the-middle")], &body);
    conn.send(&bytes[..2 << 20]);
    std::thread::sleep(Duration::from_millis(300));
    drop(conn);
    let (bytes, over) = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(!over && bytes > 256 << 10, "the provider had {bytes} bytes and no end");
    let entry = weir.ended("left-in-the-middle");
    assert_eq!(
        (&entry["kind"], &entry["detail"]["lines"][0]["amount"]),
        (&json!("release"), &json!("0.000000000")),
        "{entry}"
    );
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn a_client_that_stops_sending_is_told_and_nobody_is_blamed() {
    let (address, told) = counting(WHISPERED);
    let weir = at(address, "[service]\nupload_window = 262144\nbody_idle_ms = 400\n").start();
    let body = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &vec![9; 2 << 20])]);
    let mut conn = weir.open();
    conn.send(&posted(PATH, &[], &body)[..1 << 20]);
    let reply = conn.reply().unwrap().is(408);
    assert_eq!(reply.json()["error"]["code"], "body_timeout");
    assert!(!told.recv_timeout(Duration::from_secs(10)).unwrap().1);
    let state = weir.get("/api/providers").json()["providers"][0]["models"][0].clone();
    assert_eq!(state["state"], "closed", "{state}");
    assert_eq!(weir.at_rest().1, 0);
}

/// The time that a provider has begins where the file ends: a client may take longer than that.
#[test]
fn a_slow_client_is_nobodys_fault() {
    let (address, _told) = counting(WHISPERED);
    let weir =
        at(address, "[service]\nupload_window = 262144\n[bounds]\ntranscript_deadline_ms = 1500\n").start();
    let body = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &vec![9; 1 << 20])]);
    let bytes = posted(PATH, &[], &body);
    let begun = Instant::now();
    let mut conn = weir.open();
    for piece in bytes.chunks(bytes.len() / 8 + 1) {
        conn.send(piece);
        std::thread::sleep(Duration::from_millis(500));
    }
    conn.reply().unwrap().is(200);
    assert!(begun.elapsed() > Duration::from_secs(3));
}

/// A provider that takes nothing more is given up in its time, and the file is not gathered meanwhile.
#[test]
fn a_provider_that_stops_reading_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            std::mem::forget(stream);
        }
    });
    let weir = at(
        address,
        "[service]\nupload_window = 262144\n[bounds]\nattempts = 1\ntranscript_deadline_ms = 1500\n",
    )
    .start();
    let body = form(&[("model", None, b"whisper-1"), ("file", Some("a.mp3"), &vec![9; 30 << 20])]);
    let bytes = posted(PATH, &[], &body);
    let mut conn = weir.open();
    let mut sent = 0;
    let before = weir.process.memory("VmHWM");
    conn.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    while sent < bytes.len() {
        match conn.stream.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
    }
    let reply = conn.reply().unwrap();
    assert!(matches!(reply.status, 502 | 504), "{}", reply.text());
    let after = weir.process.memory("VmHWM");
    assert!(after < before + 8_192, "{before} KiB, then {after} KiB");
    until(Duration::from_secs(5), "somebody was asked", || (came.load(Ordering::SeqCst) == 1).then_some(()));
    assert_eq!(weir.at_rest().1, 0);
}
