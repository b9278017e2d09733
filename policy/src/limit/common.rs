//! What several nodes count together, and how each of them can let requests in without asking first.
//!
//! A [`Common`] is a meter with what nodes have of it. A node may have some of what is left *ahead*: so many requests, tokens and places
//! are set aside for it, it lets requests in against that by itself, and tells of them a moment later. What is ahead is counted
//! against everybody else, so together they never let in more than one meter would; it is in no bucket, so what is not used
//! has cost nobody anything. Only where a lot is left is anything given ahead: at the brim every request is asked for.
//!
//! - *Late news.* A request that is told of late fills the bucket late. Until then its part of what was ahead stood for it, and
//!   from then on the bucket is at least as full as it would be: never is more let in than the limit says.
//! - *Short.* A request that would fit but for what others have ahead is not refused. What is ahead is called back, which takes
//!   others no longer than to tell news; then it is decided.
//! - *A node that is not heard of* may have used all that it had ahead, so all of it counts as used. Its requests under way count
//!   until it has been silent for its lease.

use super::counters::{Estimate, Meters, Over, Rule, Taken, Use};
use super::meter::Meter;
use super::reading::Readings;
use super::{Quotas, Rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Duration, Instant, Name};

/// Nobody gets more ahead than this part of what is left.
const PART: u64 = 8;

/// Less than so many requests ahead is of no use.
const LEAST: u64 = 2;

/// How long nothing is given ahead after somebody was short.
const SHORT: Duration = Duration::from_secs(1);

/// How long somebody is told to wait for whom what is ahead was not given back in time.
const WAIT: Duration = Duration::from_secs(1);

/// What a node may let in before it asks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    pub requests: u64,
    pub tokens: u64,
    /// Requests under way beyond those that it has.
    pub places: u64,
}

impl Ahead {
    pub const NOTHING: Self = Self { requests: 0, tokens: 0, places: 0 };

    const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
            places: self.places.saturating_add(other.places),
        }
    }

    /// How many things of each bucket it is, in the order in which a meter has them.
    pub(super) const fn sizes(self) -> [u64; 3] {
        [self.requests, self.requests, self.tokens]
    }

    /// Takes a request of so many tokens, where it is there. What is not limited is always there.
    pub fn spend(&mut self, quotas: &Quotas, tokens: u64) -> bool {
        let left =
            |limited: bool, have: u64, want: u64| if limited { have.checked_sub(want) } else { Some(have) };
        let requests = quotas.requests_per_minute.is_some() || quotas.requests_per_hour.is_some();
        let (Some(requests), Some(tokens), Some(places)) = (
            left(requests, self.requests, 1),
            left(quotas.tokens_per_minute.is_some(), self.tokens, tokens),
            left(quotas.concurrent.is_some(), self.places, 1),
        ) else {
            return false;
        };
        *self = Self { requests, tokens, places };
        true
    }
}

/// A node, as the others know it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Node {
    /// Its requests under way.
    running: u32,
    running_until: Instant,
    ahead: Ahead,
    ahead_until: Instant,
}

/// How long a node is believed without a word from it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// After that what it had ahead is used.
    pub ahead: Duration,
    /// After that its requests under way are over.
    pub running: Duration,
}

/// How each limit of a meter stands: how many are left, and how long until all are again. In the order of
/// [`super::What::ALL`].
pub type Stand = [Option<(u64, Option<Duration>)>; 4];

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Common {
    meter: Meter,
    nodes: BTreeMap<Name, Node>,
    /// Until then nothing is given ahead.
    short_until: Instant,
}

impl Common {
    /// Hears of a node that has so many requests under way, and has nothing ahead any more. Before that, of those that are silent.
    fn hear(&mut self, node: &str, running: u32, quotas: &Quotas, terms: &Terms, now: Instant) {
        for (_, silent) in
            self.nodes.iter_mut().filter(|(name, other)| &***name != node && other.ahead_until <= now)
        {
            let lost = std::mem::take(&mut silent.ahead);
            self.meter.fill(quotas, lost.sizes(), now);
        }
        self.nodes
            .retain(|name, other| &**name != node && (other.running_until > now || other.ahead_until > now));
        for other in self.nodes.values_mut().filter(|other| other.running_until <= now) {
            other.running = 0;
        }
        if running > 0 {
            let mut here = Node { running, ..Node::default() };
            here.running_until = now.after(terms.running);
            self.nodes.insert(node.into(), here);
        }
        self.count(now);
    }

    fn count(&mut self, now: Instant) {
        let running = self.nodes.values().map(|node| node.running).fold(0, u32::saturating_add);
        self.meter.set_running(running, now);
    }

    /// What all others have ahead; who asks has nothing.
    fn ahead(&self) -> Ahead {
        self.nodes.values().map(|node| node.ahead).fold(Ahead::NOTHING, Ahead::plus)
    }

    /// Whether a request of so many tokens fits beside what others have ahead.
    fn fits_beside(&mut self, quotas: &Quotas, tokens: u64, now: Instant) -> bool {
        let ahead = self.ahead();
        self.meter.has_room(quotas, ahead.plus(Ahead { requests: 1, tokens, places: 1 }), now)
    }

    /// One more request of a node is under way.
    fn begins(&mut self, node: &str, terms: &Terms, now: Instant) {
        let here = self.nodes.entry(node.into()).or_default();
        here.running = here.running.saturating_add(1);
        here.running_until = now.after(terms.running);
    }

    /// Gives a node something ahead, no more than it wants; nothing rather than too little to be of use.
    fn give(&mut self, node: &str, quotas: &Quotas, wanted: Ahead, terms: &Terms, now: Instant) -> Ahead {
        if wanted == Ahead::NOTHING || self.short_until > now {
            return Ahead::NOTHING;
        }
        let (taken, left) = (self.ahead(), self.meter.room(quotas, now));
        let part = |left: Option<u64>, taken: u64, wanted: u64| match left {
            Some(left) => wanted.min(left.saturating_sub(taken) / PART),
            None => 0,
        };
        let given = Ahead {
            requests: part(left.requests, taken.requests, wanted.requests),
            tokens: part(left.tokens, taken.tokens, wanted.tokens),
            places: part(left.places, taken.places, wanted.places),
        };
        let each = wanted.tokens.div_ceil(wanted.requests.max(1));
        let lacks =
            |left: Option<u64>, given: u64, each: u64| left.is_some() && given < each.saturating_mul(LEAST);
        if lacks(left.requests, given.requests, 1)
            || lacks(left.tokens, given.tokens, each)
            || lacks(left.places, given.places, 1)
        {
            return Ahead::NOTHING;
        }
        let here = self.nodes.entry(node.into()).or_default();
        here.ahead = given;
        here.ahead_until = now.after(terms.ahead);
        given
    }

    fn stand(&mut self, quotas: &Quotas, now: Instant) -> Stand {
        self.meter.stand(quotas, now)
    }

    /// From when on it is as good as new, if nobody is heard of again.
    pub fn idle_at(&self) -> Instant {
        let heard = |node: &Node| node.running_until.max(node.ahead_until);
        let heard = self.nodes.values().map(heard).max().unwrap_or_default();
        // What is lost then fills it for as long as it takes to drain: a meter's longest period.
        let lost = if self.ahead() == Ahead::NOTHING { Duration::ZERO } else { Rate::LONGEST };
        self.meter.idle_at().max(heard.after(lost))
    }
}

/// How much of a meter nobody has; None: that is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub requests: Option<u64>,
    pub tokens: Option<u64>,
    pub places: Option<u64>,
}

/// What becomes of a request at the limits that nodes share.
#[derive(Debug)]
pub enum Answer {
    In(Taken),
    Over(Box<Over>),
    /// It would be in, but for what others have ahead, which was called back: to be asked again in a moment. What to say where
    /// that does not help.
    Short(Vec<Rule>, Box<Over>),
}

/// Some meters, while one node has them for itself.
#[derive(Debug)]
pub struct Board<'n> {
    node: &'n str,
    terms: Terms,
    rows: BTreeMap<Arc<str>, Common>,
    /// Of a rule that was not taken along, of which there is none.
    spare: Common,
}

impl<'n> Board<'n> {
    pub fn new(node: &'n str, terms: Terms, rows: impl IntoIterator<Item = (Arc<str>, Common)>) -> Self {
        Self { node, terms, rows: rows.into_iter().collect(), spare: Common::default() }
    }

    fn row(&mut self, counter: &str) -> &mut Common {
        self.rows.get_mut(counter).unwrap_or(&mut self.spare)
    }

    /// Takes a request that this node let in by itself.
    pub fn took(&mut self, rules: Vec<Rule>, estimate: Estimate, now: Instant) -> Taken {
        self.put(rules, estimate, now)
    }

    /// A request is over. Who is under way is told apart from this ([`Board::hear`]).
    pub fn over(&mut self, taken: &Taken, used: Use, now: Instant) {
        taken.close(used, |rule, marks, over| {
            self.row(&rule.counter).meter.close(&rule.quotas, marks, over, now)
        });
    }

    /// Hears how many requests this node has under way under a counter. It has nothing ahead then.
    pub fn hear(&mut self, counter: &str, quotas: &Quotas, running: u32, now: Instant) {
        let (node, terms) = (self.node, self.terms);
        self.row(counter).hear(node, running, quotas, &terms, now);
    }

    /// Decides about a request. This node was heard under all of its rules.
    pub fn ask(&mut self, rules: Vec<Rule>, estimate: Estimate, now: Instant) -> Answer {
        if let Some(over) = self.refusal(&rules, estimate, now) {
            return Answer::Over(over);
        }
        let mut short = None;
        for rule in &rules {
            let row = self.row(&rule.counter);
            if !row.fits_beside(&rule.quotas, estimate.within(&rule.quotas), now) {
                row.short_until = now.after(SHORT);
                short.get_or_insert(rule);
            }
        }
        if let Some(rule) = short {
            let mut readings = Readings::default();
            let meter = &mut self.row(&rule.counter).meter;
            meter.read(&rule.quotas, &rule.scope, now, &mut readings);
            if let Some(limit) = readings.nearest().cloned() {
                let over = Over { limit, wait: Some(WAIT), estimate, readings };
                return Answer::Short(rules, Box::new(over));
            }
        }
        let (node, terms) = (self.node, self.terms);
        for rule in &rules {
            self.row(&rule.counter).begins(node, &terms, now);
        }
        let taken = self.put(rules, estimate, now);
        for row in self.rows.values_mut() {
            row.count(now);
        }
        Answer::In(taken)
    }

    /// Gives this node something ahead.
    pub fn give(&mut self, counter: &str, quotas: &Quotas, wanted: Ahead, now: Instant) -> Ahead {
        let (node, terms) = (self.node, self.terms);
        self.row(counter).give(node, quotas, wanted, &terms, now)
    }

    pub fn stand(&mut self, counter: &str, quotas: &Quotas, now: Instant) -> Stand {
        self.row(counter).stand(quotas, now)
    }

    /// What is to be kept.
    pub fn rows(&self) -> impl Iterator<Item = (&Arc<str>, &Common)> {
        self.rows.iter()
    }
}

impl Meters for Board<'_> {
    fn meter(&mut self, rule: &Rule, _: Instant) -> &mut Meter {
        &mut self.row(&rule.counter).meter
    }
}

#[cfg(test)]
mod tests;
