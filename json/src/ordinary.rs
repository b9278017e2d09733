//! How far a string goes on without anything that ends or interrupts it. Nearly all bytes there are pass through here.

use memchr::memchr2;

/// Bytes looked at in one go, eight at a time: all of a usual key or a short value.
pub const NEAR: usize = 32;
/// After so many, which is more than a line of prose or code, a search is worth its beginning.
const SEARCHED: usize = 3 * NEAR;

/// Whether the target has vectors that a plain loop over bytes is compiled to.
const VECTORS: bool = cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

/// How many bytes are there before a quote, a backslash or a control character.
pub fn ordinary(text: &[u8]) -> usize {
    let (chunks, _) = text.as_chunks();
    let mut at = 0;
    for begin in chunks.iter().take(if VECTORS { SEARCHED / NEAR } else { usize::MAX }) {
        let clean = near(begin);
        at += clean;
        if clean < NEAR {
            return at;
        }
    }
    if at == SEARCHED && VECTORS { long(text) } else { short(text, at) }
}

/// The same of what a text begins with.
// Once for all: what is called from everywhere is to stay in the cache, and leaves its registers to the caller.
#[inline(never)]
pub fn near(begin: &[u8; NEAR]) -> usize {
    for (n, word) in begin.as_chunks::<8>().0.iter().enumerate() {
        let found = odd(u64::from_le_bytes(*word));
        if found != 0 {
            return n * 8 + first(found);
        }
    }
    NEAR
}

/// The high bit of the first byte of a word that is a quote, a backslash or a control character, and perhaps of others
/// above it.
#[inline]
const fn odd(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES * 0x80;
    // With that bit turned, the quote is the one next to the control characters.
    let below = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let escapes = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // A byte of 0x80 and above is none of them.
    (below | escapes) & !word & HIGHS
}

#[inline]
const fn first(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

/// The same of a text that is ordinary up to `from`, eight bytes at a time, and one by one at its end.
#[inline(never)]
fn short(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let found = odd(u64::from_le_bytes(*word));
        if found != 0 {
            return from + n * 8 + first(found);
        }
    }
    let odd = |b: &u8| matches!(b, b'"' | b'\\' | 0..=0x1f);
    text.len() - tail.len() + tail.iter().position(odd).unwrap_or(tail.len())
}

/// The same of a long text, of which the first [`SEARCHED`] bytes are known to be ordinary.
#[inline(never)]
fn long(text: &[u8]) -> usize {
    let rest = text.get(SEARCHED..).unwrap_or_default();
    let end = SEARCHED + memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let inside = text.get(..end).unwrap_or_default();
    if printable(inside) { end } else { short(text, SEARCHED) }
}

/// Whether there is no control character in a text of at least [`SEARCHED`] bytes.
fn printable(inside: &[u8]) -> bool {
    let (large, rest) = inside.as_chunks::<512>();
    let (small, _) = rest.as_chunks::<SEARCHED>();
    // The last ones are looked at twice, rather than one by one.
    large.iter().all(high) && small.iter().all(high) && inside.last_chunk::<SEARCHED>().is_none_or(high)
}

/// Written so that it is compiled to a minimum of vectors.
#[inline]
fn high<const N: usize>(chunk: &[u8; N]) -> bool {
    chunk.iter().fold(u8::MAX, |least, byte| least.min(*byte)) >= 0x20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_string_is_looked_at() {
        for length in (0..140).chain([511, 512, 513, 609]) {
            let mut text = vec![b'x'; length];
            assert_eq!(ordinary(&text), length);
            for place in 0..length {
                for byte in [
                    0, 1, b'\n', 0x1f, b' ', b'!', b'"', b'#', b'[', b'\\', b']', 0x7f, 0x80, 0x82, 0xa2,
                    0xdc, 0xff,
                ] {
                    text[place] = byte;
                    let odd = matches!(byte, b'"' | b'\\' | 0..=0x1f);
                    let want = if odd { place } else { length };
                    assert_eq!(ordinary(&text), want, "{byte} at {place} of {length}");
                    assert_eq!(short(&text, 0), want, "{byte} at {place} of {length}, without vectors");
                }
                text[place] = b'x';
            }
        }
        for byte in 0..=u8::MAX {
            let odd = matches!(byte, b'"' | b'\\' | 0..=0x1f);
            for length in [1, 8, NEAR, SEARCHED, 512, 600] {
                assert_eq!(ordinary(&vec![byte; length]), if odd { 0 } else { length }, "{byte}");
            }
        }
    }

    #[test]
    fn the_first_of_several_is_found() {
        let odd = [b'"', b'\\', b'\n', 0x80, b'a'];
        for story in 0..5_usize.pow(5) {
            for pad in [0, 3, 30, 520] {
                let mut text = vec![b' '; pad];
                text.extend((0..5).map(|n| odd[story / 5_usize.pow(n) % 5]));
                let want = text.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n')).unwrap_or(text.len());
                assert_eq!(ordinary(&text), want, "{text:?}");
                assert_eq!(short(&text, 0), want);
            }
        }
    }
}
