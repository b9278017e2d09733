//! The books of all accounts: each account's object decides and keeps.
//!
//! A hold is one call there and back, and durable when it is back. A settlement is not waited for: what it comes to is
//! known here, and it goes along with the account's next hold, or by itself a moment later. An isolate that dies before
//! that leaves a hold, which the object settles by itself.

use super::glue;
use crate::account::{Done, Found, Letter, Post, Progress, Read, Reply};
use async_trait::async_trait;
use billing::{Balance, Entry, Line, Op};
use relay::config::{Config, Terms};
use relay::ports::{Books, BooksError, Mark, Posted};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use vocab::{Duration, Instant, Pico};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use worker::send::{SendFuture, SendWrapper};

/// How often a stream says how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);
/// Accounts beyond so many are forgotten when nothing of theirs is under way.
const KNOWN_MAX: usize = 4_096;

/// The `Books` port over the binding `ACCOUNT`.
pub struct ObjectBooks(SendWrapper<Rc<Inner>>);

struct Inner {
    accounts: JsValue,
    config: RefCell<Arc<Config>>,
    known: RefCell<BTreeMap<String, Known>>,
}

/// What this isolate knows of an account.
#[derive(Default)]
struct Known {
    /// As the object said last, and what was settled here since.
    balance: Balance,
    /// What is held for requests of this isolate.
    holds: BTreeMap<String, Pico>,
    /// Settlements that the object may not have heard of when it answered last.
    under_way: Vec<Settled>,
    /// How many there ever were.
    settled: u64,
}

/// What a settlement does to the balance.
#[derive(Clone, Copy)]
struct Settled {
    number: u64,
    held: Pico,
    amount: Pico,
}

impl Settled {
    const fn on(self, balance: Balance) -> Balance {
        let (held, settled) = (balance.held.minus(self.held), balance.settled.plus(self.amount));
        Balance { held, settled, ..balance }
    }
}

impl ObjectBooks {
    pub fn new(accounts: JsValue, config: Arc<Config>) -> Self {
        let (config, known) = (RefCell::new(config), RefCell::default());
        Self(SendWrapper::new(Rc::new(Inner { accounts, config, known })))
    }

    /// What accounts are allowed from now on.
    pub fn reload(&self, config: Arc<Config>) {
        *self.0.config.borrow_mut() = config;
    }

    async fn find(&self, account: &str, read: Read) -> Result<Found, BooksError> {
        SendFuture::new(async move {
            let letter = Letter { read: Some(read), ..self.0.letter(account) };
            let found = self.0.exchange(&letter).await?.found;
            found.ok_or_else(|| BooksError::Down("the account's object gave no answer".into()))
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
        let op = match self.0.settled_here(account, op, now) {
            Ok(posted) => return Ok(posted),
            Err(op) => op,
        };
        SendFuture::new(async move { self.0.post(account, op, now).await }).await
    }

    /// Nothing is answered by an object that is not durable there.
    async fn durable(&self, _: Mark) -> Result<(), BooksError> {
        Ok(())
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        match self.find(account, Read::Balance).await? {
            Found::Balance(balance) => Ok(balance),
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
        self.0.leave(&Letter { progress, ..self.0.letter(account) });
    }
}

impl Inner {
    fn letter(&self, account: &str) -> Letter {
        let terms: Terms = self.config.borrow().terms(account);
        Letter { account: account.into(), terms, ..Letter::default() }
    }

    async fn post(self: &Rc<Self>, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        let (id, more) = (op.id().to_owned(), held_by(&op));
        let begins = matches!(op, Op::Hold { .. });
        let letter = Letter { posts: vec![Post { now, op }], ..self.letter(account) };
        // What is under way by now arrives before this does.
        let before = self.known.borrow().get(account).map_or(0, |known| known.settled);
        let reply = match self.exchange(&letter).await {
            Ok(reply) => reply,
            Err(down) => {
                // Nobody knows whether it was made. If it was, nothing comes of it.
                if begins {
                    let op = Op::Release { id, lines: vec![], why: "unanswered".into() };
                    self.leave(&Letter { posts: vec![Post { now, op }], ..self.letter(account) });
                }
                return Err(down);
            }
        };
        let Some(posted) = reply.posted.into_iter().next() else {
            return Err(BooksError::Down("the account's object gave no answer".into()));
        };
        let Done { balance, fresh } = posted?;
        let mut all = self.known.borrow_mut();
        let known = all.entry(account.to_owned()).or_default();
        known.under_way.retain(|settled| settled.number > before);
        known.balance = known.under_way.iter().fold(balance, |balance, settled| settled.on(balance));
        if let Some(more) = more
            && fresh
        {
            let held = known.holds.entry(id).or_default();
            *held = held.plus(more);
        }
        Ok(Posted { balance: known.balance, fresh, mark: Mark::default() })
    }

    /// The end of a request whose hold was made here: done for good as far as anybody here can tell, and sent soon.
    fn settled_here(self: &Rc<Self>, account: &str, op: Op, now: Instant) -> Result<Posted, Op> {
        let amount = match &op {
            Op::Settle { lines, .. } => lines.iter().map(|line| line.amount).sum(),
            Op::Release { .. } => Pico::ZERO,
            _ => return Err(op),
        };
        let mut all = self.known.borrow_mut();
        let crowded = all.len() > KNOWN_MAX;
        let Some(known) = all.get_mut(account) else { return Err(op) };
        let Some(held) = known.holds.remove(op.id()) else { return Err(op) };
        known.settled += 1;
        let settled = Settled { number: known.settled, held, amount };
        known.under_way.push(settled);
        known.balance = settled.on(known.balance);
        let balance = known.balance;
        if crowded && known.holds.is_empty() {
            all.remove(account);
        }
        drop(all);
        self.leave(&Letter { posts: vec![Post { now, op }], ..self.letter(account) });
        Ok(Posted { balance, fresh: true, mark: Mark::default() })
    }

    /// Posts what nobody waits for. It is sent again while nobody answers.
    fn leave(&self, letter: &Letter) {
        match serde_json::to_string(letter) {
            Ok(text) => glue::leave(&self.accounts, &letter.account, &text),
            Err(error) => tracing::error!(account = letter.account, %error, "a letter cannot be written"),
        }
    }

    async fn exchange(&self, letter: &Letter) -> Result<Reply, BooksError> {
        let text = serde_json::to_string(letter).map_err(|e| BooksError::Down(e.to_string()))?;
        let told = JsFuture::from(glue::ask(&self.accounts, &letter.account, &text)).await;
        let told = told.map_err(|e| BooksError::Down(glue::thrown(&e)))?;
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
