//! The hash of an entry, computed as `docs/ledger-format.md` has it and with none of weir's code.

use crate::books::pico;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What is wrong with an entry of this account.
pub fn faults(account: &str, entry: &Value) -> Option<String> {
    let text = |name: &str| entry[name].as_str().unwrap_or_else(|| panic!("{name} of {entry}"));
    let number = |name: &str| entry[name].as_u64().unwrap_or_else(|| panic!("{name} of {entry}"));
    let mut bytes = unhex(text("prev_hash"));
    let field = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    };
    bytes.push(1);
    field(&mut bytes, account);
    bytes.extend(number("seq").to_be_bytes());
    bytes.extend(number("time_us").to_be_bytes());
    field(&mut bytes, text("kind"));
    field(&mut bytes, text("op_id"));
    bytes.extend(pico(text("amount_usd")).to_be_bytes());
    for name in ["granted", "settled", "held"] {
        let amount = entry["balance_after"][name].as_str().unwrap();
        bytes.extend(pico(amount).to_be_bytes());
    }
    field(&mut bytes, text("detail_text"));
    let hash = Sha256::digest(&bytes).to_vec();
    (hash != unhex(text("hash")))
        .then(|| format!("the hash of entry {} is not that of its content", entry["seq"]))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
