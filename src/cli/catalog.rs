//! `weir catalog`.

use super::{Common, Done, Failure, say};
use crate::net::NativeClock;
use crate::node::catalogue;
use clap::{Args, Subcommand, ValueEnum};
use providers::catalogue::{Catalogue, Entry, diff, import};
use relay::ports::Clock;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vocab::{Bucket, Instant, Kind};

#[derive(Args)]
pub struct Catalog {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List models, prices and what is known of them
    List {
        /// Only models whose name holds these words
        words: Vec<String>,
    },
    /// Tell what laying a file over the catalogue in use would change
    Diff { file: PathBuf },
    /// Turn somebody else's price list into a catalogue file
    Import {
        file: PathBuf,
        /// Whose format it is in [default: told by its shape]
        #[arg(long)]
        format: Option<Format>,
        /// The day of the list, YYYY-MM-DD [default: today]
        #[arg(long)]
        as_of: Option<String>,
        /// Where to write the catalogue file; without it only what would be written is told
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// LiteLLM's model_prices_and_context_window.json
    Litellm,
    /// models.dev's api.json
    ModelsDev,
}

impl Catalog {
    pub fn run(self, common: &Common) -> Done {
        let config = crate::configure::file(common.config.as_deref())?;
        let ours = catalogue(config.and_then(|(_, c)| c.catalogue).as_deref())?;
        match self.what {
            What::List { words } => list(&ours, &words.join(" "), common.json),
            What::Diff { file } => compare(&ours, &ours.clone().overlay(read(&file)?), common.json),
            What::Import { file, format, as_of, output } => {
                let as_of = match as_of {
                    Some(day) => Instant::parse_date(&day).ok_or_else(|| {
                        Failure::Cannot(format!("--as-of: {day:?} is no date like 2026-11-21"))
                    })?,
                    None => NativeClock::start().now(),
                };
                take_in(&ours, &file, format, as_of, output.as_deref(), common.json)
            }
        }
    }
}

fn read(file: &Path) -> Result<Catalogue, Failure> {
    let text =
        std::fs::read_to_string(file).map_err(|e| Failure::Cannot(format!("{}: {e}", file.display())))?;
    Catalogue::parse(&text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::Cannot(format!("{}:\n{}", file.display(), lines.join("\n")))
    })
}

fn list(catalogue: &Catalogue, words: &str, json: bool) -> Done {
    let found: Vec<&Entry> =
        if words.is_empty() { catalogue.models.iter().collect() } else { catalogue.search(words) };
    if json {
        say(Value::Array(found.iter().map(|e| row(e)).collect()));
        return Ok(());
    }
    say(format_args!(
        "{:<52} {:>12} {:>12} {:>9} {:>7}",
        "model", "in USD/M", "out USD/M", "context", "quality"
    ));
    for entry in &found {
        let card = &entry.card;
        say(format_args!(
            "{:<52} {:>12} {:>12} {:>9} {:>7}",
            entry.id(),
            per_million(entry, Bucket::Input),
            per_million(entry, Bucket::Output),
            card.context.map_or_else(|| "?".into(), |c| c.to_string()),
            card.quality.map_or_else(|| "?".into(), |q| format!("{:.2}", q.mean)),
        ));
    }
    say(format_args!("{} models, prices as of {}", found.len(), &catalogue.as_of.rfc3339()[..10]));
    Ok(())
}

/// USD for a million, or `?` where that is unknown or the unit is another one.
fn per_million(entry: &Entry, bucket: Bucket) -> String {
    let rate = entry.card.price.as_ref().and_then(|p| p.rates.get(bucket));
    let pico = rate.map(|r| i128::from(r.pico) * 1_000_000 / i128::from(r.per));
    pico.map_or_else(
        || if entry.card.kind == Kind::Chat { "?" } else { "–" }.into(),
        |p| {
            let text = vocab::Pico(p).to_string();
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        },
    )
}

fn row(entry: &Entry) -> Value {
    let card = &entry.card;
    json!({
        "id": entry.id(), "kind": card.kind, "status": card.status, "context": card.context, "max_output": card.max_output,
        "input_usd_per_million": per_million(entry, Bucket::Input), "output_usd_per_million": per_million(entry, Bucket::Output),
        "quality": card.quality.map(|q| q.mean), "caps": card.caps.names().collect::<Vec<_>>(),
        "price_version": card.price.as_ref().map(|p| &p.version), "sources": entry.sources,
    })
}

fn compare(ours: &Catalogue, theirs: &Catalogue, json: bool) -> Done {
    let differences = diff(ours, theirs);
    if json {
        say(serde_json::to_string(&differences)?);
        return Ok(());
    }
    for difference in &differences {
        say(difference);
    }
    say(format_args!("{} differences", differences.len()));
    Ok(())
}

fn take_in(
    ours: &Catalogue,
    file: &Path,
    format: Option<Format>,
    as_of: Instant,
    output: Option<&Path>,
    json: bool,
) -> Done {
    let text =
        std::fs::read_to_string(file).map_err(|e| Failure::Cannot(format!("{}: {e}", file.display())))?;
    let read = match format.unwrap_or_else(|| guess(&text)) {
        Format::Litellm => import::litellm(&text, as_of)?,
        Format::ModelsDev => import::models_dev(&text, as_of)?,
    };
    let differences = diff(ours, &ours.clone().overlay(read.catalogue.clone()));
    if let Some(output) = output {
        std::fs::write(output, read.catalogue.to_json())
            .map_err(|e| Failure::Cannot(format!("{}: {e}", output.display())))?;
    }
    if json {
        say(
            json!({"imported": read.catalogue.models.len(), "refused": read.refused, "skipped": read.skipped, "notes": read.notes, "differences": differences}),
        );
        return Ok(());
    }
    for refused in &read.refused {
        say(format_args!("refused: {refused}"));
    }
    for difference in &differences {
        say(difference);
    }
    let skipped: usize = read.skipped.values().sum();
    say(format_args!(
        "{} imported, {} refused, {skipped} of no use here; {} differences to the catalogue in use",
        read.catalogue.models.len(),
        read.refused.len(),
        differences.len()
    ));
    match output {
        Some(output) => {
            say(format_args!("written to {}: name it as `catalogue` in the configuration", output.display()))
        }
        None => say("nothing was written; --output FILE does"),
    }
    Ok(())
}

/// models.dev's top level is providers that hold `models`; LiteLLM's is models.
fn guess(text: &str) -> Format {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let nested =
        value.as_object().is_some_and(|o| o.values().any(|v| v.get("models").is_some_and(Value::is_object)));
    if nested { Format::ModelsDev } else { Format::Litellm }
}
