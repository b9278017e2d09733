//! Entries in a page: each as what differs from an earlier one of its kind, which is a quarter of it.
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | how many entries back its *model* is; 0 for none |
//! | number | how long the canonical bytes are |
//! | 32 | hash |
//! | … | pieces, until the canonical bytes are complete |
//!
//! A piece is a number, of which the lowest bit is a flag and the rest says how many bytes are the model's; a number that says how
//! many bytes come then; and those. The model's are taken from where the piece begins in the entry, counted from the front, or with
//! the flag from the end. A number is in groups of seven bits, the lowest first, all but the last with 128 added (LEB128).

use super::journal::record::{Bytes, Record};
use billing::{Hash, Kind};

/// What is taken over has so many bytes at least, or it would take more to say so.
const LEAST: usize = 4;
const WORD: usize = 8;
/// More than this is in no page that weir wrote.
const MOST: usize = 1 << 28;

/// A page in the making.
#[derive(Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
    /// How many entries there are.
    count: usize,
    /// How long they were.
    taken: usize,
    /// The last of each kind.
    models: [Model; Kind::ALL.len()],
}

#[derive(Default)]
struct Model {
    /// Which entry of the page it is, from 1 on; 0 for none.
    number: usize,
    canonical: Vec<u8>,
}

impl Packer {
    pub fn push(&mut self, record: &Record<'_>) {
        let Some(model) = self.models.get_mut(record.kind as usize) else { return };
        self.count += 1;
        self.taken += record.bytes.len();
        let back = match model.number {
            0 => 0,
            number => u8::try_from(self.count - number).unwrap_or(0),
        };
        if back == 0 {
            model.canonical.clear();
        }
        self.bytes.push(back);
        number(&mut self.bytes, record.canonical.len());
        self.bytes.extend_from_slice(&record.hash);
        differ(&mut self.bytes, &model.canonical, record.canonical);
        model.number = self.count;
        model.canonical.clear();
        model.canonical.extend_from_slice(record.canonical);
    }

    /// How long the entries are that are in it.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.taken = 0;
        self.models.iter_mut().for_each(|model| model.number = 0);
    }
}

/// The page's entries as the journal has them, one behind the other. None if it is damaged.
pub(super) fn unpack(page: &[u8], account: i64) -> Option<Vec<u8>> {
    let mut page = Bytes(page);
    let mut out = Vec::with_capacity(page.0.len() * 4);
    // Where the canonical bytes of each are.
    let mut places: Vec<(usize, usize)> = Vec::new();
    while !page.0.is_empty() {
        let [back] = page.array()?;
        let size = read(&mut page)?;
        let hash: Hash = page.array()?;
        let rest = u32::try_from(size.checked_add(44)?).ok()?;
        out.extend_from_slice(&rest.to_be_bytes());
        out.extend_from_slice(&account.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&hash);
        let start = out.len();
        let (model, model_end) = match usize::from(back) {
            0 => (start, start),
            back => *places.get(places.len().checked_sub(back)?)?,
        };
        let end = start.checked_add(size).filter(|end| *end <= MOST)?;
        while out.len() < end {
            let (copy, before) = (read(&mut page)?, out.len());
            let from = match copy & 1 {
                0 => model + (before - start),
                _ => model_end.checked_sub(end - before)?,
            };
            let to = from.checked_add(copy >> 1).filter(|to| from >= model && *to <= model_end.max(from))?;
            if to > from {
                out.extend_from_within(from..to);
            }
            let literal = read(&mut page)?;
            out.extend_from_slice(page.take(literal)?);
            if out.len() == before {
                return None;
            }
        }
        if out.len() != end {
            return None;
        }
        places.push((start, end));
    }
    Some(out)
}

/// Writes an entry's bytes as pieces. What is the same is looked for in steps of a word, so some short of two may be missed.
fn differ(out: &mut Vec<u8>, model: &[u8], entry: &[u8]) {
    let moved = model.len() != entry.len();
    let mut at = 0;
    while at < entry.len() {
        let (mut flag, mut copy) = (0, same(beside(model, entry, at, false), &entry[at..]));
        if moved && copy < LEAST {
            let back = same(beside(model, entry, at, true), &entry[at..]);
            if back > copy {
                (flag, copy) = (1, back);
            }
        }
        at += copy;
        let start = at;
        at = goes_on(model, entry, start, false).min(if moved {
            goes_on(model, entry, start, true)
        } else {
            entry.len()
        });
        number(out, copy << 1 | flag);
        number(out, at - start);
        out.extend_from_slice(&entry[start..at]);
    }
}

/// What stands in the model where `at` is in the entry, counted from the front or from the end.
fn beside<'a>(model: &'a [u8], entry: &[u8], at: usize, from_end: bool) -> &'a [u8] {
    let place = if from_end { (model.len() + at).checked_sub(entry.len()) } else { Some(at) };
    place.and_then(|place| model.get(place..)).unwrap_or_default()
}

/// Where behind `start` the model has what comes next; the end if nowhere.
fn goes_on(model: &[u8], entry: &[u8], start: usize, from_end: bool) -> usize {
    // The byte at `start` is another, or there is none.
    let behind = start + 1;
    let (words, _) = beside(model, entry, behind, from_end).as_chunks::<WORD>();
    let (others, _) = entry.get(behind..).unwrap_or_default().as_chunks::<WORD>();
    // How many bytes at the end of the word before are the same already.
    let mut before = 0;
    for (place, (a, b)) in words.iter().zip(others).enumerate() {
        let apart = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if apart == 0 {
            return behind + WORD * place - before;
        }
        before = (apart.leading_zeros() / 8) as usize;
    }
    entry.len()
}

/// How many bytes are the same from the front.
fn same(a: &[u8], b: &[u8]) -> usize {
    let ((words, _), (others, _)) = (a.as_chunks::<WORD>(), b.as_chunks::<WORD>());
    for (place, (a, b)) in words.iter().zip(others).enumerate() {
        let apart = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if apart != 0 {
            return WORD * place + (apart.trailing_zeros() / 8) as usize;
        }
    }
    let whole = WORD * words.len().min(others.len());
    whole + a[whole..].iter().zip(&b[whole..]).take_while(|(a, b)| a == b).count()
}

fn number(out: &mut Vec<u8>, mut number: usize) {
    while number > 127 {
        out.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read(from: &mut Bytes<'_>) -> Option<usize> {
    let mut number = 0usize;
    for place in 0..5 {
        let [byte] = from.array()?;
        number |= usize::from(byte & 127) << (7 * place);
        if byte < 128 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::journal::record;
    use super::*;
    use billing::{Balance, Entry};
    use vocab::{Dice, Instant, Pico};

    const ACCOUNT: i64 = 7;

    fn below(dice: &mut Dice, end: u64) -> usize {
        usize::try_from(dice.roll() % end).unwrap()
    }

    /// Entries as they may come: alike, of other lengths, empty, long, of any kind.
    fn entries(seed: u64, count: u64) -> Vec<u8> {
        let mut dice = Dice::seeded(seed);
        let mut out = Vec::new();
        for seq in 1..=count {
            let text = |dice: &mut Dice, most| "a".repeat(below(dice, most));
            let amount = |dice: &mut Dice| Pico(i128::from(dice.roll() % 1_000) << below(dice, 90));
            let entry = Entry {
                account: "alice".into(),
                seq,
                time: Instant::from_micros(seq * 1_000),
                kind: Kind::ALL[below(&mut dice, Kind::ALL.len() as u64)],
                op_id: format!("{}{}", text(&mut dice, 3), dice.roll()),
                amount: amount(&mut dice),
                balance_after: Balance {
                    granted: amount(&mut dice),
                    settled: Pico(-5),
                    held: amount(&mut dice),
                },
                detail: format!(
                    "{{{}\"n\":{}}}{}",
                    text(&mut dice, 9),
                    dice.roll() % 2_000,
                    text(&mut dice, 40)
                ),
                prev_hash: [0; 32],
                hash: [(dice.roll() & 255) as u8; 32],
            };
            record::write(&mut out, ACCOUNT, 0, &entry);
        }
        out
    }

    fn packed(entries: &[u8], packer: &mut Packer) -> Vec<u8> {
        packer.clear();
        let mut rest = Bytes(entries);
        while let Some(record) = record::next(&mut rest) {
            packer.push(&record);
        }
        assert!(rest.0.is_empty());
        packer.bytes().to_vec()
    }

    #[test]
    fn what_was_packed_comes_out_as_it_was() {
        let mut packer = Packer::default();
        assert_eq!(unpack(&packed(&[], &mut packer), ACCOUNT), Some(vec![]));
        for seed in 0..400 {
            let entries = entries(seed, 1 + seed);
            let page = packed(&entries, &mut packer);
            assert_eq!(unpack(&page, ACCOUNT).as_ref(), Some(&entries), "seed {seed}");
        }
    }

    #[test]
    fn entries_of_a_kind_take_a_third() {
        let mut account = billing::Account::new("local", None);
        let (mut entries, mut packer) = (Vec::new(), Packer::default());
        for n in 0..200u64 {
            let now = Instant::from_micros(1_795_219_200_000_000 + n * 40);
            let id = policy::request_id(None, now, Dice::seeded(n).roll());
            let hold = billing::Op::Hold {
                id: id.clone(),
                amount: Pico(188_100_000),
                estimate: Pico(1_000_000),
                lease_until: now.after(std::time::Duration::from_secs(60)),
                tags: String::new(),
                caps: vec![],
            };
            let line = billing::Line {
                provider: "openai".into(),
                model: "gpt-4o-mini".into(),
                // Numbers of other lengths move what is behind them.
                usage: vocab::Usage::default()
                    .with(vocab::Bucket::Input, n * n)
                    .with(vocab::Bucket::Output, 5 * n),
                price: Some("0123456789ab".into()),
                amount: Pico(i128::from(n) * 7_000_000),
                outcome: "ok".into(),
            };
            let settle = billing::Op::Settle { id, lines: vec![line], estimated: false };
            for op in [hold, settle] {
                record::write(&mut entries, ACCOUNT, 0, &account.apply(op, &[], now).unwrap().entry.unwrap());
            }
        }
        let page = packed(&entries, &mut packer);
        assert_eq!(unpack(&page, ACCOUNT).as_ref(), Some(&entries));
        assert!(page.len() * 3 < entries.len(), "{} of {}", page.len(), entries.len());
    }

    #[test]
    fn a_page_cut_short_is_another_and_no_damage_does_harm() {
        let entries = entries(1, 12);
        let page = packed(&entries, &mut Packer::default());
        for cut in 0..page.len() {
            assert_ne!(unpack(&page[..cut], ACCOUNT).as_ref(), Some(&entries));
        }
        for byte in 0..page.len() {
            for bit in 0..8 {
                let mut damaged = page.clone();
                damaged[byte] ^= 1 << bit;
                let _ = unpack(&damaged, ACCOUNT);
            }
        }
        let mut dice = Dice::seeded(9);
        for _ in 0..2_000 {
            let noise: Vec<u8> = (0..below(&mut dice, 300)).map(|_| (dice.roll() & 255) as u8).collect();
            let _ = unpack(&noise, ACCOUNT);
        }
    }
}
