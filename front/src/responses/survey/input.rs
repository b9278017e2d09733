//! The input: a text, or items.

use super::Totals;
use super::items::{Item, Kind};
use crate::json::{Array, Found, Items as ArrayItems, Read, Wrong, say};
use vocab::Caps;

/// The input, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Input {
    pub count: usize,
    /// The model called tools earlier.
    pub called: bool,
}

/// `input`.
pub(super) struct Items<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for Items<'_> {
    type Out = Input;
    const WANTED: &'static str = "a string or an array of items";

    fn plain(self, found: Found<'_>) -> Result<Input, Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.0.size, text);
                Ok(Input { count: 1, called: false })
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: ArrayItems<'de>>(self, mut array: Array<A>) -> Result<Input, Wrong> {
        let Self(all) = self;
        let mut input = Input::default();
        let mut calls = 0;
        while let Some(kind) = array.next(Item { all, at: input.count })? {
            input.count += 1;
            input.called |= matches!(kind, Kind::Call | Kind::Output);
            // Calls are told at once where nothing but reasoning is between them.
            calls = match kind {
                Kind::Call => calls + 1,
                Kind::Reasoning => calls,
                _ => 0,
            };
            if calls > 1 {
                all.needs |= Caps::PARALLEL_TOOLS;
            }
        }
        if input.count == 0 {
            return Err(Wrong::field("expected at least one item, got an empty array"));
        }
        Ok(input)
    }
}
