//! Slices of a balance that those who serve an account hold requests against without asking each time: isolates, or nodes.
//!
//! A slice is set aside before anybody uses it, so what its holders decide by themselves never comes to more than was granted.
//! Whoever holds one tells every hold and every end soon; what is left comes back when nothing happens any more, or when
//! somebody else is short of money. A holder that dies takes what it has not told of along: its slice may then be charged
//! with as much as it told of at a time, marked as an estimate.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Duration, Instant, Pico};

/// A slice whose holder is not heard of for so long is taken back. Longer than anybody goes on trying to tell.
const UNHEARD: Duration = Duration::from_secs(60);
/// Of the money that is free a slice takes at most one part in so many,
const SHARE: i128 = 8;
/// and there is none where that were less than one part in so many of what was wanted: then the account is nearly spent,
/// and every request is decided here.
const WORTH: i128 = 4;
/// After somebody was short of money there are no slices for so long.
const TIGHT: Duration = Duration::from_secs(3);

/// All slices of an account, by who holds them. Kept beside the record: what is set aside stays so whatever happens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Slices {
    slips: BTreeMap<String, Slip>,
    #[serde(default)]
    tight_until: Instant,
    /// What was not written down yet.
    #[serde(skip)]
    changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slip {
    left: Pico,
    heard: Instant,
    /// The estimates of what it told of at a time: what one may have begun that never told.
    typical: Pico,
}

impl Slices {
    /// What is set aside for them.
    pub fn total(&self) -> Pico {
        self.slips.values().map(|slip| slip.left).sum()
    }

    /// Whether `amount` comes out of this one's slice.
    pub fn covers(&self, of: &str, amount: Pico) -> bool {
        self.slips.get(of).is_some_and(|slip| amount <= slip.left)
    }

    /// What was set aside for a holder is set aside for a request now.
    pub fn spend(&mut self, of: &str, amount: Pico) {
        if let Some(slip) = self.slips.get_mut(of) {
            slip.left = slip.left.minus(amount);
            self.changed = true;
        }
    }

    /// Whoever was refused may be let in once slices are back. No new ones meanwhile.
    pub fn tighten(&mut self, now: Instant) -> bool {
        let awaited = !self.slips.is_empty();
        if awaited {
            self.tight_until = now.after(TIGHT);
            self.changed = true;
        }
        awaited
    }

    /// What a holder has from now on; None: nothing more, and what it may have left is to be given back. It wants so much,
    /// nothing at all, or (None) says nothing of it. `free` is what nobody holds, None without limit; `told` the estimates of
    /// what came along.
    pub fn ask(
        &mut self,
        of: &str,
        want: Option<Pico>,
        free: Option<Pico>,
        told: Pico,
        now: Instant,
    ) -> Option<Pico> {
        let want = want?;
        if want <= Pico::ZERO {
            self.changed |= self.slips.remove(of).is_some();
            return None;
        }
        if now < self.tight_until {
            return None;
        }
        let share = free.map_or(want, |free| Pico(free.0 / SHARE).min(want));
        let known = self.slips.get(of).copied();
        if known.is_none() && Pico(share.0.saturating_mul(WORTH)) < want {
            return None;
        }
        // Never less than it has: it may have given that out by now.
        let (had, typical) = known.map_or((Pico::ZERO, Pico::ZERO), |slip| (slip.left, slip.typical));
        let typical = if told > Pico::ZERO { told } else { typical };
        let left = had.max(if Pico(share.0.saturating_mul(WORTH)) < want { had } else { share });
        self.slips.insert(of.to_owned(), Slip { left, heard: now, typical });
        self.changed = true;
        Some(left)
    }

    /// Takes back the slices of those that were not heard of. With what each may owe.
    pub fn lost(&mut self, now: Instant, unheard: Option<Duration>) -> Vec<(String, Pico)> {
        let span = unheard.map_or(UNHEARD, |span| span.min(UNHEARD));
        let gone = |slip: &Slip| slip.heard.after(span) <= now;
        let lost: Vec<_> =
            self.slips.iter().filter(|(_, slip)| gone(slip)).map(|(of, slip)| (of.clone(), *slip)).collect();
        for (of, _) in &lost {
            self.slips.remove(of);
        }
        self.changed |= !lost.is_empty();
        // When it was heard last is part of the name: one may be lost more than once.
        lost.into_iter()
            .map(|(of, slip)| (format!("slice-{of}-{}", slip.heard.as_micros()), slip.typical.min(slip.left)))
            .collect()
    }

    /// When the first of them is taken back if nothing is heard.
    pub fn end(&self) -> Option<Instant> {
        self.slips.values().map(|slip| slip.heard.after(UNHEARD)).min()
    }

    /// What is to be written down: nothing, an empty text for no slices, or all of them.
    pub fn news(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        if self.slips.is_empty() { Some(String::new()) } else { serde_json::to_string(self).ok() }
    }
}
