//! A table of anybody's: `date`, `model`, and of the others what there is.
//!
//! | column | meaning |
//! | --- | --- |
//! | `date` | the UTC day, `YYYY-MM-DD`; a time may follow |
//! | `model` | the provider's name for it; empty where money is tied to no model |
//! | `requests` | calls that used something |
//! | `input_tokens` | fresh input; all input where no column tells what was cached |
//! | `cached_input_tokens` | read from a cache |
//! | `cache_write_tokens` | written to a cache; to a short-lived one where the next column is there |
//! | `cache_write_long_tokens` | written to a long-lived one |
//! | `output_tokens` | all output, reasoning too |
//! | `cost_usd` | what was charged |

use super::Bucketed;
use super::table::Table;
use billing::reconcile::{Column, Day, Row};
use vocab::Bucket;
use vocab::Bucket::{CacheRead, CacheWrite, CacheWriteLong, Input, InputAudio, InputImage};

const FRESH: &[Bucket] = &[Input, InputAudio, InputImage];
const ALL: &[Bucket] = &[Input, InputAudio, InputImage, CacheRead, CacheWrite, CacheWriteLong];
const READ: &[Bucket] = &[CacheRead];
const WRITE: &[Bucket] = &[CacheWrite];
const WRITES: &[Bucket] = &[CacheWrite, CacheWriteLong];
const LONG: &[Bucket] = &[CacheWriteLong];
const OUTPUT: &[Bucket] = &[Bucket::Output, Bucket::Reasoning, Bucket::OutputAudio, Bucket::OutputImage];

/// Adds a table.
pub fn csv(text: &str, into: &mut Bucketed) -> Result<(), String> {
    let table = Table::read(text)?;
    table.needs(&["date", "model"])?;
    let found = columns(&table);
    let figures: Vec<&str> = ["requests", "cost_usd"].into_iter().filter(|name| table.has(name)).collect();
    if found.is_empty() && figures.is_empty() {
        return Err("it has no column to compare: requests, input_tokens, output_tokens, cost_usd …".into());
    }
    let columns: Vec<Column> = found.iter().map(|(_, column)| *column).collect();
    if into.statement.rows.is_empty() {
        into.statement.columns = columns;
    } else if into.statement.columns != columns {
        return Err("it has other columns than the file before; compare them one by one".into());
    }
    for line in table.lines() {
        let Some(start) = line.day("date")? else { return Err(line.wrong("it says no date")) };
        let day = Day::of(start);
        into.statement.covered.insert(day);
        let mut counts = Vec::new();
        for (name, _) in &found {
            counts.push(line.count(name)?);
        }
        into.statement.rows.push(Row {
            day,
            model: line.text("model").map(str::to_owned),
            requests: line.count("requests")?,
            counts,
            cost: line.money("cost_usd")?,
            ..Row::default()
        });
    }
    Ok(())
}

/// The token columns that are there, by their names in the file.
fn columns(table: &Table) -> Vec<(&'static str, Column)> {
    let cached = ["cached_input_tokens", "cache_write_tokens", "cache_write_long_tokens"];
    let split = cached.iter().any(|name| table.has(name));
    let long = table.has("cache_write_long_tokens");
    let all = [
        ("input_tokens", Column { name: "input", buckets: if split { FRESH } else { ALL } }),
        ("cached_input_tokens", Column { name: "cache_read", buckets: READ }),
        ("cache_write_tokens", Column { name: "cache_write", buckets: if long { WRITE } else { WRITES } }),
        ("cache_write_long_tokens", Column { name: "cache_write_long", buckets: LONG }),
        ("output_tokens", Column { name: "output", buckets: OUTPUT }),
    ];
    all.into_iter().filter(|(name, _)| table.has(name)).collect()
}
