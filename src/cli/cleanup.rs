//! `weir cleanup`.

use super::client::Operated;
use super::{Common, Done, say};
use crate::node::block_on;
use clap::Args;
use serde_json::{Map, json};

/// Of the weir at `--listen`, by the operator's key in WEIR_ADMIN_KEY; where none runs, of the file at `--data`.
#[derive(Args)]
pub struct Cleanup {
    /// Only count what would go
    #[arg(long)]
    dry_run: bool,
    /// How long a kind stays, in seconds, like expired_keys=604800; may be given for several
    #[arg(long, value_name = "KIND=SECONDS", value_parser = ttl)]
    ttl: Vec<(String, u64)>,
    /// Only these kinds
    #[arg(long, value_name = "KIND")]
    only: Vec<String>,
    #[command(flatten)]
    at: Operated,
}

fn ttl(text: &str) -> Result<(String, u64), String> {
    let pair = text.split_once('=').and_then(|(kind, seconds)| Some((kind, seconds.parse().ok()?)));
    pair.map(|(kind, seconds)| (kind.to_owned(), seconds)).ok_or_else(|| "expected KIND=SECONDS".into())
}

impl Cleanup {
    pub fn run(self, common: &Common) -> Done {
        let server = self.at.server(common)?;
        let ttl: Map<_, _> = self.ttl.into_iter().map(|(kind, seconds)| (kind, seconds.into())).collect();
        let mut wish = json!({ "dry_run": self.dry_run, "ttl_s": ttl });
        if !self.only.is_empty() {
            wish["kinds"] = self.only.into();
        }
        let answer = async { server.post("/api/admin/cleanup", &wish, &[]).await?.json().await };
        let told = block_on(answer)??;
        if common.json {
            say(told);
            return Ok(());
        }
        for (kind, of) in told["removed"].as_object().into_iter().flatten() {
            let done = if self.dry_run { "would go" } else { "gone" };
            say(format_args!("{kind}: {} {done} (older than {} s)", of["count"], of["ttl_s"]));
        }
        Ok(())
    }
}
