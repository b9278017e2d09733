//! The header of a WAV file (RIFF), as it comes in pieces and as it is written before anybody knows how long it will be.

use crate::Broken;

/// How one sample is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Mulaw,
    Alaw,
}

impl Coding {
    pub const fn width(self) -> usize {
        match self {
            Self::Unsigned8 | Self::Mulaw | Self::Alaw => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub coding: Coding,
    pub channels: u16,
    pub rate: u32,
}

/// More than anybody has, and few enough that a sample of each is small.
const CHANNELS: u16 = 8;
/// What a chunk with the format takes at most.
const FORMAT: u32 = 128;
/// Lengths from here on are what is written where nobody knows.
const ENDLESS: u32 = 0x7fff_0000;

/// Reads a header. Its state is a few bytes.
#[derive(Clone, Debug)]
pub struct Head {
    kept: Vec<u8>,
    skip: u64,
    riff: bool,
    format: Option<Format>,
}

/// The header is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    pub format: Format,
    /// Bytes of samples, if the header knows.
    pub length: Option<u64>,
}

impl Head {
    pub const fn new() -> Self {
        Self { kept: Vec::new(), skip: 0, riff: false, format: None }
    }

    /// Reads on; `bytes` is left at what was not read, which with a body are its samples.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Body>, Broken> {
        loop {
            if self.skip > 0 {
                let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                *bytes = &bytes[here..];
                self.skip -= here as u64;
                if self.skip > 0 {
                    return Ok(None);
                }
            }
            if !self.riff {
                let Some(start) = self.gather(bytes, 12) else { return Ok(None) };
                if &start[..4] != b"RIFF" || &start[8..12] != b"WAVE" {
                    return Err(Broken::Foreign(
                        "expected a WAV file: it does not begin with RIFF … WAVE".into(),
                    ));
                }
                self.riff = true;
                self.kept.clear();
                continue;
            }
            let Some(start) = self.gather(bytes, 8) else { return Ok(None) };
            let length = u32_at(start, 4);
            match &start[..4] {
                b"fmt " => {
                    if !(16..=FORMAT).contains(&length) {
                        return Err(Broken::Foreign(format!("a WAV format of {length} bytes")));
                    }
                    let whole = 8 + length as usize;
                    let Some(chunk) = self.gather(bytes, whole + whole % 2) else { return Ok(None) };
                    self.format = Some(format(&chunk[8..whole])?);
                }
                b"data" => {
                    let Some(format) = self.format else {
                        return Err(Broken::Foreign(
                            "a WAV file whose samples come before their format".into(),
                        ));
                    };
                    let known = length != 0 && length < ENDLESS;
                    return Ok(Some(Body { format, length: known.then_some(u64::from(length)) }));
                }
                _ => self.skip = u64::from(length) + u64::from(length % 2),
            }
            self.kept.clear();
        }
    }

    /// The first `length` bytes of what is being read, once they are there.
    fn gather(&mut self, bytes: &mut &[u8], length: usize) -> Option<&[u8]> {
        let here = length.saturating_sub(self.kept.len()).min(bytes.len());
        let (now, later) = bytes.split_at(here);
        self.kept.extend_from_slice(now);
        *bytes = later;
        self.kept.get(..length)
    }
}

/// Tags by RFC 2361; 0xFFFE says that the tag is in the longer form.
fn format(chunk: &[u8]) -> Result<Format, Broken> {
    let (mut tag, channels, rate, bits) =
        (u16_at(chunk, 0), u16_at(chunk, 2), u32_at(chunk, 4), u16_at(chunk, 14));
    if tag == 0xfffe && chunk.len() >= 26 {
        tag = u16_at(chunk, 24);
    }
    let coding = match (tag, bits) {
        (1, 8) => Coding::Unsigned8,
        (1, 16) => Coding::Signed16,
        (1, 24) => Coding::Signed24,
        (1, 32) => Coding::Signed32,
        (3, 32) => Coding::Float32,
        (6, 8) => Coding::Alaw,
        (7, 8) => Coding::Mulaw,
        _ => return Err(Broken::Unread(format!("a WAV file with samples of kind {tag} in {bits} bits"))),
    };
    if channels == 0 || channels > CHANNELS || rate == 0 {
        return Err(Broken::Unread(format!("a WAV file with {channels} channels at {rate} Hz")));
    }
    Ok(Format { coding, channels, rate })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The header of 16-bit samples in one channel. Where it is not known how many come, both lengths are 0xFFFFFFFF, as
/// players of streams expect it.
pub fn header(rate: u32, samples: Option<u32>) -> [u8; 44] {
    let data = samples.map_or(u32::MAX, |n| n.saturating_mul(2));
    let mut header = [0; 44];
    for (at, part) in [
        (0, *b"RIFF"),
        (4, data.saturating_add(36).to_le_bytes()),
        (8, *b"WAVE"),
        (12, *b"fmt "),
        (16, 16_u32.to_le_bytes()),
        // One kind of sample, one channel.
        (20, [1, 0, 1, 0]),
        (24, rate.to_le_bytes()),
        (28, rate.saturating_mul(2).to_le_bytes()),
        // Two bytes for all channels, sixteen bits.
        (32, [2, 0, 16, 0]),
        (36, *b"data"),
        (40, data.to_le_bytes()),
    ] {
        header[at..at + 4].copy_from_slice(&part);
    }
    header
}
