//! Upstream calls as rows of CSV, for spreadsheets.
//!
//! A row is a line of a settlement. Texts that others chose (accounts, ids, models, tags) may look like a formula to the
//! program that opens the file, so those get an apostrophe before them, which such programs take as "this is text"
//! (<https://owasp.org/www-community/attacks/CSV_Injection>).

use super::lines;
use crate::cli::Failure;
use billing::{Entry, Kind, Line};
use csv::Writer;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use vocab::{Bucket, Modifiers};

/// The rows of one account after the other.
pub struct Rows<W: Write> {
    out: Writer<W>,
    /// What the requests that have not ended were marked with, by their ids.
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Hold<'a> {
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
}

impl<W: Write> Rows<W> {
    /// Writes the names of the columns.
    pub fn to(out: W) -> Result<Self, Failure> {
        let mut out = Writer::from_writer(out);
        for name in ["time", "account", "seq", "line", "request", "provider", "model", "price_version"] {
            out.write_field(name)?;
        }
        for bucket in Bucket::ALL {
            out.write_field(bucket.name())?;
        }
        out.write_record(["modifiers", "amount_usd", "outcome", "estimated", "tags"])?;
        Ok(Self { out, tags: BTreeMap::new() })
    }

    /// Takes note of an entry; with `shown`, writes a row for each of its calls.
    pub fn add(&mut self, entry: &Entry, shown: bool) -> Result<(), Failure> {
        if entry.kind == Kind::Hold {
            let hold: Hold<'_> = serde_json::from_str(&entry.detail)?;
            if let Some(tags) = hold.tags {
                self.tags.insert(entry.op_id.clone(), tags.get().into());
            }
            return Ok(());
        }
        if !entry.kind.ends() {
            return Ok(());
        }
        let tags = self.tags.remove(&entry.op_id).unwrap_or_default();
        let ended = if shown { lines::of(entry)? } else { None };
        let Some(ended) = ended else { return Ok(()) };
        for (number, line) in (1u64..).zip(&ended.lines) {
            self.row(entry, number, line, ended.estimated, &tags)?;
        }
        Ok(())
    }

    /// Another account begins.
    pub fn forget(&mut self) {
        self.tags.clear();
    }

    pub fn end(mut self) -> std::io::Result<()> {
        self.out.flush()
    }

    fn row(
        &mut self,
        entry: &Entry,
        number: u64,
        line: &Line,
        estimated: bool,
        tags: &str,
    ) -> Result<(), Failure> {
        let out = &mut self.out;
        let mut digits = itoa::Buffer::new();
        out.write_field(entry.time.rfc3339())?;
        out.write_field(&*harmless(&entry.account))?;
        out.write_field(digits.format(entry.seq))?;
        out.write_field(digits.format(number))?;
        for text in [&*entry.op_id, &*line.provider, &*line.model, line.price.as_deref().unwrap_or_default()]
        {
            out.write_field(&*harmless(text))?;
        }
        for bucket in Bucket::ALL {
            out.write_field(digits.format(line.usage.get(bucket)))?;
        }
        out.write_field(modifiers(line.usage.modifiers))?;
        out.write_field(line.amount.text().as_str())?;
        out.write_field(&*harmless(&line.outcome))?;
        out.write_field(if estimated || line.usage.estimated { "true" } else { "false" })?;
        out.write_field(&*harmless(tags))?;
        out.write_record(None::<&[u8]>)?;
        Ok(())
    }
}

/// Names joined by `+`, in small letters.
fn modifiers(set: Modifiers) -> String {
    let names: Vec<String> = set.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.join("+")
}

/// The text so that no spreadsheet takes it for a formula. Full-width signs are formulas to some as well.
fn harmless(text: &str) -> Cow<'_, str> {
    let first = text.chars().find(|c| !matches!(c, ' ' | '\u{a0}' | '\u{3000}'));
    match first {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}").into()
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing::{Book, Op};
    use vocab::{Instant, Pico, Usage};

    fn line(model: &str, input: u64) -> Line {
        Line {
            provider: "openai".into(),
            model: model.into(),
            usage: Usage { modifiers: Modifiers::FLEX | Modifiers::REGIONAL, ..Usage::default() }
                .with(Bucket::Input, input)
                .with(Bucket::Requests, 1),
            price: Some("2026-11-21".into()),
            amount: Pico(1_500_000),
            outcome: "ok".into(),
        }
    }

    fn rows(book: &Book, shown: Kind) -> Vec<Vec<String>> {
        let mut bytes = Vec::new();
        let mut rows = Rows::to(&mut bytes).unwrap();
        for entry in book.entries() {
            rows.add(entry, entry.kind == shown).unwrap();
        }
        assert!(rows.tags.is_empty(), "what ended is forgotten");
        rows.end().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn book(id: &str, model: &str, tags: &str) -> Book {
        let mut book = Book::new("=cmd|' /C calc'!A1", None);
        let at = Instant::from_secs(1_795_219_200);
        let (id, amount) = (id.to_owned(), Pico(9_000_000));
        let hold = Op::Hold {
            id: id.clone(),
            amount,
            estimate: amount,
            lease_until: at,
            tags: tags.into(),
            caps: vec![],
        };
        book.post(hold, at).unwrap();
        let lines = vec![line(model, 7), line(model, 0)];
        book.post(Op::Settle { id, lines, estimated: true }, at).unwrap();
        book
    }

    #[test]
    fn a_settlement_is_a_row_for_each_call() {
        let rows = rows(&book("r-1", "gpt", r#"{"team":"blue, \"x\""}"#), Kind::Settle);
        assert_eq!(rows.len(), 3);
        let named: BTreeMap<&str, &str> = rows[0].iter().zip(&rows[1]).map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(named.len(), 8 + Bucket::COUNT + 5);
        for (name, value) in [
            ("time", "2026-11-21T00:00:00.000Z"),
            ("account", "'=cmd|' /C calc'!A1"),
            ("seq", "2"),
            ("line", "1"),
            ("request", "r-1"),
            ("provider", "openai"),
            ("model", "gpt"),
            ("price_version", "2026-11-21"),
            ("input", "7"),
            ("reasoning", "0"),
            ("requests", "1"),
            ("modifiers", "flex+regional"),
            ("amount_usd", "0.000001500"),
            ("outcome", "ok"),
            ("estimated", "true"),
            ("tags", r#"{"team":"blue, \"x\""}"#),
        ] {
            assert_eq!(named[name], value, "{name}");
        }
        assert_eq!(rows[2][3], "2");
    }

    #[test]
    fn nothing_that_others_chose_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\u{a0}@x"] {
            for row in &rows(&book(bad, bad, ""), Kind::Settle)[1..] {
                for cell in row {
                    let first = cell.trim_start().chars().next();
                    assert!(!first.is_some_and(|c| "=+-@＝＋－＠".contains(c)), "{cell:?} of {bad:?}");
                }
            }
        }
        for fine in ["gpt-4o", "a=b", "", "1-2", "'=1"] {
            assert_eq!(harmless(fine), fine);
        }
    }

    #[test]
    fn rows_are_of_the_kind_that_is_asked_for() {
        assert_eq!(rows(&book("r-1", "gpt", ""), Kind::Release).len(), 1);
    }
}
