//! Reading pools: `NAME.meta.json` beside lines of JSON, plain or compressed.
//!
//! A line that is wrong is refused by file and number rather than left out: a figure over other rows than its reader thinks is
//! worse than none.

use crate::{Model, Pool, Row};
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use tokens::{Family, Size, Text};

/// The longest line, against archives that are made to burst.
const LINE_MAX: u64 = 64 << 20;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub file: String,
    /// From 1; None where it is the file as a whole.
    pub line: Option<usize>,
    pub what: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {what}"),
            None => write!(f, "{file}: {what}"),
        }
    }
}

impl std::error::Error for Bad {}

#[derive(Deserialize)]
struct Meta {
    models: Vec<MetaModel>,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    repo: String,
}

#[derive(Deserialize)]
struct MetaModel {
    id: String,
    usd_per_mtok_in: Option<f64>,
    usd_per_mtok_out: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    task: String,
    prompt: String,
    s: Vec<Option<f64>>,
    c: Vec<Option<f64>>,
    #[serde(default)]
    ot: Vec<Option<f64>>,
    #[serde(default)]
    lat: Vec<Option<f64>>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    tools_chars: u32,
    split: Option<String>,
}

/// The text of a file that may be compressed; its first bytes say so.
fn text<'a>(bytes: impl Read + 'a) -> std::io::Result<Box<dyn BufRead + 'a>> {
    let mut bytes = BufReader::new(bytes);
    let packed = bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(BufReader::new(MultiGzDecoder::new(bytes))) } else { Box::new(bytes) })
}

/// Hands every line that is not blank to `take`, with its number.
///
/// # Errors
/// What `take` says against a line, and what cannot be read.
pub(crate) fn lines(
    file: &str,
    bytes: impl Read,
    mut take: impl FnMut(usize, &[u8]) -> Result<(), String>,
) -> Result<(), Bad> {
    let bad = |line, what: String| Bad { file: file.to_owned(), line, what };
    let mut reader = text(bytes).map_err(|e| bad(None, e.to_string()))?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line);
        match read.map_err(|e| bad(Some(number), e.to_string()))? {
            0 => break,
            _ if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") => {
                return Err(bad(Some(number), format!("longer than {LINE_MAX} bytes")));
            }
            _ if line.trim_ascii().is_empty() => {}
            _ => take(number, &line).map_err(|what| bad(Some(number), what))?,
        }
    }
    Ok(())
}

impl Pool {
    /// Reads a pool. `files` is what its two files are called in messages: meta first.
    ///
    /// # Errors
    /// The first line, or the meta file, that is not as the format says.
    pub fn read(name: &str, files: [&str; 2], meta: &[u8], rows: impl Read) -> Result<Self, Bad> {
        let whole = |file: &str, what: String| Bad { file: file.to_owned(), line: None, what };
        let meta: Meta = serde_json::from_slice(meta).map_err(|e| whole(files[0], e.to_string()))?;
        let models: Vec<Model> = meta.models.into_iter().map(|m| model(name, m)).collect();
        check_models(&models).map_err(|what| whole(files[0], what))?;
        let mut pool =
            Self { name: name.into(), models, rows: Vec::new(), licence: meta.licence, repo: meta.repo };
        let mut seen = BTreeSet::new();
        lines(files[1], rows, |_, line| {
            let row = row(line, pool.models.len())?;
            if !seen.insert(row.id.clone()) {
                return Err(format!("the id {:?} is there twice", row.id));
            }
            pool.rows.push(row);
            Ok(())
        })?;
        if pool.rows.is_empty() {
            return Err(whole(files[1], "no rows".into()));
        }
        Ok(pool)
    }
}

fn model(pool: &str, meta: MetaModel) -> Model {
    Model {
        id: meta.id,
        pool: pool.into(),
        usd_per_mtok_in: meta.usd_per_mtok_in,
        usd_per_mtok_out: meta.usd_per_mtok_out,
        prior: None,
    }
}

fn check_models(models: &[Model]) -> Result<(), String> {
    if models.is_empty() {
        return Err("no models".into());
    }
    let mut seen = BTreeSet::new();
    for model in models {
        if !seen.insert(&model.id) {
            return Err(format!("the model {:?} is there twice", model.id));
        }
        for price in [model.usd_per_mtok_in, model.usd_per_mtok_out].into_iter().flatten() {
            if !(price.is_finite() && price >= 0.0) {
                return Err(format!("{price} USD per million tokens of {:?} is no price", model.id));
            }
        }
    }
    Ok(())
}

fn row(line: &[u8], models: usize) -> Result<Row, String> {
    let line: Line = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let unit = |x: f64| (0.0..=1.0).contains(&x);
    let some = |x: f64| x >= 0.0 && x.is_finite();
    let s = numbers("s", &line.s, models, "a quality from 0 to 1", unit)?;
    let c = numbers("c", &line.c, models, "a cost of 0 or more", some)?;
    let optional = |name, list: &[Option<f64>], what| match list {
        [] => Ok(Vec::new()),
        list => numbers(name, list, models, what, some),
    };
    Ok(Row {
        s,
        c,
        ot: optional("ot", &line.ot, "a number of tokens")?,
        lat: optional("lat", &line.lat, "a number of seconds")?,
        tokens_in: tokens_in(&line.prompt, line.tools_chars),
        id: line.id,
        task: line.task,
        prompt: line.prompt,
        tools: line.tools,
        tools_chars: line.tools_chars,
        split: line.split.unwrap_or_else(|| "dev".into()),
    })
}

fn numbers(
    name: &str,
    list: &[Option<f64>],
    models: usize,
    what: &str,
    fine: impl Fn(f64) -> bool,
) -> Result<Vec<f64>, String> {
    if list.len() != models {
        return Err(format!("{name} has {} entries and the pool {models} models", list.len()));
    }
    match list.iter().flatten().find(|x| !fine(**x)) {
        Some(wrong) => Err(format!("{name} has {wrong} where {what} is expected")),
        None => Ok(list.iter().map(|x| x.unwrap_or(f64::NAN)).collect()),
    }
}

/// As a request of one message would be measured. Pools price in one tokenizer for all, and that is an OpenAI model's.
fn tokens_in(prompt: &str, tools_chars: u32) -> u32 {
    let mut size = Size::default();
    size.say(&Text::of(prompt));
    size.define(tools_chars as usize);
    Family::of("gpt-4").likely(&size)
}

#[cfg(test)]
mod tests;
