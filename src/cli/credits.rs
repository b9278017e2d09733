//! `weir credits`.

use super::client::{Operated, Server};
use super::{Common, Done, say};
use crate::node::block_on;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vocab::Pico;

/// Of the weir at `--listen`, by the operator's key in WEIR_ADMIN_KEY; where none runs, of the file at `--data`.
#[derive(Args)]
pub struct Credits {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    at: Operated,
}

#[derive(Subcommand)]
enum What {
    /// Show what an account has, and how its budgets stand
    Show { account: String },
    /// Give credit, or take it back with an amount below zero
    Adjust {
        account: String,
        /// In USD, like 25 or -0.5
        #[arg(allow_hyphen_values = true)]
        amount: Pico,
        /// Why: it is kept in the record
        #[arg(long)]
        reason: String,
        /// The adjustment's own id: given twice it is done once
        #[arg(long)]
        id: Option<String>,
    },
}

impl Credits {
    pub fn run(self, common: &Common) -> Done {
        let server = self.at.server(common)?;
        block_on(self.what.run(&server, common.json))?
    }
}

impl What {
    async fn run(self, server: &Server, json: bool) -> Done {
        let told = match self {
            Self::Show { account } => {
                let account = super::client::escaped(&account);
                server.get(&format!("/api/credits?account={account}")).await?.json().await?
            }
            Self::Adjust { account, amount, reason, id } => {
                let mut wish = json!({ "account": account, "amount_usd": amount, "reason": reason });
                if let Some(id) = id {
                    wish["id"] = id.into();
                }
                server.post("/api/credits/adjust", &wish, &[]).await?.json().await?
            }
        };
        if json {
            say(told)
        } else {
            show(&told)
        }
        Ok(())
    }
}

fn show(told: &Value) {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("never").to_owned();
    if let (Some(id), Some(applied)) = (told["id"].as_str(), told["applied"].as_bool()) {
        say(format_args!("{id}: {}", if applied { "done" } else { "was done before, nothing changed" }));
    }
    say(format_args!(
        "{}: balance {} USD, available {}, held {}, granted {}, spent {}",
        text(told, "account"),
        text(told, "balance_usd"),
        text(told, "available_usd"),
        text(told, "held_usd"),
        text(told, "granted_usd"),
        text(told, "spent_usd"),
    ));
    for budget in told["budgets"].as_array().into_iter().flatten() {
        say(format_args!(
            "{}: {} of {} USD spent, {} held, {} left, begins anew {}",
            text(budget, "budget"),
            text(budget, "spent_usd"),
            text(budget, "limit_usd"),
            text(budget, "held_usd"),
            text(budget, "left_usd"),
            text(budget, "resets_at"),
        ));
    }
}
