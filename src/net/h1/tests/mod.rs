//! Ours against hyper's, byte for byte the same input: nothing may be accepted here that hyper refuses, and nothing framed
//! otherwise.
//!
//! `ROUNDS` in the environment says how many random inputs each comparison tries, `SEED` from which seed on.

mod chunks;
mod corpus;
mod framing;
mod living;
mod outgoing;
mod replies;
mod requests;
mod secure;
mod uploads;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use vocab::{Dice, Duration};

/// How many random inputs are tried, and from which seed on.
fn rounds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("SEED").unwrap_or(1);
    seed..seed + number("ROUNDS").unwrap_or(usual)
}

fn below(dice: &mut Dice, most: usize) -> usize {
    if most == 0 { 0 } else { (dice.roll() % most as u64) as usize }
}

/// Where to cut a text of that length: nowhere, anywhere a few times, or after every byte.
fn cuts(dice: &mut Dice, length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = match below(dice, 4) {
        0 => vec![],
        1 if length < 600 => (1..length).collect(),
        _ => (0..=below(dice, 5)).map(|_| below(dice, length + 1)).collect(),
    };
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Sends `bytes` in pieces, each only when the other side has done with the one before.
async fn send(io: &mut DuplexStream, bytes: &[u8], cuts: &[usize]) {
    let mut from = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        if io.write_all(&bytes[from..cut]).await.is_err() {
            return;
        }
        from = cut;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What comes within a time in which nothing times out, and whether the other side has closed then.
async fn hear(io: &mut DuplexStream, within: Duration) -> (Vec<u8>, bool) {
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(within, io.read_to_end(&mut heard)).await.is_ok();
    (heard, closed)
}

/// Spoils a text of HTTP: a byte, a line, or something that framing depends on.
fn spoil(dice: &mut Dice, text: &mut Vec<u8>) {
    const WORDS: [&[u8]; 30] = [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b",",
        b"\x80",
        b"\x7f",
        b"0",
        b"+",
        b"-1",
        b"Content-Length: 3\r\n",
        b"content-length: 10\r\n",
        b"Content-Length : 3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"transfer-encoding:chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Host: b\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b" folded\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    let at = below(dice, text.len() + 1);
    let lines: Vec<usize> = std::iter::once(0)
        .chain(text.windows(2).enumerate().filter(|(_, w)| w == b"\r\n").map(|(at, _)| at + 2))
        .collect();
    let line = lines[below(dice, lines.len())].min(text.len());
    let word = WORDS[below(dice, WORDS.len())];
    match below(dice, 8) {
        0 if at < text.len() => text[at] = (dice.roll() & 255) as u8,
        1 if at < text.len() => drop(text.remove(at)),
        2 => drop(text.splice(at..at, word.iter().copied())),
        3 | 4 => drop(text.splice(line..line, word.iter().copied())),
        5 => {
            // A line twice.
            let end = text[line..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| line + n + 1);
            let copy = text[line..end].to_vec();
            text.splice(end..end, copy);
        }
        6 => {
            let end = (at + below(dice, 12)).min(text.len());
            for byte in &mut text[at..end] {
                *byte ^= 32;
            }
        }
        _ => text.truncate(at.max(1)),
    }
}

/// A runtime whose time passes at once when nobody has anything to do.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

/// For people; long runs of one byte are counted.
fn shown(bytes: &[u8]) -> String {
    let mut out = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        match run {
            [byte, ..] if run.len() > 40 => {
                out.push_str(&format!("«{} × {}»", run.len(), byte.escape_ascii()))
            }
            _ => out.push_str(&run.escape_ascii().to_string()),
        }
    }
    out
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
