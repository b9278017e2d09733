//! Files that say how long they are: WAV, Ogg, FLAC, MP4.

use super::Then;

fn u16_le(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes).into()
}

fn u32_le(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes).into()
}

fn u32_be(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes).into()
}

fn u64_be(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// Milliseconds of so many at that rate, a part of one as one.
pub(super) fn at_rate(count: u64, rate: u64) -> Option<u64> {
    let millis = (u128::from(count) * 1_000).div_ceil(u128::from(rate.max(1)));
    (rate > 0).then(|| u64::try_from(millis).unwrap_or(u64::MAX))
}

/// RIFF chunks: `fmt ` has the rate, `data` the length.
#[derive(Debug, Default)]
pub(super) struct Wav {
    at: WavAt,
    /// Where the chunk after this header begins.
    offset: u64,
    rate: u64,
    /// Where the samples begin, and how many bytes of them were promised.
    data: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WavAt {
    #[default]
    Chunk,
    Format {
        rest: u64,
    },
}

impl Wav {
    pub fn read(&mut self, head: &[u8]) -> Then {
        if self.offset == 0 {
            self.offset = 12;
        }
        self.offset += head.len() as u64;
        match self.at {
            WavAt::Chunk => {
                let size = u32_le(head, 4);
                // Chunks are of even length.
                let padded = size + size % 2;
                match head.get(..4) {
                    Some(b"fmt ") if size >= 16 => {
                        self.at = WavAt::Format { rest: padded - 16 };
                        Then::at(0, 16)
                    }
                    Some(b"data") => {
                        self.data = Some((self.offset, size));
                        Then::OVER
                    }
                    _ => {
                        self.offset += padded;
                        Then::at(padded, 8)
                    }
                }
            }
            WavAt::Format { rest } => {
                // Channels, rate and width, not the rate of bytes that the header says besides: decoders do not read it.
                let (channels, rate, align, bits) =
                    (u16_le(head, 2), u32_le(head, 4), u16_le(head, 12), u16_le(head, 14));
                let frame = if bits > 0 { channels * bits.div_ceil(8) } else { align };
                // Compressed samples have frames of their own; there the rate of bytes is all there is.
                self.rate = if matches!(u16_le(head, 0), 1 | 3 | 6 | 7 | 0xfffe) {
                    rate * frame
                } else {
                    u32_le(head, 8)
                };
                self.at = WavAt::Chunk;
                self.offset += rest;
                Then::at(rest, 8)
            }
        }
    }

    /// Of a file of that size.
    pub fn millis(&self, size: u64) -> Option<u64> {
        let (begin, promised) = self.data?;
        let there = size.saturating_sub(begin);
        // Who writes while he speaks does not know how much it will be.
        let bytes = if promised == 0 { there } else { promised.min(there) };
        at_rate(bytes, self.rate)
    }

    /// Nothing in it is longer than all of it.
    pub fn at_most(&self, size: u64) -> Option<u64> {
        at_rate(size, self.rate)
    }
}

/// Ogg pages: each says up to where its samples go.
#[derive(Debug, Default)]
pub(super) struct Ogg {
    at: OggAt,
    /// Bytes of the page at hand that are left.
    left: u64,
    /// Samples a second, and how many at the beginning are not heard.
    rate: u64,
    early: u64,
    last: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OggAt {
    #[default]
    Page,
    Table,
    First,
}

impl Ogg {
    pub fn read(&mut self, head: &[u8]) -> Then {
        match self.at {
            OggAt::Page => {
                if head.get(..4) != Some(b"OggS") {
                    return Then::OVER;
                }
                let granule = head.get(6..14).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
                // All ones: no packet ends on it.
                if granule != u64::MAX {
                    self.last = self.last.max(granule);
                }
                self.at = OggAt::Table;
                match head.get(26) {
                    Some(0) | None => self.next(0),
                    Some(&segments) => Then::at(0, segments.into()),
                }
            }
            OggAt::Table => {
                self.left = head.iter().map(|length| u64::from(*length)).sum();
                if self.rate == 0 && self.left >= 19 {
                    self.at = OggAt::First;
                    return Then::at(0, 19);
                }
                self.next(self.left)
            }
            OggAt::First => {
                if head.starts_with(b"OpusHead") {
                    // "The granule position is in units of samples at 48 kHz" (RFC 7845).
                    (self.rate, self.early) = (48_000, u16_le(head, 10));
                } else if head.starts_with(b"\x01vorbis") {
                    self.rate = u32_le(head, 12);
                }
                self.next(self.left.saturating_sub(head.len() as u64))
            }
        }
    }

    const fn next(&mut self, skip: u64) -> Then {
        self.at = OggAt::Page;
        Then::at(skip, 27)
    }

    pub fn millis(&self) -> Option<u64> {
        at_rate(self.last.saturating_sub(self.early), self.rate)
    }
}

/// `STREAMINFO` is always the first block.
#[derive(Debug, Default)]
pub(super) struct Flac {
    rate: u64,
    samples: u64,
}

impl Flac {
    pub fn read(&mut self, head: &[u8]) -> Then {
        if head.first().is_some_and(|kind| kind & 0x7f == 0) {
            // Behind sizes of blocks and frames: 20 bits rate, 3 channels, 5 width, 36 samples.
            let packed = u64_be(head, 14);
            (self.rate, self.samples) = (packed >> 44, packed & 0xf_ffff_ffff);
        }
        Then::OVER
    }

    /// 0 samples means that nobody knew.
    pub fn millis(&self) -> Option<u64> {
        at_rate(self.samples, self.rate).filter(|_| self.samples > 0)
    }
}

/// Boxes: `moov` has `mvhd`, before the sound or after it.
#[derive(Debug, Default)]
pub(super) struct Mp4 {
    at: Mp4At,
    scale: u64,
    duration: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mp4At {
    #[default]
    Box,
    Large,
    Movie,
}

/// Version, times, scale and duration of either version.
const MOVIE: usize = 32;

impl Mp4 {
    pub fn read(&mut self, head: &[u8]) -> Then {
        match self.at {
            Mp4At::Box => match (u32_be(head, 0), head.get(4..8)) {
                // To the end of the file.
                (0, _) => Then::OVER,
                (1, _) => {
                    self.at = Mp4At::Large;
                    Then::at(0, 8)
                }
                (_, Some(b"moov")) => Then::at(0, 8),
                (size, Some(b"mvhd")) if size >= 8 + MOVIE as u64 => {
                    self.at = Mp4At::Movie;
                    Then::at(0, MOVIE)
                }
                (2..=7, _) => Then::OVER,
                (size, _) => Then::at(size - 8, 8),
            },
            Mp4At::Large => {
                self.at = Mp4At::Box;
                u64_be(head, 0).checked_sub(16).map_or(Then::OVER, |skip| Then::at(skip, 8))
            }
            Mp4At::Movie => {
                (self.scale, self.duration) = match head.first() {
                    Some(1) => (u32_be(head, 20), u64_be(head, 24)),
                    _ => (u32_be(head, 12), u32_be(head, 16)),
                };
                Then::OVER
            }
        }
    }

    /// All ones means that nobody knew.
    pub fn millis(&self) -> Option<u64> {
        let known = self.duration > 0 && self.duration != u64::MAX && self.duration != u64::from(u32::MAX);
        at_rate(self.duration, self.scale).filter(|_| known)
    }
}
