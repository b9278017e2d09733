//! The port: how the relay sees the store.

use super::cells::Cell;
use super::{Seen, Store, down};
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Op, Refusal};
use relay::ports::{Books, BooksError, Mark, Posted};
use vocab::{Instant, Pico};

#[async_trait]
impl Books for Store {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        self.shared.durable.up().map_err(BooksError::Down)?;
        if let Some(mark) = self.full() {
            self.durable_to(mark).await?;
        }
        let cell = self.cell(account).await?;
        match self.post_unknown(&cell, op, now) {
            Ok(posted) => Ok(posted?),
            Err(op) => self.post_knowing(&cell, op, now).await,
        }
    }

    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        if self.full().is_some() || self.shared.durable.up().is_err() {
            return Err(op);
        }
        let Some(cell) = self.cells.get(account) else { return Err(op) };
        self.post_unknown(&cell, op, now).map(|posted| Ok(posted?))
    }

    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        self.durable_to(mark.0).await
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        let cell = self.cell(account).await?;
        let state = cell.lock();
        let mut balance = state.account.balance();
        balance.granted = balance.granted.plus(state.opening.unwrap_or_default());
        Ok(balance)
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        Ok(self.cell(account).await?.lock().account.tally().budgets.clone())
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let name = account.to_owned();
        self.read(move |reader| reader.entries(&name, after, limit)).await.map_err(down)
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let name = account.to_owned();
        self.read(move |reader| reader.ended(&name, before, limit)).await.map_err(down)
    }

    async fn seq_before(&self, account: &str, at: Instant) -> Result<u64, BooksError> {
        let name = account.to_owned();
        self.read(move |reader| reader.seq_before(&name, at)).await.map_err(down)
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        let (name, id) = (account.to_owned(), id.to_owned());
        let cell = self.cell(account).await?;
        let open = cell.lock().account.open(&id).map(|open| open.seq);
        self.read(move |reader| reader.of_request(&name, &id, open)).await.map_err(down)
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        let name = account.to_owned();
        self.read(move |reader| reader.spent(&name, from)).await.map_err(down)
    }
}

impl Store {
    /// What has to be on disk before more is taken, where that is not yet.
    fn full(&self) -> Option<u64> {
        let full = self.shared.queue.issued().saturating_sub(self.options.queue);
        (full >= self.shared.durable.mark() && full > 0).then_some(full + 1)
    }

    /// Posts an operation on an open hold, or one whose id was never done before; others come back.
    fn post_unknown(&self, cell: &Cell, op: Op, now: Instant) -> Result<Result<Posted, Refusal>, Op> {
        let mut state = cell.lock();
        if state.account.open(op.id()).is_some() || !self.seen.maybe(Seen::key(cell.id, op.id())) {
            return Ok(self.decide(cell, &mut state, op, &[], now));
        }
        Err(op)
    }

    /// Posts an operation whose id may have been done before: the database is asked first.
    ///
    /// One at a time for each account. Between the look-up and the decision the same id may still have been posted
    /// and ended by a caller who found the filter's answer to be a clear no; `ended_since` finds that out.
    async fn post_knowing(&self, cell: &Cell, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let _turn = cell.turn.lock().await;
        let key = Seen::key(cell.id, op.id());
        let _looking = cell.looking();
        loop {
            let asked = self.shared.queue.issued();
            if cell.lock().ended_since(key, self.shared.folded.mark()) {
                self.folded_to(asked).await.map_err(BooksError::Down)?;
            }
            let (account, id) = (cell.name.clone(), op.id().to_owned());
            let look = move |reader: &super::Reader| reader.of_request(&account, &id, None);
            let past = self.read_behind(look).await.map_err(down)?;
            let mut state = cell.lock();
            if state.ended_since(key, asked) {
                continue;
            }
            return Ok(self.decide(cell, &mut state, op, &past, now)?);
        }
    }
}
