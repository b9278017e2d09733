//! What a node knows of limits by itself: what it may let in before it asks, and what is to be told. No I/O.

use foldhash::{HashMap, HashMapExt};
use policy::limit::{Ahead, Estimate, Over, Quotas, Readings, Rule, Stand, Taken, Use, What};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant as Moment;
use vocab::Name;

/// How often a node that has something ahead tells its news.
pub(super) const TELL: Duration = Duration::from_millis(250);
/// How often one does that has requests under way and nothing ahead.
const RENEW: Duration = Duration::from_secs(3);
/// What is wanted ahead is what came in the last half second or two.
const WINDOW: Duration = Duration::from_millis(500);
/// Of less than so many in that time each is asked for.
const OFTEN: u64 = 4;

pub(super) type Tell = oneshot::Sender<Result<super::Admitted, Box<Over>>>;

/// What is to be told of a request, or asked.
pub(super) enum Letter {
    /// It was let in here.
    Took {
        ticket: u64,
        rules: Vec<Rule>,
        estimate: Estimate,
    },
    /// It is over.
    Over {
        ticket: u64,
        rules: Vec<Rule>,
        used: Use,
    },
    Ask(Ask),
}

pub(super) struct Ask {
    pub ticket: u64,
    pub rules: Vec<Rule>,
    pub estimate: Estimate,
    pub tell: Tell,
    /// When it came.
    pub since: Moment,
    /// Not to be asked again before.
    pub not_before: Option<Moment>,
    /// How often a meter that it needs was somebody else's.
    pub skipped: u32,
    /// PostgreSQL did not answer once.
    pub failed: bool,
}

impl Letter {
    pub fn ticket(&self) -> u64 {
        match self {
            Self::Took { ticket, .. } | Self::Over { ticket, .. } | Self::Ask(Ask { ticket, .. }) => *ticket,
        }
    }

    pub fn rules(&self) -> &[Rule] {
        match self {
            Self::Took { rules, .. } | Self::Over { rules, .. } | Self::Ask(Ask { rules, .. }) => rules,
        }
    }
}

/// How many came of late.
#[derive(Clone, Copy)]
struct Demand {
    since: Moment,
    now: Ahead,
    before: Ahead,
}

impl Demand {
    const fn new(now: Moment) -> Self {
        Self { since: now, now: Ahead::NOTHING, before: Ahead::NOTHING }
    }

    fn flow(&mut self, now: Moment) {
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            self.before = if passed < WINDOW * 2 { self.now } else { Ahead::NOTHING };
            (self.since, self.now) = (now, Ahead::NOTHING);
        }
    }

    fn note(&mut self, tokens: u64, now: Moment) {
        self.flow(now);
        self.now.requests += 1;
        self.now.tokens = self.now.tokens.saturating_add(tokens);
    }

    fn wanted(&mut self, now: Moment) -> Ahead {
        self.flow(now);
        let requests = self.now.requests + self.before.requests;
        if requests < OFTEN {
            return Ahead::NOTHING;
        }
        let tokens = self.now.tokens.saturating_add(self.before.tokens);
        Ahead { requests, tokens, places: requests }
    }
}

/// What is known of one counter.
struct Pot {
    quotas: Arc<Quotas>,
    ahead: Ahead,
    /// Until then what is ahead is this node's.
    until: Moment,
    running: u32,
    /// How many under way the others know of.
    told: u32,
    /// When news were told last.
    heard: Moment,
    stand: Stand,
    demand: Demand,
}

/// What of a counter goes to the board.
#[derive(Clone)]
pub(super) struct Row {
    pub quotas: Arc<Quotas>,
    pub running: u32,
    pub wanted: Ahead,
    /// What it had ahead, until it was taken along.
    ahead: Ahead,
}

/// What comes back.
pub(super) struct Came {
    pub ahead: Ahead,
    pub until: Moment,
    pub heard: Moment,
    pub stand: Stand,
    /// Requests that were let in there.
    pub admitted: u32,
}

pub(super) struct Desk {
    pots: HashMap<Arc<str>, Pot>,
    pub inbox: VecDeque<Letter>,
    tickets: u64,
}

impl Desk {
    pub fn new() -> Self {
        Self { pots: HashMap::new(), inbox: VecDeque::new(), tickets: 0 }
    }

    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Lets a request in against what is ahead of all its rules.
    pub fn take(&mut self, rules: Vec<Rule>, estimate: Estimate, now: Moment) -> Result<Taken, Vec<Rule>> {
        let here = rules.iter().all(|rule| {
            self.pots.get(&rule.counter).is_some_and(|pot| {
                let mut ahead = pot.ahead;
                pot.until > now
                    && (Arc::ptr_eq(&pot.quotas, &rule.quotas) || pot.quotas == rule.quotas)
                    && ahead.spend(&rule.quotas, estimate.within(&rule.quotas))
            })
        });
        if !here {
            return Err(rules);
        }
        let mut readings = Readings::default();
        for rule in &rules {
            let Some(pot) = self.pots.get_mut(&rule.counter) else { continue };
            let tokens = estimate.within(&rule.quotas);
            pot.ahead.spend(&rule.quotas, tokens);
            pot.running = pot.running.saturating_add(1);
            pot.demand.note(tokens, now);
            for (of, things) in pot.stand.iter_mut().zip([1, 1, tokens, 1]) {
                if let Some((left, _)) = of {
                    *left = left.saturating_sub(things);
                }
            }
            for (what, of) in What::ALL.into_iter().zip(pot.stand) {
                let reading = of.and_then(|(left, reset)| rule.reading(what, left, reset));
                reading.into_iter().for_each(|reading| readings.note(reading));
            }
        }
        let ticket = self.ticket();
        self.inbox.push_back(Letter::Took { ticket, rules: rules.clone(), estimate });
        Ok(Taken::elsewhere(rules, readings, name(ticket)))
    }

    /// Puts a request into the line of those that are asked for.
    pub fn ask(&mut self, rules: Vec<Rule>, estimate: Estimate, tell: Tell, now: Moment) {
        for rule in &rules {
            let pot = self.pot(&rule.counter, &rule.quotas, now);
            pot.demand.note(estimate.within(&rule.quotas), now);
        }
        let ticket = self.ticket();
        let ask =
            Ask { ticket, rules, estimate, tell, since: now, not_before: None, skipped: 0, failed: false };
        self.inbox.push_back(Letter::Ask(ask));
    }

    /// A request is over. Whether that is to be told at once, as somebody may be waiting for what it had.
    pub fn end(&mut self, taken: &Taken, used: Use, now: Moment) -> bool {
        let Some(ticket) = taken.ticket.as_deref().and_then(|name| name.parse().ok()) else { return false };
        let mut soon = false;
        for rule in taken.rules() {
            let Some(pot) = self.pots.get_mut(&rule.counter) else { continue };
            pot.running = pot.running.saturating_sub(1);
            if let Some((left, _)) = &mut pot.stand[3] {
                *left += 1;
            }
            if pot.until > now && pot.ahead != Ahead::NOTHING {
                // Its place is known to be this node's.
                pot.ahead.places += 1;
            } else {
                soon = true;
            }
        }
        self.inbox.push_back(Letter::Over { ticket, rules: taken.rules().cloned().collect(), used });
        soon
    }

    fn pot(&mut self, counter: &Arc<str>, quotas: &Arc<Quotas>, now: Moment) -> &mut Pot {
        self.pots.entry(counter.clone()).or_insert_with(|| Pot {
            quotas: quotas.clone(),
            ahead: Ahead::NOTHING,
            until: now,
            running: 0,
            told: 0,
            heard: now,
            stand: Stand::default(),
            demand: Demand::new(now),
        })
    }

    /// Takes a counter to the board. Until it comes back nothing is let in under it here.
    pub fn carry(&mut self, counter: &Arc<str>, quotas: &Arc<Quotas>, now: Moment) -> Row {
        let pot = self.pot(counter, quotas, now);
        pot.quotas = quotas.clone();
        let ahead = std::mem::take(&mut pot.ahead);
        Row { quotas: pot.quotas.clone(), running: pot.running, wanted: pot.demand.wanted(now), ahead }
    }

    /// It was there.
    pub fn bring(&mut self, counter: &str, row: &Row, came: &Came) {
        let Some(pot) = self.pots.get_mut(counter) else { return };
        pot.running = pot.running.saturating_add(came.admitted);
        pot.told = row.running.saturating_add(came.admitted);
        (pot.ahead, pot.until, pot.heard, pot.stand) = (came.ahead, came.until, came.heard, came.stand);
    }

    /// It was not looked at, and what was ahead still is.
    pub fn bring_back(&mut self, counter: &str, row: &Row) {
        if let Some(pot) = self.pots.get_mut(counter) {
            pot.ahead = row.ahead;
        }
    }

    /// Nobody knows what became of it there.
    pub fn lose(&mut self, counter: &str) {
        if let Some(pot) = self.pots.get_mut(counter) {
            pot.told = u32::MAX;
        }
    }

    /// Counters that something is to be told of, though no request is. Those that are of no use any more are dropped.
    pub fn due(&mut self, now: Moment) -> Vec<(Arc<str>, Arc<Quotas>)> {
        let mut due = Vec::new();
        self.pots.retain(|counter, pot| {
            let silent = now.saturating_duration_since(pot.heard);
            let news = pot.ahead != Ahead::NOTHING || pot.told != pot.running;
            if (news && silent >= TELL) || (pot.running > 0 && silent >= RENEW) {
                due.push((counter.clone(), pot.quotas.clone()));
            }
            news || pot.running > 0 || silent < WINDOW * 4
        });
        due
    }

    /// All that the others know this node by.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<Quotas>)> {
        let known = self.pots.iter().filter(|(_, pot)| pot.told > 0 || pot.ahead != Ahead::NOTHING);
        known.map(|(counter, pot)| (counter.clone(), pot.quotas.clone())).collect()
    }

    pub fn is_idle(&self) -> bool {
        self.pots.is_empty()
    }
}

/// What a request is called.
pub(super) fn name(ticket: u64) -> Name {
    ticket.to_string().into()
}
