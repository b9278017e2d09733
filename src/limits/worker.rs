//! Who asks and tells: takes what has gathered to the board, in one transaction after the other.

use super::desk::{self, Ask, Came, Letter, Row, TELL};
use super::{Admitted, Inner};
use crate::postgres::{Counting, PostgresError, Written};
use foldhash::{HashMap, HashMapExt, HashSet};
use policy::Digest;
use policy::limit::{Answer, Board, Common, Over, Quotas, Taken, Terms, Use};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant as Moment;

/// How long what is ahead of a node is its own, and its requests under way are believed, without a word from it.
const TERMS: Terms = Terms { ahead: Duration::from_secs(1), running: Duration::from_secs(10) };
/// When to ask again for somebody for whom something was called back.
const AGAIN: Duration = Duration::from_millis(50);
/// How long he waits for it: longer than anybody has anything ahead without a word.
pub(super) const PATIENCE: Duration = Duration::from_millis(1_500);
/// When to try again after PostgreSQL did not answer, and for meters that are locked.
const PAUSE: Duration = Duration::from_millis(500);
const LOCKED: Duration = Duration::from_millis(2);
/// Who found a meter locked so often waits for it.
const SKIPPED: u32 = 3;
/// Counters of one transaction.
const ROWS: usize = 256;
/// How often it is looked for meters that are as good as new.
const TIDY: Duration = Duration::from_secs(60);

struct Worker {
    inner: Arc<Inner>,
    counting: Counting,
    /// What this node's requests took, until they are over.
    open: HashMap<u64, Taken>,
    /// What could not be told or asked yet, oldest first.
    waiting: VecDeque<Letter>,
    /// When it is looked next whether something is to be told.
    look: Moment,
}

/// What goes to the board.
#[derive(Default)]
struct Bag {
    letters: Vec<Letter>,
    rows: BTreeMap<Arc<str>, Row>,
    wait: bool,
}

type Reply = (desk::Tell, Result<Admitted, Box<Over>>);

/// Throws away meters that are as good as new, for ever.
pub(super) async fn tidy(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(TIDY).await;
        if let Err(error) = inner.table.tidy().await {
            tracing::debug!(%error, "meters that are as good as new are still there");
        }
    }
}

/// Until the node is closed.
pub(super) async fn run(inner: Arc<Inner>) {
    let now = Moment::now();
    let mut worker = Worker {
        counting: Counting::new(inner.table.clone()),
        open: HashMap::new(),
        waiting: VecDeque::new(),
        look: now,
        inner,
    };
    loop {
        let closing = worker.inner.closing.load(Ordering::Acquire);
        let done = worker.turn(closing).await;
        if closing {
            return;
        }
        match done {
            Ok(more) => {
                if worker.inner.away.swap(false, Ordering::AcqRel) {
                    tracing::warn!("limits are counted with the other nodes again");
                }
                if !more {
                    worker.rest().await;
                }
            }
            Err(error) => {
                if !worker.inner.away.swap(true, Ordering::AcqRel) {
                    tracing::warn!(%error, "limits cannot be counted with the other nodes; this one counts for itself");
                }
                let closed = worker.inner.bell.notified();
                drop(tokio::time::timeout(PAUSE, closed).await);
            }
        }
    }
}

impl Worker {
    /// Until there is something to do.
    async fn rest(&self) {
        let again = self.waiting.iter().map(|letter| match letter {
            Letter::Ask(Ask { not_before: Some(at), .. }) => *at,
            Letter::Ask(_) => Moment::now() + LOCKED,
            Letter::Took { .. } | Letter::Over { .. } => Moment::now() + AGAIN,
        });
        let idle = self.inner.desk().is_idle();
        let look = (!idle).then_some(self.look);
        let rung = self.inner.bell.notified();
        match again.min().into_iter().chain(look).min() {
            Some(at) => drop(tokio::time::timeout_at(at, rung).await),
            None => rung.await,
        }
    }

    /// Tells and asks what there is. Whether there is more.
    async fn turn(&mut self, closing: bool) -> Result<bool, PostgresError> {
        let now = Moment::now();
        let (bag, replies, more) = self.pack(closing, now);
        for (tell, reply) in replies {
            drop(tell.send(reply));
        }
        let away = self.inner.away.load(Ordering::Acquire);
        if bag.rows.is_empty() && !away {
            return Ok(more);
        }
        self.visit(bag).await.map(|()| more)
    }

    /// Takes along what there is, in its order; lets in what can be let in by now.
    fn pack(&mut self, closing: bool, now: Moment) -> (Bag, Vec<Reply>, bool) {
        let (mut bag, mut replies, mut later) = (Bag::default(), Vec::new(), VecDeque::new());
        // What is told of a request comes in its order, so where one thing waits the next does.
        let mut stuck = HashSet::default();
        let mut more = false;
        let inner = Arc::clone(&self.inner);
        let mut desk = inner.desk();
        let inbox = std::mem::take(&mut desk.inbox);
        for letter in std::mem::take(&mut self.waiting).into_iter().chain(inbox) {
            let letter = match letter {
                Letter::Ask(ask) if ask.tell.is_closed() => continue,
                Letter::Ask(ask) if ask.not_before.is_some_and(|at| at > now) => {
                    later.push_back(Letter::Ask(ask));
                    continue;
                }
                Letter::Ask(mut ask) => match desk.take(std::mem::take(&mut ask.rules), ask.estimate, now) {
                    Ok(taken) => {
                        let admitted = Admitted { inner: inner.clone(), taken: Some(Box::new(taken)) };
                        replies.push((ask.tell, Ok(admitted)));
                        more = true;
                        continue;
                    }
                    Err(rules) => Letter::Ask(Ask { rules, ..ask }),
                },
                told => told,
            };
            let new = letter.rules().iter().filter(|rule| !bag.rows.contains_key(&rule.counter)).count();
            if stuck.contains(&letter.ticket()) || (bag.rows.len() + new > ROWS && !bag.rows.is_empty()) {
                stuck.insert(letter.ticket());
                more = true;
                later.push_back(letter);
                continue;
            }
            for rule in letter.rules() {
                bag.take(&mut desk, &rule.counter, &rule.quotas, now);
            }
            if let Letter::Ask(ask) = &letter {
                bag.wait |= ask.skipped >= SKIPPED;
            }
            bag.letters.push(letter);
        }
        self.waiting = later;
        if closing {
            desk.all().iter().for_each(|(counter, quotas)| bag.take(&mut desk, counter, quotas, now));
        } else if now >= self.look {
            self.look = now + TELL / 2;
            for (counter, quotas) in desk.due(now) {
                if bag.rows.len() < ROWS {
                    bag.take(&mut desk, &counter, &quotas, now);
                } else {
                    // The rest is still due.
                    self.look = now;
                    more = true;
                }
            }
        }
        // What was let in just now is news too, and a counter is carried with all of its news: what was ahead stands for none of them
        // there.
        if !bag.rows.is_empty() {
            for letter in std::mem::take(&mut desk.inbox) {
                for rule in letter.rules() {
                    bag.take(&mut desk, &rule.counter, &rule.quotas, now);
                }
                bag.letters.push(letter);
            }
        }
        if closing {
            bag.rows.values_mut().for_each(|row| row.wanted = policy::limit::Ahead::NOTHING);
        }
        (bag, replies, more)
    }

    /// One transaction.
    async fn visit(&mut self, bag: Bag) -> Result<(), PostgresError> {
        let Bag { letters, rows, wait } = bag;
        let begun = Moment::now();
        let digests: Vec<(Digest, &Arc<str>)> = rows.keys().map(|name| (Digest::of(name), name)).collect();
        let mut names: Vec<&[u8]> = digests.iter().map(|(digest, _)| &digest.bytes()[..]).collect();
        names.sort_unstable();
        let locked = match self.counting.begin(&names, wait).await {
            Ok(locked) => locked,
            Err(error) => {
                self.failed(letters, &rows, false);
                return Err(error);
            }
        };
        let by_digest: HashMap<&[u8], &Arc<str>> =
            digests.iter().map(|(digest, name)| (&digest.bytes()[..], *name)).collect();
        let kept = locked.rows.iter().filter_map(|(digest, state)| {
            let name = *by_digest.get(&digest[..])?;
            Some((name.clone(), read(state)))
        });
        let mut board = Board::new(self.inner.table.node(), TERMS, kept);
        let here = board.rows().map(|(name, _)| name.clone()).collect();
        let here = all_told(here, &self.waiting, &letters);
        let mut done = Done::default();
        let (mut told, mut asks) = (Vec::new(), Vec::new());
        let mut stuck = HashSet::default();
        for letter in letters {
            let ticket = letter.ticket();
            if stuck.contains(&ticket) || letter.rules().iter().any(|rule| !here.contains(&rule.counter)) {
                stuck.insert(ticket);
                done.later.push_back(match letter {
                    // Who waited in vain lets the others go on without waiting.
                    Letter::Ask(ask) => {
                        Letter::Ask(Ask { skipped: if wait { 0 } else { ask.skipped + 1 }, ..ask })
                    }
                    other => other,
                });
                continue;
            }
            match letter {
                Letter::Ask(ask) => asks.push(ask),
                other => told.push(other),
            }
        }
        for letter in &told {
            match letter {
                Letter::Took { ticket, rules, estimate } => {
                    let taken = board.took(rules.clone(), *estimate, locked.now);
                    done.open.insert(*ticket, taken);
                }
                Letter::Over { ticket, used, .. } => {
                    if let Some(taken) = done.open.get(ticket).or_else(|| self.open.get(ticket)) {
                        board.over(taken, *used, locked.now);
                    }
                    done.over.push(*ticket);
                }
                Letter::Ask(_) => {}
            }
        }
        for (counter, row) in rows.iter().filter(|(counter, _)| here.contains(*counter)) {
            board.hear(counter, &row.quotas, row.running, locked.now);
        }
        for ask in asks {
            done.ask(ask, &mut board, locked.now);
        }
        let mut came = BTreeMap::new();
        for (counter, row) in rows.iter().filter(|(counter, _)| here.contains(*counter)) {
            let ahead = board.give(counter, &row.quotas, row.wanted, locked.now);
            let stand = board.stand(counter, &row.quotas, locked.now);
            let admitted = done.admitted.get(counter).copied().unwrap_or_default();
            let until = begun + TERMS.ahead;
            came.insert(counter, Came { ahead, until, heard: begun, stand, admitted });
        }
        let written: Vec<Written> = board
            .rows()
            .map(|(name, row)| (Digest::of(name).bytes().to_vec(), written(row), row.idle_at()))
            .collect();
        let ended = self.counting.end(&written).await;
        let mut later = std::mem::take(&mut done.later);
        later.append(&mut self.waiting);
        self.waiting = later;
        if let Err(error) = ended {
            // Nobody knows whether it is so now.
            self.failed(told, &rows, true);
            return Err(error);
        }
        self.open.extend(done.open);
        for ticket in done.over {
            self.open.remove(&ticket);
        }
        let mut desk = self.inner.desk();
        for (counter, row) in &rows {
            match came.get(counter) {
                Some(came) => desk.bring(counter, row, came),
                None => desk.bring_back(counter, row),
            }
        }
        drop(desk);
        for (tell, taken) in done.let_in {
            let admitted = Admitted { inner: self.inner.clone(), taken: Some(Box::new(taken)) };
            drop(tell.send(Ok(admitted)));
        }
        for (tell, over) in done.refused {
            drop(tell.send(Err(over)));
        }
        Ok(())
    }

    /// What was to be told is to be told again, and who asked is not kept waiting.
    fn failed(&mut self, letters: Vec<Letter>, rows: &BTreeMap<Arc<str>, Row>, unsure: bool) {
        for letter in letters.into_iter().rev() {
            match letter {
                // A connection that broke unnoticed is no reason to count alone.
                Letter::Ask(ask) if !ask.failed => {
                    self.waiting.push_front(Letter::Ask(Ask { failed: true, ..ask }))
                }
                Letter::Ask(_) => {}
                // What may have been given back is not given back twice.
                Letter::Over { ticket, rules, .. } if unsure => {
                    self.waiting.push_front(Letter::Over { ticket, rules, used: Use::Unknown });
                }
                other => self.waiting.push_front(other),
            }
        }
        let mut desk = self.inner.desk();
        rows.keys().for_each(|counter| desk.lose(counter));
    }
}

/// Of the counters that are here those of which all news can be told: about another nothing is decided, as what was ahead of it stands
/// for requests that nobody there has heard of.
fn all_told(
    mut here: HashSet<Arc<str>>,
    waiting: &VecDeque<Letter>,
    letters: &[Letter],
) -> HashSet<Arc<str>> {
    let took = |letter: &&Letter| matches!(letter, Letter::Took { .. });
    for rule in waiting.iter().filter(took).flat_map(Letter::rules) {
        here.remove(&rule.counter);
    }
    // One that cannot be told under one of its counters is told under none.
    loop {
        let all_here = |letter: &&Letter| letter.rules().iter().all(|rule| here.contains(&rule.counter));
        let untold = letters.iter().filter(took).filter(|letter| !all_here(letter));
        let lost: Vec<Arc<str>> = untold
            .flat_map(Letter::rules)
            .map(|rule| rule.counter.clone())
            .filter(|counter| here.contains(counter))
            .collect();
        if lost.is_empty() {
            return here;
        }
        here.retain(|counter| !lost.contains(counter));
    }
}

impl Bag {
    fn take(&mut self, desk: &mut desk::Desk, counter: &Arc<str>, quotas: &Arc<Quotas>, now: Moment) {
        if !self.rows.contains_key(counter) {
            self.rows.insert(counter.clone(), desk.carry(counter, quotas, now));
        }
    }
}

/// What came of it at the board.
#[derive(Default)]
struct Done {
    open: HashMap<u64, Taken>,
    over: Vec<u64>,
    admitted: HashMap<Arc<str>, u32>,
    let_in: Vec<(desk::Tell, Taken)>,
    refused: Vec<(desk::Tell, Box<Over>)>,
    later: VecDeque<Letter>,
}

impl Done {
    fn ask(&mut self, ask: Ask, board: &mut Board<'_>, now: vocab::Instant) {
        let Ask { ticket, rules, estimate, tell, since, .. } = ask;
        match board.ask(rules, estimate, now) {
            Answer::In(taken) => {
                let rules: Vec<_> = taken.rules().cloned().collect();
                for rule in &rules {
                    *self.admitted.entry(rule.counter.clone()).or_default() += 1;
                }
                let told = Taken::elsewhere(rules, taken.readings.clone(), desk::name(ticket));
                self.open.insert(ticket, taken);
                self.let_in.push((tell, told));
            }
            Answer::Over(over) => self.refused.push((tell, over)),
            Answer::Short(_, over) if since.elapsed() >= PATIENCE => self.refused.push((tell, over)),
            Answer::Short(rules, _) => {
                let not_before = Some(Moment::now() + AGAIN);
                let ask = Ask { ticket, rules, estimate, tell, since, not_before, skipped: 0, failed: false };
                self.later.push_back(Letter::Ask(ask));
            }
        }
    }
}

/// What cannot be read counts as new: limits are not the record.
fn read(state: &str) -> Common {
    if state.is_empty() {
        return Common::default();
    }
    serde_json::from_str(state).unwrap_or_else(|error| {
        tracing::warn!(%error, "a meter cannot be read and begins anew");
        Common::default()
    })
}

fn written(row: &Common) -> String {
    serde_json::to_string(row).unwrap_or_default()
}
