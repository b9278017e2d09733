//! Sound as the lab hears it: as long as it really is where it is WAV, and with words that follow from its bytes.

use crate::prose::{hash, word};
use vocab::Dice;

/// What is wanted of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Script {
    pub heard: Heard,
    pub language: Option<String>,
    pub translate: bool,
    /// As the provider names it.
    pub format: String,
    pub words: bool,
    pub segments: bool,
}

/// What was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub millis: u64,
    /// Each with when it begins and ends, in milliseconds.
    pub words: Vec<(String, u64, u64)>,
}

/// One in as many milliseconds is spoken.
const WORD_MS: u64 = 400;
/// More are not heard out.
const WORDS_MAX: u64 = 400;
/// Words in a segment.
pub(crate) const SEGMENT: usize = 8;

/// The same of the same bytes, whoever is asked.
pub(crate) fn hear(file: &[u8]) -> Heard {
    let millis = wav(file).unwrap_or(file.len() as u64 * 1_000 / 8_000).max(1);
    let mut dice = Dice::seeded(hash(&[file]));
    let count = (millis / WORD_MS).clamp(1, WORDS_MAX);
    let words = (0..count).map(|at| {
        let (start, end) = (millis * at / count, millis * (at + 1) / count);
        (word(&mut dice).to_owned(), start, end)
    });
    Heard { millis, words: words.collect() }
}

impl Heard {
    pub fn text(&self) -> String {
        joined(&self.words)
    }

    /// Seconds.
    #[expect(clippy::cast_precision_loss, reason = "no file is that long")]
    pub fn seconds(&self) -> f64 {
        self.millis as f64 / 1_000.0
    }
}

pub(crate) fn joined(words: &[(String, u64, u64)]) -> String {
    words.iter().map(|(word, ..)| word.as_str()).collect::<Vec<_>>().join(" ")
}

/// Milliseconds of a RIFF file, by its own header and by what is there.
fn wav(file: &[u8]) -> Option<u64> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?)));
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut at, mut rate) = (12, None);
    loop {
        let size = number(at + 4)?;
        let content = at + 8;
        match file.get(at..at + 4)? {
            b"fmt " => rate = number(content + 8).filter(|rate| *rate > 0),
            b"data" => {
                let there = (file.len() - content) as u64;
                return Some(size.min(there) * 1_000 / rate?);
            }
            _ => {}
        }
        at = content + usize::try_from(size + size % 2).ok()?;
    }
}

/// A part of a form: its name, the name of a file, and what is in it.
pub(crate) type Part<'a> = (String, Option<String>, &'a [u8]);

/// The parts of a form. None where it is none, or not whole.
pub(crate) fn parts<'a>(kind: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let boundary = kind.strip_prefix("multipart/form-data")?.split_once("boundary=")?.1.trim_matches('"');
    let mark = format!("--{boundary}");
    let mut rest = body.strip_prefix(mark.as_bytes())?;
    let mut all = Vec::new();
    let between = format!("\r\n{mark}");
    loop {
        if rest.starts_with(b"--") {
            return Some(all);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, between.as_bytes())?;
        let (part, behind) = (&rest[..end], &rest[end + between.len()..]);
        let head = find(part, b"\r\n\r\n")?;
        let told = std::str::from_utf8(&part[..head]).ok()?;
        let value = |name: &str| {
            let (_, value) = told.split_once(&format!("; {name}=\""))?;
            Some(value.split_once('"')?.0.to_owned())
        };
        all.push((value("name")?, value("filename"), &part[head + 4..]));
        rest = behind;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|b| *b == what[0])?;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}
