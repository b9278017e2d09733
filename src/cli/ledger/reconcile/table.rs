//! A file of CSV, read by the names of its columns.

use super::number;
use csv::{ReaderBuilder, StringRecord, Trim};
use vocab::{Instant, Pico};

/// A table with its first line as names.
pub struct Table {
    names: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// A line of it.
pub struct Line<'a> {
    table: &'a Table,
    number: u64,
    cells: &'a StringRecord,
}

impl Table {
    /// Separated by commas, semicolons or tabs, whichever the first line has most of.
    pub fn read(text: &str) -> Result<Self, String> {
        let head = text.lines().next().unwrap_or_default();
        let separator =
            [b',', b'\t', b';'].into_iter().max_by_key(|by| head.bytes().filter(|byte| byte == by).count());
        let mut reader = ReaderBuilder::new()
            .delimiter(separator.unwrap_or(b','))
            .trim(Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let names = reader.headers().map_err(|error| error.to_string())?;
        let names = names.iter().map(str::to_ascii_lowercase).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| error.to_string())?;
            rows.push((row.position().map_or(0, csv::Position::line), row));
        }
        Ok(Self { names, rows })
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// That all of these columns are there.
    pub fn needs(&self, names: &[&str]) -> Result<(), String> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !self.has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("it has no column {}; it has {}", missing.join(", "), self.names.join(", ")))
    }

    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = self.rows.iter().map(|(number, cells)| Line { table: self, number: *number, cells });
        lines.filter(|line| line.cells.iter().any(|cell| !cell.is_empty()))
    }
}

impl<'a> Line<'a> {
    /// What stands in a column; None where nothing does.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let at = self.table.names.iter().position(|known| known == name)?;
        self.cells.get(at).filter(|cell| !cell.is_empty())
    }

    pub fn count(&self, name: &str) -> Result<Option<u64>, String> {
        self.figure(name, number::count, "a whole number")
    }

    pub fn money(&self, name: &str) -> Result<Option<Pico>, String> {
        self.figure(name, |text| number::money(text, 0), "an amount like 0.0123")
    }

    /// The UTC day that a column begins with: `2026-11-21`, with or without a time behind it.
    pub fn day(&self, name: &str) -> Result<Option<Instant>, String> {
        self.figure(name, day, "a day like 2026-11-21")
    }

    fn figure<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| self.wrong(&format!("{name} is {text:?}, expected {expected}")))
    }

    pub fn wrong(&self, why: &str) -> String {
        format!("line {}: {why}", self.number)
    }
}

/// The day that a text begins with. What has a time has to be in UTC.
pub fn day(text: &str) -> Option<Instant> {
    let (date, time) = text.split_at_checked(10)?;
    let utc =
        time.is_empty() || time.ends_with('Z') || time.ends_with("+00:00") || !time.contains(['+', '-']);
    let separate = time.is_empty() || time.starts_with(['T', ' ']);
    Instant::parse_date(date).filter(|_| utc && separate)
}
