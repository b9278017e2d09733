//! FLAC (RFC 9639) without compression: every sample as it is.

/// The mark and the table of a stream in one channel of 16 bits, of unknown length.
pub fn head(rate: u32, block: u16) -> Vec<u8> {
    let mut out = b"fLaC\x80\0\0\x22".to_vec();
    out.extend(block.to_be_bytes());
    out.extend(block.to_be_bytes());
    out.extend([0; 6]);
    // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples.
    out.extend((rate << 12 | 15 << 4).to_be_bytes());
    out.extend([0; 4]);
    out.extend([0; 16]);
    out
}

/// One frame; `number` counts them from 0, and all but the last are as long as the head says.
pub fn frame(number: u32, samples: &[i16]) -> Vec<u8> {
    // Blocks of one length; how long it is stands at the end of the head, in 16 bits; rate as in the stream's table; one channel, 16 bits.
    let mut out = vec![0xff, 0xf8, 0x70, 0x08];
    out.extend(char::from_u32(number).map(String::from).unwrap_or_default().into_bytes());
    out.extend(u16::try_from(samples.len().saturating_sub(1)).unwrap_or(u16::MAX).to_be_bytes());
    out.push(check8(&out));
    // A subframe of samples as they are.
    out.push(2);
    out.extend(samples.iter().flat_map(|s| s.to_be_bytes()));
    let sum = check16(&out);
    out.extend(sum.to_be_bytes());
    out
}

fn check8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum >> 7 == 0 { sum << 1 } else { sum << 1 ^ 0x07 })
    })
}

fn check16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(
            sum ^ u16::from(*byte) << 8,
            |sum, _| if sum >> 15 == 0 { sum << 1 } else { sum << 1 ^ 0x8005 },
        )
    })
}

/// Rate and samples of a stream that was made here, and whether it ends with a frame.
pub fn read(bytes: &[u8]) -> Option<(u32, Vec<i16>, bool)> {
    let head = bytes.get(..42).filter(|head| head.starts_with(b"fLaC"))?;
    let rate = u32::from_be_bytes([head[18], head[19], head[20], head[21]]) >> 12;
    let (mut rest, mut out) = (&bytes[42..], Vec::new());
    while !rest.is_empty() {
        let number = match rest.get(4).map(|b| b.leading_ones()) {
            Some(0) => 1,
            Some(n) => n as usize,
            None => return Some((rate, out, false)),
        };
        let Some(size) = rest.get(4 + number..6 + number) else { return Some((rate, out, false)) };
        let samples = usize::from(u16::from_be_bytes([size[0], size[1]])) + 1;
        let start = 4 + number + 4;
        let Some(whole) = rest.get(..start + samples * 2 + 2) else { return Some((rate, out, false)) };
        let sum = u16::from_be_bytes([whole[whole.len() - 2], whole[whole.len() - 1]]);
        let body = &whole[..whole.len() - 2];
        if check16(body) != sum || check8(&whole[..start - 2]) != whole[start - 2] {
            return None;
        }
        out.extend(body[start..].chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])));
        rest = &rest[whole.len()..];
    }
    Some((rate, out, true))
}
