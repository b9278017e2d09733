//! A raw HTTP/1.1 client: what is sent is exactly what the test wrote, and what comes back is taken apart here.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No single read of any test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection, kept until it is dropped.
pub struct Conn {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer's head, and its body where it was read.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub event: Option<String>,
    pub data: String,
}

impl Frame {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e} in {:?}", self.data))
    }
}

/// A request as bytes. `Host` is added where it is not given, and the length of a body that is there.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut out = format!("{method} {path} HTTP/1.1\r\n");
    if !given("host") {
        out.push_str("Host: localhost\r\n");
    }
    if !body.is_empty() || method == "POST" {
        if !given("content-type") {
            out.push_str("Content-Type: application/json\r\n");
        }
        if !given("content-length") && !given("transfer-encoding") {
            out.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
    }
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

impl Conn {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))
            .unwrap_or_else(|e| panic!("{address} takes no connection: {e}"));
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).expect("the request can be sent");
        self
    }

    /// False where the other side has closed.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        let n = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..n]);
        Ok(n > 0)
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn exactly(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }

    /// The head of the next answer.
    pub fn head(&mut self) -> io::Result<Reply> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|s| s.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Reply { status, headers, body: Vec::new() })
    }

    /// The next chunk of a chunked body; None at its proper end.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let size =
            usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("no chunk size: {size:?}"));
        let bytes = self.exactly(size)?;
        assert_eq!(self.line()?, "", "a chunk ends with its line");
        Ok((size > 0).then_some(bytes))
    }

    /// The same of one with trailers: what is behind its last chunk stays.
    pub fn chunk_before_trailers(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("no chunk size: {size:?}"));
        if size == 0 {
            return Ok(None);
        }
        let bytes = self.exactly(size)?;
        assert_eq!(self.line()?, "", "a chunk ends with its line");
        Ok(Some(bytes))
    }

    /// What comes behind the last chunk.
    pub fn trailers(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(all);
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no trailer: {line:?}"));
            all.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// A body of that length.
    pub fn rest(&mut self, length: usize) -> Vec<u8> {
        self.exactly(length).expect("the body is there")
    }

    /// The next answer, whole.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut reply = self.head()?;
        if reply.header("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.chunk()? {
                reply.body.extend(chunk);
            }
        } else if let Some(length) = reply.header("content-length").and_then(|l| l.parse().ok()) {
            reply.body = self.exactly(length)?;
        } else if reply.status != 204 {
            while self.fill()? {}
            reply.body = std::mem::take(&mut self.buffer);
        }
        Ok(reply)
    }

    /// Reads a body of that length and forgets it.
    pub fn skip(&mut self, length: usize) -> io::Result<()> {
        self.exactly(length).map(drop)
    }

    /// Sends and waits for the whole answer.
    pub fn ask(&mut self, bytes: &[u8]) -> Reply {
        self.send(bytes).reply().expect("there is an answer")
    }

    /// Whether the other side has closed, with nothing more to say. Waits for it up to `within`.
    pub fn closes(&mut self, within: Duration) -> bool {
        self.stream.set_read_timeout(Some(within)).unwrap();
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return true,
                Err(e) => return e.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A header that has to be there.
    pub fn told(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no header {name} in {} {:?}", self.status, self.headers))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("bodies are UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.text()))
    }

    pub fn frames(&self) -> Vec<Frame> {
        frames(&self.text())
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }
}

pub fn frames(text: &str) -> Vec<Frame> {
    let frame = |block: &str| {
        let mut frame = Frame { event: None, data: String::new() };
        for line in block.lines() {
            if let Some(event) = line.strip_prefix("event:") {
                frame.event = Some(event.trim().into());
            } else if let Some(data) = line.strip_prefix("data:") {
                frame.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        frame
    };
    text.replace("\r\n", "\n")
        .split("\n\n")
        .map(frame)
        .filter(|f| !f.data.is_empty() || f.event.is_some())
        .collect()
}

/// Looks again and again until there is something, and fails with `what` when that takes too long.
#[track_caller]
pub fn until<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
