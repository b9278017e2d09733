//! `weir bench`: policies on outcome data, by the field's measures.

mod bar;
mod html;
mod load;
mod table;
mod train;

use super::{Common, Done, Failure, say};
use bar::Bar;
use clap::Args;
use outcomes::judge::Draws;
use outcomes::policy::Knn;
use outcomes::report::{Report, Setting};
use outcomes::train::Trainer;
use outcomes::{Baseline, Learn, Trial};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a figure may fall before the gate closes. Another machine's `exp` is far below it, a policy that chose otherwise above.
const ALLOWANCE: f64 = 0.002;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    /// A directory of outcome data: NAME.meta.json beside NAME.jsonl.gz or NAME.jsonl, for any NAME
    #[arg(required = true)]
    dir: Option<PathBuf>,
    /// Only these policies, separated by commas
    #[arg(long, value_delimiter = ',')]
    policy: Vec<String>,
    /// Only these pools, separated by commas
    #[arg(long, value_delimiter = ',')]
    pool: Vec<String>,
    /// Which rows are judged [default: known and unseen; with --learn: given]
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "learn")]
    split: Vec<Split>,
    /// Learn from this directory instead, and judge every row of DIR
    #[arg(long, value_name = "DIR")]
    learn: Option<PathBuf>,
    /// Write a page with curves and tables
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write what the policy named by --policy guesses of the rows judged first, a line of JSON for each; without --policy
    /// what weir's own weights say of every row, and nothing is tried
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Weights that `weir bench train` wrote, rather than weir's own
    #[arg(long, value_name = "FILE", requires = "predictions", conflicts_with = "policy")]
    weights: Option<PathBuf>,
    /// Show per-task tables and choices on reworded prompts too
    #[arg(long)]
    tasks: bool,
    /// Makes learning, draws and ties reproducible
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How often rows are drawn again for intervals; 0 for none
    #[arg(long, default_value_t = 200)]
    draws: usize,
    /// Figures of an earlier run, to compare with
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Fail where a figure of --baseline has fallen
    #[arg(long, requires = "baseline")]
    gate: bool,
    /// Write the figures, as a baseline for later runs
    #[arg(long, value_name = "FILE")]
    save_baseline: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Train the predictor's weights from outcome data
    Train(train::Train),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Split {
    /// A third of the rows, by hash
    Known,
    /// Whole tasks left out in turn
    Unseen,
}

/// What can be learned and tried, and which of it is weir's own rather than a baseline.
fn learners() -> (Vec<Box<dyn Learn>>, Vec<&'static str>) {
    (vec![Box::new(Trainer), Box::new(Knn)], vec![Trainer.name()])
}

impl Bench {
    pub fn run(self, common: &Common) -> Done {
        if let Some(What::Train(train)) = self.what {
            return train.run(common);
        }
        let dir =
            self.dir.as_deref().ok_or_else(|| Failure::Cannot("no directory of outcome data".into()))?;
        let mut bar = Bar::new(!common.json);
        let pools = load::pools(dir, &self.pool, common, &mut bar)?;
        if let (Some(file), [], None) = (&self.predictions, self.policy.as_slice(), &self.learn) {
            let said = train::predictions(&pools, self.weights.as_deref(), &mut bar)?;
            bar.end();
            return write(file, |out| said.lines().try_for_each(|line| writeln!(out, "{line}")));
        }
        let others = match &self.learn {
            Some(dir) => load::pools(dir, &self.pool, common, &mut bar)?,
            None => Vec::new(),
        };
        let settings: Vec<Setting> = match (&self.learn, self.split.as_slice()) {
            (Some(_), _) => vec![Setting::Given],
            (None, []) => vec![Setting::Known, Setting::Unseen],
            (None, some) => some.iter().map(|s| s.setting()).collect(),
        };
        let (learners, own) = learners();
        let kept = match (&self.predictions, self.policy.as_slice()) {
            (None, _) => None,
            (Some(_), [only]) => Some(only.as_str()),
            (Some(_), _) => {
                return Err(Failure::Cannot("--predictions is of one policy: name it with --policy".into()));
            }
        };
        let trial = Trial {
            pools: &pools,
            others: &others,
            learners: &learners,
            settings: &settings,
            only: &self.policy,
            draws: Draws { repeats: self.draws, seed: self.seed },
            seed: self.seed,
            turns: 5,
            kept,
        };
        let (report, said) = trial.run(&mut |step| bar.at(step.done, step.what))?;
        bar.end();

        if let Some(file) = &self.predictions {
            if said.0.is_empty() {
                return Err(Failure::Cannot(format!(
                    "{} guesses nothing that could be written",
                    self.policy[0]
                )));
            }
            write(file, |out| said.lines().try_for_each(|line| writeln!(out, "{line}")))?;
        }
        let findings = outcomes::findings(&report, &own);
        if let Some(file) = &self.html {
            let page = html::page(&report, &findings);
            write(file, |out| out.write_all(page.as_bytes()))?;
        }
        if let Some(file) = &self.save_baseline {
            let baseline = serde_json::to_string_pretty(&Baseline::of(&report, ALLOWANCE))?;
            write(file, |out| writeln!(out, "{baseline}"))?;
        }
        let fallen = self.fallen(&report)?;
        if common.json {
            say(serde_json::json!({"report": report, "worse": findings, "fallen": fallen}));
        } else {
            table::show(&report, &findings, self.tasks);
        }
        self.verdict(&fallen, common.json)
    }

    /// What fell below the baseline; None where there is none to compare with.
    fn fallen(&self, report: &Report) -> Result<Option<Vec<String>>, Failure> {
        let Some(file) = &self.baseline else { return Ok(None) };
        let named = |e: String| Failure::Cannot(format!("{}: {e}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|e| named(e.to_string()))?;
        let baseline: Baseline = serde_json::from_str(&text).map_err(|e| named(e.to_string()))?;
        Ok(Some(baseline.fallen(report)))
    }

    fn verdict(&self, fallen: &Option<Vec<String>>, json: bool) -> Done {
        let Some(fallen) = fallen else { return Ok(()) };
        if !json {
            say("");
            match fallen.as_slice() {
                [] => say("No figure is below the baseline."),
                some => some.iter().for_each(say),
            }
        }
        if self.gate && !fallen.is_empty() { Err(Failure::Unwell) } else { Ok(()) }
    }
}

impl Split {
    const fn setting(self) -> Setting {
        match self {
            Self::Known => Setting::Known,
            Self::Unseen => Setting::Unseen,
        }
    }
}

/// Writes a file, naming it where it cannot be.
fn write(file: &Path, lines: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Done {
    let written = std::fs::File::create(file).and_then(|file| {
        let mut out = BufWriter::new(file);
        lines(&mut out)?;
        out.flush()
    });
    written.map_err(|e| Failure::Cannot(format!("{}: {e}", file.display())))
}
