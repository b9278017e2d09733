//! One entry of the record, and the bytes its hash is made of.
//!
//! # The recipe
//!
//! `hash = SHA-256(prev_hash ‖ canonical)`, where `prev_hash` is the 32-byte hash of the account's entry before (32
//! zero bytes for the first) and `canonical` is, in this order and with nothing between:
//!
//! | field | bytes |
//! | --- | --- |
//! | format | one byte, `01` |
//! | account | length in bytes as u32, then UTF-8 |
//! | seq | u64: 1, 2, 3 … within the account |
//! | time | u64: microseconds since 1970-01-01 UTC |
//! | kind | length as u32, then ASCII: `grant`, `hold`, `extend`, `settle`, `release`, `hit`, `replay` |
//! | op_id | length as u32, then UTF-8 |
//! | amount | i128 two's complement, picodollars |
//! | granted, settled, held | three i128: the account after this entry |
//! | detail | length as u32, then UTF-8: the JSON text exactly as kept |
//!
//! All integers are big-endian. `docs/ledger-format.md` has the same with a worked example.

use crate::Balance;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use vocab::{Instant, Pico};

/// A SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first entry of every account.
pub const GENESIS: Hash = [0; 32];

const FORMAT: u8 = 1;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Grant,
    Hold,
    Extend,
    Settle,
    Release,
    /// A request was answered out of the cache.
    Hit,
    /// A request that came again was told what it was told before.
    Replay,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Grant, Self::Hold, Self::Extend, Self::Settle, Self::Release, Self::Hit, Self::Replay];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Hit => "hit",
            Self::Replay => "replay",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether nothing can come after it under the same id.
    pub const fn ends(self) -> bool {
        !matches!(self, Self::Hold | Self::Extend)
    }
}

/// One entry of an account's record. Entries are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub account: String,
    /// 1 for the account's first, then one more each.
    pub seq: u64,
    /// Never before the entry before.
    pub time: Instant,
    pub kind: Kind,
    pub op_id: String,
    /// What was granted, set aside or charged. Zero where nothing was: for a release, a hit, a replay.
    pub amount: Pico,
    pub balance_after: Balance,
    /// JSON text, see `docs/ledger-format.md`. Kept and hashed as it is.
    pub detail: String,
    #[serde(with = "as_hex")]
    pub prev_hash: Hash,
    #[serde(with = "as_hex")]
    pub hash: Hash,
}

impl Entry {
    /// What the hash is taken of, after the previous hash.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes_len());
        self.write_canonical(&mut bytes);
        bytes
    }

    /// The hash that this entry should have.
    pub fn computed_hash(&self) -> Hash {
        self.hash_by(&mut Vec::new())
    }

    /// The same, by way of room that is there already.
    pub(crate) fn hash_by(&self, room: &mut Vec<u8>) -> Hash {
        room.clear();
        room.reserve(32 + self.bytes_len());
        room.extend_from_slice(&self.prev_hash);
        self.write_canonical(room);
        Sha256::digest(&room).into()
    }

    fn bytes_len(&self) -> usize {
        1 + 4 * 4 + 2 * 8 + 4 * 16 + 7 + self.account.len() + self.op_id.len() + self.detail.len()
    }

    /// Appends the canonical bytes.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        let after = self.balance_after;
        out.push(FORMAT);
        text(out, &self.account);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.time.as_micros().to_be_bytes());
        text(out, self.kind.name());
        text(out, &self.op_id);
        let mut sums = [[0; 16]; 4];
        for (place, money) in sums.iter_mut().zip([self.amount, after.granted, after.settled, after.held]) {
            *place = money.0.to_be_bytes();
        }
        out.extend_from_slice(sums.as_flattened());
        text(out, &self.detail);
    }
}

/// The hash of the entry with these canonical bytes, behind the one with that hash.
pub fn link(prev_hash: &Hash, canonical: &[u8]) -> Hash {
    Sha256::new().chain_update(prev_hash).chain_update(canonical).finalize().into()
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Nothing near 4 GiB can be stored; if it could, two such texts would still differ in their bytes.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Lower-case hexadecimal.
pub fn hex(hash: &Hash) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) mod as_hex {
    use super::{Deserialize, Deserializer, Hash, Serializer, hex};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bad = || D::Error::custom("a hash is 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut hash = [0; 32];
        for (place, byte) in hash.iter_mut().enumerate() {
            let pair = text.get(2 * place..2 * place + 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(hash)
    }
}
