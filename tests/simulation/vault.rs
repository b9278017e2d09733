//! The books as a process sees them: slow, at times out of order, and gone with the process.

use crate::luck::Luck;
use crate::stage;
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Op};
use lab::world::{MemoryBooks, World};
use relay::ports::{Books, BooksError, Mark, Posted};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use vocab::{Instant, Pico};

pub struct Vault {
    world: World,
    books: MemoryBooks,
    options: stage::Books,
    luck: Mutex<Luck>,
    dead: AtomicBool,
    /// Ids of which some operation met a store that was out of order.
    unlucky: Arc<Mutex<BTreeSet<String>>>,
}

impl Vault {
    pub fn new(world: &World, books: &MemoryBooks, options: stage::Books) -> Self {
        Self {
            world: world.clone(),
            books: books.clone(),
            options,
            luck: Mutex::new(Luck::seeded(world.roll())),
            dead: AtomicBool::new(false),
            unlucky: Arc::default(),
        }
    }

    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub fn reborn(&self) -> Self {
        let unlucky = self.unlucky.clone();
        Self { unlucky, ..Self::new(&self.world, &self.books, self.options) }
    }

    pub fn unlucky(&self) -> BTreeSet<String> {
        self.unlucky.lock().unwrap().clone()
    }

    async fn wait(&self, after: bool) {
        let Some(both) = self.options.slow else { return };
        if after && !both {
            return;
        }
        let span = {
            let mut luck = self.luck.lock().unwrap();
            if luck.chance(0.5) { luck.millis(1, 300) } else { return }
        };
        self.world.sleep(span).await;
    }

    fn alive(&self) -> Result<(), BooksError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(BooksError::Down("this process is no more".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Books for Vault {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        self.alive()?;
        self.wait(false).await;
        self.alive()?;
        let id = op.id().to_owned();
        let posted = self.books.post(account, op, now).await;
        if matches!(posted, Err(BooksError::Down(_))) {
            self.unlucky.lock().unwrap().insert(id);
        }
        self.wait(true).await;
        posted
    }

    /// Where it is not slow now, and only at times.
    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        let waits = self.options.slow.is_some() || self.luck.lock().unwrap().chance(0.5);
        if waits || self.dead.load(Ordering::Relaxed) {
            return Err(op);
        }
        let id = op.id().to_owned();
        let posted = self.books.post_at_once(account, op, now)?;
        if matches!(posted, Err(BooksError::Down(_))) {
            self.unlucky.lock().unwrap().insert(id);
        }
        Ok(posted)
    }

    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        self.alive()?;
        self.books.durable(mark).await?;
        self.alive()
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        self.books.balance(account).await
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        self.books.budgets(account).await
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.books.entries(account, after, limit).await
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.books.ended(account, before, limit).await
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.books.of_request(account, id).await
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        self.books.spent(account, from).await
    }
}
