//! A provider of the test's own, for what the lab's scripts cannot do: count the calls that really arrive, see how far
//! ahead it can write, answer without any delay.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub struct Upstream {
    pub address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

/// What an upstream was asked, head and body.
pub type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// One call: its number from 1, its first line and headers, its body, and the socket to answer on.
pub struct Call<'a> {
    pub number: usize,
    pub head: &'a str,
    pub body: &'a str,
    pub stream: &'a mut TcpStream,
}

impl Upstream {
    /// Answers every call with `answer`, which says whether the connection is kept.
    pub fn start(answer: impl Fn(Call<'_>) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let (answer, counted) = (Arc::new(answer), calls.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, counted) = (answer.clone(), counted.clone());
                std::thread::spawn(move || while_open(stream, &*answer, &counted));
            }
        });
        Self { address, calls }
    }

    /// One that the test has made itself.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, calls: Arc::default() }
    }

    /// Answers every call with the same stream, and keeps what it was asked: the headers in small letters and the body.
    pub fn saying(frames: &'static [&'static str]) -> (Self, Heard) {
        let heard = Heard::default();
        let calls = heard.clone();
        let upstream = Self::start(move |mut call| {
            calls.lock().unwrap().push((call.head.to_ascii_lowercase(), call.body.to_owned()));
            call.begins() && frames.iter().all(|frame| call.chunk(frame)) && call.ends()
        });
        (upstream, heard)
    }

    /// Answers every call with the same whole answer, and keeps what it was asked.
    pub fn telling(body: &'static str) -> (Self, Heard) {
        let heard = Heard::default();
        let calls = heard.clone();
        let upstream = Self::start(move |call| {
            calls.lock().unwrap().push((call.head.to_ascii_lowercase(), call.body.to_owned()));
            call.whole("200 OK", body)
        });
        (upstream, heard)
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn while_open(stream: TcpStream, answer: &dyn Fn(Call<'_>) -> bool, calls: &AtomicUsize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        let mut chunked = false;
        let mut head = first;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding: chunked");
        }
        let body = if chunked {
            chunks(&mut reader)?
        } else {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            body
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        let number = calls.fetch_add(1, Ordering::SeqCst) + 1;
        if !answer(Call { number, head: &head, body: &body, stream: &mut stream }) {
            return None;
        }
    }
}

/// A body in chunks; None where it does not come to its proper end.
fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        assert!(chunk.ends_with(b"\r\n"), "a chunk ends with its line");
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

impl Call<'_> {
    /// A whole answer.
    pub fn whole(self, status: &str, body: &str) -> bool {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).is_ok()
    }

    /// The head of a stream.
    pub fn begins(&mut self) -> bool {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).is_ok()
    }

    /// One write with these bytes as a chunk.
    pub fn chunk(&mut self, text: &str) -> bool {
        self.stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).is_ok()
    }

    /// One `data:` event.
    pub fn says(&mut self, json: &str) -> bool {
        self.chunk(&format!("data: {json}\n\n"))
    }

    pub fn ends(self) -> bool {
        self.stream.write_all(b"0\r\n\r\n").is_ok()
    }
}

/// A chunk of OpenAI's stream that carries this text.
pub fn delta(text: &str) -> String {
    format!(
        r#"{{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    )
}

pub const FINISH: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub const USAGE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
pub const WHOLE: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
