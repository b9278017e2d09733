//! Books that note which accounts somebody should look at: those where something was charged, or refused for want of money.
//!
//! Noting is all that is done here. Whoever tells people of it comes by now and then and takes the notes along. While there is
//! nobody to be told, this is one branch.

use crate::ports::{Books, BooksError, Mark, Posted};
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Line, Op, Refusal};
use foldhash::{HashMap, HashMapExt};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vocab::{Cap, Duration, Instant, Pico};

/// From so many accounts on those that nothing happened to for a while are forgotten.
const MANY: usize = 4_096;
const WHILE: Duration = Duration::from_secs(3_600);

/// What was noted of an account.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The budgets that its requests fell under lately, by name: also those of plans that only some of its keys have.
    pub caps: BTreeMap<String, Cap>,
    /// What was refused, each budget once.
    pub refused: Vec<Refusal>,
    /// There is something to look at.
    due: bool,
    touched: Instant,
}

#[derive(Default)]
struct Notes {
    accounts: HashMap<String, Note>,
    /// Something may have happened to any of them.
    all: bool,
}

/// See the module.
pub struct Watched {
    books: Arc<dyn Books>,
    on: AtomicBool,
    notes: Mutex<Notes>,
}

/// Of an operation, what is needed when it is done.
struct Sort {
    charges: bool,
    caps: Vec<Cap>,
}

impl Sort {
    fn of(op: &Op) -> Self {
        let charges = matches!(op, Op::Settle { .. } | Op::Grant { .. });
        let caps = if let Op::Hold { caps, .. } = op { caps.clone() } else { Vec::new() };
        Self { charges, caps }
    }
}

impl Watched {
    pub fn new(books: Arc<dyn Books>) -> Self {
        Self { books, on: AtomicBool::new(false), notes: Mutex::default() }
    }

    /// Begins to note, or stops. Whoever begins has missed what was before.
    pub fn watch(&self, on: bool) {
        if self.on.swap(on, Ordering::AcqRel) != on {
            *self.notes() = Notes { accounts: HashMap::new(), all: on };
        }
    }

    /// Something may have happened to any account.
    pub fn all(&self) {
        if self.on.load(Ordering::Relaxed) {
            self.notes().all = true;
        }
    }

    /// The accounts to look at since the last time, and whether it may be any.
    pub fn take(&self, now: Instant) -> (Vec<(String, Note)>, bool) {
        let mut notes = self.notes();
        let due = notes.accounts.iter_mut().filter(|(_, note)| note.due);
        let found = due
            .map(|(account, note)| {
                let taken = note.clone();
                note.refused.clear();
                note.due = false;
                (account.clone(), taken)
            })
            .collect();
        if notes.accounts.len() > MANY {
            notes.accounts.retain(|_, note| note.due || now.since(note.touched) < WHILE);
        }
        (found, std::mem::take(&mut notes.all))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, account: &str, sort: Sort, done: &Result<Posted, BooksError>, now: Instant) {
        let refused = match done {
            Ok(posted) if !posted.fresh || (!sort.charges && sort.caps.is_empty()) => return,
            Ok(_) => None,
            Err(BooksError::Refused(refused @ (Refusal::Poor { .. } | Refusal::Budget { .. }))) => {
                Some(refused)
            }
            Err(_) => return,
        };
        let mut notes = self.notes();
        if !notes.accounts.contains_key(account) {
            notes.accounts.insert(account.to_owned(), Note::default());
        }
        let Some(note) = notes.accounts.get_mut(account) else { return };
        note.touched = now;
        note.due |= sort.charges || refused.is_some();
        for cap in sort.caps {
            note.caps.insert(cap.budget.clone(), cap);
        }
        if let Some(refused) = refused
            && !note.refused.iter().any(|other| is_same(other, refused))
        {
            note.refused.push(refused.clone());
        }
    }
}

/// Whether both are of one budget and window, or both of the credit.
fn is_same(a: &Refusal, b: &Refusal) -> bool {
    match (a, b) {
        (Refusal::Budget { cap: a, .. }, Refusal::Budget { cap: b, .. }) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

#[async_trait]
impl Books for Watched {
    // Written out, so that nothing is added to the future where nobody watches.
    fn post<'a, 'b, 'f>(
        &'a self,
        account: &'b str,
        op: Op,
        now: Instant,
    ) -> Pin<Box<dyn Future<Output = Result<Posted, BooksError>> + Send + 'f>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        if !self.on.load(Ordering::Relaxed) {
            return self.books.post(account, op, now);
        }
        Box::pin(async move {
            let sort = Sort::of(&op);
            let done = self.books.post(account, op, now).await;
            self.note(account, sort, &done, now);
            done
        })
    }

    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        if !self.on.load(Ordering::Relaxed) {
            return self.books.post_at_once(account, op, now);
        }
        let sort = Sort::of(&op);
        let done = self.books.post_at_once(account, op, now)?;
        self.note(account, sort, &done, now);
        Ok(done)
    }

    fn hold_at_once(
        &self,
        account: &str,
        op: Op,
        now: Instant,
        chosen: bool,
    ) -> Result<Result<Posted, BooksError>, Op> {
        if !self.on.load(Ordering::Relaxed) {
            return self.books.hold_at_once(account, op, now, chosen);
        }
        let sort = Sort::of(&op);
        let done = self.books.hold_at_once(account, op, now, chosen)?;
        self.note(account, sort, &done, now);
        Ok(done)
    }

    fn durable<'a, 'f>(
        &'a self,
        mark: Mark,
    ) -> Pin<Box<dyn Future<Output = Result<(), BooksError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        self.books.durable(mark)
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

    async fn seq_before(&self, account: &str, at: Instant) -> Result<u64, BooksError> {
        self.books.seq_before(account, at).await
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.books.of_request(account, id).await
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        self.books.spent(account, from).await
    }

    fn well(&self) -> Result<(), String> {
        self.books.well()
    }

    fn progress_every(&self) -> Option<Duration> {
        self.books.progress_every()
    }

    async fn progress(&self, account: &str, id: &str, lines: Vec<Line>, now: Instant) {
        self.books.progress(account, id, lines, now).await;
    }
}
