//! Pages of Ogg (RFC 3533) with Opus in them (RFC 7845).

/// Samples that a decoder leaves out at the beginning.
const BEFORE: u16 = 312;

/// The two pages that a stream of Opus begins with.
pub fn head() -> Vec<u8> {
    let mut opus = b"OpusHead\x01\x01".to_vec();
    opus.extend(BEFORE.to_le_bytes());
    opus.extend(24_000_u32.to_le_bytes());
    opus.extend([0, 0, 0]);
    let mut out = page(2, 0, 0, &[&opus]);
    out.extend(page(0, 0, 1, &[b"OpusTags\x03\0\0\0lab\0\0\0\0"]));
    out
}

/// A page of packets of 960 samples each; `number` counts pages from 2, `packets` is all of them up to and with this page.
pub fn sound(number: u32, packets: u64, last: bool, these: &[&[u8]]) -> Vec<u8> {
    page(if last { 4 } else { 0 }, packets * 960, number, these)
}

fn page(flags: u8, position: u64, number: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut table = Vec::new();
    for packet in packets {
        table.extend(std::iter::repeat_n(255, packet.len() / 255));
        table.push(u8::try_from(packet.len() % 255).unwrap_or(0));
    }
    let mut out = b"OggS\0".to_vec();
    out.push(flags);
    out.extend(position.to_le_bytes());
    out.extend(7_u32.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend([0; 4]);
    out.push(u8::try_from(table.len()).unwrap_or(u8::MAX));
    out.extend(&table);
    out.extend(packets.concat());
    let sum = check(&out);
    out[22..26].copy_from_slice(&sum.to_le_bytes());
    out
}

/// CRC-32 with 0x04C11DB7, from the highest bit, from nothing.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| match sum >> 31 {
            0 => sum << 1,
            _ => sum << 1 ^ 0x04c1_1db7,
        })
    })
}

/// The packets of a stream, behind its two headers. What is cut off at the end is told by false.
pub fn packets(mut bytes: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
    let (mut out, mut packet) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        if !bytes.starts_with(b"OggS") {
            return None;
        }
        let cut = |out: Vec<Vec<u8>>| Some((out.into_iter().skip(2).collect(), false));
        let Some(count) = bytes.get(26).map(|n| usize::from(*n)) else { return cut(out) };
        let Some(table) = bytes.get(27..27 + count) else { return cut(out) };
        let body: usize = table.iter().map(|n| usize::from(*n)).sum();
        let Some(mut rest) = bytes.get(27 + count..27 + count + body) else { return cut(out) };
        let mut whole = bytes[..27 + count + body].to_vec();
        let told: [u8; 4] = [whole[22], whole[23], whole[24], whole[25]];
        whole[22..26].fill(0);
        if check(&whole) != u32::from_le_bytes(told) {
            return None;
        }
        for size in table {
            let (now, later) = rest.split_at(usize::from(*size));
            packet.extend_from_slice(now);
            rest = later;
            if *size < 255 {
                out.push(std::mem::take(&mut packet));
            }
        }
        bytes = &bytes[27 + count + body..];
    }
    Some((out.into_iter().skip(2).collect(), packet.is_empty()))
}
