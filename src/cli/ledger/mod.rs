//! `weir ledger`.

mod export;
mod file;
mod lines;
mod reconcile;
mod record;
mod rows;
mod texts;
mod verify;

use super::{Common, Done, Failure, say};
use crate::configure;
use crate::postgres;
use crate::store::{Reader, StoreError, catch_up};
use clap::{Args, Subcommand};
use record::Record;
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use vocab::Instant;

#[derive(Args)]
pub struct Ledger {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    books: Books,
}

/// Which books are meant.
#[derive(Args)]
struct Books {
    /// The ledger's file; it may be in use. Not looked at where the configuration names a shared ledger
    #[arg(long, env = "WEIR_DATA", default_value = "weir.db", global = true)]
    data: PathBuf,
    /// One account only
    #[arg(long, global = true)]
    account: Option<String>,
    /// The configuration file, where one was named.
    #[arg(skip)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Walk every account's chain and name the first bad entry
    Verify(verify::Verify),
    /// Print every entry as a line of JSON, or every upstream call as a row of CSV, oldest first
    Export(export::Export),
    /// Compare what was booked with what a provider says it was
    Reconcile(reconcile::Reconcile),
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
    pub fn run(mut self, common: &Common) -> Done {
        self.books.config.clone_from(&common.config);
        match self.what {
            What::Verify(command) => command.run(&self.books, common.json),
            What::Export(command) => command.run(&self.books),
            What::Reconcile(command) => command.run(&self.books, common),
            What::List { last } => list(&self.books, last, common.json),
            What::Balance => balance(&self.books, common.json),
        }
    }
}

impl Books {
    /// Opens the store, with the accounts that are meant.
    fn open(&self) -> Result<(Record, Vec<String>), Failure> {
        let shared = match configure::file(self.config.as_deref())? {
            Some((_, config)) => configure::postgres(&config)?,
            None => None,
        };
        let reader = match shared {
            Some(address) => Record::Shared(postgres::Reader::open(address)?),
            None => {
                bring_up(&self.data)?;
                Record::File(Reader::open(&self.data)?)
            }
        };
        let accounts = match &self.account {
            Some(account) => vec![account.clone()],
            None => reader.accounts()?,
        };
        Ok((reader, accounts))
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

/// A day or a moment, as options take it: `2026-11-21` is its first moment.
fn moment(text: &str) -> Result<Instant, String> {
    Instant::parse_date(text)
        .or_else(|| relay::still::moment(text))
        .ok_or_else(|| "expected a day like 2026-11-21 or a moment like 2026-11-21T08:00:00Z, in UTC".into())
}

fn list(books: &Books, last: usize, json: bool) -> Done {
    let (reader, accounts) = books.open()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for account in &accounts {
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

fn balance(books: &Books, json: bool) -> Done {
    let (reader, accounts) = books.open()?;
    for account in &accounts {
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
