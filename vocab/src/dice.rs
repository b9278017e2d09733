//! Chance as a number.

/// A seeded stream of numbers: the same seed throws the same dice on every platform.
///
/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). Good enough to
/// break ties, to jitter and to explore; not for secrets.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// At least 0 and under 1, in steps of 2⁻⁵³.
    pub const fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// At least 0 and under `end`; 0 where `end` is 0. The bias of at most end/2⁶⁴ is accepted.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.roll() as u128 * end as u128) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_story() {
        let mut dice = Dice::seeded(7);
        // Reference values of SplitMix64 with seed 7, from the authors' C code.
        assert_eq!(dice.roll(), 7_191_089_600_892_374_487);
        let mut again = Dice::seeded(7);
        again.roll();
        for _ in 0..1_000 {
            assert_eq!(dice.below(10), again.below(10));
            assert!((0.0..1.0).contains(&dice.clone().unit()));
        }
        assert_eq!(dice.below(0), 0);
    }
}
