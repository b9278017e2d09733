//! What an object counts against limits, for all isolates together.
//!
//! It is in memory, and on the shelf a second later at most: an object that moves or sleeps knows again what was taken, but
//! not what is under way, which then is not counted against `concurrent`.
//!
//! What is asked and answered goes as lists of numbers, as reading and writing anything with names is code, and the
//! Worker's code is sent everywhere.

use super::shelf::{Shelf, note};
use policy::limit::{
    Counters, Estimate, Meters as _, Over, Quotas, Reading, Readings, Rule, Scope, Taken, Use, What,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Duration, Instant, Name};

/// What was counted is put on the shelf at most this often.
const KEPT_EVERY: Duration = Duration::from_secs(1);
/// What nobody ended by then has ended: its isolate is gone. What it took stays taken.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What is asked of who counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Count {
    /// What the request is called until it ends.
    ticket: Name,
    /// What is counted under, and how many may come: a minute, of these at once, an hour, tokens a minute, at a time. 0 is
    /// no limit. None at all: the request is over.
    rules: Vec<(Name, [u32; 5])>,
    /// Of a request that comes: tokens in and out. Of one that is over, where it counts: tokens used.
    tokens: Vec<u64>,
}

impl Count {
    pub fn take(ticket: &Name, rules: &[Rule], estimate: Estimate) -> Self {
        let row = |rule: &Rule| {
            let q = &rule.quotas;
            let most =
                [q.requests_per_minute, q.burst, q.requests_per_hour, q.tokens_per_minute, q.concurrent];
            (rule.counter.clone(), most.map(Option::unwrap_or_default))
        };
        let rules = rules.iter().map(row).collect();
        Self { ticket: ticket.clone(), rules, tokens: vec![estimate.input, estimate.output] }
    }

    pub fn end(ticket: &Name, used: Use) -> Self {
        let tokens = match used {
            Use::Tokens(used) => vec![used],
            Use::Nothing | Use::Unknown => vec![],
        };
        Self { ticket: ticket.clone(), rules: vec![], tokens }
    }
}

/// A limit in a list of them, and what of it.
type Row = [u64; 4];

/// The answer. `limits` are how the limits stand: which rule, what of it, how many are left, in how many microseconds all
/// are again (0: unknown) and one more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counted {
    limits: Vec<Row>,
    /// It is not let in, for this limit.
    over: Vec<Row>,
    /// In so many microseconds and one it would be; 0: never.
    wait: u64,
}

/// A span of which it may be unknown how long it is, as one number.
fn number(span: Option<Duration>) -> u64 {
    span.map_or(0, |span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX).saturating_add(1))
}

fn span(number: u64) -> Option<Duration> {
    number.checked_sub(1).map(Duration::from_micros)
}

impl Counted {
    /// What it says of the rules that were asked for.
    pub fn read(self, rules: &[Rule], estimate: Estimate) -> Result<Readings, Box<Over>> {
        let reading = |[rule, what, left, reset]: Row| -> Option<Reading> {
            let place = |n: u64| usize::try_from(n).ok();
            let what = *What::ALL.get(place(what)?)?;
            rules.get(place(rule)?)?.reading(what, left, span(reset))
        };
        let mut readings = Readings::default();
        self.limits.into_iter().filter_map(reading).for_each(|reading| readings.note(reading));
        match self.over.into_iter().find_map(reading) {
            Some(limit) => Err(Box::new(Over { limit, wait: span(self.wait), estimate, readings })),
            None => Ok(readings),
        }
    }

    fn of(told: Result<&Readings, &Over>, rules: &[Name]) -> Self {
        let row = |reading: &Reading| -> Option<Row> {
            let Scope::Plan(counter) = &reading.scope else { return None };
            let rule = rules.iter().position(|name| name == counter)?;
            let what = What::ALL.iter().position(|what| *what == reading.what)?;
            Some([rule as u64, what as u64, reading.left, number(reading.reset)])
        };
        let readings = told.unwrap_or_else(|over| &over.readings);
        let limits = readings.all().filter_map(row).collect();
        let over = told.err();
        let wait = over.map_or(0, |over| number(over.wait));
        Self { limits, over: over.and_then(|over| row(&over.limit)).into_iter().collect(), wait }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Counts {
    counters: Counters,
    under_way: BTreeMap<Name, (Taken, Instant)>,
    kept: Instant,
    looked: Instant,
}

impl Counts {
    /// Goes on where the shelf says. What cannot be read is nothing: limits are not the record.
    pub fn open(shelf: &impl Shelf) -> Self {
        let noted = shelf.note(note::COUNTS).ok().flatten();
        let levels: Vec<(Name, [u64; 7])> =
            noted.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { counters: Counters::resume(levels), ..Self::default() }
    }

    /// Counts. Where the shelf does not take it, it was counted all the same.
    pub fn count(
        &mut self,
        what: Count,
        now: Instant,
        shelf: &mut impl Shelf,
    ) -> (Counted, Result<(), String>) {
        self.forget(now);
        let Count { ticket, rules, tokens } = what;
        let told = if rules.is_empty() {
            self.end(&ticket, tokens.first().map_or(Use::Nothing, |used| Use::Tokens(*used)), now);
            Counted::default()
        } else {
            let mut tokens = tokens.into_iter();
            let mut next = || tokens.next().unwrap_or_default();
            let estimate = Estimate { input: next(), output: next() };
            self.take(ticket, rules, estimate, now)
        };
        (told, self.keep(now, shelf))
    }

    fn take(
        &mut self,
        ticket: Name,
        rules: Vec<(Name, [u32; 5])>,
        estimate: Estimate,
        now: Instant,
    ) -> Counted {
        let counters: Vec<Name> = rules.iter().map(|(counter, _)| counter.clone()).collect();
        let rule = |(counter, most): (Name, [u32; 5])| {
            let [requests_per_minute, burst, requests_per_hour, tokens_per_minute, concurrent] =
                most.map(|most| (most > 0).then_some(most));
            let quotas = Quotas {
                requests_per_minute,
                burst,
                requests_per_hour,
                tokens_per_minute,
                concurrent,
                max_cost_usd: None,
            };
            // Whose it is in words is for who asks; here it has only to be told from the others.
            Rule { scope: Scope::Plan(counter.clone()), home: None, counter, quotas: Arc::new(quotas) }
        };
        match self.counters.take(rules.into_iter().map(rule).collect(), estimate, now) {
            Ok(taken) => {
                let told = Counted::of(Ok(&taken.readings), &counters);
                self.under_way.insert(ticket, (taken, now));
                told
            }
            Err(over) => Counted::of(Err(&over), &counters),
        }
    }

    fn end(&mut self, ticket: &Name, used: Use, now: Instant) {
        if let Some((taken, _)) = self.under_way.remove(ticket) {
            self.counters.end(&taken, used, now);
        }
    }

    /// Ends what nobody will.
    fn forget(&mut self, now: Instant) {
        if now.since(self.looked) < LONGEST / 10 {
            return;
        }
        self.looked = now;
        let counters = &mut self.counters;
        self.under_way.retain(|_, (taken, at)| {
            let kept = now.since(*at) <= LONGEST;
            if !kept {
                counters.end(taken, Use::Unknown, now);
            }
            kept
        });
    }

    fn keep(&mut self, now: Instant, shelf: &mut impl Shelf) -> Result<(), String> {
        if now.since(self.kept) < KEPT_EVERY {
            return Ok(());
        }
        self.kept = now;
        self.counters.tidy(now);
        let levels: Vec<_> = self.counters.levels().collect();
        let text = serde_json::to_string(&levels).map_err(|e| e.to_string())?;
        shelf.take_note(note::COUNTS, &text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests;
