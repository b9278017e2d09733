//! Names of fields: "JSON names are camelCase; snake_case is accepted on input".

use crate::json::{Members, Object, Wrong};

/// The fields of one object, read once each in either spelling.
pub(super) struct Names {
    /// Each name, and its other spelling (where it has one) just behind it.
    names: &'static [&'static str],
    seen: u64,
}

impl Names {
    pub const fn of(names: &'static [&'static str]) -> Self {
        Self { names, seen: 0 }
    }

    /// The next key in camelCase; `""` for one that is not known, None at the end. A field that is there in both
    /// spellings is there twice.
    pub fn next<'de, M: Members<'de>>(
        &mut self,
        object: &mut Object<'de, M>,
    ) -> Result<Option<&'static str>, Wrong> {
        let Some(name) = object.key(self.names)? else { return Ok(None) };
        let Some(place) = self.names.iter().position(|known| *known == name) else { return Ok(Some("")) };
        let place = if name.contains('_') { place.saturating_sub(1) } else { place };
        let bit = 1u64 << place;
        if self.seen & bit != 0 {
            let message = "the field is there twice, in two spellings; send it once";
            return Err(Wrong::field(message).in_key(name));
        }
        self.seen |= bit;
        Ok(self.names.get(place).copied())
    }
}
