//! One entry as the journal and the database's pages hold it: what the database wants to know besides, its hash, and the
//! bytes that the hash is made of.

use billing::{Balance, Entry, Hash, Kind};
use vocab::{Instant, Pico};

/// An entry in the bytes of a frame or a page. What is read of it is theirs.
pub struct Record<'a> {
    /// All of it, with its length.
    pub bytes: &'a [u8],
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
    /// What the hash is taken of, after the hash before.
    pub canonical: &'a [u8],
    /// Amounts and detail, which only those read who want the whole entry.
    rest: Bytes<'a>,
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
pub fn next<'a>(from: &mut Bytes<'a>) -> Option<Record<'a>> {
    let len = usize::try_from(u32::from_be_bytes(*from.0.first_chunk()?)).ok()?;
    let whole = from.take(len.checked_add(4)?)?;
    let mut bytes = Bytes(whole.get(4..)?);
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
    let kind = kind(bytes.bytes()?)?;
    let op_id = bytes.text()?;
    Some(Record { bytes: whole, account, open, hash, name, seq, time, kind, op_id, canonical, rest: bytes })
}

fn kind(name: &[u8]) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
}

impl Record<'_> {
    /// Whether its hash is that of its content behind `prev_hash`.
    pub fn follows(&self, prev_hash: &Hash) -> bool {
        billing::link(prev_hash, self.canonical) == self.hash
    }

    /// What the account had been charged altogether.
    pub fn settled(&self) -> Option<Pico> {
        let mut rest = self.rest;
        rest.take(2 * size_of::<i128>())?;
        rest.money()
    }

    /// The entry as such. The hash before is not in it.
    pub fn entry(&self, prev_hash: Hash) -> Option<Entry> {
        let mut rest = self.rest;
        let amount = rest.money()?;
        let balance_after = Balance { granted: rest.money()?, settled: rest.money()?, held: rest.money()? };
        let detail = rest.text()?.to_owned();
        rest.0.is_empty().then(|| Entry {
            account: self.name.into(),
            seq: self.seq,
            time: self.time,
            kind: self.kind,
            op_id: self.op_id.into(),
            amount,
            balance_after,
            detail,
            prev_hash,
            hash: self.hash,
        })
    }
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy)]
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

    fn money(&mut self) -> Option<Pico> {
        self.array().map(i128::from_be_bytes).map(Pico)
    }

    /// Bytes behind their length.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(len).ok()?)
    }

    /// A text behind its length.
    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}
