//! ITU-T G.711 by its tables' definition: segments of sixteen steps, each twice as wide as the one before.

/// Largest magnitudes that μ-law has a code for, in sixteen bits.
const MULAW_MAX: i32 = 32_635;

pub fn to_mulaw(sample: i16) -> u8 {
    let (sign, size) = if sample < 0 { (0x80, -i32::from(sample)) } else { (0, i32::from(sample)) };
    let biased = size.min(MULAW_MAX) + 132;
    let segment = (0..8).rev().find(|s| biased >= 132 << s).unwrap_or(0);
    let step = (biased >> (segment + 3)) & 15;
    !(sign | u8::try_from(segment << 4 | step).unwrap_or(0))
}

pub fn from_mulaw(byte: u8) -> i16 {
    let byte = !byte;
    let (segment, step) = (i32::from(byte >> 4 & 7), i32::from(byte & 15));
    let size = (((step << 3) + 132) << segment) - 132;
    i16::try_from(if byte & 0x80 == 0 { size } else { -size }).unwrap_or(0)
}

pub fn to_alaw(sample: i16) -> u8 {
    let (sign, size) = if sample < 0 { (0, i32::from(!sample)) } else { (0x80, i32::from(sample)) };
    let segment = (1..8).rev().find(|s| size >= 128 << s).unwrap_or(0);
    let step = size >> (segment.max(1) + 3) & 15;
    (sign | u8::try_from(segment << 4 | step).unwrap_or(0)) ^ 0x55
}

pub fn from_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (segment, step) = (i32::from(byte >> 4 & 7), i32::from(byte & 15));
    let size = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 264) << (segment - 1),
    };
    i16::try_from(if byte & 0x80 == 0 { -size } else { size }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back() {
        for byte in 0..=255 {
            // μ-law has two zeros.
            assert!(byte == 0x7f || to_mulaw(from_mulaw(byte)) == byte, "{byte}");
            assert_eq!(to_alaw(from_alaw(byte)), byte);
        }
        assert_eq!(
            (from_mulaw(0x80), from_mulaw(0xff), from_alaw(0xaa), from_alaw(0x55)),
            (32_124, 0, 32_256, -8)
        );
    }
}
