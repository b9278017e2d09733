//! `weir bench train`: weights of the predictor from outcome data; and what weights say of rows.

use super::bar::Bar;
use super::{load, write};
use crate::cli::{Common, Done, Failure, say};
use clap::Args;
use outcomes::predictions::Said;
use outcomes::train::{Trained, may_teach, train};
use outcomes::{Part, Pool, Predict, Predictions};
use router::predictor::{Predictor, SHIPPED};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Train {
    /// A directory of outcome data
    dir: PathBuf,
    /// Where to write the weights
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only these pools, separated by commas
    #[arg(long, value_delimiter = ',')]
    pool: Vec<String>,
    /// The same rows and seed give the same bytes
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl Train {
    pub fn run(self, common: &Common) -> Done {
        let mut bar = Bar::new(!common.json);
        let pools = load::pools(&self.dir, &self.pool, common, &mut bar)?;
        let (taught, left): (Vec<Pool>, Vec<Pool>) = pools.into_iter().partition(|p| may_teach(&p.licence));
        let rows: Vec<Vec<usize>> = taught.iter().map(Pool::all).collect();
        let parts: Vec<Part<'_>> = taught.iter().zip(&rows).map(|(pool, rows)| Part { pool, rows }).collect();
        let predictor =
            train(&parts, self.seed, &mut |step| bar.at(step.done, step.what)).map_err(Failure::Cannot)?;
        bar.end();
        let bytes = predictor.write();
        // What cannot be read again is not worth keeping.
        Predictor::read(&bytes).map_err(|e| Failure::Cannot(e.to_string()))?;
        write(&self.out, |out| out.write_all(&bytes))?;
        let names = |pools: &[Pool]| pools.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        let prompts: usize = rows.iter().map(Vec::len).sum();
        if common.json {
            say(serde_json::json!({
                "pools": names(&taught), "left_out": names(&left), "rows": prompts, "bytes": bytes.len(),
            }));
        } else {
            say(format!("{} bytes from {prompts} rows of {}", bytes.len(), names(&taught).join(", ")));
            for pool in &left {
                say(format!("{} is left out: its licence is for measuring only", pool.name));
            }
        }
        Ok(())
    }
}

/// The predictor that weir has in it, or the one in a file.
fn weights(file: Option<&Path>) -> Result<Predictor, Failure> {
    let Some(file) = file else {
        return Predictor::read(SHIPPED).map_err(|e| Failure::Cannot(e.to_string()));
    };
    let cannot = |e: String| Failure::Cannot(format!("{}: {e}", file.display()));
    let bytes = std::fs::read(file).map_err(|e| cannot(e.to_string()))?;
    Predictor::read(&bytes).map_err(|e| cannot(e.to_string()))
}

/// What weights say of every row of pools that they may never have seen.
pub fn predictions(pools: &[Pool], file: Option<&Path>, bar: &mut Bar) -> Result<Predictions, Failure> {
    let trained = Trained { predictor: weights(file)? };
    let mut all = Predictions::default();
    let whole: usize = pools.iter().map(|p| p.rows.len()).sum();
    let mut guesses = Vec::new();
    for pool in pools {
        for row in &pool.rows {
            if all.0.len() % 256 == 0 {
                bar.at(all.0.len() as f64 / whole.max(1) as f64, &pool.name);
            }
            let prompt = row.prompt();
            trained.predict(&prompt, &pool.models, &mut guesses);
            let by_model = |of: &dyn Fn(usize) -> Option<f64>| {
                (0..pool.models.len()).map(|m| of(m).map(|x| (pool.models[m].id.clone(), x))).collect()
            };
            let said = Said {
                quality: by_model(&|m| Some(guesses[m].quality)),
                // Costs of some models beside none of others would be compared with nothing.
                cost: by_model(&|m| guesses[m].micros(&prompt, &pool.models[m])),
                ..Said::default()
            };
            all.0.insert(row.id.clone(), said);
        }
    }
    Ok(all)
}
