//! Anthropic's exports: pages of `usage_report/messages` and `cost_report`, and what its console saves as CSV.
//!
//! Shapes are those of the Admin API's reference. Usage has to be grouped by model, costs by description. Neither counts requests,
//! and what the Priority Tier costs is in no cost report.

use super::pages::{self, Page};
use super::table::{self, Line, Table};
use super::{Bucketed, number, openai};
use billing::reconcile::{Column, Day, Row, Statement};
use serde::Deserialize;
use vocab::Bucket;

pub const COLUMNS: [Column; 6] = [
    Column { name: "input", buckets: &[Bucket::Input, Bucket::InputAudio, Bucket::InputImage] },
    Column { name: "cache_read", buckets: &[Bucket::CacheRead] },
    Column { name: "cache_write", buckets: &[Bucket::CacheWrite] },
    Column { name: "cache_write_long", buckets: &[Bucket::CacheWriteLong] },
    Column {
        name: "output",
        buckets: &[Bucket::Output, Bucket::Reasoning, Bucket::OutputAudio, Bucket::OutputImage],
    },
    Column { name: "searches", buckets: &[Bucket::Searches] },
];

#[derive(Deserialize)]
struct Span {
    starting_at: String,
    results: Vec<Result>,
}

/// Of either report: usage has tokens, costs have an amount.
#[derive(Deserialize)]
struct Result {
    model: Option<String>,
    uncached_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<Creation>,
    output_tokens: Option<u64>,
    server_tool_use: Option<Tools>,
    service_tier: Option<String>,
    /// "Cost amount in lowest currency units (e.g. cents) as a decimal string."
    amount: Option<String>,
    currency: Option<String>,
    cost_type: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Creation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Tools {
    web_search_requests: Option<u64>,
}

type Read<T> = std::result::Result<T, String>;

/// Adds pages of JSON.
pub fn json(text: &str, into: &mut Bucketed) -> Read<()> {
    for Page { data, more } in pages::read::<Span>(text)? {
        into.more |= more;
        for span in data {
            let Some(start) = table::day(&span.starting_at) else {
                return Err(format!("starting_at is {:?}, expected a moment in UTC", span.starting_at));
            };
            let day = Day::of(start);
            into.statement.covered.insert(day);
            for result in span.results {
                into.statement.rows.push(result.row(day).map_err(|why| format!("{day}: {why}"))?);
            }
        }
    }
    Ok(())
}

impl Result {
    fn row(self, day: Day) -> Read<Row> {
        let Some(amount) = &self.amount else { return self.used(day) };
        openai::usd(self.currency.as_deref())?;
        let cost = number::money(amount, 2).ok_or_else(|| format!("amount is {amount:?}, expected cents"))?;
        let about = self.description.or(self.cost_type).filter(|_| self.model.is_none());
        Ok(Row { day, model: self.model, cost: Some(cost), about, ..Row::default() })
    }

    fn used(self, day: Day) -> Read<Row> {
        if self.uncached_input_tokens.is_none() && self.output_tokens.is_none() {
            return Err("a result has neither tokens nor an amount".into());
        }
        let Some(model) = self.model else {
            return Err("usage without a model: ask for it with group_by[]=model".into());
        };
        let creation = self.cache_creation.as_ref();
        let counts = [
            self.uncached_input_tokens,
            self.cache_read_input_tokens,
            creation.and_then(|creation| creation.ephemeral_5m_input_tokens),
            creation.and_then(|creation| creation.ephemeral_1h_input_tokens),
            self.output_tokens,
            self.server_tool_use.and_then(|tools| tools.web_search_requests),
        ];
        let counts = counts.map(|count| Some(count.unwrap_or(0))).to_vec();
        let about = self.service_tier.filter(|tier| tier != "standard");
        Ok(Row { day, model: Some(model), counts, about, ..Row::default() })
    }
}

/// Adds what the console saved.
pub fn csv(text: &str, into: &mut Bucketed) -> Read<()> {
    let table = Table::read(text)?;
    table.needs(&["usage_date_utc"])?;
    let costs = table.has("cost_usd");
    if !costs {
        table.needs(&["model_version", "usage_input_tokens_no_cache", "usage_output_tokens"])?;
    }
    for line in table.lines() {
        let Some(start) = line.day("usage_date_utc")? else { return Err(line.wrong("it says no day")) };
        let day = Day::of(start);
        into.statement.covered.insert(day);
        into.statement.rows.extend(if costs { cost(day, &line)? } else { Some(used(day, &line)?) });
    }
    Ok(())
}

fn used(day: Day, line: &Line<'_>) -> Read<Row> {
    let Some(model) = line.text("model_version") else { return Err(line.wrong("it says no model_version")) };
    // Older files do not tell how long a cache was written for.
    let short = line.count("usage_input_tokens_cache_write_5m")?;
    let short = short.or(line.count("usage_input_tokens_cache_write")?);
    let counts = [
        line.count("usage_input_tokens_no_cache")?,
        line.count("usage_input_tokens_cache_read")?,
        short,
        line.count("usage_input_tokens_cache_write_1h")?,
        line.count("usage_output_tokens")?,
        line.count("web_search_count")?,
    ];
    let counts = counts.map(|count| Some(count.unwrap_or(0))).to_vec();
    let about = line.text("usage_type").filter(|kind| *kind != "standard").map(str::to_owned);
    Ok(Row { day, model: Some(model.into()), counts, about, ..Row::default() })
}

fn cost(day: Day, line: &Line<'_>) -> Read<Option<Row>> {
    let Some(cost) = line.money("cost_usd")? else { return Ok(None) };
    let model = line.text("model").map(str::to_owned);
    let about = line.text("cost_type").filter(|_| model.is_none()).map(str::to_owned);
    let rounding = number::rounding(line.text("cost_usd").unwrap_or_default());
    Ok(Some(Row { day, model, cost: Some(cost), rounding, about, ..Row::default() }))
}

/// An empty statement of this shape.
pub fn statement() -> Statement {
    Statement { columns: COLUMNS.to_vec(), ..Statement::default() }
}
