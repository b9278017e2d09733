//! The port: how the relay sees the shared store.

use super::desk::{Effect, Job, What};
use super::session::{Session, within};
use super::{Inner, Postgres, PostgresError, batch, load, rows};
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Op, Tally};
use relay::ports::{Books, BooksError, Mark, Posted};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use tokio::sync::SemaphorePermit;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use vocab::{Instant, Pico};

#[async_trait]
impl Books for Postgres {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let op = match self.post_at_once(account, op, now) {
            Ok(posted) => return posted,
            Err(op) => op,
        };
        if let Some(why) = self.inner.down() {
            return Err(BooksError::Down(why));
        }
        if self.inner.waiting.load(Ordering::Acquire) >= self.inner.options.waiting / 2 {
            return Err(BooksError::Down("too much waits to be written to PostgreSQL".into()));
        }
        if account.contains('\0') || op.id().contains('\0') {
            return Err(BooksError::Down("PostgreSQL cannot keep a name with a zero byte in it".into()));
        }
        self.inner.asked(&self.inner.cell(account), What::Op(op), now).await
    }

    /// The end of a request whose hold was made here is certain: it is told of at once and written as soon as may be.
    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        let settled: Pico = match &op {
            Op::Settle { lines, .. } if lines.iter().all(|line| line.amount >= Pico::ZERO) => {
                lines.iter().map(|line| line.amount).sum()
            }
            Op::Release { .. } => Pico::ZERO,
            _ => return Err(op),
        };
        let found = self.inner.desk().find(account);
        let Some(cell) = found else { return Err(op) };
        let (shown, mark) = {
            let mut state = cell.lock();
            let Some(back) = state.own.get(op.id()).copied() else { return Err(op) };
            if self.inner.waiting.load(Ordering::Acquire) >= self.inner.options.waiting {
                let why = "too much waits to be written to PostgreSQL; the hold is settled at its estimate";
                return Ok(Err(BooksError::Down(why.into())));
            }
            state.own.remove(op.id());
            let effect = Effect { back, settled };
            state.expect(effect);
            let shown = state.shown();
            // Whoever waits for the end waits for the beginning.
            let mark = state.told.get(op.id()).copied().map(Mark).unwrap_or_default();
            drop(state);
            let mut job = Job::new(What::Op(op), now, None);
            job.effect = effect;
            self.inner.push(&cell, [job]);
            (shown, mark)
        };
        if self.inner.closed.load(Ordering::Acquire) {
            return Ok(Err(BooksError::Down("the ledger is closed".into())));
        }
        Ok(Ok(Posted { mark, ..batch::posted(shown, true) }))
    }

    /// A hold out of this node's slice is certain too.
    fn hold_at_once(
        &self,
        account: &str,
        op: Op,
        now: Instant,
        chosen: bool,
    ) -> Result<Result<Posted, BooksError>, Op> {
        if chosen { Err(op) } else { self.inner.hold_at_once(account, op, now) }
    }

    /// What was answered is committed, but for ends of requests, which nobody waits for, and holds out of a slice.
    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        if mark == Mark::default() { Ok(()) } else { self.inner.kept(mark).await }
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(balance(&reading.session, account)).await;
        let mut balance = self.inner.read(reading, found)?;
        if balance == Balance::default() {
            balance.granted = self.inner.cell(account).lock().terms.opening;
        }
        Ok(balance)
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        let reading = self.reading(account).await?;
        // What is in memory is a copy of the record up to some entry: the rest is not much.
        let cell = self.inner.desk().find(account);
        let known = cell.and_then(|cell| cell.lock().known.as_ref().map(|(_, known)| known.tally().clone()));
        let found = self.inner.bounded(tally(&reading.session, account, known)).await;
        Ok(self.inner.read(reading, found)?.map(|tally| tally.budgets).unwrap_or_default())
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(entries(&reading.session, account, after, limit)).await;
        self.inner.read(reading, found)
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(back(&reading.session, account, before, limit, ENDS)).await;
        self.inner.read(reading, found)
    }

    async fn seq_before(&self, account: &str, at: Instant) -> Result<u64, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(seq_before(&reading.session, account, at)).await;
        self.inner.read(reading, found)
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(of_request(&reading.session, account, id)).await;
        self.inner.read(reading, found)
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        let reading = self.reading(account).await?;
        let found = self.inner.bounded(spent(&reading.session, account, from)).await;
        self.inner.read(reading, found)
    }

    fn well(&self) -> Result<(), String> {
        self.inner.down().map_or(Ok(()), Err)
    }
}

impl Postgres {
    /// A connection to read with, once everything that was asked of the account here is written.
    async fn reading(&self, account: &str) -> Result<Reading<'_>, BooksError> {
        if let Some(why) = self.inner.down() {
            return Err(BooksError::Down(why));
        }
        if account.contains('\0') {
            return Err(BooksError::Down("PostgreSQL cannot keep a name with a zero byte in it".into()));
        }
        let behind = self.inner.desk().find(account).filter(|cell| cell.lock().queued);
        if let Some(cell) = behind {
            self.inner.asked(&cell, What::Flush, Instant::ZERO).await?;
        }
        self.inner.bounded(self.inner.reader()).await.map_err(down)
    }
}

/// A connection that reads. One that is dropped instead of given back is ended, as something may be on its way on it.
struct Reading<'a> {
    session: Session,
    _permit: SemaphorePermit<'a>,
}

impl Inner {
    /// Waits no longer than a request would.
    async fn bounded<T>(
        &self,
        what: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        let late = |_| PostgresError::Unreachable("it took too long".into());
        tokio::time::timeout(self.options.patience * 2, what).await.map_err(late)?
    }

    /// A connection to read with. There are so many; whoever comes later waits.
    async fn reader(&self) -> Result<Reading<'_>, PostgresError> {
        let closed = |_| PostgresError::Unreachable("the ledger is closed".into());
        let permit = self.reading.acquire().await.map_err(closed)?;
        let idle = {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.retain(|session| !session.is_closed());
            readers.pop()
        };
        let session = match idle {
            Some(session) => session,
            None => self.sessions.open().await?,
        };
        Ok(Reading { session, _permit: permit })
    }

    /// One statement that is none of an account's, on a connection that reads.
    pub(super) async fn ask(
        &self,
        sql: &str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let asked = async {
            let reading = self.reader().await?;
            let rows = reading.session.client.query(sql, with).await?;
            if !self.closed.load(Ordering::Acquire) {
                self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reading.session);
            }
            Ok(rows)
        };
        // Boxed: connecting is rare and large.
        self.bounded(Box::pin(asked)).await
    }

    /// Gives the connection back, if it did what it was asked for.
    fn read<T>(&self, reading: Reading<'_>, found: Result<T, PostgresError>) -> Result<T, BooksError> {
        if found.is_ok() && !self.closed.load(Ordering::Acquire) {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reading.session);
        }
        found.map_err(down)
    }
}

fn down(error: PostgresError) -> BooksError {
    BooksError::Down(error.to_string())
}

/// Which entries are wanted.
pub(super) const ALL: &str = "true";
pub(super) const ENDS: &str = "kind IN ('settle', 'release')";

async fn balance(session: &Session, name: &str) -> Result<Balance, PostgresError> {
    Ok(back(session, name, u64::MAX, 1, ALL)
        .await?
        .first()
        .map(|last| last.balance_after)
        .unwrap_or_default())
}

/// The entries with `seq` above `after`, oldest first.
pub(super) async fn entries(
    session: &Session,
    name: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, PostgresError> {
    let Some((id, seq)) = load::find(session, name).await? else { return Ok(Vec::new()) };
    let (after, last) = (number(after), number(seq));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let entries = &session.ready()?.entries;
    let found =
        within(async { Ok(session.client.query(entries, &[&id, &after, &last, &limit]).await?) }).await?;
    found.iter().map(|row| rows::entry(row, name)).collect()
}

/// Those with `seq` below `before`, newest first.
pub(super) async fn back(
    session: &Session,
    name: &str,
    before: u64,
    limit: usize,
    wanted: &'static str,
) -> Result<Vec<Entry>, PostgresError> {
    let Some((id, _)) = load::find(session, name).await? else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT account, {} FROM weir.entry AS e WHERE account = $1 AND seq < $2 AND {wanted} ORDER BY seq DESC LIMIT $3",
        rows::COLUMNS
    );
    let (before, limit) = (number(before), i64::try_from(limit).unwrap_or(i64::MAX));
    let found = within(async { Ok(session.client.query(&sql, &[&id, &before, &limit]).await?) }).await?;
    found.iter().map(|row| rows::entry(row, name)).collect()
}

async fn tally(session: &Session, name: &str, known: Option<Tally>) -> Result<Option<Tally>, PostgresError> {
    let Some(mut tally) = known else { return Ok(load::found(session, name).await?.map(|(_, tally)| tally)) };
    if let Some((id, seq)) = load::find(session, name).await? {
        load::walk(session, id, &mut tally, seq).await?;
    }
    Ok(Some(tally))
}

async fn of_request(session: &Session, name: &str, op: &str) -> Result<Vec<Entry>, PostgresError> {
    let Some((id, _)) = load::find(session, name).await?.filter(|_| !op.contains('\0')) else {
        return Ok(Vec::new());
    };
    let past = &session.ready()?.past;
    let (ids, ops) = (vec![id], vec![op]);
    let found = within(async { Ok(session.client.query(past, &[&ids, &ops]).await?) }).await?;
    found.iter().map(|row| rows::entry(row, name)).collect()
}

/// The last entry before `at`, found by halving.
async fn seq_before(session: &Session, name: &str, at: Instant) -> Result<u64, PostgresError> {
    let Some((id, seq)) = load::find(session, name).await? else { return Ok(0) };
    let sql = format!("{HALVING} SELECT coalesce((SELECT low FROM half WHERE low = high LIMIT 1), 0)");
    let (seq, at) = (number(seq), rows::until(at));
    let row = within(async { Ok(session.client.query_one(&sql, &[&id, &seq, &at]).await?) }).await?;
    Ok(row.try_get::<_, i64>(0)?.cast_unsigned())
}

/// Of an account ($1) whose last entry is $2: where `low` and `high` meet is its last entry before a time ($3).
const HALVING: &str = "\
    WITH RECURSIVE half (low, high) AS (\
      SELECT 0::int8, $2::int8 \
      UNION ALL \
      SELECT CASE WHEN e.time < $3 THEN e.seq ELSE h.low END, CASE WHEN e.time < $3 THEN h.high ELSE e.seq - 1 END \
      FROM half AS h CROSS JOIN LATERAL \
        (SELECT seq, time FROM weir.entry WHERE account = $1 AND seq = (h.low + h.high + 1) / 2 LIMIT 1) AS e \
      WHERE h.low < h.high)";

/// What was charged at `from` or later: all that was, less what had been before. Times never fall along a record and its
/// numbers have no gaps, so the last entry before `from` is found by halving.
async fn spent(session: &Session, name: &str, from: Instant) -> Result<Pico, PostgresError> {
    let Some((id, seq)) = load::find(session, name).await? else { return Ok(Pico::ZERO) };
    let sql = format!(
        "{HALVING} SELECT (coalesce((SELECT settled FROM weir.entry WHERE account = $1 AND seq = $2), 0) - coalesce((SELECT settled \
          FROM weir.entry WHERE account = $1 AND seq = (SELECT low FROM half WHERE low = high LIMIT 1)), 0))::text"
    );
    let (seq, from) = (number(seq), rows::until(from));
    let row = within(async { Ok(session.client.query_one(&sql, &[&id, &seq, &from]).await?) }).await?;
    let text: &str = row.try_get(0)?;
    let wrong = |_| PostgresError::Corrupt("what was spent is no whole number".into());
    Ok(Pico(text.parse().map_err(wrong)?))
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
