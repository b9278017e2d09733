//! `weir ledger export`: the record as it is, or a row for each upstream call.

use super::record::Record;
use super::rows::Rows;
use super::{Books, moment};
use crate::cli::{Done, Failure};
use billing::{Entry, Kind};
use clap::{Args, ValueEnum};
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};
use vocab::Instant;

/// How many entries are in memory at a time.
const HEAP: usize = 2_048;

#[derive(Args)]
pub struct Export {
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    span: Span,
    /// Only entries of this kind: grant, hold, extend, settle or release [CSV: settle, unless release is said]
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Entries, a line of JSON each; whole records can be verified by anybody
    Jsonl,
    /// Upstream calls of requests that ended, a row each, for spreadsheets
    Csv,
}

/// From when to when.
#[derive(Args, Clone, Copy)]
pub struct Span {
    /// Only entries of this day or moment and later (UTC)
    #[arg(long, value_parser = moment)]
    pub from: Option<Instant>,
    /// Only entries before this day or moment (UTC)
    #[arg(long, value_parser = moment)]
    pub to: Option<Instant>,
}

impl Span {
    pub fn holds(&self, time: Instant) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    /// Entries are in the order of their times: behind this one there are no more.
    pub fn is_over(&self, time: Instant) -> bool {
        self.to.is_some_and(|to| to <= time)
    }

    const fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| {
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", all.join(", "))
    })
}

impl Export {
    pub fn run(self, books: &Books) -> Done {
        let mut out = Out(BufWriter::new(std::io::stdout().lock()));
        self.write(books, &mut out)?;
        Ok(out.flush()?)
    }

    fn write(&self, books: &Books, out: &mut impl Write) -> Done {
        match self.format {
            Format::Jsonl => self.jsonl(books, out),
            Format::Csv => self.csv(books, out),
        }
    }

    fn jsonl(&self, books: &Books, out: &mut impl Write) -> Done {
        let (reader, accounts) = books.open()?;
        for account in &accounts {
            if self.span.is_all() && self.kind.is_none() {
                reader.export(account, out)?;
                continue;
            }
            each(&reader, account, |entry| {
                if self.span.is_over(entry.time) {
                    return Ok(false);
                }
                if self.span.holds(entry.time) && self.kind.is_none_or(|kind| kind == entry.kind) {
                    serde_json::to_writer(&mut *out, entry).map_err(std::io::Error::from)?;
                    out.write_all(b"\n")?;
                }
                Ok(true)
            })?;
        }
        Ok(())
    }

    fn csv(&self, books: &Books, out: &mut impl Write) -> Done {
        let kind = self.kind.unwrap_or(Kind::Settle);
        if !matches!(kind, Kind::Settle | Kind::Release) {
            return Err(Failure::Cannot(format!(
                "--format csv has a row for each upstream call, and a {} has none: settle or release",
                kind.name()
            )));
        }
        let (reader, accounts) = books.open()?;
        let mut rows = Rows::to(out)?;
        for account in &accounts {
            // From the beginning: what a request was marked with says its hold, which may be older.
            each(&reader, account, |entry| {
                if self.span.is_over(entry.time) {
                    return Ok(false);
                }
                rows.add(entry, entry.kind == kind && self.span.holds(entry.time))?;
                Ok(true)
            })?;
            rows.forget();
        }
        Ok(rows.end()?)
    }
}

/// Hands every entry that there is now to `take`, oldest first, until that wants no more.
pub fn each(
    reader: &Record,
    account: &str,
    mut take: impl FnMut(&Entry) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    // A running weir goes on; this is about what there was at the beginning.
    let last = reader.latest(account, 1)?.first().map_or(0, |entry| entry.seq);
    let mut after = 0;
    while after < last {
        let entries = reader.entries(account, after, HEAP)?;
        let Some(end) = entries.last() else { return Ok(()) };
        after = end.seq;
        for entry in entries.iter().take_while(|entry| entry.seq <= last) {
            if !take(entry)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Standard output. Nobody reading any more ends the program quietly.
struct Out<'a>(BufWriter<StdoutLock<'a>>);

fn quiet<T>(done: std::io::Result<T>) -> std::io::Result<T> {
    if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
    done
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        quiet(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        quiet(self.0.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ledger::file;
    use crate::store::{Options, Store};
    use billing::{Line, Op};
    use relay::ports::Books as _;
    use vocab::{Bucket, Pico, Usage};

    const DAY: u64 = 86_400;
    /// More than one heap of them, each with a hold.
    const REQUESTS: u64 = 2_500;

    fn store(folder: &tempfile::TempDir) -> Books {
        let data = folder.path().join("weir.db");
        let store = Store::open(&data, Options::default(), Instant::ZERO).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for number in 0..REQUESTS {
            let (id, at) = (format!("r{number}"), Instant::from_secs(DAY + number * 60));
            let hold = Op::Hold {
                id: id.clone(),
                amount: Pico(9_000),
                estimate: Pico(1_000),
                lease_until: at,
                tags: format!("{{\"n\":{number}}}"),
                caps: vec![],
            };
            let line = Line {
                provider: "openai".into(),
                model: "gpt-4o".into(),
                usage: Usage::default().with(Bucket::Input, number),
                price: None,
                amount: Pico(2_000),
                outcome: "ok".into(),
            };
            let end = match number % 10 {
                0 => Op::Release { id, lines: vec![Line { amount: Pico::ZERO, ..line }], why: "-".into() },
                _ => Op::Settle { id, lines: vec![line.clone(), line], estimated: false },
            };
            runtime.block_on(store.post("alice", hold, at)).unwrap();
            runtime.block_on(store.post("alice", end, at)).unwrap();
        }
        store.close();
        Books { data, account: None, config: None }
    }

    fn written(books: &Books, arguments: &[&str]) -> Result<String, Failure> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            what: Export,
        }
        let mut bytes = Vec::new();
        let line: Line = clap::Parser::try_parse_from(["x"].iter().chain(arguments)).unwrap();
        line.what.write(books, &mut bytes)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_is_asked_for_is_exported_and_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let books = store(&folder);
        let lines = |arguments: &[&str]| written(&books, arguments).unwrap().lines().count() as u64;
        let all = written(&books, &[]).unwrap();
        let file = folder.path().join("all.jsonl");
        std::fs::write(&file, &all).unwrap();
        let verdict = file::walk(&file, None, false, |_| ()).unwrap().unwrap();
        assert_eq!(verdict.iter().map(|account| account.entries).sum::<u64>(), all.lines().count() as u64);
        assert_eq!(lines(&["--kind", "hold"]), REQUESTS);
        assert_eq!(lines(&["--kind", "release"]), REQUESTS / 10);
        // A day has 1,440 minutes.
        assert_eq!(lines(&["--kind", "hold", "--from", "1970-01-03"]), REQUESTS - 1_440);
        assert_eq!(lines(&["--kind", "hold", "--to", "1970-01-03"]), 1_440);
        assert_eq!(
            lines(&["--kind", "hold", "--from", "1970-01-02T00:01:00Z", "--to", "1970-01-02T00:03:00Z"]),
            2
        );
        assert_eq!(lines(&["--kind", "hold", "--from", "1971-01-01"]), 0);
    }

    #[test]
    fn every_call_is_a_row_with_what_its_hold_was_marked_with() {
        let folder = tempfile::TempDir::new().unwrap();
        let books = store(&folder);
        let read = |arguments: &[&str]| {
            let text = written(&books, &[&["--format", "csv"], arguments].concat()).unwrap();
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            reader
                .deserialize()
                .map(Result::unwrap)
                .collect::<Vec<std::collections::BTreeMap<String, String>>>()
        };
        let all = read(&[]);
        assert_eq!(all.len() as u64, 2 * (REQUESTS - REQUESTS / 10));
        for row in &all {
            let number = row["request"].trim_start_matches('r');
            assert_eq!((&*row["input"], &*row["tags"]), (number, &*format!("{{\"n\":{number}}}")));
            assert_eq!((&*row["amount_usd"], &*row["estimated"]), ("0.000000002", "false"));
        }
        let late = read(&["--from", "1970-01-03", "--kind", "release"]);
        assert_eq!(late.len() as u64, (REQUESTS - 1_440) / 10);
        assert!(late.iter().all(|row| row["tags"].starts_with("{\"n\":")), "its hold is before");
        assert!(matches!(written(&books, &["--format", "csv", "--kind", "grant"]), Err(Failure::Cannot(_))));
        let nobody = Books { account: Some("bob".into()), ..books };
        assert_eq!(written(&nobody, &["--format", "csv"]).unwrap().lines().count(), 1, "only the names");
    }
}
