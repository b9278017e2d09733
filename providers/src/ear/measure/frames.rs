//! Files of frames, each with a header of its own: MP3 (ISO 11172-3, 13818-3) and AAC in ADTS (ISO 13818-7).

use super::Then;
use super::heads::at_rate;

/// Bytes that may stand between two frames before it is no such file.
const LOST_MAX: u32 = 64 << 10;
/// A header of either, and enough of ID3's.
const HEAD: usize = 10;
/// Where an encoder's own words may stand in a first frame, which is not heard.
const WORDS: usize = 44;

/// Counts samples frame by frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// At the first frame of MP3, whose words were waited for.
    first: bool,
    begun: bool,
    samples: u64,
    rate: u64,
    lost: u32,
}

impl Frames {
    pub fn read(&mut self, head: &[u8]) -> Then {
        if head.starts_with(b"ID3") && !self.begun {
            // Four times seven bits.
            let size =
                head.get(6..10).unwrap_or_default().iter().fold(0, |size, b| size << 7 | u64::from(b & 0x7f));
            return Then::at(size, HEAD);
        }
        let Some(frame) =
            mpeg(head).or_else(|| adts(head)).filter(|frame| !self.begun || frame.rate == self.rate)
        else {
            return self.lost();
        };
        if !self.begun && frame.length >= WORDS as u64 && !self.first && head.len() < WORDS {
            self.first = true;
            return Then { skip: 0, wants: WORDS, back: head.len() };
        }
        let told = !self.begun && [&b"Xing"[..], b"Info", b"VBRI"].iter().any(|word| holds(head, word));
        (self.begun, self.rate, self.lost) = (true, frame.rate, 0);
        if !told {
            self.samples = self.samples.saturating_add(frame.samples);
        }
        let read = head.len() as u64;
        match frame.length.checked_sub(read) {
            Some(skip) => Then::at(skip, HEAD),
            None => Then { skip: frame.length, wants: HEAD, back: head.len() },
        }
    }

    /// Looks for the next frame, a byte on.
    fn lost(&mut self) -> Then {
        self.lost += 1;
        if self.lost > LOST_MAX {
            return Then::OVER;
        }
        Then { skip: 1, wants: HEAD, back: usize::MAX }
    }

    pub fn millis(&self) -> Option<u64> {
        at_rate(self.samples, self.rate)
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|at| at == word)
}

struct Frame {
    /// In bytes, with its header.
    length: u64,
    samples: u64,
    rate: u64,
}

/// Kilobits a second of Layer III: of version 1, and of 2 and 2.5.
const V1: [u64; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const V2: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES: [u64; 3] = [44_100, 48_000, 32_000];

/// A frame of Layer III.
fn mpeg(head: &[u8]) -> Option<Frame> {
    let [0xff, second, third, ..] = *head else { return None };
    if second & 0xe6 != 0xe2 {
        return None;
    }
    let (halves, samples, bitrates) = match second >> 3 & 3 {
        3 => (1, 1_152, V1),
        2 => (2, 576, V2),
        0 => (4, 576, V2),
        _ => return None,
    };
    let rate = RATES.get(usize::from(third >> 2 & 3))? / halves;
    let bitrate = *bitrates.get(usize::from(third >> 4)).filter(|bitrate| **bitrate > 0)?;
    let length = samples / 8 * bitrate * 1_000 / rate + u64::from(third >> 1 & 1);
    Some(Frame { length, samples, rate })
}

const AAC_RATES: [u64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

fn adts(head: &[u8]) -> Option<Frame> {
    let [0xff, second, third, fourth, fifth, sixth, seventh, ..] = *head else { return None };
    if second & 0xf6 != 0xf0 {
        return None;
    }
    let rate = *AAC_RATES.get(usize::from(third >> 2 & 15))?;
    let length = u64::from(fourth & 3) << 11 | u64::from(fifth) << 3 | u64::from(sixth >> 5);
    let samples = 1_024 * (u64::from(seventh & 3) + 1);
    (length >= 7).then_some(Frame { length, samples, rate })
}
