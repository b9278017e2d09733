//! The name of one request, everywhere: ledger entry, log line, span, header.

use vocab::{Dice, Instant};

const LONGEST: usize = 128;

/// Crockford's base 32: no I, L, O, U, so that it can be read out, and in the order of ASCII.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Whether a caller's own id can be kept as it is: 1 to 128 of letters, digits and `_.:-`.
pub fn is_sane(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

/// The caller's id where it is sane, else one of 26 characters that sorts by time, like a ULID but in microseconds.
pub fn request_id(asked: Option<&str>, now: Instant, random: u64) -> String {
    if let Some(id) = asked.filter(|id| is_sane(id)) {
        return id.to_owned();
    }
    let mut bits = (u128::from(now.as_micros()) << 64) | u128::from(random);
    let mut id = [b'0'; 26];
    for place in id.iter_mut().rev() {
        // Below 32, so always there.
        *place = DIGITS.get((bits & 31) as usize).copied().unwrap_or(b'0');
        bits >>= 5;
    }
    // Nothing but digits is in it.
    String::from_utf8(id.to_vec()).unwrap_or_default()
}

/// The seed of one request where the whole service was given one: the same id gives the same decision, in whatever order
/// and over whatever connection requests come, and on whichever shell.
pub fn request_seed(service: u64, id: &str) -> u64 {
    // FNV-1a, 64 bits (draft-eastlake-fnv): no secret and no table, the same everywhere.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Dice::seeded(service ^ hash).roll()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_sort_by_time_and_differ() {
        let at = Instant::from_micros;
        let ids = [
            request_id(None, at(0), u64::MAX),
            request_id(None, at(1), 0),
            request_id(None, at(1_795_000_000_000_000), 5),
            request_id(None, at(1_795_000_000_000_000), 6),
            request_id(None, at(u64::MAX), u64::MAX),
        ];
        assert!(ids.is_sorted());
        for id in &ids {
            assert!(id.len() == 26 && is_sane(id), "{id}");
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1);
        }
    }

    #[test]
    fn a_services_seed_is_another_for_each_request_and_the_same_everywhere() {
        // FNV-1a's published value for "a" is af63dc4c8601ec8c; the rest is one step of SplitMix64.
        assert_eq!(request_seed(0, "a"), Dice::seeded(0xaf63_dc4c_8601_ec8c).roll());
        assert_ne!(request_seed(7, "req-1"), request_seed(7, "req-2"));
        assert_ne!(request_seed(7, "req-1"), request_seed(8, "req-1"));
    }

    #[test]
    fn sane_ids_are_kept_and_others_replaced() {
        for kept in ["a", "req_1.2:3-4", &"x".repeat(128)] {
            assert_eq!(request_id(Some(kept), Instant::ZERO, 0), kept);
        }
        for replaced in ["", "a b", "a\nb", "é", "a\"b", "<x>", &"x".repeat(129)] {
            assert_ne!(request_id(Some(replaced), Instant::ZERO, 0), replaced);
        }
    }
}
