//! Choices of a seed, in words.

use vocab::{Dice, Duration};

pub struct Luck(Dice);

impl Luck {
    pub const fn seeded(seed: u64) -> Self {
        Self(Dice::seeded(seed))
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.0.unit() < share
    }

    /// At least `least` and at most `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    pub fn small(&mut self, least: u32, most: u32) -> u32 {
        u32::try_from(self.between(u64::from(least), u64::from(most))).unwrap()
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.0.below(list.len() as u64)).unwrap()]
    }

    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }
}
