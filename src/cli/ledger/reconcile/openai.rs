//! OpenAI's exports: pages of the organisation's usage and costs API, and what the dashboard saves of them as CSV.
//!
//! Shapes are those of its OpenAPI document (`UsageResponse`, `UsageTimeBucket`, `UsageCompletionsResult`, `CostsResult`). Pages have
//! to be grouped by model; costs by `line_item`, of which the part before the first comma is the model.

use super::pages::{self, Page};
use super::table::{Line, Table};
use super::{Bucketed, number};
use billing::reconcile::{Column, Day, Row, Statement};
use serde::Deserialize;
use serde_json::value::RawValue;
use vocab::{Bucket, Instant};

/// "input_tokens: … including cached and cache-write tokens. This includes text, audio, and image tokens."
pub const COLUMNS: [Column; 4] = [
    Column { name: "input", buckets: &[Bucket::Input, Bucket::InputAudio, Bucket::InputImage] },
    Column { name: "cache_read", buckets: &[Bucket::CacheRead] },
    Column { name: "cache_write", buckets: &[Bucket::CacheWrite, Bucket::CacheWriteLong] },
    Column {
        name: "output",
        buckets: &[Bucket::Output, Bucket::Reasoning, Bucket::OutputAudio, Bucket::OutputImage],
    },
];

#[derive(Deserialize)]
struct Span {
    start_time: u64,
    results: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct What {
    object: String,
}

/// What of a result is read. The shapes of `UsageCompletionsResult` and `UsageEmbeddingsResult` together.
#[derive(Default, Deserialize)]
struct Used {
    model: Option<String>,
    num_model_requests: Option<u64>,
    input_tokens: Option<u64>,
    input_cached_tokens: Option<u64>,
    input_cache_write_tokens: Option<u64>,
    input_uncached_tokens: Option<u64>,
    output_tokens: Option<u64>,
    batch: Option<bool>,
    service_tier: Option<String>,
}

#[derive(Deserialize)]
struct Cost {
    amount: Amount,
    line_item: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    /// Text, because a float is not what was written.
    value: Box<RawValue>,
    currency: Option<String>,
}

/// Adds pages of JSON.
pub fn json(text: &str, into: &mut Bucketed) -> Result<(), String> {
    for Page { data, more } in pages::read::<Span>(text)? {
        into.more |= more;
        for span in data {
            let day = Day::of(Instant::from_secs(span.start_time));
            into.statement.covered.insert(day);
            for result in &span.results {
                one(day, result.get(), into)?;
            }
        }
    }
    Ok(())
}

fn one(day: Day, result: &str, into: &mut Bucketed) -> Result<(), String> {
    let read = |error: serde_json::Error| format!("{day}: {error}");
    let what: What = serde_json::from_str(result).map_err(read)?;
    match what.object.as_str() {
        "organization.usage.completions.result" | "organization.usage.embeddings.result" => {
            let used: Used = serde_json::from_str(result).map_err(read)?;
            into.statement.rows.push(used.row(day).map_err(|why| format!("{day}: {why}"))?);
        }
        // How many pictures there were is not what their tokens are.
        "organization.usage.images.result" => {
            let used: Used = serde_json::from_str(result).map_err(read)?;
            into.statement
                .rows
                .push(Row { counts: Vec::new(), ..used.row(day).map_err(|why| format!("{day}: {why}"))? });
        }
        "organization.costs.result" => {
            let cost: Cost = serde_json::from_str(result).map_err(read)?;
            usd(cost.amount.currency.as_deref())?;
            let value = cost.amount.value.get().trim_matches('"');
            into.statement.rows.push(charged(day, value, cost.line_item.as_deref())?);
        }
        other => into.pass(other),
    }
    Ok(())
}

/// Adds what the dashboard saved.
pub fn csv(text: &str, into: &mut Bucketed) -> Result<(), String> {
    let table = Table::read(text)?;
    let costs = table.has("amount_value");
    if !costs {
        table.needs(&["model", "num_model_requests", "input_tokens", "output_tokens"])?;
    }
    if !table.has("start_time") {
        table.needs(&["start_time_iso"])?;
    }
    for line in table.lines() {
        let seconds = line.count("start_time")?.map(Instant::from_secs);
        let Some(start) = seconds.or(line.day("start_time_iso")?) else {
            return Err(line.wrong("it says no day"));
        };
        let day = Day::of(start);
        into.statement.covered.insert(day);
        let row = if costs { cost(day, &line)? } else { used(day, &line)? };
        into.statement.rows.extend(row);
    }
    Ok(())
}

/// A day without anything has a line without anything.
fn used(day: Day, line: &Line<'_>) -> Result<Option<Row>, String> {
    if line.text("input_tokens").is_none() && line.text("num_model_requests").is_none() {
        return Ok(None);
    }
    let used = Used {
        model: line.text("model").map(str::to_owned),
        num_model_requests: line.count("num_model_requests")?,
        input_tokens: line.count("input_tokens")?,
        input_cached_tokens: line.count("input_cached_tokens")?,
        input_cache_write_tokens: line.count("input_cache_write_tokens")?,
        input_uncached_tokens: line.count("input_uncached_tokens")?,
        output_tokens: line.count("output_tokens")?,
        batch: line.text("batch").map(|batch| batch.eq_ignore_ascii_case("true")),
        service_tier: line.text("service_tier").map(str::to_owned),
    };
    used.row(day).map(Some).map_err(|why| line.wrong(&why))
}

fn cost(day: Day, line: &Line<'_>) -> Result<Option<Row>, String> {
    let Some(value) = line.text("amount_value") else { return Ok(None) };
    usd(line.text("amount_currency")).map_err(|why| line.wrong(&why))?;
    charged(day, value, line.text("line_item")).map(Some).map_err(|why| line.wrong(&why))
}

impl Used {
    fn row(self, day: Day) -> Result<Row, String> {
        let Some(model) = self.model else {
            return Err("usage without a model: ask for it with group_by=model".into());
        };
        let (cached, write) = (self.input_cached_tokens.unwrap_or(0), self.input_cache_write_tokens);
        let all = self.input_tokens.unwrap_or(0);
        let rest = all.checked_sub(cached).and_then(|rest| rest.checked_sub(write.unwrap_or(0)));
        let fresh = self.input_uncached_tokens.or(rest);
        let Some(fresh) = fresh else { return Err(format!("{model}: more cached tokens than input tokens")) };
        let tier = self.service_tier.filter(|tier| tier != "default" && !tier.is_empty());
        let counts =
            vec![Some(fresh), Some(cached), Some(write.unwrap_or(0)), Some(self.output_tokens.unwrap_or(0))];
        let about = if self.batch == Some(true) { Some("batch".into()) } else { tier };
        Ok(Row {
            day,
            model: Some(model),
            requests: self.num_model_requests,
            counts,
            about,
            ..Row::default()
        })
    }
}

/// `gpt-4o-mini-2024-07-18, cached input` is that model's; what has no comma belongs to none.
fn charged(day: Day, value: &str, line_item: Option<&str>) -> Result<Row, String> {
    let cost = number::money(value, 0).ok_or_else(|| format!("{value:?} is no amount of money"))?;
    let model = line_item.and_then(|item| item.split_once(", ")).map(|(model, _)| model.trim().to_owned());
    let about = line_item.filter(|_| model.is_none()).map(str::to_owned);
    Ok(Row { day, model, cost: Some(cost), about, ..Row::default() })
}

pub(super) fn usd(currency: Option<&str>) -> Result<(), String> {
    match currency {
        Some(other) if !other.eq_ignore_ascii_case("usd") => {
            Err(format!("it is in {other}, the ledger in USD"))
        }
        _ => Ok(()),
    }
}

/// An empty statement of this shape.
pub fn statement() -> Statement {
    Statement { columns: COLUMNS.to_vec(), ..Statement::default() }
}
