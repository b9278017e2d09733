//! `weir replay`: what another policy would have come to, by the log of decisions.

mod figures;
mod table;
#[cfg(test)]
mod tests;

use super::{Common, Done, Failure, say};
use crate::configure;
use crate::decisions::{Log, Wanted, beside};
use clap::Args;
use figures::{Other, Report};
use outcomes::replay::{Gate, Verdict};
use relay::decisions::Record;
use relay::still::moment;
use router::Weights;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use vocab::Instant;

/// By what was logged at --data, beside a weir that runs or without one; or by lines that were exported.
#[derive(Args)]
pub struct Replay {
    /// The ledger's file, which the log lies beside
    #[arg(long, env = "WEIR_DATA", default_value = "weir.db")]
    data: PathBuf,
    /// Read decisions from this file instead, as --export writes them; - is standard input
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write the decisions as lines of JSON, and estimate nothing
    #[arg(long, conflicts_with_all = ["policy", "answer_value", "gate"])]
    export: bool,
    /// With the prompts, where the configuration had them written down
    #[arg(long, requires = "export")]
    prompts: bool,
    /// The other policy: a preset (cheap, balanced, fast, best) or one of the configuration, of which the weights count
    #[arg(long, value_name = "NAME", required_unless_present_any = ["export", "answer_value"])]
    policy: Option<String>,
    /// The other policy by its weights: USD that a good answer is worth
    #[arg(long, value_name = "USD", requires = "second_value", conflicts_with = "policy")]
    answer_value: Option<f64>,
    /// USD that a second is worth
    #[arg(long, value_name = "USD", requires = "answer_value")]
    second_value: Option<f64>,
    /// How much worse it may be, like cost:+2%,quality:-1%,latency:+10%; exit code 1 where it is, or nobody can say
    #[arg(long, value_name = "LIMITS")]
    gate: Option<Gate>,
    /// Only this account's
    #[arg(long)]
    account: Option<String>,
    /// Only those made at or after, like 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Instant>,
    /// Only those made before
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Instant>,
    /// How often decisions are drawn again for intervals; 0 for none
    #[arg(long, default_value_t = 200)]
    draws: usize,
    /// Makes the draws reproducible
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

fn time(text: &str) -> Result<Instant, String> {
    let day = || moment(&format!("{text}T00:00:00Z"));
    moment(text).or_else(day).ok_or_else(|| "expected a time like 2026-11-01T00:00:00Z, or a day".into())
}

impl Replay {
    pub fn run(self, common: &Common) -> Done {
        if self.export {
            return self.write();
        }
        let weights = self.weights(common)?;
        let name = self.policy.clone().unwrap_or_else(|| "weights".into());
        let mut records = Vec::new();
        self.each(|record| {
            records.push(record);
            true
        })?;
        let report = Report::of(&records, &Other { name, weights }, (self.draws, self.seed));
        let verdict = self.gate.as_ref().map(|gate| gate.judge(&|figure| report.estimates(figure).cloned()));
        if common.json {
            say(report.json(verdict.as_ref()));
        } else {
            table::show(&report, verdict.as_ref());
        }
        match verdict {
            Some(Verdict::Fails(_)) => Err(Failure::Unwell),
            _ => Ok(()),
        }
    }

    fn weights(&self, common: &Common) -> Result<Weights, Failure> {
        if let (Some(answer), Some(second)) = (self.answer_value, self.second_value) {
            return Weights::new(answer, second)
                .ok_or_else(|| Failure::Cannot("weights are 0 or above, and finite".into()));
        }
        let name = self.policy.as_deref().unwrap_or_default();
        let config = configure::file(common.config.as_deref())?.map(|(_, config)| config);
        if let Some(policy) = config.as_ref().and_then(|config| config.policies.get(name)) {
            return policy.weights().map_err(|why| Failure::Cannot(format!("policies.{name}.{why}")));
        }
        Weights::named(name).ok_or_else(|| {
            let own = config.iter().flat_map(|c| c.policies.keys()).map(String::as_str);
            let known: Vec<&str> = Weights::PRESETS.iter().map(|(name, _)| *name).chain(own).collect();
            Failure::Cannot(format!("there is no policy {name:?}; known: {}", known.join(", ")))
        })
    }

    /// Tells every decision that is wanted, oldest first.
    fn each(&self, mut told: impl FnMut(Record) -> bool) -> Done {
        let wanted = Wanted { account: self.account.clone(), from: self.from, to: self.to };
        let Some(file) = &self.log else {
            let file = beside(&self.data);
            if !file.exists() {
                let why = "no decision was written down; decisions.log in the configuration turns that on";
                return Err(Failure::Cannot(format!("{} is not there: {why}", file.display())));
            }
            let unreadable = |error| Failure::Cannot(format!("{}: {error}", file.display()));
            return Log::read_only(&file).and_then(|log| log.each(&wanted, told)).map_err(unreadable);
        };
        for (at, line) in lines(file)?.enumerate() {
            let wrong = |why: String| Failure::Cannot(format!("{}:{}: {why}", file.display(), at + 1));
            let line = line.map_err(|error| wrong(error.to_string()))?;
            if line.trim().is_empty() {
                continue;
            }
            let record: Record = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
            let made = moment(&record.at).ok_or_else(|| wrong(format!("at: {:?} is no time", record.at)))?;
            let wants = wanted.account.as_ref().is_none_or(|account| *account == record.account)
                && wanted.from.is_none_or(|from| made >= from)
                && wanted.to.is_none_or(|to| made < to);
            if wants && !told(record) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self) -> Done {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let mut failed = None;
        self.each(|mut record| {
            if !self.prompts {
                record.prompt = None;
            }
            let line = serde_json::to_string(&record).map_err(std::io::Error::from);
            failed = line.and_then(|line| writeln!(out, "{line}")).err();
            failed.is_none()
        })?;
        match failed.map_or_else(|| out.flush(), Err) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        }
    }
}

fn lines(file: &Path) -> Result<Box<dyn Iterator<Item = std::io::Result<String>>>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin().lines()));
    }
    let opened = File::open(file).map_err(|error| Failure::Cannot(format!("{}: {error}", file.display())))?;
    Ok(Box::new(BufReader::new(opened).lines()))
}
