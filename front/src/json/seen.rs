//! Which keys of an object have been there.

use super::Wrong;
use std::borrow::Cow;

/// More fields that we do not know than this are no honest request.
const UNKNOWN_MAX: usize = 64;

/// Refuses the second occurrence of a key: two readers of one body must not read two different things.
#[derive(Default)]
pub struct Seen<'a> {
    known: u64,
    unknown: Vec<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    /// A key that has a number, from 0 to 63.
    pub fn known(&mut self, number: u32) -> Result<(), Wrong> {
        let bit = 1u64 << number;
        if self.known & bit != 0 {
            return Err(twice());
        }
        self.known |= bit;
        Ok(())
    }

    /// A key nobody reads.
    #[allow(clippy::ptr_arg, reason = "a borrowed key is kept without a copy")]
    pub fn unknown(&mut self, key: &Cow<'a, str>) -> Result<(), Wrong> {
        if self.unknown.iter().any(|k| k == key) {
            return Err(twice());
        }
        if self.unknown.len() == UNKNOWN_MAX {
            return Err(Wrong::field(format!("more than {UNKNOWN_MAX} unknown fields in one object")));
        }
        self.unknown.push(key.clone());
        Ok(())
    }
}

#[cold]
fn twice() -> Wrong {
    Wrong::field("the field is there twice; send it once")
}
