//! Accounts in memory that can lose power.

use super::World;
use async_trait::async_trait;
use billing::{Account, BadEntry, Balance, Budgets, Entry, Kind, Op};
use relay::ports::{Books, BooksError, Mark, Posted};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vocab::{Duration, Instant, Pico};

/// Books that decide by `billing`'s state machine and keep everything in memory. A clone is the same books.
///
/// Writing to disk is simulated: an operation is durable only once [`Books::durable`] has waited for it, and
/// [`MemoryBooks::crash`] loses what is not.
#[derive(Clone)]
pub struct MemoryBooks {
    world: World,
    /// How long it takes until what was posted is on disk.
    sync: Duration,
    overdraft: Option<Pico>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    accounts: BTreeMap<String, Kept>,
    /// Entries ever written, over all accounts.
    written: u64,
    /// Of those, on disk.
    durable: u64,
    down: bool,
}

struct Kept {
    account: Account,
    /// Each with its place in the order of writing.
    entries: Vec<(u64, Entry)>,
}

impl Kept {
    fn of(&self, id: &str) -> Vec<Entry> {
        self.entries.iter().filter(|(_, e)| e.op_id == id).map(|(_, e)| e.clone()).collect()
    }
}

impl MemoryBooks {
    /// `overdraft` holds for every account; None is without limit.
    pub fn new(world: &World, overdraft: Option<Pico>, sync: Duration) -> Self {
        Self { world: world.clone(), sync, overdraft, state: Arc::default() }
    }

    /// Lets the store fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// The power fails and comes back: every entry that was not durable is gone, accounts are read again from what
    /// is left, with their chains checked. Returns how many entries were lost.
    pub fn crash(&self) -> Result<usize, BadEntry> {
        let mut state = self.state();
        let durable = state.durable;
        let mut lost = 0;
        for (name, kept) in &mut state.accounts {
            let before = kept.entries.len();
            kept.entries.retain(|(place, _)| *place <= durable);
            lost += before - kept.entries.len();
            kept.account = Account::replay(name, self.overdraft, kept.entries.iter().map(|(_, e)| e))?;
        }
        // Places are not used twice: a mark from before the crash must not seem durable because of others after it.
        Ok(lost)
    }

    /// Settles every hold whose lease has ended, as is done after a crash and now and then. Returns how many.
    pub fn sweep(&self) -> usize {
        let now = self.world.now();
        let mut state = self.state();
        let orphans: Vec<(String, Op)> = state
            .accounts
            .iter()
            .flat_map(|(name, kept)| kept.account.orphans(now).into_iter().map(|op| (name.clone(), op)))
            .collect();
        orphans
            .into_iter()
            .filter(|(name, op)| state.post(name, op.clone(), self.overdraft, now).is_ok())
            .count()
    }

    /// The whole record of an account, oldest first.
    pub fn record(&self, account: &str) -> Vec<Entry> {
        let state = self.state();
        state
            .accounts
            .get(account)
            .map_or_else(Vec::new, |k| k.entries.iter().map(|(_, e)| e.clone()).collect())
    }

    /// Accounts with at least one operation.
    pub fn accounts(&self) -> Vec<String> {
        self.state().accounts.keys().cloned().collect()
    }

    /// Open holds over all accounts.
    pub fn open_holds(&self) -> usize {
        self.state().accounts.values().map(|k| k.account.tally().open.len()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, BooksError> {
        let state = self.state();
        if state.down { Err(BooksError::Down("the store is out of order".into())) } else { Ok(state) }
    }

    /// A page of an account's entries; none where there is no such account.
    fn select(&self, account: &str, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, BooksError> {
        let state = self.up()?;
        let entries = state.accounts.get(account).map(|k| k.entries.as_slice()).unwrap_or_default();
        Ok(entries.iter().map(|(_, e)| e).filter(|e| wanted(e)).cloned().collect())
    }
}

impl State {
    fn post(
        &mut self,
        name: &str,
        op: Op,
        overdraft: Option<Pico>,
        now: Instant,
    ) -> Result<Posted, BooksError> {
        let kept = self
            .accounts
            .entry(name.to_owned())
            .or_insert_with(|| Kept { account: Account::new(name, overdraft), entries: vec![] });
        let past = if kept.account.open(op.id()).is_none() { kept.of(op.id()) } else { vec![] };
        let applied = kept.account.apply(op, &past, now)?;
        let fresh = applied.entry.is_some();
        if let Some(entry) = applied.entry {
            self.written += 1;
            kept.entries.push((self.written, entry));
        }
        Ok(Posted { balance: applied.balance, fresh, mark: Mark(self.written) })
    }
}

#[async_trait]
impl Books for MemoryBooks {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        self.up()?.post(account, op, self.overdraft, now)
    }

    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        Ok(self.up().and_then(|mut state| state.post(account, op, self.overdraft, now)))
    }

    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        // What is written when the disk is asked is what is on it afterwards.
        let written = self.up()?.written;
        if self.state().durable >= mark.0 {
            return Ok(());
        }
        self.world.sleep(self.sync).await;
        let mut state = self.up()?;
        state.durable = state.durable.max(written);
        Ok(())
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        Ok(self.up()?.accounts.get(account).map_or_else(Balance::default, |k| k.account.balance()))
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        let kept = self.up()?.accounts.get(account).map(|k| k.account.tally().budgets.clone());
        Ok(kept.unwrap_or_default())
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let mut all = self.select(account, |e| e.seq > after)?;
        all.truncate(limit);
        Ok(all)
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        let mut all =
            self.select(account, |e| e.seq < before && matches!(e.kind, Kind::Settle | Kind::Release))?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.select(account, |e| e.op_id == id)
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        let settled = self.select(account, |e| e.kind == Kind::Settle && e.time >= from)?;
        Ok(settled.iter().map(|e| e.amount).sum())
    }
}
