//! `weir ledger verify`: of the store, or of an export without one.

use super::{Books, file};
use crate::cli::{Done, Failure, say};
use billing::{Summary, hex};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Verify {
    /// An export (lines of JSON, or arrays of them) instead of the store; `-` is standard input
    file: Option<PathBuf>,
}

impl Verify {
    pub fn run(self, books: &Books, json: bool) -> Done {
        match self.file {
            Some(file) => of_file(&file, books.account.as_deref(), json),
            None => of_store(books, json),
        }
    }
}

fn of_store(books: &Books, json: bool) -> Done {
    let (reader, accounts) = books.open()?;
    let mut bad = false;
    for account in &accounts {
        match reader.verify(account) {
            Ok(summary) => good(&summary, json),
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

fn of_file(path: &Path, account: Option<&str>, json: bool) -> Done {
    match file::walk(path, account, !json, |_| ())? {
        Ok(accounts) => {
            for summary in &accounts {
                good(summary, json);
            }
            if accounts.is_empty() && !json {
                say("no entries");
            }
            Ok(())
        }
        Err(bad) => {
            if json {
                say(json!({
                    "ok": false, "line": bad.line, "account": bad.account, "seq": bad.seq, "error": bad.to_string(),
                }));
            } else {
                say(format_args!("{}, {bad}", path.display()));
            }
            Err(Failure::Unwell)
        }
    }
}

/// The last hash is told because a chain cannot show that its end was cut off.
fn good(summary: &Summary, json: bool) {
    let Summary { account, entries, open_holds, head, .. } = summary;
    let head = hex(head);
    if json {
        say(
            json!({"account": account, "ok": true, "entries": entries, "open_holds": open_holds, "head": head}),
        );
    } else {
        say(format_args!("{account}: {entries} entries, the chain verifies up to {head}"));
    }
}
