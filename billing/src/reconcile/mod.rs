//! The ledger beside what a provider says: the same calls, added up by model and day on both sides, and where they differ, why
//! that may be.
//!
//! [`Books`] adds up the ledger's lines, a [`Statement`] is what was read from a provider's export (in whatever format, which
//! is the reader's matter), and [`reconcile`] compares them: tokens by the columns that the export has, requests where it counts
//! them, money to the picodollar. For every difference above the [`Limits`] it looks for causes, each with its evidence.
//!
//! Nothing here knows a file, a format or a catalogue; prices come in as a function. Memory is by models and days, not by lines.

mod books;
mod causes;
mod names;
mod report;
mod statement;
mod supposed;

#[cfg(test)]
mod tests;

pub use books::{Books, Prices};
pub use causes::{Cause, Likely};
pub use names::undated;
pub use report::{Cell, Drift, Limits, Measure, Reconciliation};
pub use statement::{Column, Day, Row, Statement};

use books::Sum;
use causes::Case;
use names::Names;
use statement::Told;
use std::collections::{BTreeMap, BTreeSet};
use vocab::Pico;

/// A model on a day. The model is None where the export ties something to no model.
type Key = (Option<String>, Day);

/// Compares the books with a statement. Only days that the statement covers count.
pub fn reconcile(books: &Books<'_>, statement: &Statement, limits: &Limits) -> Reconciliation {
    let days = statement.days();
    let names = Names::of(&books.models(), &statement.models());
    let mut told: BTreeMap<Key, Told> = BTreeMap::new();
    for row in &statement.rows {
        let model = row.model.as_deref().map(|model| names.ours(model).to_owned());
        told.entry((model, row.day)).or_default().add(row, &statement.columns);
    }
    let mut ours: BTreeMap<Key, Sum> = BTreeMap::new();
    for ((model, day), sum) in books.sums() {
        if days.as_ref().is_some_and(|days| days.contains(day)) {
            ours.insert((Some(model.clone()), *day), sum.clone());
        }
    }
    let purses = purses(&told);
    for (day, purse) in &purses {
        if *purse == Purse::Whole {
            let all = ours.iter().filter(|((_, of), _)| of == day);
            let all = all.fold(Sum::default(), |sum, (_, more)| sum.plus(more));
            ours.insert((None, *day), all);
        }
    }
    let keys: BTreeSet<Key> = ours.keys().chain(told.keys()).cloned().collect();
    let (nothing, silence) = (Sum::default(), Told::nothing(statement));
    let mut cells: Vec<Cell> = Vec::new();
    for key in &keys {
        let (ours, told) = (ours.get(key), told.get(key));
        // Who has no share of a day's money had none, if it was shared out at all.
        let shared = key.0.is_none() || purses.get(&key.1) == Some(&Purse::Shared);
        let none = shared.then_some(Pico::ZERO);
        let (mine, other) = (ours.unwrap_or(&nothing), told.unwrap_or(&silence));
        let mut cell = Cell::of(key, mine, other, &statement.columns, other.cost.or(none));
        cell.judge(limits);
        if cell.over {
            cell.causes = causes::of(&Case { key, ours, told, cell: &cell, books, statement });
        }
        cells.push(cell);
    }
    causes::renamed(&mut cells);
    causes::day_boundaries(&mut cells, limits);
    Reconciliation::of(cells, books, statement, days)
}

/// How an export tells a day's money.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purse {
    /// By model, perhaps with a rest that is tied to none.
    Shared,
    /// In one sum: all of ours of that day stand beside it.
    Whole,
}

/// Of each day that has money at all.
fn purses(told: &BTreeMap<Key, Told>) -> BTreeMap<Day, Purse> {
    let mut purses = BTreeMap::new();
    for ((model, day), _) in told.iter().filter(|(_, told)| told.cost.is_some()) {
        let purse = if model.is_some() { Purse::Shared } else { Purse::Whole };
        // The nameless come first in order, so names have the last word.
        purses.insert(*day, purse);
    }
    purses
}
