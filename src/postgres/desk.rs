//! What waits to be done, by account, and whose turn it is. No I/O.
//!
//! An account is in the line once, however much waits in it, and nobody else touches it while somebody works on it. One
//! whose row another node has locked stands aside for a moment, so that nobody waits for an account but its own requests.

use super::lease::Lease;
use billing::{Account, Balance, Hash, Op};
use foldhash::HashMap;
use relay::config::Terms;
use relay::ports::{BooksError, Posted};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant as Moment;
use vocab::{Instant, Pico};

/// How many accounts one transaction takes, and how many operations of each.
const ACCOUNTS: usize = 64;
const OPERATIONS: usize = 256;

/// How long an account stands aside that another node has.
const ASIDE: Duration = Duration::from_millis(2);

/// How long one stands aside that is short of money while others have slices of it.
const SHORT: Duration = Duration::from_millis(25);

/// What is to be done.
#[derive(Debug)]
pub(super) enum What {
    Op(Op),
    /// Settles a hold at its estimate if it is still open.
    Orphan {
        id: String,
    },
    /// Nothing: says that what was asked before is done.
    Flush,
    /// Says something of this node's slice.
    Slice,
}

pub(super) type Answer = oneshot::Sender<Result<Posted, BooksError>>;

#[derive(Debug)]
pub(super) struct Job {
    pub what: What,
    pub now: Instant,
    /// Who waits for it, if anybody does.
    pub answer: Option<Answer>,
    /// What this node's own view of the balance has of it already.
    pub effect: Effect,
    /// The entry that was sent for it, when nobody knows whether it was committed.
    pub sent: Option<Hash>,
    /// It was held out of this node's slice, and that was promised.
    pub leased: Option<u64>,
    pub since: Moment,
}

impl Job {
    pub fn new(what: What, now: Instant, answer: Option<Answer>) -> Self {
        let (effect, since) = (Effect::default(), Moment::now());
        Self { what, now, answer, effect, sent: None, leased: None, since }
    }

    /// Whoever asked has gone, and nothing was done yet.
    pub fn is_unwanted(&self) -> bool {
        self.answer.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// What the end of a hold will do to a balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    pub back: Pico,
    pub settled: Pico,
}

/// An account as this node knows it.
pub(super) struct Cell {
    pub name: String,
    state: Mutex<State>,
}

pub(super) struct State {
    /// Its number, and where its record stood when this node last had it. None: it is to be loaded.
    pub known: Option<(i64, Box<Account>)>,
    pub waiting: VecDeque<Job>,
    /// It is in the line, or somebody works on it.
    pub queued: bool,
    pub terms: Terms,
    /// What is set aside for requests of this node that have not ended.
    pub own: HashMap<String, Pico>,
    /// This node's slice of the balance.
    pub lease: Option<Lease>,
    /// What there was no slice for.
    pub keen: Option<Pico>,
    /// Holds out of it that are not written yet, with what was promised.
    pub told: HashMap<String, u64>,
    /// As it was after this node's last transaction.
    pub balance: Balance,
    /// Ends that are told of and not written.
    pub coming: Effect,
    /// When something was asked of it last.
    pub used: Moment,
}

impl State {
    /// The balance with what is certain to come.
    pub const fn shown(&self) -> Balance {
        Balance {
            held: self.balance.held.minus(self.coming.back),
            settled: self.balance.settled.plus(self.coming.settled),
            ..self.balance
        }
    }

    pub fn expect(&mut self, effect: Effect) {
        self.coming.back = self.coming.back.plus(effect.back);
        self.coming.settled = self.coming.settled.plus(effect.settled);
    }

    pub fn came(&mut self, effect: Effect) {
        self.coming.back = self.coming.back.minus(effect.back);
        self.coming.settled = self.coming.settled.minus(effect.settled);
    }
}

impl Cell {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is next of this account, oldest first.
    pub fn take(&self) -> Vec<Job> {
        let mut state = self.lock();
        let count = state.waiting.len().min(OPERATIONS);
        state.waiting.drain(..count).collect()
    }
}

/// How an account is to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// With others, and only if nobody has it.
    Together,
    /// By itself: it has to be loaded, or something went wrong with a group that it was in.
    Alone,
    /// Another node has it just now, and had it so many times in a row.
    Contended(u32),
}

pub(super) struct Turn {
    pub cell: Arc<Cell>,
    pub how: How,
}

/// One transaction's work.
pub(super) struct Work {
    pub turns: Vec<Turn>,
    /// A lock is waited for. Of one account alone.
    pub waits: bool,
}

pub(super) struct Desk {
    cells: HashMap<String, Arc<Cell>>,
    line: VecDeque<Turn>,
    aside: VecDeque<(Moment, Turn)>,
    /// How many wait for locks, and how many may.
    waiters: usize,
    waiters_most: usize,
}

impl Desk {
    pub fn new(waiters_most: usize) -> Self {
        Self {
            cells: HashMap::default(),
            line: VecDeque::new(),
            aside: VecDeque::new(),
            waiters: 0,
            waiters_most,
        }
    }

    pub fn find(&self, account: &str) -> Option<Arc<Cell>> {
        self.cells.get(account).cloned()
    }

    pub fn cell(&mut self, account: &str, terms: impl FnOnce() -> Terms, now: Moment) -> Arc<Cell> {
        if let Some(cell) = self.cells.get(account) {
            return Arc::clone(cell);
        }
        let state = State {
            known: None,
            waiting: VecDeque::new(),
            queued: false,
            terms: terms(),
            own: HashMap::default(),
            lease: None,
            keen: None,
            told: HashMap::default(),
            balance: Balance::default(),
            coming: Effect::default(),
            used: now,
        };
        let cell = Arc::new(Cell { name: account.into(), state: Mutex::new(state) });
        self.cells.insert(account.into(), Arc::clone(&cell));
        cell
    }

    pub fn line_up(&mut self, turn: Turn) {
        self.line.push_back(turn);
    }

    /// To be tried again in a moment.
    pub fn stand_aside(&mut self, turn: Turn, now: Moment) {
        self.put_aside(turn, now + ASIDE);
    }

    /// To be tried again when others have given back what they have ahead.
    pub fn stand_short(&mut self, turn: Turn, now: Moment) {
        self.put_aside(turn, now + SHORT);
    }

    fn put_aside(&mut self, turn: Turn, until: Moment) {
        let place = self.aside.partition_point(|(at, _)| *at <= until);
        self.aside.insert(place, (until, turn));
    }

    /// When somebody who stands aside is to be looked at.
    pub fn next_look(&self) -> Option<Moment> {
        self.aside.front().map(|(at, _)| *at)
    }

    /// Nobody is in the line or stands aside.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.line.is_empty() && self.aside.is_empty()
    }

    pub fn has_work(&self) -> bool {
        !self.line.is_empty()
    }

    /// The next transaction's accounts. Whoever takes one that waits says so when it is done.
    pub fn take(&mut self, now: Moment) -> Option<Work> {
        while self.aside.front().is_some_and(|(at, _)| *at <= now) {
            self.line.extend(self.aside.pop_front().map(|(_, turn)| turn));
        }
        let first = self.line.pop_front()?;
        match first.how {
            How::Alone => Some(Work { turns: vec![first], waits: false }),
            // Skipped more than once: whoever waits in PostgreSQL's own line gets it in his turn.
            How::Contended(2..) if self.waiters < self.waiters_most => {
                self.waiters += 1;
                Some(Work { turns: vec![first], waits: true })
            }
            How::Together | How::Contended(_) => {
                let mut turns = vec![first];
                let mut left = VecDeque::new();
                while turns.len() < ACCOUNTS
                    && let Some(turn) = self.line.pop_front()
                {
                    match turn.how {
                        How::Alone => left.push_back(turn),
                        _ => turns.push(turn),
                    }
                }
                left.append(&mut self.line);
                self.line = left;
                Some(Work { turns, waits: false })
            }
        }
    }

    pub fn waited(&mut self) {
        self.waiters -= 1;
    }

    /// Forgets accounts that were not used since then and have nothing under way.
    pub fn forget(&mut self, since: Moment) {
        self.cells.retain(|_, cell| {
            // Whoever has it in his hands is just about to use it.
            Arc::strong_count(cell) > 1 || {
                let state = cell.lock();
                let under_way = !state.own.is_empty() || state.lease.is_some();
                state.queued || !state.waiting.is_empty() || under_way || state.used >= since
            }
        });
    }

    pub fn all(&self) -> Vec<Arc<Cell>> {
        self.cells.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(desk: &mut Desk, name: &str, how: How) -> Turn {
        Turn { cell: desk.cell(name, Terms::default, Moment::now()), how }
    }

    fn names(work: Option<Work>) -> Vec<String> {
        work.map(|work| work.turns.iter().map(|turn| turn.cell.name.clone()).collect()).unwrap_or_default()
    }

    #[test]
    fn accounts_go_together_and_cold_ones_alone() {
        let mut desk = Desk::new(1);
        for (name, how) in [("a", How::Together), ("cold", How::Alone), ("b", How::Together)] {
            let turn = turn(&mut desk, name, how);
            desk.line_up(turn);
        }
        let now = Moment::now();
        assert_eq!(names(desk.take(now)), ["a", "b"]);
        assert_eq!(names(desk.take(now)), ["cold"]);
        assert!(desk.take(now).is_none() && desk.is_idle());
    }

    #[test]
    fn whoever_is_locked_elsewhere_stands_aside_and_is_waited_for_by_few() {
        let mut desk = Desk::new(1);
        let now = Moment::now();
        for name in ["a", "b"] {
            let turn = turn(&mut desk, name, How::Contended(2));
            desk.stand_aside(turn, now);
        }
        assert!(desk.take(now).is_none() && !desk.is_idle());
        let later = now + ASIDE;
        let first = desk.take(later).unwrap();
        assert!(first.waits && first.turns.len() == 1);
        let second = desk.take(later).unwrap();
        assert!(!second.waits, "the lanes for waiting are taken");
        desk.waited();
        desk.stand_aside(turn(&mut Desk::new(0), "c", How::Contended(3)), now);
        assert!(desk.take(later).unwrap().waits);
    }

    #[test]
    fn what_is_under_way_is_not_forgotten() {
        let mut desk = Desk::new(1);
        let now = Moment::now();
        for name in ["idle", "own", "queued"] {
            desk.cell(name, Terms::default, now);
        }
        desk.find("own").unwrap().lock().own.insert("r1".into(), Pico(1));
        desk.find("queued").unwrap().lock().queued = true;
        desk.forget(now);
        assert!(desk.find("idle").is_some(), "it was just used");
        desk.forget(now + ASIDE);
        assert!(desk.find("idle").is_none() && desk.find("own").is_some() && desk.find("queued").is_some());
    }
}
