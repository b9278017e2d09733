//! `weir keys`.

use super::client::{Operated, Server, escaped};
use super::{Common, Done, Failure, say};
use crate::node::block_on;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

const KEYS: &str = "/api/admin/keys";
/// Keys asked for at a time.
const PAGE: usize = 500;

/// Of the weir at `--listen`, by the operator's key in WEIR_ADMIN_KEY; where none runs, of the file at `--data`.
#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    at: Operated,
}

#[derive(Subcommand)]
enum What {
    /// Make a key, and show it: once
    Create {
        /// Whose books pay
        account: String,
        /// For people: which of the account's keys this is
        #[arg(long, default_value = "")]
        name: String,
        /// Who of the account
        #[arg(long)]
        user: Option<String>,
        /// What the account has booked
        #[arg(long)]
        plan: Option<String>,
        /// How long it opens, in days [default: until it is disabled or deleted]
        #[arg(long)]
        days: Option<u64>,
    },
    /// List keys, without the secrets
    List {
        /// Of one account only
        #[arg(long)]
        account: Option<String>,
    },
    /// Give a key another secret, and show it: once
    Rotate {
        id: String,
        /// How long the old secret holds on, in seconds; 0 ends all before this one at once
        #[arg(long, default_value_t = policy::OVERLAP.as_secs())]
        overlap: u64,
    },
    /// Have a key open no more, until it is enabled
    Disable { id: String },
    /// Have a disabled key open again
    Enable { id: String },
    /// Take a key away for good
    Delete { id: String },
}

impl Keys {
    pub fn run(self, common: &Common) -> Done {
        let server = self.at.server(common)?;
        block_on(self.what.run(&server, common.json))?
    }
}

impl What {
    async fn run(self, server: &Server, json: bool) -> Done {
        match self {
            Self::Create { account, name, user, plan, days } => {
                let mut wish = json!({ "account": account, "name": name });
                for (field, value) in [("user", user), ("plan", plan)] {
                    if let Some(value) = value {
                        wish[field] = value.into();
                    }
                }
                if let Some(days) = days {
                    wish["expires_in_s"] = days.saturating_mul(86_400).into();
                }
                made(&server.post(KEYS, &wish, &[]).await?.json().await?, json);
            }
            Self::List { account } => list(server, account.as_deref(), json).await?,
            Self::Rotate { id, overlap } => {
                let path = format!("{}/rotate", place(&id)?);
                made(&server.post(&path, &json!({ "overlap_s": overlap }), &[]).await?.json().await?, json);
            }
            Self::Disable { id } => edit(server, &id, &json!({ "disabled": true }), json).await?,
            Self::Enable { id } => edit(server, &id, &json!({ "disabled": false }), json).await?,
            Self::Delete { id } => {
                let gone = server.order(Method::DELETE, &place(&id)?, None).await?.json().await?;
                if json { say(gone) } else { say(format_args!("{id} is deleted")) }
            }
        }
        Ok(())
    }
}

/// Where a key is. What is no id would be another path.
fn place(id: &str) -> Result<String, Failure> {
    if policy::is_sane(id) {
        return Ok(format!("{KEYS}/{id}"));
    }
    Err(Failure::Cannot(format!("{id:?} is no key's id; `weir keys list` shows them: key_…")))
}

async fn edit(server: &Server, id: &str, change: &Value, json: bool) -> Done {
    let key = server.order(Method::PATCH, &place(id)?, Some(change)).await?.json().await?;
    if json {
        say(key)
    } else {
        say(line(&key))
    }
    Ok(())
}

async fn list(server: &Server, account: Option<&str>, json: bool) -> Done {
    let only = account.map(|account| format!("&account={}", escaped(account))).unwrap_or_default();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{KEYS}?limit={PAGE}&cursor={cursor}{only}")).await?.json().await?;
        for key in page["keys"].as_array().into_iter().flatten() {
            if json { say(key) } else { say(line(key)) }
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(()),
        }
    }
}

/// The secret to stdout, what is to be said of it beside that: scripts take the one and people read the other.
fn made(key: &Value, json: bool) {
    if json {
        return say(key);
    }
    eprintln!("{}", line(key));
    eprintln!("This key is shown once and kept nowhere:");
    say(key["key"].as_str().unwrap_or_default());
}

/// A key in one line.
fn line(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let mut line = format!("{}  {}  {}  {}", text("id"), text("hint"), text("status"), text("account"));
    for (word, name) in [
        ("user", "user"),
        ("plan", "plan"),
        ("expires", "expires_at"),
        ("last used", "last_used_at"),
        ("named", "name"),
    ] {
        if !text(name).is_empty() {
            line.push_str(&format!("  {word} {}", text(name)));
        }
    }
    for old in key["overlap"].as_array().into_iter().flatten() {
        let (hint, until) =
            (old["hint"].as_str().unwrap_or_default(), old["until"].as_str().unwrap_or_default());
        line.push_str(&format!("  {hint} until {until}"));
    }
    line
}
