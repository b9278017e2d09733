//! A comparison, for people and for scripts.

use crate::cli::say;
use billing::reconcile::{Cell, Reconciliation};
use serde_json::json;

/// Everything in one value.
pub fn json(found: &Reconciliation, all: bool) {
    let cells: Vec<&Cell> = found.cells.iter().filter(|cell| all || cell.over).collect();
    say(json!({
        "ok": !found.over,
        "from": found.days.map(|(from, _)| from.to_string()), "to": found.days.map(|(_, to)| to.to_string()),
        "compared": found.cells.len(), "over": found.cells.iter().filter(|cell| cell.over).count(),
        "requests": found.requests, "usd": found.money, "cells": cells, "notes": found.notes,
    }));
}

/// A block for each model and day that differs, and what it comes to.
pub fn table(found: &Reconciliation, all: bool) {
    let over = found.cells.iter().filter(|cell| cell.over).count();
    if all || over > 0 {
        say(format_args!("{:<18}{:>18}{:>18}{:>18}", "", "ledger", "provider", "difference"));
    }
    for cell in found.cells.iter().filter(|cell| all || cell.over) {
        block(cell);
    }
    if let Some(requests) = found.requests {
        say(row("all requests", requests.ours, requests.theirs, format!("{:+}", requests.by())));
    }
    if let Some(money) = found.money {
        say(row("all USD", money.ours, money.theirs, money.by()));
    }
    for note in &found.notes {
        say(format_args!("note: {note}"));
    }
    let days = found.days.map_or_else(String::new, |(from, to)| format!(", {from} to {to}"));
    let verdict = if found.over { format!("{over} differ") } else { "all agree".into() };
    say(format_args!("{} models and days compared{days}: {verdict}", found.cells.len()));
}

fn block(cell: &Cell) {
    let model = cell.model.as_deref().unwrap_or("(no model)");
    let also: Vec<&str> = cell.names.iter().map(String::as_str).filter(|name| *name != model).collect();
    let also = if also.is_empty() { String::new() } else { format!(" (there {})", also.join(", ")) };
    say(format_args!("{} {model}{also}", cell.day));
    for measure in &cell.measures {
        let by = measure.drift.by();
        let by = if by == 0 { String::new() } else { format!("{by:+}") };
        say(row(&format!("  {}", measure.name), measure.drift.ours, measure.drift.theirs, by));
    }
    if let Some(money) = cell.money {
        say(row("  USD", money.ours, money.theirs, money.by()));
    }
    for likely in &cell.causes {
        say(format_args!("  likely {}: {}", likely.cause.name(), likely.evidence));
    }
}

fn row(name: &str, ours: impl ToString, theirs: impl ToString, by: impl ToString) -> String {
    let text = format!("{name:<18}{:>18}{:>18}{:>18}", ours.to_string(), theirs.to_string(), by.to_string());
    text.trim_end().to_owned()
}
