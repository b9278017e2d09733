//! One group as the journal holds it: a head of 64 bytes, the entries, zeros up to the end of a block.
//!
//! Frames begin with a block, so that no write touches a block in which something is confirmed: a write that the power cuts
//! short may leave anything in the blocks it was for.

use super::Origin;
use super::record::Bytes;

/// How long a head is.
pub const HEAD: usize = 64;
const MAGIC: [u8; 8] = *b"weirjrn1";
/// From here on the checksum counts.
const CHECKED: usize = 12;
/// What disks write at once.
pub const BLOCK: usize = 4_096;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub origin: Origin,
    /// Where in its file it stands: what was left over of an older one at another place is none.
    pub offset: u64,
    /// The position of its first entry.
    pub first: u64,
    /// Up to which position everything was on disk when it was written.
    pub durable: u64,
    /// How many entries it has.
    pub count: u32,
}

impl Head {
    /// The position of its last entry.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }
}

/// A frame that was read, and whose checksum is right.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub head: Head,
    /// The entries, one behind the other.
    pub body: &'a [u8],
    /// How long it is in the file.
    pub len: usize,
}

/// How much a frame takes with so many bytes before the zeros.
pub const fn padded(len: usize) -> usize {
    len.next_multiple_of(BLOCK)
}

/// Writes the head of a frame whose entries end at `end`.
pub fn seal(bytes: &mut [u8], end: usize, head: &Head) {
    let body = u32::try_from(end - HEAD).unwrap_or(u32::MAX);
    bytes[CHECKED..16].copy_from_slice(&body.to_be_bytes());
    let fields = [head.origin.store, head.origin.epoch, head.offset, head.first, head.durable];
    for (place, field) in bytes[16..56].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    bytes[56..60].copy_from_slice(&head.count.to_be_bytes());
    bytes[60..HEAD].fill(0);
    bytes[..8].copy_from_slice(&MAGIC);
    let sum = crc32fast::hash(&bytes[CHECKED..end]);
    bytes[8..CHECKED].copy_from_slice(&sum.to_be_bytes());
}

/// The frame at the beginning of `bytes`, if one is there, whole, and meant for this place of its file.
pub fn read(bytes: &[u8], offset: u64) -> Option<Frame<'_>> {
    let mut head = Bytes(bytes);
    if head.array()? != MAGIC {
        return None;
    }
    let sum = u32::from_be_bytes(head.array()?);
    let body = usize::try_from(u32::from_be_bytes(head.array()?)).ok()?;
    let mut number = || head.array().map(u64::from_be_bytes);
    let origin = Origin { store: number()?, epoch: number()? };
    let (place, first, durable) = (number()?, number()?, number()?);
    let count = u32::from_be_bytes(head.array()?);
    let end = HEAD.checked_add(body)?;
    if place != offset || count == 0 || first == 0 || crc32fast::hash(bytes.get(CHECKED..end)?) != sum {
        return None;
    }
    first.checked_add(u64::from(count))?;
    let head = Head { origin, offset, first, durable, count };
    Some(Frame { head, body: &bytes[HEAD..end], len: padded(end) })
}

/// Every frame in a file's bytes, whatever lies between them.
pub fn all(bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= HEAD) {
        match read(rest, at as u64) {
            Some(frame) => {
                at += frame.len;
                found.push(frame);
            }
            None => at += BLOCK,
        }
    }
    found
}
