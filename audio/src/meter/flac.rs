use crate::{Broken, millis};

/// The head of a frame at its longest (RFC 9639, 9.1), and a block's head with the table of the stream.
const HEAD: usize = 16;
const BLOCK: usize = 4;
const STREAM: usize = 34;

/// Finds the frames of FLAC by their heads, which carry a check sum and their own number: sound that looks like one by chance
/// would have to hit both.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    kept: Vec<u8>,
    skip: usize,
    place: Place,
    rate: u32,
    frames: u64,
    samples: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Mark,
    Blocks,
    Sound,
}

impl Frames {
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let here = self.skip.min(bytes.len());
            self.skip -= here;
            bytes = &bytes[here..];
            match self.place {
                Place::Mark => {
                    let Some(mark) = self.gather(&mut bytes, 4) else { return Ok(()) };
                    if mark != b"fLaC" {
                        return Err(Broken::Foreign("expected FLAC: it does not begin with fLaC".into()));
                    }
                    self.kept.clear();
                    self.place = Place::Blocks;
                }
                Place::Blocks => {
                    let Some(block) = self.gather(&mut bytes, BLOCK) else { return Ok(()) };
                    let (kind, last) = (block[0] & 0x7f, block[0] & 0x80 != 0);
                    let length =
                        usize::from(block[1]) << 16 | usize::from(block[2]) << 8 | usize::from(block[3]);
                    if kind == 0 {
                        if length != STREAM {
                            return Err(Broken::Foreign(format!("a table of the stream of {length} bytes")));
                        }
                        let Some(table) = self.gather(&mut bytes, BLOCK + STREAM) else { return Ok(()) };
                        let (a, b, c) = (table[BLOCK + 10], table[BLOCK + 11], table[BLOCK + 12]);
                        self.rate = u32::from(a) << 12 | u32::from(b) << 4 | u32::from(c) >> 4;
                    } else {
                        self.skip = length;
                    }
                    self.kept.clear();
                    if last {
                        self.place = Place::Sound;
                    }
                }
                Place::Sound => {
                    self.kept.extend_from_slice(bytes);
                    let mut at = 0;
                    while self.kept.len() - at >= HEAD {
                        at += self.frame(at).unwrap_or(1);
                    }
                    self.kept.drain(..at);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub const fn millis(&self) -> u64 {
        millis(self.samples, self.rate)
    }

    fn gather(&mut self, bytes: &mut &[u8], length: usize) -> Option<&[u8]> {
        let here = length.saturating_sub(self.kept.len()).min(bytes.len());
        let (now, later) = bytes.split_at(here);
        self.kept.extend_from_slice(now);
        *bytes = later;
        self.kept.get(..length)
    }

    /// Counts the frame that begins here, if one does, and says how long its head is.
    fn frame(&mut self, at: usize) -> Option<usize> {
        let head = &self.kept[at..at + HEAD];
        if head[0] != 0xff || head[1] & 0xfe != 0xf8 {
            return None;
        }
        let (number, coded) = number(&head[4..])?;
        let mut end = 4 + coded;
        let samples = match head[2] >> 4 {
            1 => 192,
            code @ 2..=5 => 144 << code,
            6 => {
                end += 1;
                u32::from(head[end - 1]) + 1
            }
            7 => {
                end += 2;
                (u32::from(head[end - 2]) << 8 | u32::from(head[end - 1])) + 1
            }
            code @ 8.. => 1 << code,
            0 => return None,
        };
        end += match head[2] & 15 {
            12 => 1,
            13 | 14 => 2,
            15 => return None,
            _ => 0,
        };
        // Numbered by frames where all are as long, by samples where they are not.
        let expected = if head[1] & 1 == 0 { self.frames } else { self.samples };
        if number != expected || check(&head[..end]) != *head.get(end)? {
            return None;
        }
        self.frames += 1;
        self.samples += u64::from(samples);
        Some(end + 1)
    }
}

/// A number as UTF-8 would have it, up to 36 bits, and how many bytes it has.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = bytes[0];
    let length = match first.leading_ones() {
        0 => return Some((u64::from(first), 1)),
        length @ 2..=7 => length as usize,
        _ => return None,
    };
    let mut number = u64::from(first & (0x7f_u8 >> length));
    for byte in bytes.get(1..length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = number << 6 | u64::from(byte & 0x3f);
    }
    Some((number, length))
}

/// CRC-8 with x⁸ + x² + x + 1.
fn check(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 7 })
    })
}
