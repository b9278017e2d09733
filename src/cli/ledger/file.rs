//! A walk through an export: every entry of every account, checked as it passes. No store is needed.
//!
//! Reading and parsing have a thread of their own, because they take as long as hashing does. Both hand on some entries at
//! a time, so memory does not grow with the file; it does with the accounts in it and with their open holds.

use super::texts::{Text, Texts};
use crate::cli::Failure;
use crate::net::NativeClock;
use billing::{Balance, Entry, Hash, Kind, Summary, Tally};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use relay::ports::Clock;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use vocab::{Duration, Instant, Pico};

/// How many entries go from thread to thread at a time, and how many such heaps may wait.
const HEAP: usize = 512;
const WAITING: usize = 4;

/// Something shorter needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a file came to: where each account stands, or the first bad entry.
pub type Verdict = Result<Vec<Summary>, Bad>;

/// The first bad entry of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// Where it begins, from 1.
    pub line: u64,
    /// As it states them, where that can be read.
    pub account: Option<String>,
    pub seq: Option<u64>,
    pub why: String,
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match (self.seq, &self.account) {
            (Some(seq), Some(account)) => write!(f, "entry {seq} of account {account}: ")?,
            (None, Some(account)) => write!(f, "an entry of account {account}: ")?,
            _ => {}
        }
        f.write_str(&self.why)
    }
}

/// Some entries with their lines, and how much of the file was read with them.
struct Heap {
    entries: Vec<(u64, Result<Entry, Bad>)>,
    read: u64,
}

/// Checks the export `path` (`-` is standard input), and hands on each entry that is good. With `account`, those of
/// others are passed over. With `bar`, a terminal is told how far it is.
pub fn walk(
    path: &Path,
    account: Option<&str>,
    bar: bool,
    take: impl FnMut(&Entry),
) -> Result<Verdict, Failure> {
    let cannot = |error: std::io::Error| Failure::Cannot(format!("{}: {error}", path.display()));
    if path.as_os_str() == "-" {
        return walk_through(std::io::stdin(), Bar::new(None, bar), account, take).map_err(cannot);
    }
    let file = File::open(path).map_err(cannot)?;
    let size = file.metadata().map_err(cannot)?.len();
    walk_through(file, Bar::new(Some(size), bar), account, take).map_err(cannot)
}

fn walk_through(
    input: impl Read + Send,
    mut bar: Bar,
    account: Option<&str>,
    mut take: impl FnMut(&Entry),
) -> std::io::Result<Verdict> {
    let (send, receive) = sync_channel(WAITING);
    // Whatever ends this closure drops the receiver, and with it the reader ends.
    std::thread::scope(move |scope| {
        let reading = scope.spawn(move || read(input, &send));
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for heap in &receive {
            for (line, entry) in heap.entries {
                let checked = entry.and_then(|entry| match account {
                    Some(account) if entry.account != account => Ok(None),
                    _ => step(&mut tallies, line, &entry).map(|()| Some(entry)),
                });
                match checked {
                    Ok(entry) => entry.iter().for_each(&mut take),
                    Err(bad) => {
                        bar.end();
                        return Ok(Err(bad));
                    }
                }
            }
            bar.at(heap.read);
        }
        bar.end();
        let read = reading.join().unwrap_or_else(|_| Err(std::io::Error::other("the reader panicked")));
        read.map(|()| Ok(tallies.values().map(Tally::summary).collect()))
    })
}

fn step(tallies: &mut BTreeMap<String, Tally>, line: u64, entry: &Entry) -> Result<(), Bad> {
    let tally = match tallies.get_mut(&entry.account) {
        Some(tally) => tally,
        None => tallies.entry(entry.account.clone()).or_insert_with(|| Tally::new(&entry.account)),
    };
    tally.step(entry).map_err(|bad| {
        let told = bad.to_string();
        let why = told.split_once(": ").map_or(told.as_str(), |(_, why)| why);
        // The account's name may hold what the split looks for.
        let why =
            told.strip_prefix(&format!("entry {} of account {}: ", bad.seq, bad.account)).unwrap_or(why);
        Bad { line, account: Some(bad.account), seq: Some(bad.seq), why: why.into() }
    })
}

fn read(input: impl Read, send: &SyncSender<Heap>) -> std::io::Result<()> {
    let mut texts = Texts::of(BufReader::with_capacity(1 << 20, input));
    loop {
        let mut entries = Vec::with_capacity(HEAP);
        while entries.len() < HEAP
            && let Some(Text { line, text }) = texts.next()?
        {
            let bad = |why: &str| Bad { line, account: None, seq: None, why: why.into() };
            let entry = text.map_err(bad).and_then(|text| entry(text, line));
            let stop = entry.is_err();
            entries.push((line, entry));
            if stop {
                break;
            }
        }
        let last = entries.len() < HEAP;
        if send.send(Heap { entries, read: texts.read() }).is_err() || last {
            return Ok(());
        }
    }
}

/// Reads one entry, or says as much of it as can be told.
fn entry(text: &[u8], line: u64) -> Result<Entry, Bad> {
    let unreadable = |why: &str| {
        // The parser's own place is within the entry; ours is within the file.
        let why = why.split(" at line ").next().unwrap_or(why);
        let stated: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(text).unwrap_or_default();
        Bad {
            line,
            account: stated.get("account").and_then(|account| serde_json::from_str(account.get()).ok()),
            seq: stated.get("seq").and_then(|seq| serde_json::from_str(seq.get()).ok()),
            why: format!("it cannot be read as an entry: {why}"),
        }
    };
    // What is derived would take an array of the fields' values as well.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(unreadable("it is no JSON object"));
    }
    let text = std::str::from_utf8(text).map_err(|_| unreadable("it is not UTF-8"))?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let wire = Wire::deserialize(&mut parser).map_err(|error| unreadable(&error.to_string()))?;
    parser.end().map_err(|error| unreadable(&error.to_string()))?;
    let Wire { account, seq, time, kind, op_id, amount, balance_after, detail, prev_hash, hash } = wire;
    let (prev_hash, hash) = (prev_hash.0, hash.0);
    Ok(Entry { account, seq, time, kind, op_id, amount, balance_after, detail, prev_hash, hash })
}

/// An [`Entry`] of which a million are read: the hashes without a detour.
#[derive(Deserialize)]
struct Wire {
    account: String,
    seq: u64,
    time: Instant,
    kind: Kind,
    op_id: String,
    amount: Pico,
    balance_after: Balance,
    detail: String,
    prev_hash: Hex,
    hash: Hex,
}

/// 64 hexadecimal digits, large or small.
struct Hex(Hash);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Hex;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a hash of 64 hexadecimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
                let mut hash = [0; 32];
                let mut all = text.len() == 64;
                for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let [high, low] = [0, 1].map(|at| pair.get(at).and_then(|digit| nibble(*digit)));
                    all &= high.is_some() && low.is_some();
                    *byte = high.unwrap_or(0) << 4 | low.unwrap_or(0);
                }
                if all { Ok(Hex(hash)) } else { Err(E::custom("a hash is 64 hexadecimal digits")) }
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// How far it is, on a terminal, for what takes longer than a moment.
struct Bar {
    size: Option<u64>,
    clock: NativeClock,
    begun: Instant,
    wanted: bool,
    shown: Option<ProgressBar>,
}

impl Bar {
    fn new(size: Option<u64>, wanted: bool) -> Self {
        let clock = NativeClock::start();
        let begun = clock.now();
        Self { size, clock, begun, wanted: wanted && std::io::stderr().is_terminal(), shown: None }
    }

    fn at(&mut self, read: u64) {
        if self.wanted && self.shown.is_none() && self.clock.now().since(self.begun) >= PATIENCE {
            self.shown = Some(self.made());
        }
        if let Some(bar) = &self.shown {
            bar.set_position(read);
        }
    }

    fn made(&self) -> ProgressBar {
        let (bar, template) = match self.size {
            Some(size) => (ProgressBar::new(size), "{bar:40} {bytes}/{total_bytes} {elapsed}"),
            None => (ProgressBar::no_length(), "{spinner} {bytes} {elapsed}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        ProgressStyle::with_template(template).map(|style| bar.set_style(style)).unwrap_or_default();
        bar
    }

    fn end(&self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing::{Book, Op};

    fn export(account: &str) -> String {
        let mut book = Book::new(account, None);
        for (id, amount) in [("a", 5), ("b", 7)] {
            let op = Op::Grant { id: id.into(), amount: Pico(amount), reason: "paid".into() };
            book.post(op, Instant::from_secs(3)).unwrap();
        }
        book.entries().iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect()
    }

    fn verdict(file: &str, account: Option<&str>) -> (Verdict, usize) {
        let mut taken = 0;
        let bar = Bar::new(None, false);
        (walk_through(file.as_bytes(), bar, account, |_| taken += 1).unwrap(), taken)
    }

    #[test]
    fn accounts_are_told_apart_wherever_they_stand() {
        let (alice, bob) = (export("alice"), export("of account bob: x"));
        let mixed: String = alice.lines().zip(bob.lines()).flat_map(|(a, b)| [a, "\n", b, "\n"]).collect();
        let (good, taken) = verdict(&mixed, None);
        let good = good.unwrap();
        assert_eq!((good.len(), taken), (2, 4));
        assert!(good.iter().all(|summary| summary.entries == 2));
        let (one, taken) = verdict(&mixed, Some("alice"));
        assert_eq!((one.unwrap().len(), taken), (1, 2));
        let moved: String = mixed.lines().rev().map(|line| format!("{line}\n")).collect();
        let bad = verdict(&moved, None).0.unwrap_err();
        let why = "entry 1 should stand here".to_owned();
        assert_eq!(bad, Bad { line: 1, account: Some("of account bob: x".into()), seq: Some(2), why });
    }

    #[test]
    fn what_cannot_be_read_says_as_much_as_it_can() {
        for (text, shown) in [
            (
                "{\"account\":\"a\",\"seq\":3}",
                "line 2: entry 3 of account a: it cannot be read as an entry: missing",
            ),
            ("{\"account\":\"a\"}", "line 2: an entry of account a: it cannot be read as an entry: missing"),
            ("{\"account\":", "line 2: it cannot be read as an entry: EOF while parsing a value"),
            ("[\"a\",1]", "line 2: here should be an entry"),
            ("17", "line 2: it cannot be read as an entry: it is no JSON object"),
        ] {
            let bad = verdict(&format!("\n{text}\n"), None).0.unwrap_err().to_string();
            assert!(bad.starts_with(shown), "{bad}");
        }
        let twice = export("alice").replacen("\"seq\":1", "\"seq\":1,\"seq\":1", 1);
        assert!(verdict(&twice, None).0.unwrap_err().why.contains("duplicate field `seq`"));
        let behind = export("alice").replacen("}\n", "} 1\n", 1);
        assert!(verdict(&behind, None).0.unwrap_err().why.contains("trailing characters"));
    }

    #[test]
    fn more_than_fits_between_the_threads_ends_all_the_same() {
        let mut book = Book::new("alice", None);
        for n in 0..5 * HEAP * WAITING {
            let op = Op::Grant { id: format!("g{n}"), amount: Pico(1), reason: String::new() };
            book.post(op, Instant::from_secs(3)).unwrap();
        }
        let mut lines: Vec<String> =
            book.entries().iter().map(|e| serde_json::to_string(e).unwrap()).collect();
        let (good, taken) = verdict(&lines.join("\n"), None);
        assert_eq!((good.unwrap()[0].entries, taken), (lines.len() as u64, lines.len()));
        lines.remove(1);
        let bad = verdict(&lines.join("\n"), None).0.unwrap_err();
        assert_eq!((bad.line, bad.seq), (2, Some(3)), "and the reader is not waited for");
    }
}
