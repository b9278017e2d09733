//! Invariants 1, 2 and 4 of the ledger at every prefix of the record.

use super::money;
use crate::story::Record;
use billing::{Entry, Kind};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub fn check(account: &str, entries: &[Entry], record: &Record, complaints: &mut Vec<String>) {
    let mut complain = |entry: &Entry, what: String| {
        complaints.push(format!("{account} entry {} ({}): {what}", entry.seq, entry.op_id))
    };
    let mut before = [0u8; 32];
    let (mut granted, mut settled) = (0i128, 0i128);
    let mut held: BTreeMap<&str, i128> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if entry.seq != place as u64 + 1 || entry.prev_hash != before || entry.hash != hash(entry) {
            complain(entry, "the chain is broken".into());
        }
        before = entry.hash;
        let id = entry.op_id.as_str();
        let amount = entry.amount.0;
        let mut over = false;
        match entry.kind {
            Kind::Grant => granted += amount,
            Kind::Hold => {
                if held.insert(id, amount).is_some() {
                    complain(entry, "held twice".into());
                }
            }
            Kind::Extend => match held.get_mut(id) {
                Some(so_far) => *so_far += amount,
                None => complain(entry, "an extension of nothing".into()),
            },
            Kind::Hit | Kind::Replay => {
                if amount != 0 || held.contains_key(id) {
                    complain(entry, "what was told before is charged or held".into());
                }
            }
            Kind::Settle | Kind::Release => {
                let detail: Value = serde_json::from_str(&entry.detail).expect("a detail is JSON");
                let lines = detail["lines"].as_array().map_or(0, |lines| lines.iter().map(cost).sum());
                if lines != amount || (entry.kind == Kind::Release && amount != 0) {
                    complain(entry, format!("lines of {lines} and an amount of {amount}"));
                }
                match held.remove(id) {
                    Some(so_far) if money::read(detail["held"].as_str().unwrap_or("0")) == so_far => {
                        over = amount > so_far
                    }
                    Some(so_far) => complain(entry, format!("{so_far} were held")),
                    None => complain(entry, "ends what was not held".into()),
                }
                settled += amount;
            }
        }
        let sum: i128 = held.values().sum();
        let after = entry.balance_after;
        if (after.granted.0, after.settled.0, after.held.0) != (granted, settled, sum) {
            complain(entry, format!("says {after:?}; its entries say {granted} − {settled}, {sum} held"));
        }
        if over && !surprising(record) {
            complain(entry, "costs more than was held".into());
        }
        if granted - settled - sum < 0 && !surprising(record) {
            complain(entry, format!("{} more than granted is spent or held", settled + sum - granted));
        }
    }
}

/// More can be charged than anybody could hold: where nobody knows how long an answer may be, and where a provider serves
/// at a dearer tier than it was asked for.
fn surprising(record: &Record) -> bool {
    let dearer = |seen: &lab::Seen| seen.troubles.contains(&lab::Kind::OtherTier);
    !record.without_output_limit.is_empty() || record.seen.iter().any(dearer)
}

fn cost(line: &Value) -> i128 {
    money::read(line["amount"].as_str().expect("an amount is text"))
}

/// From the published recipe.
fn hash(entry: &Entry) -> [u8; 32] {
    let mut bytes = entry.prev_hash.to_vec();
    bytes.push(1);
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, &entry.account);
    bytes.extend(entry.seq.to_be_bytes());
    bytes.extend(entry.time.as_micros().to_be_bytes());
    let kind = match entry.kind {
        Kind::Grant => "grant",
        Kind::Hold => "hold",
        Kind::Extend => "extend",
        Kind::Settle => "settle",
        Kind::Release => "release",
        Kind::Hit => "hit",
        Kind::Replay => "replay",
    };
    text(&mut bytes, kind);
    text(&mut bytes, &entry.op_id);
    let after = entry.balance_after;
    for money in [entry.amount, after.granted, after.settled, after.held] {
        bytes.extend(money.0.to_be_bytes());
    }
    text(&mut bytes, &entry.detail);
    Sha256::digest(&bytes).into()
}
