//! How KV holds the record: one key for each entry, listed by account and hour.
//!
//! | key | value |
//! | --- | --- |
//! | `entry/ACCOUNT/2026-11-21T09/000000000042` | the entry, as `weir ledger export` writes it |
//! | `account/ACCOUNT` | how far the record reaches: [`Reach`] |
//!
//! Written once each, and again with the same content if in doubt. A listing under `entry/ACCOUNT/` is in order of
//! `seq`, because time never falls along a record.

use billing::Entry;
use serde::{Deserialize, Serialize};
use vocab::Instant;

/// How far an account's record reaches in KV: what shows that its end was not cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    pub seq: u64,
    /// The last hash, in hexadecimal.
    pub head: String,
}

impl Reach {
    pub fn of(last: &Entry) -> Self {
        Self { seq: last.seq, head: billing::hex(&last.hash) }
    }
}

/// Where an entry is.
pub fn key(entry: &Entry) -> String {
    format!("{}{}/{:012}", prefix(&entry.account), hour(entry.time), entry.seq)
}

/// Where all of an account's entries are.
pub fn prefix(account: &str) -> String {
    format!("entry/{}/", safe(account))
}

/// Where it is told how far the record reaches.
pub fn reach(account: &str) -> String {
    format!("account/{}", safe(account))
}

/// The account that [`reach`] names.
pub fn account_of(key: &str) -> Option<String> {
    let name = key.strip_prefix("account/")?;
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let pair = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The `seq` that a key names.
pub fn seq_of(key: &str) -> Option<u64> {
    key.rsplit_once('/')?.1.parse().ok()
}

/// `2026-11-21T09`.
fn hour(time: Instant) -> String {
    let mut text = time.rfc3339();
    text.truncate(13);
    text
}

/// A name that holds no slash: letters, digits and `_.:-` as they are, the rest in percent.
fn safe(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing::{Book, Op};
    use vocab::Pico;

    fn entry(account: &str, seq: u64, time: &str) -> Entry {
        let mut book = Book::new(account, None);
        let op = Op::Grant { id: "g".into(), amount: Pico::from_usd(1), reason: "r".into() };
        book.post(op, Instant::parse_date(time).unwrap()).unwrap();
        Entry { seq, ..book.entries()[0].clone() }
    }

    #[test]
    fn a_listing_is_in_order() {
        let earlier = key(&entry("a", 9, "2026-01-31"));
        let later = key(&entry("a", 10, "2026-02-01"));
        assert_eq!(earlier, "entry/a/2026-01-31T00/000000000009");
        assert!(earlier < later, "{earlier} {later}");
        assert!(key(&entry("a", 99, "2026-02-01")) < key(&entry("a", 100, "2026-02-01")));
        assert_eq!(seq_of(&later), Some(10));
    }

    #[test]
    fn a_name_cannot_reach_into_another() {
        for name in ["a/b", "a", "a%2Fb", "ä", "", "a\nb", "%"] {
            let reach = reach(name);
            assert_eq!(reach.matches('/').count(), 1, "{reach}");
            assert_eq!(account_of(&reach).as_deref(), Some(name));
        }
        assert_ne!(prefix("a/b"), prefix("a%2Fb"));
        for bad in ["account", "entry/x", "account/%2", "account/%zz", "account/%ff"] {
            assert_eq!(account_of(bad), None, "{bad}");
        }
    }
}
