//! The Durable Object `ACCOUNT`: one account's books.
//!
//! The runtime gives an object one call at a time as long as nothing is waited for, holds every answer back until what
//! was written before it is durable, and keeps or drops together what was written between two waits. So a decision is
//! made once, and nobody hears of it before it is on disk.

use super::clock::EdgeClock;
use super::sql::SqlShelf;
use super::{glue, kv};
use crate::account::{
    Asking, Broken, Count, Counts, Desk, Holes, Import, Imported, Letter, Shelf, answers, import, note,
};
use crate::keys;
use crate::record::{self, Reach};
use relay::ports::Clock as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use vocab::{Duration, Instant};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

/// Entries gather this long before they are copied to KV.
const GATHER: Duration = Duration::from_secs(2);
/// Copied in one write of the cursor, and at most in one alarm.
const COPY_PAGE: usize = 100;
const COPY_MAX: usize = 500;
/// The longest pause after KV has failed.
const PAUSE_MAX: Duration = Duration::from_secs(300);

#[durable_object(alarm)]
pub struct Account {
    storage: JsValue,
    env: Env,
    desk: RefCell<Option<Desk<SqlShelf>>>,
    counts: RefCell<Option<Counts>>,
    /// Up to where the record is in KV, where that is known.
    copied: Cell<Option<u64>>,
    /// How often in a row KV has failed.
    failures: Cell<u32>,
    /// When the first of the answers under keys is too old.
    forget: Cell<Option<Instant>>,
    /// When the runtime will call.
    alarm: Cell<Option<Instant>>,
}

impl DurableObject for Account {
    fn new(state: State, env: Env) -> Self {
        let storage = js_sys::Reflect::get(&state._inner(), &"storage".into());
        Self {
            storage: storage.unwrap_or(JsValue::UNDEFINED),
            env,
            desk: RefCell::default(),
            counts: RefCell::default(),
            copied: Cell::default(),
            failures: Cell::default(),
            forget: Cell::default(),
            alarm: Cell::default(),
        }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        let path = request.path();
        let body = JsFuture::from(request.inner().text()?).await?.as_string().unwrap_or_default();
        let answer = match path.as_str() {
            "/" => read(&body).and_then(|letter| self.serve(letter)),
            "/count" => read(&body).and_then(|what| self.count(what)),
            "/keys" => read(&body).and_then(|ask| self.keys(&ask)),
            "/answers" => read(&body).and_then(|asking| self.answers(asking)),
            "/sweep" => read(&body).and_then(|ask| self.sweep(&ask)),
            "/import" => read(&body).and_then(|part| self.import(&part)),
            "/copied" => read(&body).and_then(|copied| self.copied_by_hand(&copied)),
            _ => Err(format!("there is nothing at {path}")),
        };
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(why) => (500, why),
        };
        Ok(glue::respond(status, "", Some(body.as_bytes())).into())
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.set(None);
        if let Err(why) = self.forget_old() {
            tracing::error!(why, "answers that are too old could not be forgotten");
        }
        if let Err(why) = self.tend().await {
            tracing::error!(why, "an account's object could not do its rounds");
            self.failures.set(self.failures.get().saturating_add(1));
        }
        self.arm();
        Ok(glue::respond(200, "", None).into())
    }
}

/// What [`Account::sweep`] is asked.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Sweep {
    pub account: String,
    /// Also holds of which nothing was heard for so many seconds.
    #[serde(default)]
    pub unheard_s: Option<u64>,
}

/// Up to where somebody else has copied the record.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Copied {
    pub account: String,
    pub to: u64,
}

impl Account {
    fn serve(&self, letter: Letter) -> Result<String, String> {
        let now = EdgeClock.now();
        let account = letter.account.clone();
        tracing::trace!(account, posts = letter.posts.len(), "a letter");
        let reply = self.at_desk(&account, |desk| desk.serve(letter, now))?;
        self.arm();
        written(&reply)
    }

    /// Counts a request against limits. That of an account is done by the account's own object, what accounts share by
    /// one of its own, which has no books.
    fn count(&self, what: Count) -> Result<String, String> {
        let mut shelf = self.shelf()?;
        let mut counts = self.counts.borrow_mut();
        let counts = counts.get_or_insert_with(|| Counts::open(&shelf));
        let (told, kept) = counts.count(what, EdgeClock.now(), &mut shelf);
        if let Err(why) = kept {
            tracing::warn!(why, "what was counted against limits is in memory alone");
        }
        written(&told)
    }

    /// Keeps all managed keys: see [`keys::OBJECT`].
    fn keys(&self, ask: &keys::Ask) -> Result<String, String> {
        written(&keys::serve(ask, &mut self.shelf()?, EdgeClock.now())?)
    }

    fn answers(&self, asking: Asking) -> Result<String, String> {
        let mut shelf = self.shelf()?;
        let told = answers(&mut shelf, asking)?;
        self.forget.set(shelf.due()?);
        self.arm();
        written(&told)
    }

    fn forget_old(&self) -> Result<(), String> {
        let (mut shelf, now) = (self.shelf()?, EdgeClock.now());
        let mut due = shelf.due()?;
        if due.is_some_and(|due| due <= now) {
            shelf.tidy(now, u64::MAX)?;
            due = shelf.due()?;
        }
        self.forget.set(due);
        Ok(())
    }

    fn sweep(&self, ask: &Sweep) -> Result<String, String> {
        let now = EdgeClock.now();
        let unheard = ask.unheard_s.map(Duration::from_secs);
        let swept = self.at_desk(&ask.account, |desk| desk.sweep(now, unheard))?;
        self.arm();
        written(&swept)
    }

    fn import(&self, part: &Import) -> Result<String, String> {
        let mut shelf = self.shelf()?;
        if self.desk.borrow().is_none() && shelf.note(note::NAME)?.is_none() {
            shelf.take_note(note::NAME, &part.account)?;
        }
        let imported = import(&mut shelf, part).map_err(|broken| broken.to_string())?;
        if let Imported::Adopted(_) = imported {
            self.forget();
        }
        written(&imported)
    }

    fn copied_by_hand(&self, copied: &Copied) -> Result<String, String> {
        self.at_desk(&copied.account, |desk| desk.was_copied(copied.to))?;
        self.copied.set(Some(copied.to));
        self.arm();
        written(&copied.to)
    }

    /// Sweeps, and copies to KV what is not there yet.
    async fn tend(&self) -> Result<(), String> {
        let now = EdgeClock.now();
        let Some(name) = self.shelf()?.note(note::NAME)? else { return Ok(()) };
        self.at_desk(&name, |desk| desk.sweep(now, None))?;
        let Some(kv) = kv::binding(&self.env, "KV_BILLING") else { return Ok(()) };
        for _ in 0..COPY_MAX / COPY_PAGE {
            let entries = self.at_desk(&name, |desk| desk.uncopied(COPY_PAGE))?;
            let Some(last) = entries.last() else { return Ok(()) };
            let put = kv::put_entries(&kv, &entries, record::key).await?;
            if let Some(reached) = put.done.checked_sub(1).and_then(|at| entries.get(at)) {
                let (seq, reach) = (reached.seq, written(&Reach::of(reached))?);
                // Where this write fails the reach is behind, until the next copy.
                kv::put(&kv, &record::reach(&name), &reach).await?;
                self.at_desk(&name, |desk| desk.was_copied(seq))?;
                self.copied.set(Some(seq));
            }
            if let Some(why) = put.problem {
                return Err(format!("KV does not take entry {}: {why}", last.seq));
            }
            self.failures.set(0);
        }
        Ok(())
    }

    /// Asks to be called when a lease ends, something is to be copied or an answer is too old, whichever is first.
    fn arm(&self) {
        let now = EdgeClock.now();
        let desk = self.desk.borrow();
        let desk = desk.as_ref();
        let behind = desk.is_some_and(|desk| self.copied.get().is_none_or(|copied| copied < desk.seq()))
            && kv::binding(&self.env, "KV_BILLING").is_some();
        let pause = GATHER.saturating_mul(1 << self.failures.get().min(16)).min(PAUSE_MAX);
        let copy = behind.then(|| now.after(pause));
        let lease = desk.and_then(Desk::lease_ends);
        let Some(due) = copy.into_iter().chain(lease).chain(self.forget.get()).min() else { return };
        // One that will ring before is as good: it looks at everything, and asks for the next.
        if self.alarm.get().is_none_or(|set| set > due.after(GATHER)) {
            self.alarm.set(Some(due));
            match desk {
                Some(desk) => desk.shelf().alarm(due),
                None => drop(self.shelf().map(|shelf| shelf.alarm(due))),
            }
        }
    }

    /// Works at the desk, which is opened where it is not. After a failure it is put away: what is in memory may be
    /// ahead of what is on disk.
    fn at_desk<T>(
        &self,
        account: &str,
        work: impl FnOnce(&mut Desk<SqlShelf>) -> Result<T, Broken>,
    ) -> Result<T, String> {
        let mut place = self.desk.borrow_mut();
        let desk = match &mut *place {
            Some(desk) if desk.name() == account => desk,
            Some(desk) => return Err(format!("this is {}'s object, not {account}'s", desk.name())),
            None => {
                let desk = Desk::open(self.shelf()?, account).map_err(|broken| broken.to_string())?;
                tracing::debug!(account, entries = desk.seq(), "an account's books are taken up");
                self.copied.set(Some(desk.copied().map_err(|broken| broken.to_string())?));
                place.insert(desk)
            }
        };
        work(desk).map_err(|broken| {
            *place = None;
            broken.to_string()
        })
    }

    fn forget(&self) {
        *self.desk.borrow_mut() = None;
        self.copied.set(None);
    }

    fn shelf(&self) -> Result<SqlShelf, String> {
        SqlShelf::open(&self.storage)
    }
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|e| format!("this cannot be read: {e}"))
}

fn written(what: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(what).map_err(|e| format!("the answer cannot be written: {e}"))
}
