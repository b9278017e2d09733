use std::fmt;

/// The head of a frame of MPEG audio, layer III (ISO 11172-3, 13818-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Samples a second.
    pub rate: u32,
    pub channels: u8,
    /// Bits a second of this frame.
    pub bitrate: u32,
    /// Samples in it, of each channel.
    pub samples: u16,
    /// Bytes, with these four.
    pub length: usize,
    /// Where the sound's own bytes begin: behind the head, a check sum and the side information.
    pub(super) body: usize,
}

const FULL: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const HALF: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES: [u32; 3] = [44_100, 48_000, 32_000];

impl Header {
    /// None if these are no head of layer III, or one whose length it does not tell.
    pub fn read([sync, a, b, c]: [u8; 4]) -> Option<Self> {
        if sync != 0xff || a & 0xe6 != 0xe2 {
            return None;
        }
        // Version 1, its half (2), and half of that (2.5).
        let divisor = match a >> 3 & 3 {
            3 => 1,
            2 => 2,
            0 => 4,
            _ => return None,
        };
        let rates = usize::from(b >> 2 & 3);
        let rate = *RATES.get(rates)? / divisor;
        let bits = usize::from(b >> 4).checked_sub(1)?;
        let bitrate = *if divisor == 1 { &FULL } else { &HALF }.get(bits)? * 1000;
        let channels = if c >> 6 == 3 { 1 } else { 2 };
        let samples: u16 = if divisor == 1 { 1152 } else { 576 };
        let length = (u32::from(samples) / 8 * bitrate / rate + u32::from(b >> 1 & 1)) as usize;
        let side = match (divisor, channels) {
            (1, 2) => 32,
            (1, _) | (_, 2) => 17,
            _ => 9,
        };
        let check = if a & 1 == 0 { 2 } else { 0 };
        Some(Self { rate, channels, bitrate, samples, length, body: 4 + check + side })
    }

    /// Whether a decoder that plays the one plays the other behind it. Bit rates may differ from frame to frame.
    pub const fn follows(self, other: Self) -> bool {
        self.rate == other.rate && self.channels == other.channels && self.samples == other.samples
    }

    pub(super) const fn micros(self) -> u64 {
        self.samples as u64 * 1_000_000 / self.rate as u64
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} Hz in {} channel{}",
            self.rate,
            self.channels,
            if self.channels == 1 { "" } else { "s" }
        )
    }
}
