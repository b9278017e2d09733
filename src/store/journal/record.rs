//! One entry as the journal holds it: what the database wants to know besides, its hash, and the bytes that the hash is
//! made of.

use billing::{Balance, Entry, Hash, Kind};
use vocab::{Instant, Pico};

/// An entry in the bytes of a frame. What is read of it is theirs.
pub struct Record<'a> {
    /// The account's number in the database.
    pub account: i64,
    /// How many holds of the account are open after it.
    pub open: u32,
    pub hash: Hash,
    pub name: &'a str,
    pub seq: u64,
    pub time: Instant,
    pub kind: Kind,
    pub op_id: &'a str,
    pub amount: Pico,
    pub balance_after: Balance,
    pub detail: &'a str,
    canonical: &'a [u8],
}

/// Appends an entry.
pub fn write(out: &mut Vec<u8>, account: i64, open: usize, entry: &Entry) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&account.to_be_bytes());
    out.extend_from_slice(&u32::try_from(open).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&entry.hash);
    entry.write_canonical(out);
    let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Takes the next entry. None where the bytes are none.
pub fn next<'a>(bytes: &mut Bytes<'a>) -> Option<Record<'a>> {
    let len = u32::from_be_bytes(bytes.array()?);
    let mut bytes = Bytes(bytes.take(usize::try_from(len).ok()?)?);
    let account = i64::from_be_bytes(bytes.array()?);
    let open = u32::from_be_bytes(bytes.array()?);
    let hash = bytes.array()?;
    let canonical = bytes.0;
    if bytes.array()? != [1] {
        return None;
    }
    let name = bytes.text()?;
    let seq = u64::from_be_bytes(bytes.array()?);
    let time = Instant::from_micros(u64::from_be_bytes(bytes.array()?));
    let kind = Kind::named(bytes.text()?)?;
    let op_id = bytes.text()?;
    let mut money = || bytes.array().map(i128::from_be_bytes).map(Pico);
    let amount = money()?;
    let balance_after = Balance { granted: money()?, settled: money()?, held: money()? };
    let detail = bytes.text()?;
    bytes.0.is_empty().then_some(Record {
        account,
        open,
        hash,
        name,
        seq,
        time,
        kind,
        op_id,
        amount,
        balance_after,
        detail,
        canonical,
    })
}

impl Record<'_> {
    /// Whether its hash is that of its content behind `prev_hash`.
    pub fn follows(&self, prev_hash: &Hash) -> bool {
        billing::link(prev_hash, self.canonical) == self.hash
    }
}

/// Bytes that are taken from the front.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A text behind its length.
    fn text(&mut self) -> Option<&'a str> {
        let len = u32::from_be_bytes(self.array()?);
        std::str::from_utf8(self.take(usize::try_from(len).ok()?)?).ok()
    }
}
