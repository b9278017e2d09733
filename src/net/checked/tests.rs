use super::*;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// Answers each look-up with the next of its answers.
struct Script {
    answers: Mutex<VecDeque<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Vec<SocketAddr>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), asked: AtomicUsize::new(0) }
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { next.ok_or_else(|| io::Error::other("asked too often")) })
    }
}

/// A server of this machine that says the same to everybody, and counts them.
struct Server {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    heard: mpsc::Receiver<String>,
}

fn server(answer: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let (tell, heard) = mpsc::channel();
    let counted = calls.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut bytes = [0; 4_096];
            let read = stream.read(&mut bytes).unwrap_or_default();
            let _ = tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned());
            answer(&mut stream);
        }
    });
    Server { address, calls, heard }
}

fn saying(text: &'static str) -> Server {
    server(move |stream| drop(stream.write_all(text.as_bytes())))
}

async fn told(script: &Script, url: &str, private: bool) -> Result<u16, String> {
    let target = Target::read(url, private).unwrap();
    post(script, &target, &HeaderMap::new(), Bytes::from_static(b"{}"), Duration::from_millis(800)).await
}

#[tokio::test]
async fn a_name_that_comes_to_an_inner_address_is_not_called() {
    let inside = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let port = inside.address.port();
    let url = format!("https://hooks.example:{port}/");
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "0.0.0.0",
        "169.254.169.254",
    ] {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
        let why = told(&Script::new([vec![address]]), &url, false).await.unwrap_err();
        assert!(why.contains("no public address"), "{address}: {why}");
    }
    // One of several is enough.
    let mixed = vec!["1.1.1.1:443".parse().unwrap(), inside.address];
    assert!(told(&Script::new([mixed]), &url, false).await.unwrap_err().contains("no public address"));
    assert!(told(&Script::new([vec![]]), &url, false).await.unwrap_err().contains("no address"));
    // What the operating system makes of a name is looked at in the same way.
    let target = Target::read(&format!("https://localhost:{port}/"), false).unwrap();
    let why =
        post(&System, &target, &HeaderMap::new(), Bytes::new(), Duration::from_secs(2)).await.unwrap_err();
    assert!(why.contains("no public address") || why.contains("cannot be resolved"), "{why}");
    assert_eq!(inside.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let inside = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let url = format!("https://hooks.example:{}/", inside.address.port());
    // Public when it is checked, and the inside afterwards. Nobody answers at that address; it is of the internet all the same.
    let public = SocketAddr::new("2606:4700::1".parse().unwrap(), inside.address.port());
    let script = Script::new([vec![public], vec![inside.address]]);
    let first = told(&script, &url, false).await.unwrap_err();
    assert!(!first.contains("public"), "{first}");
    assert_eq!(
        script.asked.load(Ordering::SeqCst),
        1,
        "one look-up for a try, and the connection is made to what it said"
    );
    let second = told(&script, &url, false).await.unwrap_err();
    assert!(second.contains("no public address"), "{second}");
    assert_eq!(inside.calls.load(Ordering::SeqCst), 0);
    // Where the inside is allowed: the first answer is what is connected to.
    let other = saying("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    let script = Script::new([vec![inside.address], vec![other.address]]);
    assert_eq!(told(&script, &url.replace("https", "http"), true).await, Ok(200));
    assert_eq!((inside.calls.load(Ordering::SeqCst), other.calls.load(Ordering::SeqCst)), (1, 0));
    let heard = inside.heard.recv().unwrap().to_ascii_lowercase();
    assert!(heard.starts_with("post / http/1.1\r\n") && heard.contains("host: hooks.example:"), "{heard}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_a_way() {
    let inside = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let to = inside.address;
    for status in [301, 302, 303, 307, 308] {
        let outside = server(move |stream| {
            let head = format!("HTTP/1.1 {status} Go\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
            drop(stream.write_all(head.as_bytes()));
        });
        assert_eq!(told(&Script::new([]), &format!("http://{}/", outside.address), true).await, Ok(status));
    }
    assert_eq!(inside.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_and_one_that_never_comes_is_not_waited_for() {
    let endless = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    assert_eq!(told(&Script::new([]), &format!("http://{}/", endless.address), true).await, Ok(200));
    let silent = server(|stream| drop(stream.read(&mut [0; 1])));
    let why = told(&Script::new([]), &format!("http://{}/", silent.address), true).await.unwrap_err();
    assert!(why.contains("within 0.8 s"), "{why}");
    let no_tls = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let why = told(&Script::new([]), &format!("https://{}/", no_tls.address), true).await.unwrap_err();
    assert!(why.starts_with("TLS:"), "{why}");
}
