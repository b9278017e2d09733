//! One transaction: some accounts are locked, all that waits in them is decided, and what comes of it is written.
//!
//! Two round trips. In the first the rows are locked and, behind the lock, everything is read that this node does not know
//! yet: entries that others wrote, and what the record holds of the ids in question. Then [`billing::Account`] decides. In
//! the second everything is written and committed.
//!
//! Where the connection is lost in the second nobody knows whether it was committed. Each operation then remembers the hash
//! of its entry, and is asked again: behind the account's lock, which PostgreSQL holds until it has ended the first try one
//! way or the other, the entry is there or never will be.

mod ended;

pub(super) use ended::posted;

use super::desk::{Cell, Job, Turn, What, Work};
use super::lease::aside;
use super::rows::{self, Columns};
use super::session::{Session, within};
use super::{Options, PostgresError, load};
use billing::{Account, Entry, Hash, Op, Refusal, Slices};
use ended::{answer, fail, finish, put_back};
use foldhash::{HashMap, HashSet};
use futures::future::OptionFuture;
use relay::ports::{BooksError, Posted};
use tokio::time::Instant as Moment;
use tokio_postgres::types::ToSql;
use vocab::{Instant, Pico};

/// What a statement is given.
type Values<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// A tally is kept every so many entries of an account, so that loading it has no more than these to walk.
pub(super) const TALLY_EVERY: u64 = 1_024;

/// How many entries of others are read along with a lock. Whoever is further behind loads the account anew.
const NEWS: i64 = 2_000;

/// An account in the middle of a transaction.
struct Taken {
    turn: Turn,
    id: i64,
    account: Box<Account>,
    jobs: Vec<Job>,
    overdraft: Option<Pico>,
    opening: Pico,
    /// What came of each job.
    outcomes: Vec<Outcome>,
    /// Others wrote something since.
    news: bool,
    slices: Slices,
    /// By the database's clock.
    at: Instant,
    /// What slice this node wants, what it is given, and since when.
    wanted: Option<Pico>,
    given: Option<Pico>,
    begun: Moment,
}

/// What came of a job.
enum Outcome {
    Done(Posted),
    Refused(Refusal),
    /// Nobody wants it any more.
    Dropped,
    /// There would be money for it, but for slices that others have: to be asked again in a moment.
    Short,
}

/// What became of a transaction.
#[derive(Default)]
pub(super) struct Report {
    /// Accounts that others have: to be tried again.
    pub locked: Vec<Turn>,
    /// Accounts with nothing left to be done now.
    pub done: Vec<Turn>,
    /// Accounts to be tried again because of the error.
    pub again: Vec<Turn>,
    /// Accounts of which others have slices that somebody waits for.
    pub short: Vec<Turn>,
    /// What became of holds that were promised.
    pub promised: Vec<(u64, Result<(), BooksError>)>,
    pub error: Option<PostgresError>,
    /// Something was committed.
    pub wrote: bool,
    /// How many operations wait no longer, and how many do that nobody asked for.
    pub finished: usize,
    pub added: usize,
}

/// Does one piece of work, for the node that answers for the holds that it makes.
pub(super) async fn run(session: &Session, work: Work, options: &Options) -> Report {
    let mut report = Report::default();
    let mut taken = Vec::new();
    let begun = Moment::now();
    for turn in work.turns {
        let jobs = turn.cell.take();
        // Nothing is done, and that is done in its turn.
        if jobs.iter().all(|job| matches!(job.what, What::Flush) || (job.is_unwanted() && job.sent.is_none()))
        {
            report.finished += jobs.len();
            for job in jobs {
                answer(job.answer, Ok(posted(turn.cell.lock().shown(), false)));
            }
            report.done.push(turn);
            continue;
        }
        match load(session, &turn.cell).await {
            Ok((id, account)) => {
                let (terms, wanted) = {
                    let mut state = turn.cell.lock();
                    (state.terms, state.wanted())
                };
                let (overdraft, opening) = (terms.overdraft, terms.opening);
                taken.push(Taken {
                    turn,
                    id,
                    account,
                    jobs,
                    overdraft,
                    opening,
                    outcomes: Vec::new(),
                    news: false,
                    slices: Slices::default(),
                    at: Instant::ZERO,
                    wanted,
                    given: None,
                    begun,
                });
            }
            Err(error) => {
                fail(turn, jobs, &error, &mut report);
                report.error = Some(error);
            }
        }
    }
    if taken.is_empty() {
        return report;
    }
    let decided = match decide(session, &mut taken, work.waits, options, &mut report).await {
        Ok(decided) => decided,
        Err(error) => {
            // A session that says that a lock was not to be had, or the like, is as good as before.
            if !error.ends_session()
                && within(async { Ok(session.client.batch_execute("ROLLBACK").await?) }).await.is_err()
            {
                report.error = Some(PostgresError::Unreachable("it did not roll back".into()));
            }
            let locked = error.is_locked();
            for Taken { turn, jobs, id, account, .. } in taken {
                if locked {
                    put_back(&turn.cell, jobs, Some((id, account)));
                    report.locked.push(turn);
                } else {
                    fail(turn, jobs, &error, &mut report);
                }
            }
            if !locked {
                report.error.get_or_insert(error);
            }
            return report;
        }
    };
    match write(session, &taken, decided, &options.node).await {
        Ok(()) => {
            report.wrote = true;
            for taken in taken {
                finish(taken, &mut report);
            }
        }
        Err(error) => {
            if !error.ends_session() {
                // The transaction is over either way; this is for one that never came to its end.
                let _ended = within(async { Ok(session.client.batch_execute("ROLLBACK").await?) }).await;
            }
            for Taken { turn, jobs, .. } in taken {
                fail(turn, jobs, &error, &mut report);
            }
            report.error = Some(error);
        }
    }
    report
}

/// Entries that were decided, in the order in which they are written, with their accounts' numbers.
#[derive(Default)]
struct Decided {
    columns: Columns,
    /// Accounts that have new entries.
    heads: Vec<(i64, u64, Hash)>,
    tallies: Vec<(i64, u64, String)>,
    /// Accounts of which other slices are set aside now.
    slices: Vec<(i64, String)>,
    /// Ids that something was done with.
    touched: Vec<(i64, String)>,
}

async fn load(session: &Session, cell: &Cell) -> Result<(i64, Box<Account>), PostgresError> {
    let known = cell.lock().known.take();
    match known {
        Some(known) => Ok(known),
        None => {
            let (id, tally) = load::account(session, &cell.name).await?;
            Ok((id, Box::new(Account::resume(tally, None))))
        }
    }
}

/// Locks, reads and decides. Accounts that others have are put back.
async fn decide(
    session: &Session,
    taken: &mut Vec<Taken>,
    waits: bool,
    options: &Options,
    report: &mut Report,
) -> Result<Decided, PostgresError> {
    let ready = session.ready()?;
    let ids: Vec<i64> = taken.iter().map(|t| t.id).collect();
    let seqs: Vec<i64> = taken.iter().map(|t| t.account.tally().seq.cast_signed()).collect();
    let (asked_of, asked) = asked(taken);
    let lock = if waits { &ready.wait } else { &ready.lock };
    let client = &session.client;
    let (of, of_ids, behind): (Values<'_, 1>, Values<'_, 2>, Values<'_, 3>) =
        ([&ids], [&asked_of, &asked], [&ids, &seqs, &NEWS]);
    let all = async {
        let (begun, locked, past, news) = futures::join!(
            client.batch_execute("BEGIN"),
            client.query(lock, &of),
            client.query(&ready.past, &of_ids),
            client.query(&ready.news, &behind),
        );
        begun?;
        Ok((locked?, past?, news?))
    };
    let (locked, past, news) = within(all).await?;
    let mut heads = HashMap::default();
    for row in &locked {
        let (seq, hash): (i64, &[u8]) = (row.try_get(1)?, row.try_get(2)?);
        let (slices, at): (String, Instant) = (row.try_get(3)?, rows::instant(row.try_get(4)?));
        heads.insert(row.try_get::<_, i64>(0)?, (seq.cast_unsigned(), hash.to_vec(), slices, at));
    }
    let mut kept = Vec::with_capacity(taken.len());
    for one in taken.drain(..) {
        if heads.contains_key(&one.id) {
            kept.push(one);
        } else {
            put_back(&one.turn.cell, one.jobs, Some((one.id, one.account)));
            report.locked.push(one.turn);
        }
    }
    *taken = kept;
    let mut news = grouped(&news)?;
    let mut past = grouped(&past)?;
    let mut decided = Decided::default();
    for one in taken {
        let name = one.turn.cell.name.clone();
        let news = news.remove(&one.id).unwrap_or_default();
        let Some((seq, hash, slices, at)) = heads.get(&one.id) else { continue };
        catch_up(session, one, &news, *seq, hash).await?;
        one.slices = read(slices, &name)?;
        one.at = *at;
        let mut of_id: HashMap<String, Vec<Entry>> = HashMap::default();
        for row in past.remove(&one.id).unwrap_or_default() {
            let entry = rows::entry(row, &name)?;
            of_id.entry(entry.op_id.clone()).or_default().push(entry);
        }
        one.decide(of_id, options, &mut decided);
    }
    Ok(decided)
}

/// What is set aside for nodes. What cannot be read is nobody's to spend, so it is not passed over.
fn read(slices: &str, account: &str) -> Result<Slices, PostgresError> {
    if slices.is_empty() {
        return Ok(Slices::default());
    }
    let bad = |error| PostgresError::Corrupt(format!("slices of account {account} cannot be read: {error}"));
    serde_json::from_str(slices).map_err(bad)
}

/// The ids of which the record is asked what it holds: all of them. What is open here may have been ended elsewhere.
fn asked(taken: &[Taken]) -> (Vec<i64>, Vec<String>) {
    let mut accounts = Vec::new();
    let mut ids = Vec::new();
    for one in taken {
        let mut seen = HashSet::default();
        for job in &one.jobs {
            if let What::Op(op) = &job.what
                && seen.insert(op.id())
            {
                accounts.push(one.id);
                ids.push(op.id().to_owned());
            }
        }
    }
    (accounts, ids)
}

fn grouped(found: &[tokio_postgres::Row]) -> Result<HashMap<i64, Vec<&tokio_postgres::Row>>, PostgresError> {
    let mut groups: HashMap<i64, Vec<_>> = HashMap::default();
    for row in found {
        groups.entry(rows::account(row)?).or_default().push(row);
    }
    Ok(groups)
}

/// Takes what others wrote, each entry checked, until the account is where its row says that it is.
async fn catch_up(
    session: &Session,
    one: &mut Taken,
    news: &[&tokio_postgres::Row],
    seq: u64,
    hash: &[u8],
) -> Result<(), PostgresError> {
    if !news.is_empty() {
        one.news = true;
        let mut tally = one.account.tally().clone();
        for row in news {
            tally.step(&rows::entry(row, &one.turn.cell.name)?)?;
        }
        if tally.seq < seq {
            // Very far behind. The row is locked, so nothing is added meanwhile.
            load::walk(session, one.id, &mut tally, seq).await?;
        }
        *one.account = Account::resume(tally, None);
    }
    let tally = one.account.tally();
    if tally.seq != seq || tally.head != hash {
        let name = &one.turn.cell.name;
        return Err(PostgresError::Corrupt(format!(
            "account {name} is said to end at entry {seq}, and ends at {}, or in another",
            tally.seq
        )));
    }
    Ok(())
}

impl Taken {
    /// Decides all jobs in their order.
    fn decide(&mut self, past: HashMap<String, Vec<Entry>>, options: &Options, decided: &mut Decided) {
        // What a node that is not heard of any more had ahead was never promised to anybody.
        let _nobodys = self.slices.lost(self.at, None);
        self.account.set_overdraft(self.overdraft);
        let before = self.account.tally().seq;
        let mut fresh: Vec<Entry> = Vec::new();
        let mut touched = HashSet::default();
        if before == 0
            && self.opening > Pico::ZERO
            && self.jobs.iter().any(|job| matches!(job.what, What::Op(_)))
        {
            let op =
                Op::Grant { id: "opening".into(), amount: self.opening, reason: "opening credit".into() };
            let now = self.jobs.iter().map(|job| job.now).min().unwrap_or(Instant::ZERO);
            match self.account.apply(op, &[], now) {
                Ok(applied) => fresh.extend(applied.entry),
                Err(refusal) => {
                    tracing::error!(account = self.account.name(), %refusal, "the opening credit was not granted");
                }
            }
        }
        for job in &mut self.jobs {
            let (seq, amount) = (self.account.tally().seq, aside(&job.what));
            let covered = job.leased.is_some() && self.slices.covers(&options.node, amount);
            // What is set aside for nodes is nobody else's.
            let rest = self.overdraft.map(|overdraft| overdraft.minus(self.slices.total()));
            self.account.set_overdraft(if covered { None } else { rest });
            let mut outcome = one(&mut self.account, job, &past, &mut fresh);
            if covered && self.account.tally().seq > seq {
                self.slices.spend(&options.node, amount);
            }
            let short = |needed: Pico, available: Pico| needed <= available.plus(self.slices.total());
            if matches!(outcome, Outcome::Refused(Refusal::Poor { needed, available }) if short(needed, available))
                && job.answer.is_some()
                && job.since.elapsed() < options.patience * 3 / 4
                && self.slices.tighten(self.at)
            {
                outcome = Outcome::Short;
            }
            if let What::Op(op) = &job.what {
                touched.insert(op.id().to_owned());
            } else if let What::Orphan { id } = &job.what {
                touched.insert(id.clone());
            }
            self.outcomes.push(outcome);
        }
        let available = self.account.balance().available();
        let free = self.overdraft.map(|overdraft| available.plus(overdraft).minus(self.slices.total()));
        self.given = self.slices.ask(&options.node, self.wanted, free, Pico::ZERO, self.at);
        decided.slices.extend(self.slices.news().map(|text| (self.id, text)));
        let tally = self.account.tally();
        if tally.seq == before {
            return;
        }
        decided.heads.push((self.id, tally.seq, tally.head));
        if before / TALLY_EVERY != tally.seq / TALLY_EVERY
            && let Ok(state) = serde_json::to_string(tally)
        {
            decided.tallies.push((self.id, tally.seq, state));
        }
        decided.touched.extend(touched.into_iter().map(|id| (self.id, id)));
        for entry in fresh {
            decided.columns.push(self.id, entry);
        }
    }
}

fn one(
    account: &mut Account,
    job: &mut Job,
    past: &HashMap<String, Vec<Entry>>,
    fresh: &mut Vec<Entry>,
) -> Outcome {
    let op = match &job.what {
        What::Flush | What::Slice => return Outcome::Done(posted(account.balance(), false)),
        What::Orphan { id } => {
            let orphans = account.orphans(Instant::from_micros(u64::MAX));
            match orphans.into_iter().find(|op| op.id() == id) {
                Some(op) => op,
                None => return Outcome::Dropped,
            }
        }
        What::Op(op) => op.clone(),
    };
    let known = past.get(op.id()).map(Vec::as_slice).unwrap_or_default();
    if let Some(sent) = job.sent.take()
        && let Some(entry) = known.iter().find(|entry| entry.hash == sent)
    {
        // It was committed, and only the word of it was lost.
        return Outcome::Done(posted(entry.balance_after, true));
    }
    if job.is_unwanted() {
        return Outcome::Dropped;
    }
    let just = fresh.iter().filter(|entry| entry.op_id == op.id()).cloned();
    let all: Vec<Entry> = known.iter().cloned().chain(just).collect();
    match account.apply(op, &all, job.now) {
        Ok(applied) => {
            let done = posted(applied.balance, applied.entry.is_some());
            job.sent = applied.entry.as_ref().map(|entry| entry.hash);
            fresh.extend(applied.entry);
            Outcome::Done(done)
        }
        Err(refusal) => Outcome::Refused(refusal),
    }
}

/// Writes what was decided and commits.
async fn write(
    session: &Session,
    taken: &[Taken],
    decided: Decided,
    node: &str,
) -> Result<(), PostgresError> {
    let Decided { columns: c, heads, tallies, slices, touched } = decided;
    let (ready, client) = (session.ready()?, &session.client);
    if heads.is_empty() && slices.is_empty() {
        return within(async { Ok(client.batch_execute("COMMIT").await?) }).await;
    }
    let (mut of, mut ids, mut nodes, mut leases) = (vec![], vec![], vec![], vec![]);
    let (mut gone_of, mut gone) = (vec![], vec![]);
    let accounts: HashMap<i64, &Account> = taken.iter().map(|one| (one.id, &*one.account)).collect();
    for (account, id) in touched {
        match accounts.get(&account).and_then(|known| known.open(&id)) {
            Some(open) => {
                of.push(account);
                leases.push(rows::until(open.lease_until));
                nodes.push(node);
                ids.push(id);
            }
            None => {
                gone_of.push(account);
                gone.push(id);
            }
        }
    }
    let (mut head_of, mut seqs, mut hashes) = (vec![], vec![], vec![]);
    for (id, seq, hash) in heads {
        head_of.push(id);
        seqs.push(seq.cast_signed());
        hashes.push(hash.to_vec());
    }
    let (mut tally_of, mut tally_seqs, mut states) = (vec![], vec![], vec![]);
    for (id, seq, state) in tallies {
        tally_of.push(id);
        tally_seqs.push(seq.cast_signed());
        states.push(state);
    }
    let (slices_of, slices): (Vec<i64>, Vec<String>) = slices.into_iter().unzip();
    let entries: Values<'_, 12> = [
        &c.account,
        &c.seq,
        &c.time,
        &c.kind,
        &c.op_id,
        &c.amount,
        &c.granted,
        &c.settled,
        &c.held,
        &c.detail,
        &c.prev_hash,
        &c.hash,
    ];
    let head: Values<'_, 3> = [&head_of, &seqs, &hashes];
    let hold: Values<'_, 4> = [&of, &ids, &nodes, &leases];
    let unhold: Values<'_, 2> = [&gone_of, &gone];
    let tally: Values<'_, 3> = [&tally_of, &tally_seqs, &states];
    let sliced: Values<'_, 2> = [&slices_of, &slices];
    let all = async {
        let (inserted, headed, set_aside, held, unheld, kept, committed) = futures::join!(
            OptionFuture::from((!head_of.is_empty()).then(|| client.execute(&ready.insert, &entries))),
            OptionFuture::from((!head_of.is_empty()).then(|| client.execute(&ready.heads, &head))),
            OptionFuture::from((!slices.is_empty()).then(|| client.execute(&ready.slices, &sliced))),
            OptionFuture::from((!of.is_empty()).then(|| client.execute(&ready.hold, &hold))),
            OptionFuture::from((!gone.is_empty()).then(|| client.execute(&ready.unhold, &unhold))),
            OptionFuture::from((!states.is_empty()).then(|| client.execute(&ready.tally, &tally))),
            client.batch_execute("COMMIT"),
        );
        // A statement that fails takes the transaction with it, whatever is said of the commit.
        inserted.transpose()?;
        headed.transpose()?;
        set_aside.transpose()?;
        held.transpose()?;
        unheld.transpose()?;
        kept.transpose()?;
        committed?;
        Ok(())
    };
    within(all).await
}
