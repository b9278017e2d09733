//! `weir ask`.

use super::client::{Server, refused};
use super::{Common, Done, Failure, Place, say};
use crate::node::block_on;
use clap::Args;
use futures::StreamExt;
use providers::Sse;
use serde_json::{Value, json};
use std::io::Write;

#[derive(Args)]
pub struct Ask {
    /// What to ask
    prompt: String,
    /// A model (`provider/model`) or a policy (`auto`, `auto:cheap`, `auto:fast`, `auto:best`)
    #[arg(long, short, default_value = "auto")]
    model: String,
    /// A named system prompt
    #[arg(long)]
    skill: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Ask {
    pub fn run(self, common: &Common) -> Done {
        let server = Server::find(common, &self.place)?;
        block_on(self.ask(&server, common.json))?
    }

    async fn ask(&self, server: &Server, json: bool) -> Done {
        let mut body = json!({"prompt": self.prompt, "model": self.model, "stream": !json});
        if let Some(skill) = &self.skill {
            body["skill"] = skill.as_str().into();
        }
        let mut answer = server.post("/api/si/ask", &body, &[]).await?;
        if json || answer.status != 200 {
            say(answer.json().await?);
            return Ok(());
        }
        let mut frames = Sse::new();
        let mut out = std::io::stdout();
        let mut whole = false;
        while let Some(chunk) = answer.body.next().await {
            frames.feed(chunk?);
            while let Some(frame) = frames.take()? {
                let data: Value = serde_json::from_str(frame.data).unwrap_or_default();
                match frame.event {
                    "delta" => {
                        if let Some(text) = data["text"].as_str() {
                            write!(out, "{text}")?;
                            out.flush()?;
                        }
                    }
                    "error" => {
                        writeln!(out)?;
                        return Err(refused(502, &data));
                    }
                    "weir" => {
                        whole = true;
                        writeln!(out)?;
                        eprintln!("{}", footer(&data));
                    }
                    _ => {}
                }
            }
        }
        if whole { Ok(()) } else { Err(Failure::Cannot("the answer broke off".into())) }
    }
}

/// One line of what it came to.
fn footer(end: &Value) -> String {
    let text = |at: &str| {
        end.pointer(at).map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), Into::into))
    };
    let mut line = format!(
        "— {}/{} · {} in, {} out · {} USD · {}",
        text("/route/provider"),
        text("/route/model"),
        text("/usage/tokens_in"),
        text("/usage/tokens_out"),
        text("/cost/usd"),
        text("/route/reason"),
    );
    if end.get("advice").is_some_and(|a| !a.is_null()) {
        line.push_str(&format!(
            "\n  {} would have saved {} %: {}",
            text("/advice/model"),
            text("/advice/savings_pct"),
            text("/advice/reason")
        ));
    }
    line
}
