//! An account's record in the object's own SQLite.

use super::glue;
use crate::account::{Hole, Holes, Shelf, note};
use billing::Entry;
use std::collections::BTreeSet;
use std::fmt::Display;
use vocab::{Instant, Pico};
use wasm_bindgen::JsValue;

pub struct SqlShelf(glue::Shelf);

impl SqlShelf {
    pub fn open(storage: &JsValue) -> Result<Self, String> {
        glue::Shelf::new(storage).map(Self).map_err(|e| glue::thrown(&e))
    }

    /// When the first of the answers under keys is too old.
    pub fn due(&self) -> Result<Option<Instant>, String> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of day")]
        self.0.due().map(|due| due.map(|at| Instant::from_micros(at as u64))).map_err(failed)
    }

    /// To be called at a time.
    pub fn alarm(&self, at: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        self.0.alarm(at.as_millis() as f64);
    }
}

/// A number as JavaScript has them. Sequence numbers and microseconds since 1970 are below 2^53.
#[expect(clippy::cast_precision_loss, reason = "said above")]
const fn number(n: u64) -> f64 {
    n as f64
}

fn failed(error: JsValue) -> String {
    glue::thrown(&error)
}

fn unreadable(why: impl Display) -> String {
    format!("an entry cannot be read: {why}")
}

/// Entries as one text, so that all of them cross at once: what is to be found by, then each entry on a line.
fn rows(entries: &[Entry]) -> Result<String, String> {
    let head = |e: &Entry| (e.seq, e.time.as_micros(), e.kind.name(), e.op_id.clone());
    let heads: Vec<_> = entries.iter().map(head).collect();
    let mut rows = serde_json::to_vec(&heads).map_err(unreadable)?;
    for entry in entries {
        rows.push(b'\n');
        serde_json::to_writer(&mut rows, entry).map_err(unreadable)?;
    }
    String::from_utf8(rows).map_err(unreadable)
}

fn read(lines: &str) -> Result<Vec<Entry>, String> {
    lines.lines().map(|line| serde_json::from_str(line).map_err(unreadable)).collect()
}

impl Shelf for SqlShelf {
    type Error = String;

    fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        self.0.append("entry", &rows(entries)?).map_err(failed)
    }

    fn last(&self) -> Result<u64, String> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sequence number")]
        self.0.last().map(|n| n as u64).map_err(failed)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>, String> {
        read(&self.0.entries("entry", number(after), number(limit as u64)).map_err(failed)?)
    }

    fn of(&self, id: &str, after: u64, last: u64) -> Result<Vec<Entry>, String> {
        read(&self.0.of(id, number(after), number(last)).map_err(failed)?)
    }

    fn ended(&self, before: u64, limit: usize) -> Result<Vec<Entry>, String> {
        read(&self.0.ended(number(before.min(1 << 52)), number(limit as u64)).map_err(failed)?)
    }

    fn end(&self, id: &str) -> Result<Option<Entry>, String> {
        Ok(read(&self.0.end(id).map_err(failed)?)?.pop())
    }

    fn ended_of(&self, ids: &[&str]) -> Result<BTreeSet<String>, String> {
        let ids = serde_json::to_string(ids).map_err(unreadable)?;
        Ok(self.0.ended_of(&ids).map_err(failed)?.lines().map(str::to_owned).collect())
    }

    fn settled_before(&self, from: Instant) -> Result<Pico, String> {
        let before = read(&self.0.before(number(from.as_micros())).map_err(failed)?)?;
        Ok(before.first().map_or(Pico::ZERO, |entry| entry.balance_after.settled))
    }

    fn stage(&mut self, entries: &[Entry]) -> Result<(), String> {
        self.0.append("staged", &rows(entries)?).map_err(failed)
    }

    fn staged(&self, after: u64, limit: usize) -> Result<Vec<Entry>, String> {
        read(&self.0.entries("staged", number(after), number(limit as u64)).map_err(failed)?)
    }

    fn clear_stage(&mut self) -> Result<(), String> {
        self.0.clear().map_err(failed)
    }

    fn adopt_stage(&mut self) -> Result<(), String> {
        self.0.adopt(note::NAME).map_err(failed)
    }

    fn note(&self, name: &str) -> Result<Option<String>, String> {
        self.0.note(name).map_err(failed)
    }

    fn take_note(&mut self, name: &str, text: &str) -> Result<(), String> {
        self.0.take(name, text).map_err(failed)
    }

    fn drop_note(&mut self, name: &str) -> Result<(), String> {
        self.0.drop(name).map_err(failed)
    }

    fn notes(&self, beginning: &str, after: &str, limit: u32) -> Result<Vec<String>, String> {
        let text = self.0.notes(beginning, after, limit).map_err(failed)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Holes for SqlShelf {
    type Error = String;

    fn hole(&self, name: &str) -> Result<Option<Hole>, String> {
        let Some(text) = self.0.hole(name).map_err(failed)? else { return Ok(None) };
        let (head, answer) = text.split_once('\n').unwrap_or((&text, ""));
        let head: (u64, String, Instant, bool) =
            serde_json::from_str(head).map_err(|e| format!("an answer cannot be read: {e}"))?;
        let (number, request, until, answered) = head;
        Ok(Some(Hole { number, request, until, answer: answered.then(|| answer.into()) }))
    }

    fn fill(&mut self, name: &str, hole: &Hole) -> Result<(), String> {
        let until = number(hole.until.as_micros());
        self.0.fill(name, number(hole.number), &hole.request, until, hole.answer.as_deref()).map_err(failed)
    }

    fn empty(&mut self, name: &str) -> Result<(), String> {
        self.0.empty(name).map_err(failed)
    }

    fn tidy(&mut self, now: Instant, most: u64) -> Result<(), String> {
        self.0.tidy(number(now.as_micros()), number(most)).map_err(failed)
    }
}
