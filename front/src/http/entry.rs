//! The record, as callers are shown it.

use crate::report;
use billing::{BadEntry, Balance, Budgets, Credits, Entry, Summary, hex};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use vocab::Cap;

fn raw(detail: &str) -> Value {
    // Kept and hashed as text; here it is JSON within JSON.
    serde_json::from_str(detail).unwrap_or_else(|_| Value::String(detail.into()))
}

/// One ended request: who was asked, what was used, what it came to.
pub fn usage(entry: &Entry, credits: &Credits) -> Value {
    let detail = raw(&entry.detail);
    json!({
        "request_id": entry.op_id,
        "seq": entry.seq,
        "at": entry.time.rfc3339(),
        "kind": entry.kind,
        "cost_usd": entry.amount,
        "credits": report::used(credits, entry.amount),
        "estimated": detail.get("estimated").cloned().unwrap_or(Value::Bool(false)),
        "lines": detail.get("lines").cloned().unwrap_or_else(|| Value::Array(vec![])),
    })
}

/// One entry with all that its hash is made of, so that it can be recomputed elsewhere.
pub fn entry(entry: &Entry) -> Value {
    json!({
        "seq": entry.seq,
        "time_us": entry.time,
        "at": entry.time.rfc3339(),
        "kind": entry.kind,
        "op_id": entry.op_id,
        "amount_usd": entry.amount,
        "balance_after": {
            "granted": entry.balance_after.granted,
            "settled": entry.balance_after.settled,
            "held": entry.balance_after.held,
        },
        "detail": RawValue::from_string(entry.detail.clone()).map_or(Value::Null, |raw| json!(raw)),
        "detail_text": entry.detail,
        "prev_hash": hex(&entry.prev_hash),
        "hash": hex(&entry.hash),
    })
}

pub fn balance(account: &str, balance: &Balance, credits: &Credits) -> Value {
    json!({
        "account": account,
        "balance_usd": balance.balance(),
        "available_usd": balance.available(),
        "held_usd": balance.held,
        "granted_usd": balance.granted,
        "spent_usd": balance.settled,
        "spent_credits": report::used(credits, balance.settled),
        "balance_credits": report::worth(credits, balance.balance()),
        "available_credits": report::worth(credits, balance.available()),
    })
}

/// What a budget has taken within the window of now.
pub fn budget(cap: &Cap, taken: &Budgets) -> Value {
    let taken = taken.taken(&cap.budget, cap.from);
    json!({
        "budget": cap.budget,
        "limit_usd": cap.limit,
        "spent_usd": taken.charged,
        "held_usd": taken.held,
        "left_usd": cap.limit.minus(taken.sum()),
        "resets_at": cap.until.map(vocab::Instant::rfc3339),
    })
}

pub fn verified(account: &str, result: Result<Summary, BadEntry>) -> Value {
    match result {
        Ok(summary) => json!({
            "ok": true,
            "account": account,
            "entries": summary.entries,
            "open_holds": summary.open_holds,
            "head": hex(&summary.head),
            "balance_usd": summary.balance.balance(),
        }),
        Err(bad) => json!({ "ok": false, "account": account, "seq": bad.seq, "message": bad.to_string() }),
    }
}
