//! `weir providers`.

use super::client::Server;
use super::{Common, Done, Place, say};
use crate::node::block_on;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub struct Providers {
    #[command(flatten)]
    place: Place,
}

impl Providers {
    pub fn run(self, common: &Common) -> Done {
        let server = Server::find(common, &self.place)?;
        let answer = block_on(async { server.get("/api/providers").await?.json().await })??;
        if common.json {
            say(&answer);
            return Ok(());
        }
        for provider in answer["providers"].as_array().into_iter().flatten() {
            let text = |key: &str| provider[key].as_str().unwrap_or_default();
            let fake = if provider["fake"] == true { " (fake)" } else { "" };
            say(format_args!("{}{fake}  {}  {}", text("name"), text("kind"), text("base_url")));
            for model in provider["models"].as_array().into_iter().flatten() {
                say(format_args!("  {}", line(model)));
            }
        }
        Ok(())
    }
}

fn line(model: &Value) -> String {
    let millis = |key: &str| model[key].as_u64().map_or_else(|| "–".into(), |ms| format!("{ms} ms"));
    format!(
        "{:<44} {:<8} first content {:>8} p50 {:>8} p95  {:>5.1} % failing",
        model["model"].as_str().unwrap_or_default(),
        model["state"].as_str().unwrap_or_default(),
        millis("first_content_ms_p50"),
        millis("first_content_ms_p95"),
        model["failure_rate"].as_f64().unwrap_or_default() * 100.0,
    )
}
