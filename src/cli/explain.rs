//! `weir explain`.

use super::client::Server;
use super::{Common, Done, Place, say};
use crate::node::block_on;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub struct Explain {
    /// What would be asked
    prompt: String,
    /// A model or a policy
    #[arg(long, short, default_value = "auto")]
    model: String,
    #[command(flatten)]
    place: Place,
}

impl Explain {
    pub fn run(self, common: &Common) -> Done {
        let server = Server::find(common, &self.place)?;
        let body = json!({"model": self.model, "messages": [{"role": "user", "content": self.prompt}]});
        let answer = block_on(async { server.post("/api/route/explain", &body, &[]).await?.json().await })??;
        if common.json {
            say(&answer);
        } else {
            table(&answer);
        }
        Ok(())
    }
}

fn table(answer: &Value) {
    let record = &answer["record"];
    let figure =
        |v: &Value, digits: usize| v.as_f64().map_or_else(|| "?".into(), |f| format!("{f:.digits$}"));
    say(format_args!("{}", record["reason"].as_str().unwrap_or_default()));
    say(format_args!("{}", record["formula"].as_str().unwrap_or_default()));
    say(format_args!(
        "{:<44} {:>11} {:>12} {:>8} {:>8} {:<9}  removed",
        "candidate", "utility", "cost USD", "s", "quality", "from"
    ));
    for one in record["candidates"].as_array().into_iter().flatten() {
        let name = format!(
            "{}/{}",
            one["provider"].as_str().unwrap_or_default(),
            one["model"].as_str().unwrap_or_default()
        );
        let why = one.pointer("/removed/why").and_then(Value::as_str).unwrap_or_default();
        say(format_args!(
            "{name:<44} {:>11} {:>12} {:>8} {:>8} {:<9}  {why}",
            figure(&one["utility"], 6),
            figure(&one["cost_usd"], 8),
            figure(&one["latency_s"], 2),
            figure(&one["quality"], 3),
            one["quality_source"].as_str().unwrap_or_default(),
        ));
    }
}
