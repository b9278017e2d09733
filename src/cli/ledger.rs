//! `weir ledger`.

use super::{Common, Done, Failure, say};
use crate::store::{Reader, StoreError, catch_up};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Ledger {
    #[command(subcommand)]
    what: What,
    /// The ledger's file; it may be in use
    #[arg(long, env = "WEIR_DATA", default_value = "weir.db", global = true)]
    data: PathBuf,
    /// One account only
    #[arg(long, global = true)]
    account: Option<String>,
}

#[derive(Subcommand)]
enum What {
    /// Walk every account's chain and name the first bad entry
    Verify,
    /// Print every entry as a line of JSON, oldest first
    Export,
    /// Print the last entries of every account, oldest first
    List {
        /// How many of each account
        #[arg(long, default_value_t = 20)]
        last: usize,
    },
    /// Print every account's money
    Balance,
}

impl Ledger {
    pub fn run(self, common: &Common) -> Done {
        bring_up(&self.data)?;
        let reader = Reader::open(&self.data)?;
        let accounts = match self.account {
            Some(account) => vec![account],
            None => reader.accounts()?,
        };
        match self.what {
            What::Verify => verify(&reader, &accounts, common.json),
            What::Export => export(&reader, &accounts),
            What::List { last } => list(&reader, &accounts, last, common.json),
            What::Balance => balance(&reader, &accounts, common.json),
        }
    }
}

/// Sees to it that what a killed weir left in its journal is read as well. Where that cannot be, says what is read.
fn bring_up(data: &Path) -> Done {
    match catch_up(data) {
        Ok(true) => {}
        Ok(false) => {
            eprintln!("weir runs on {}: what it did in the last second may not be here", data.display())
        }
        Err(error @ (StoreError::Disk(_) | StoreError::Busy)) => {
            eprintln!(
                "{}: its journal was not read, the last second may not be here: {error}",
                data.display()
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn verify(reader: &Reader, accounts: &[String], json: bool) -> Done {
    let mut bad = false;
    for account in accounts {
        match reader.verify(account) {
            Ok(summary) if json => say(json!({"account": account, "ok": true, "entries": summary.entries})),
            Ok(summary) => say(format_args!("{account}: {} entries, the chain verifies", summary.entries)),
            Err(error) => {
                bad = true;
                if json {
                    say(json!({"account": account, "ok": false, "error": error.to_string()}));
                } else {
                    say(format_args!("{account}: {error}"));
                }
            }
        }
    }
    if bad { Err(Failure::Unwell) } else { Ok(()) }
}

fn export(reader: &Reader, accounts: &[String]) -> Done {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for account in accounts {
        reader.export(account, &mut out)?;
    }
    Ok(out.flush()?)
}

fn list(reader: &Reader, accounts: &[String], last: usize, json: bool) -> Done {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for account in accounts {
        for entry in reader.latest(account, last)?.iter().rev() {
            if json {
                serde_json::to_writer(&mut out, entry).map_err(std::io::Error::from)?;
                writeln!(out)?;
                continue;
            }
            let (time, kind, after) = (entry.time.rfc3339(), entry.kind.name(), entry.balance_after);
            writeln!(
                out,
                "{time} {account} {} {kind} {} {} USD, available {}",
                entry.seq,
                entry.op_id,
                entry.amount,
                after.available()
            )?;
        }
    }
    Ok(out.flush()?)
}

fn balance(reader: &Reader, accounts: &[String], json: bool) -> Done {
    for account in accounts {
        let balance = reader.verify(account)?.balance;
        if json {
            say(json!({
                "account": account, "granted_usd": balance.granted, "settled_usd": balance.settled,
                "held_usd": balance.held, "available_usd": balance.available(),
            }));
        } else {
            say(format_args!(
                "{account}: granted {} settled {} held {} available {} USD",
                balance.granted,
                balance.settled,
                balance.held,
                balance.available()
            ));
        }
    }
    Ok(())
}
