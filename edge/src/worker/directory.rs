//! The keys that are managed while weir runs: one object keeps them, see [`crate::keys`].

use super::clock::EdgeClock;
use super::glue;
use super::task::brought;
use crate::keys::{Ask, Memory, OBJECT, Told, down};
use async_trait::async_trait;
use policy::{Caller, Digest, KeyChange, ManagedKey};
use relay::ports::{Clock as _, Directory, DirectoryError, Holder, Used};
use std::cell::RefCell;
use std::sync::Arc;
use vocab::Instant;
use wasm_bindgen::JsValue;
use worker::send::{SendFuture, SendWrapper};

/// Keys in one answer of the object.
const PAGE: u32 = 200;
/// How often a change is tried whose key was changed by somebody else meanwhile.
const TRIES: u32 = 5;

/// The `Directory` port over the binding `ACCOUNT`.
pub struct ObjectKeys(SendWrapper<Inner>);

struct Inner {
    accounts: JsValue,
    /// Callers without a key are let in as being on this machine, so there are none.
    local: bool,
    memory: RefCell<Memory>,
}

impl ObjectKeys {
    pub fn new(accounts: JsValue, local: bool) -> Self {
        Self(SendWrapper::new(Inner { accounts, local, memory: RefCell::default() }))
    }
}

impl Inner {
    async fn ask(&self, ask: &Ask) -> Result<Told, DirectoryError> {
        let text = serde_json::to_string(ask).map_err(down)?;
        let told = brought(|number| glue::order(number, &self.accounts, OBJECT, "/keys", &text)).await;
        let (told, _) = told.map_err(|e| down(glue::thrown(&e)))?;
        serde_json::from_str(&told.as_string().unwrap_or_default()).map_err(down)
    }

    async fn one(&self, id: &str) -> Result<Used, DirectoryError> {
        self.ask(&Ask::get(id)).await?.keys().pop().ok_or(DirectoryError::Unknown)
    }

    /// Puts what `new` makes of a key in its place.
    async fn replace(
        &self,
        id: &str,
        new: impl Fn(&ManagedKey) -> Result<Option<ManagedKey>, DirectoryError>,
    ) -> Result<Option<Used>, DirectoryError> {
        for _ in 0..TRIES {
            let (old, used) = self.one(id).await?;
            let changed = new(&old)?;
            if self.ask(&Ask::put(Some(&old), changed.as_ref())).await?.done() {
                self.memory.borrow_mut().forget();
                return Ok(changed.map(|key| (Arc::new(key), used)));
            }
        }
        Err(down("others change this key all the time"))
    }
}

#[async_trait]
impl Directory for ObjectKeys {
    /// Only the object knows; nobody is asked to find out that he has to bring a key.
    fn has_keys(&self) -> bool {
        !self.0.local
    }

    fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        self.0.memory.borrow().holder(digest, now)
    }

    async fn look_up(&self, digest: &Digest, _: Instant) -> Result<Option<Caller>, DirectoryError> {
        SendFuture::new(async move {
            let key = self.0.ask(&Ask::find(digest)).await?.keys().pop().map(|(key, _)| key);
            let now = EdgeClock.now();
            let mut memory = self.0.memory.borrow_mut();
            memory.learn(digest, key, now);
            match memory.holder(digest, now) {
                Holder::Known(caller) => Ok(Some(caller)),
                Holder::Nobody | Holder::Elsewhere => Ok(None),
            }
        })
        .await
    }

    async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Used>, DirectoryError> {
        SendFuture::new(async move {
            let (mut found, mut after) = (Vec::new(), after.to_owned());
            while found.len() < limit {
                let page = self.0.ask(&Ask::list(&after, PAGE)).await?.keys();
                let Some((last, _)) = page.last() else { break };
                after = last.id.to_string();
                found.extend(page.into_iter().filter(|(key, _)| account.is_none_or(|of| key.account == of)));
            }
            found.truncate(limit);
            Ok(found)
        })
        .await
    }

    async fn key(&self, id: &str) -> Result<Used, DirectoryError> {
        SendFuture::new(self.0.one(id)).await
    }

    async fn add(&self, key: ManagedKey) -> Result<(), DirectoryError> {
        SendFuture::new(async move {
            let done = self.0.ask(&Ask::put(None, Some(&key))).await?.done();
            self.0.memory.borrow_mut().forget();
            if done { Ok(()) } else { Err(down("there is a key with this id")) }
        })
        .await
    }

    async fn change(&self, id: &str, change: KeyChange, now: Instant) -> Result<Used, DirectoryError> {
        SendFuture::new(async move {
            let changed = self.0.replace(id, |old| Ok(Some(old.changed(&change, now)?))).await?;
            changed.ok_or(DirectoryError::Unknown)
        })
        .await
    }

    async fn remove(&self, id: &str) -> Result<(), DirectoryError> {
        SendFuture::new(async move { self.0.replace(id, |_| Ok(None)).await.map(|_| ()) }).await
    }
}
