//! The books of all accounts: each account's object decides and keeps.
//!
//! What may be decided here is decided out of a slice of the account's balance, which the object has set aside before
//! (`crate::purse`): then a request waits for nobody, and the object hears of it a moment later. Else a hold is one call
//! there and back, and durable when it is back. An isolate that dies leaves holds, and a slice, which the object settles
//! by itself.

use super::clock::EdgeClock;
use super::task::brought;
use super::{glue, later};
use crate::account::{Done, Found, Letter, Post, Progress, Read, Reply};
use crate::purse::{GATHER, Packed, Purse, Task};
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Line, Op, Refusal};
use relay::config::{Config, Terms};
use relay::ports::{Books, BooksError, Clock as _, Mark, Posted};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use vocab::{Duration, Instant, Pico};
use wasm_bindgen::JsValue;
use worker::send::{SendFuture, SendWrapper};

/// How often a stream says how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);
/// Accounts beyond so many are forgotten when nothing of theirs is under way.
const KNOWN_MAX: usize = 4_096;
/// How long a request waits for slices that others have, before it is refused for want of money; and how often it asks.
const SHORT_MAX: Duration = Duration::from_secs(3);
const SHORT: Duration = Duration::from_millis(25);
/// How often somebody looks whether a letter has landed that another request sent, and how long.
const LOOK: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_secs(15);

/// The `Books` port over the binding `ACCOUNT`.
pub struct ObjectBooks(SendWrapper<Rc<Inner>>);

struct Inner {
    accounts: JsValue,
    config: RefCell<Arc<Config>>,
    clock: EdgeClock,
    /// What this isolate calls itself before objects.
    name: String,
    purses: RefCell<BTreeMap<String, Purse>>,
    /// Ids that callers chose: only the object knows whether one was there before.
    chosen: RefCell<BTreeMap<String, u32>>,
}

impl ObjectBooks {
    /// `name`: another for each isolate.
    pub fn new(accounts: JsValue, config: Arc<Config>, name: String) -> Self {
        Self(SendWrapper::new(Rc::new(Inner {
            accounts,
            config: RefCell::new(config),
            clock: EdgeClock,
            name,
            purses: RefCell::default(),
            chosen: RefCell::default(),
        })))
    }

    /// What accounts are allowed from now on.
    pub fn reload(&self, config: Arc<Config>) {
        *self.0.config.borrow_mut() = config;
    }

    /// Says that a caller chose this id, until [`ObjectBooks::unchosen`].
    pub fn chosen(&self, id: &str) {
        *self.0.chosen.borrow_mut().entry(id.to_owned()).or_default() += 1;
    }

    pub fn unchosen(&self, id: &str) {
        let mut chosen = self.0.chosen.borrow_mut();
        if let Some(count) = chosen.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                chosen.remove(id);
            }
        }
    }

    async fn find(&self, account: &str, read: Read) -> Result<Found, BooksError> {
        SendFuture::new(async move {
            self.0.landed(account).await?;
            let (reply, _) = self.0.exchange(account, None, Some(read)).await?;
            reply.found.ok_or_else(|| BooksError::Down("the account's object gave no answer".into()))
        })
        .await
    }

    async fn list(&self, account: &str, read: Read) -> Result<Vec<Entry>, BooksError> {
        match self.find(account, read).await? {
            Found::Entries(entries) => Ok(entries),
            other => Err(unexpected(&other)),
        }
    }
}

#[async_trait]
impl Books for ObjectBooks {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let op = match self.post_at_once(account, op, now) {
            Ok(posted) => return posted,
            Err(op) => op,
        };
        SendFuture::new(async move { self.0.ask(account, op, now).await }).await
    }

    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        let balance = self.0.here(account, op, now)?;
        Ok(Ok(Posted { balance, fresh: true, mark: Mark::default() }))
    }

    /// What an object answered is durable there, and so is a slice before anything is held against it.
    async fn durable(&self, _: Mark) -> Result<(), BooksError> {
        Ok(())
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        match self.find(account, Read::Balance).await? {
            Found::Balance(balance) => Ok(balance),
            other => Err(unexpected(&other)),
        }
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        match self.find(account, Read::Budgets).await? {
            Found::Budgets(budgets) => Ok(budgets),
            other => Err(unexpected(&other)),
        }
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.list(account, Read::Entries { after, limit }).await
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.list(account, Read::Ended { before, limit }).await
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.list(account, Read::OfRequest { id: id.into() }).await
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        match self.find(account, Read::Spent { from }).await? {
            Found::Spent(spent) => Ok(spent),
            other => Err(unexpected(&other)),
        }
    }

    fn progress_every(&self) -> Option<Duration> {
        Some(PROGRESS)
    }

    async fn progress(&self, account: &str, id: &str, lines: Vec<Line>, now: Instant) {
        let progress = vec![Progress { id: id.into(), at: now, lines }];
        self.0.with(account, |purse| purse.tell(vec![], progress));
        self.0.hire(account);
    }
}

impl Inner {
    fn with<T>(&self, account: &str, work: impl FnOnce(&mut Purse) -> T) -> T {
        let mut purses = self.purses.borrow_mut();
        if let Some(purse) = purses.get_mut(account) {
            return work(purse);
        }
        if purses.len() > KNOWN_MAX {
            purses.retain(|_, purse| !purse.is_empty());
        }
        work(purses.entry(account.to_owned()).or_insert_with(|| Purse::new(&self.name)))
    }

    /// Decides by itself, where it may.
    fn here(self: &Rc<Self>, account: &str, op: Op, at: Instant) -> Result<Balance, Op> {
        if matches!(op, Op::Hold { .. } | Op::Repeat { .. }) && self.chosen.borrow().contains_key(op.id()) {
            return Err(op);
        }
        let now = self.clock.now();
        let (done, hired) = self.with(account, |purse| {
            let done = purse.hold(op, at, now).or_else(|op| purse.end(op, at));
            let hired = if done.is_ok() { purse.hires(now) } else { None };
            (done, hired)
        });
        if let Some(shift) = hired {
            later::spawn(self.clone().carry(account.to_owned(), shift));
        }
        done
    }

    fn hire(self: &Rc<Self>, account: &str) {
        let now = self.clock.now();
        if let Some(shift) = self.with(account, |purse| purse.hires(now)) {
            later::spawn(self.clone().carry(account.to_owned(), shift));
        }
    }

    /// Sees to it that what was done here is told, and that a slice that nobody uses goes back.
    async fn carry(self: Rc<Self>, account: String, shift: u64) {
        let mut nap = GATHER;
        loop {
            self.clock.sleep(nap).await;
            let now = self.clock.now();
            match self.with(&account, |purse| purse.task(shift, now)) {
                Task::Go => return,
                Task::Wait(span) => nap = span,
                Task::Send(packed) => {
                    nap = match self.send(&account, *packed).await {
                        Ok(_) => GATHER,
                        Err((_, pause)) => pause,
                    }
                }
            }
        }
    }

    /// Sends what was packed. What went wrong comes with how long to wait before it is sent again.
    async fn send(&self, account: &str, packed: Packed) -> Result<Reply, (BooksError, Duration)> {
        let Packed { number, letter } = packed;
        match self.call(account, letter).await {
            Ok(reply) => {
                self.with(account, |purse| purse.landed(number, &reply));
                for (request, refusal) in &reply.refused {
                    tracing::warn!(account, request, ?refusal, "what was done here was refused there");
                }
                Ok(reply)
            }
            Err(down) => match self.with(account, |purse| purse.lost(number)) {
                Ok(pause) => Err((down, pause)),
                Err(posts) => {
                    tracing::error!(account, posts, problem = ?down, "requests could not be settled");
                    Err((down, GATHER))
                }
            },
        }
    }

    /// Has the object decide.
    async fn ask(self: &Rc<Self>, account: &str, op: Op, at: Instant) -> Result<Posted, BooksError> {
        let (id, begins) = (op.id().to_owned(), matches!(op, Op::Hold { .. }));
        let begun = self.clock.now();
        loop {
            if !begins {
                // Its hold may be on the way.
                self.landed(account).await?;
            }
            let behind = self.with(account, |purse| purse.is_behind());
            let post = Post { now: at, op: op.clone(), leased: false };
            let (reply, posted) = match self.exchange(account, Some(post), None).await {
                Ok(answered) => answered,
                Err(down) => {
                    // Nobody knows whether it was made. If it was, nothing comes of it.
                    if begins {
                        let op = Op::Release { id, lines: vec![], why: "unanswered".into() };
                        let post = Post { now: at, op, leased: false };
                        self.with(account, |purse| purse.tell(vec![post], vec![]));
                        self.hire(account);
                    }
                    return Err(down);
                }
            };
            self.hire(account);
            match posted {
                Some(Ok(Done { fresh, .. })) => {
                    let balance = self.with(account, |purse| purse.balance());
                    return Ok(Posted { balance, fresh, mark: Mark::default() });
                }
                // What other isolates have set aside and do not use comes back in a moment.
                Some(Err(Refusal::Poor { .. }))
                    if (reply.wait || behind) && self.clock.now().since(begun) < SHORT_MAX =>
                {
                    self.with(account, Purse::give_back);
                    self.clock.sleep(SHORT).await;
                    self.landed(account).await?;
                }
                Some(Err(refusal)) => return Err(refusal.into()),
                None => return Err(BooksError::Down("the account's object gave no answer".into())),
            }
        }
    }

    /// Until no letter is on its way.
    async fn landed(&self, account: &str) -> Result<(), BooksError> {
        let begun = self.clock.now();
        while self.with(account, |purse| purse.is_flying(self.clock.now())) {
            if self.clock.now().since(begun) > LOOK_MAX {
                return Err(BooksError::Down("the account's object does not answer".into()));
            }
            self.clock.sleep(LOOK).await;
        }
        Ok(())
    }

    /// Asks the object, and tells it all that it is to know before that.
    async fn exchange(
        &self,
        account: &str,
        post: Option<Post>,
        read: Option<Read>,
    ) -> Result<(Reply, Option<Result<Done, Refusal>>), BooksError> {
        let now = self.clock.now();
        let (packed, slice, heard) = self.with(account, |purse| {
            let packed = purse.pack(now, false);
            let begins =
                post.as_ref().filter(|post| matches!(&post.op, Op::Hold { caps, .. } if caps.is_empty()));
            let amount = begins.and_then(|post| held_by(&post.op)).unwrap_or_default();
            (packed, purse.asks(amount, now), purse.heard())
        });
        let asked = slice.want.is_some();
        let (number, mut letter) = match packed {
            Some(Packed { number, letter }) => (Some(number), letter),
            None => (None, Letter::default()),
        };
        if asked || letter.slice.is_none() {
            letter.slice = Some(slice);
        }
        (letter.read, letter.quiet) = (read, false);
        let own = post.as_ref().map(|post| (post.op.id().to_owned(), held_by(&post.op)));
        letter.posts.extend(post);
        let mut reply = match number {
            Some(number) => self.send(account, Packed { number, letter }).await.map_err(|(down, _)| down),
            None => self.call(account, letter).await,
        }
        .inspect_err(|_| self.with(account, Purse::unanswered))?;
        let posted = if own.is_some() { reply.posted.pop() } else { None };
        for refusal in reply.posted.iter().filter_map(|done| done.as_ref().err()) {
            tracing::warn!(account, ?refusal, "what was done here was refused there");
        }
        let fresh = posted.as_ref().is_some_and(|done| done.as_ref().is_ok_and(|done| done.fresh));
        let (id, amount) = own.unwrap_or_default();
        let amount = amount.filter(|_| fresh);
        self.with(account, |purse| purse.decided(&id, amount, &reply, asked, heard, now));
        Ok((reply, posted))
    }

    async fn call(&self, account: &str, letter: Letter) -> Result<Reply, BooksError> {
        let terms: Terms = self.config.borrow().terms(account);
        let letter = Letter { account: account.into(), terms, ..letter };
        let text = serde_json::to_string(&letter).map_err(|e| BooksError::Down(e.to_string()))?;
        let told = brought(|number| glue::order(number, &self.accounts, account, "/", &text)).await;
        let (told, _) = told.map_err(|e| BooksError::Down(glue::thrown(&e)))?;
        let told = told.as_string().unwrap_or_default();
        serde_json::from_str(&told).map_err(|e| BooksError::Down(e.to_string()))
    }
}

/// What an operation sets aside.
fn held_by(op: &Op) -> Option<Pico> {
    match op {
        Op::Hold { amount, .. } => Some(*amount),
        Op::Extend { more, .. } => Some(*more),
        _ => None,
    }
}

fn unexpected(found: &Found) -> BooksError {
    BooksError::Down(format!("the account's object answered something else: {found:?}"))
}
