//! Where the database finds an id again.
//!
//! The table `known` has, for everything that was done but holds, a *place*: twelve bytes, which are four of the id (its
//! *print*) and the key of the entry. Places lie together in rows by what the id begins with: the ids that weir makes begin
//! with the time, so that what is folded together is one row or a few, appended at the end. Any other id has a row of its
//! own, by its hash. A place is a hint; the entry says whether the id is meant.

/// Of a time in an id so many low bits are left out: with microseconds a row is about a second.
const FINE_BITS: u32 = 20;
/// So many of the rest count. Times that are the same in them share rows, and nothing else.
const COARSE: u64 = (1 << 31) - 1;
/// How long a place is.
pub(super) const PLACE: usize = 12;

/// What of an id is in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Which rows it is in: not below zero, those whose key has this in its upper half; else the one with this key.
    pub shelf: i64,
    pub print: u32,
}

impl Name {
    pub fn of(id: &str) -> Self {
        if let Some((time, chance)) = time_and_chance(id) {
            return Self {
                shelf: ((time >> FINE_BITS) & COARSE).cast_signed(),
                print: (chance & u64::from(u32::MAX)) as u32,
            };
        }
        // FNV-1a, 64 bits.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { shelf: !(hash >> 1).cast_signed(), print: (hash & u64::from(u32::MAX)) as u32 }
    }

    /// The keys of the rows that it may be in.
    pub const fn rows(self) -> (i64, i64) {
        if self.shelf < 0 {
            (self.shelf, self.shelf)
        } else {
            (self.shelf << 32, (self.shelf << 32) | u32::MAX as i64)
        }
    }

    /// The shelf of a row.
    pub const fn shelf_of(row: i64) -> i64 {
        if row < 0 { row } else { row >> 32 }
    }

    /// What the filter calls it: SplitMix64's last steps over all there is.
    pub const fn key(self, account: i64) -> u64 {
        let mut key = self.shelf.cast_unsigned().rotate_left(32)
            ^ (self.print as u64)
            ^ account.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        key ^ (key >> 31)
    }
}

/// The halves of the number that an id is with 26 digits to the base of 32 (Crockford's, as in ULIDs). In ids that weir makes
/// the upper is microseconds and the lower random.
fn time_and_chance(id: &str) -> Option<(u64, u64)> {
    let digits: &[u8; 26] = id.as_bytes().try_into().ok()?;
    let mut wrong = 0;
    let mut number = |digits: &[u8]| {
        digits.iter().fold(0u64, |number, byte| {
            let digit = DIGITS[usize::from(*byte)];
            wrong |= digit;
            (number << 5) | u64::from(digit & 31)
        })
    };
    // The number's 128 bits lie so: 3 in the first digit, 60 in twelve, 1 and 4 in the next, 60 in twelve.
    let (upper, middle, lower) = (number(&digits[..13]), number(&digits[13..14]), number(&digits[14..]));
    let fits = wrong < 32 && digits[0] <= b'7';
    fits.then_some(((upper << 1) | (middle >> 4), (middle << 60) | lower))
}

/// What each byte is as a digit; 255 for those that are none.
const DIGITS: [u8; 256] = {
    let alphabet = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut digits = [255; 256];
    let mut value = 0;
    while value < alphabet.len() {
        digits[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Instant;

    #[test]
    fn ids_of_the_same_second_lie_together_and_others_apart() {
        let made = |micros, random| policy::request_id(None, Instant::from_micros(micros), random);
        let now = 1_795_219_200_000_000u64;
        for micros in [0, 1, now, now + 999, u64::MAX] {
            for random in [0, 1, u64::MAX] {
                assert_eq!(time_and_chance(&made(micros, random)), Some((micros, random)));
            }
        }
        let shelf = |id: &str| Name::of(id).shelf;
        assert_eq!(shelf(&made(now, 1)), shelf(&made(now + 5, 2)));
        assert_eq!(shelf(&made(now, 1)) + 3, shelf(&made(now + (3 << 20), 1)));
        assert_ne!(Name::of(&made(now, 1)).print, Name::of(&made(now, 2)).print);
        for other in ["", "opening", "r1", "01ARZ3NDEKTSV4RRFFQ69G5FAU", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "é"] {
            assert!(shelf(other) < 0, "{other}");
        }
        assert!(shelf("01ARZ3NDEKTSV4RRFFQ69G5FAV") >= 0);
    }

    #[test]
    fn a_row_has_one_shelf() {
        for id in ["r1", "g-1", "000SGBW2NNR000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            let name = Name::of(id);
            let (first, last) = name.rows();
            assert!(first <= last);
            assert_eq!((Name::shelf_of(first), Name::shelf_of(last)), (name.shelf, name.shelf));
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // FNV-1a's published value for "foobar" is 85944171f73967e8.
        let name = Name::of("foobar");
        assert_eq!(name.print, 0xf739_67e8);
        assert_eq!(name.shelf, !(0x8594_4171_f739_67e8_u64 >> 1).cast_signed());
    }
}
