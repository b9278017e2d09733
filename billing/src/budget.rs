//! What was charged and set aside within the windows of budgets.
//!
//! Which budgets a request falls under is in its hold's entry, so what a budget has taken follows from the record like
//! all else; how much it may take is the operator's to say, with every hold. A hold belongs to the window that it was
//! made in: what is given back is given back there, and what is charged is charged there, however late.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Instant, Pico};

/// The windows that a hold belongs to: when each began, by its budget.
pub type Windows = BTreeMap<String, Instant>;

/// What one window has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub from: Instant,
    pub charged: Pico,
    pub held: Pico,
}

impl Taken {
    /// Both together: what counts against the budget.
    pub const fn sum(&self) -> Pico {
        self.charged.plus(self.held)
    }
}

/// Every budget of an account that a hold ever fell under, with its latest window, the one before, and earlier ones while something
/// is held there. The one before is for whoever looks a moment later and wants to know what it came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budgets(BTreeMap<String, Vec<Taken>>);

impl Budgets {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every window, by its budget, earlier ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Taken)> {
        self.0.iter().flat_map(|(budget, windows)| windows.iter().map(move |taken| (budget.as_str(), taken)))
    }

    /// What the window of `budget` that began at `from` has taken. One that nobody fell into has taken nothing.
    pub fn taken(&self, budget: &str, from: Instant) -> Taken {
        let found = self.0.get(budget).and_then(|windows| windows.iter().find(|taken| taken.from == from));
        found.copied().unwrap_or(Taken { from, ..Taken::default() })
    }

    /// The window that a request falls into which says that it is the one that began at `from`: that, or a later one where
    /// there is one, as a clock that lags must not find an old window empty again.
    pub(crate) fn window(&self, budget: &str, from: Instant) -> Instant {
        let latest = self.0.get(budget).and_then(|windows| windows.last());
        latest.map_or(from, |latest| latest.from.max(from))
    }

    /// Sets aside.
    pub(crate) fn hold(&mut self, windows: &Windows, amount: Pico) {
        for (budget, from) in windows {
            let windows = self.0.entry(budget.clone()).or_default();
            match windows.iter_mut().find(|taken| taken.from == *from) {
                Some(taken) => taken.held = taken.held.plus(amount),
                None => {
                    windows.push(Taken { from: *from, charged: Pico::ZERO, held: amount });
                    windows.sort_by_key(|taken| taken.from);
                    forget(windows);
                }
            }
        }
    }

    /// Gives back what was held, and charges.
    pub(crate) fn end(&mut self, windows: &Windows, held: Pico, charged: Pico) {
        for (budget, from) in windows {
            let Some(windows) = self.0.get_mut(budget) else { continue };
            if let Some(taken) = windows.iter_mut().find(|taken| taken.from == *from) {
                taken.held = taken.held.minus(held);
                taken.charged = taken.charged.plus(charged);
            }
            forget(windows);
        }
    }
}

/// Nothing can be held in an old window any more once nothing is.
fn forget(windows: &mut Vec<Taken>) {
    let Some(before) = windows.iter().rev().nth(1).map(|taken| taken.from) else { return };
    windows.retain(|taken| taken.from >= before || taken.held != Pico::ZERO);
}
