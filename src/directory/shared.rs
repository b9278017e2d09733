//! Managed keys of several nodes: kept in PostgreSQL, looked up in memory.
//!
//! Every node has a snapshot, and asks four times a second whether the directory is another by now. So a key that is made, changed or
//! taken back anywhere is that on every node within a second, and on the node that was asked when it answers. While PostgreSQL
//! is away the last snapshot goes on, and the log says so; keys cannot be changed then. A node that has not seen the directory
//! yet lets nobody in by a managed key, and holds nobody for an operator who has made none.
//!
//! Operators are shown what PostgreSQL says. When a key was used is known to the minute, of all nodes, a minute late.

use super::Keeping;
use super::shelf::{Mark, Notes, Shelf};
use crate::postgres::{KeyTable, PostgresError, Watch};
use crate::store::KeyFile;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use policy::{Caller, Digest, KeyChange, ManagedKey};
use relay::ports::{Directory, DirectoryError, Holder, Used};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use vocab::Instant;

/// How often it is asked whether anything is new.
const LOOK: Duration = Duration::from_millis(250);

/// How often a change is made anew because another came between.
const TRIES: usize = 16;

/// Before the first version.
const NOTHING: i64 = -1;

/// The `Directory` port over PostgreSQL.
#[derive(Clone)]
pub struct SharedKeys(Arc<Inner>);

struct Inner {
    table: KeyTable,
    /// None: it was not read yet.
    shelf: ArcSwap<Option<Shelf>>,
    /// Who reads what is new, one after the other.
    reading: Mutex<Reading>,
}

struct Reading {
    watch: Watch,
    version: i64,
    /// The last try failed.
    away: bool,
}

impl SharedKeys {
    /// Begins to watch the directory, and returns when it was read once or cannot be. Keys that are in the node's own file
    /// are taken over: they were made before nodes shared any.
    pub fn open(table: KeyTable, file: KeyFile) -> Self {
        let reading = Reading { watch: Watch::new(table.clone()), version: NOTHING, away: false };
        let inner = Arc::new(Inner {
            shelf: ArcSwap::from_pointee(None),
            reading: Mutex::new(reading),
            table: table.clone(),
        });
        let (told, looked) = std::sync::mpsc::sync_channel(1);
        table.spawn(watch(Arc::downgrade(&inner), file, told));
        // Who cannot be reached is waited for beside.
        let _ = looked.recv_timeout(table.patience());
        Self(inner)
    }

    /// Does a change on the store's own thread, and carries it to its end even where its client has left. What was changed
    /// counts here when this returns.
    async fn carry<T: Send + 'static, F>(
        &self,
        what: impl FnOnce(KeyTable) -> F + Send + 'static,
    ) -> Result<T, DirectoryError>
    where
        F: Future<Output = Result<T, DirectoryError>> + Send + 'static,
    {
        let inner = self.0.clone();
        let work = async move {
            let done = what(inner.table.clone()).await;
            inner.look().await;
            done
        };
        self.0.table.spawn(work).await.map_err(|why| DirectoryError::Down(why.to_string()))?
    }

    /// With what this node has seen of it since.
    fn with_mark(&self, (key, used): (ManagedKey, Option<Instant>)) -> Used {
        let shelf = self.0.shelf.load();
        let mark = shelf.as_ref().as_ref().and_then(|shelf| shelf.mark(&key.id));
        let used = used.max(mark.and_then(|mark| mark.used()));
        (Arc::new(key), used)
    }
}

/// Looks for what is new, for as long as somebody has the directory.
async fn watch(inner: Weak<Inner>, file: KeyFile, told: std::sync::mpsc::SyncSender<()>) {
    let (mut own, mut said) = (Some(file), false);
    loop {
        let Some(here) = inner.upgrade() else { return };
        if here.look().await
            && let Some(file) = own.take()
        {
            if let Err(why) = here.take_over(&file).await {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(why, "keys of this node's own file are not in the shared directory yet");
                }
                own = Some(file);
            }
            here.look().await;
        }
        // Only the first is waited for.
        let _ = told.try_send(());
        drop(here);
        tokio::time::sleep(LOOK).await;
    }
}

impl Inner {
    /// Reads what is new. Whether that could be done.
    async fn look(&self) -> bool {
        let mut reading = self.reading.lock().await;
        match self.read(&mut reading).await {
            Ok(()) => {
                if std::mem::replace(&mut reading.away, false) {
                    tracing::warn!("managed keys are up to date again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut reading.away, true) {
                    tracing::warn!(%error, "managed keys go on as they were read last");
                }
                false
            }
        }
    }

    async fn read(&self, reading: &mut Reading) -> Result<(), PostgresError> {
        let Some(mut news) = reading.watch.news(reading.version).await? else { return Ok(()) };
        let shelf = self.shelf.load_full();
        let known = shelf.as_ref().as_ref().map(Shelf::all).unwrap_or_default();
        let mut keys: BTreeMap<_, _> =
            known.into_iter().map(|(key, mark)| (key.id.clone(), (key, mark))).collect();
        let add = |keys: &mut BTreeMap<_, _>, changed: Vec<(ManagedKey, Option<Instant>)>| {
            for (key, used) in changed {
                let mark = shelf.as_ref().as_ref().and_then(|shelf| shelf.mark(&key.id)).cloned();
                let mark = mark.unwrap_or_else(|| Arc::new(Mark::of(used)));
                keys.insert(key.id.clone(), (Arc::new(key), mark));
            }
        };
        // What is new is here now. So there are more than there should be where some were taken away, and then, or where
        // the directory is an older one, all are read.
        let whole = news.version > reading.version;
        add(&mut keys, news.changed);
        if !whole || keys.len() != news.count {
            let Some(all) = reading.watch.news(NOTHING).await? else { return Ok(()) };
            keys.clear();
            news.version = all.version;
            add(&mut keys, all.changed);
        }
        self.shelf.store(Arc::new(Some(Shelf::new(keys.into_values().collect()))));
        reading.version = news.version;
        Ok(())
    }

    /// Moves keys from the file into the directory.
    async fn take_over(&self, file: &KeyFile) -> Result<(), String> {
        let from = file.clone();
        let beside = |why: tokio::task::JoinError| why.to_string();
        let keys = tokio::task::spawn_blocking(move || from.all()).await.map_err(beside)?;
        let keys = keys.map_err(|error| error.to_string())?;
        for (key, used) in keys {
            let told = |error: PostgresError| error.to_string();
            // One that is there was moved before, and perhaps changed since.
            if self.table.key(&key.id).await.map_err(told)?.is_none() {
                self.table.add(&key).await.map_err(told)?;
            }
            if let Some(at) = used {
                self.table.used(&[(key.id.clone(), at)]).await.map_err(told)?;
            }
            let (from, id) = (file.clone(), key.id.clone());
            let removed = tokio::task::spawn_blocking(move || from.remove(&id)).await.map_err(beside)?;
            removed.map_err(|error| error.to_string())?;
            tracing::info!(key = %key.id, "a key of this node's own file is in the shared directory now");
        }
        Ok(())
    }
}

fn down(error: PostgresError) -> DirectoryError {
    DirectoryError::Down(error.to_string())
}

/// No text of PostgreSQL's has a zero byte in it, so nothing is called by one.
fn is_name(text: &str) -> bool {
    !text.contains('\0')
}

#[async_trait]
impl Keeping for SharedKeys {
    async fn keep_marks(&self) -> Result<(), DirectoryError> {
        let notes = self.0.shelf.load().as_ref().as_ref().map(Shelf::notes);
        let Some(notes) = notes.filter(|notes: &Notes| !notes.is_empty()) else { return Ok(()) };
        self.0.table.used(&notes.when()).await.map_err(down)?;
        notes.kept();
        Ok(())
    }

    async fn clear_expired(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
        self.carry(move |table| async move { table.clear_expired(before, dry_run).await.map_err(down) }).await
    }

    async fn clear_former(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
        self.carry(move |table| async move {
            let mut found = 0;
            for ((mut key, _), version) in table.with_former(before).await.map_err(down)? {
                let there = key.former.len();
                key.former.retain(|former| former.until > before);
                // One that was changed meanwhile is for the next time.
                if dry_run || table.change(&key, version).await.map_err(down)? {
                    found += there - key.former.len();
                }
            }
            Ok(u64::try_from(found).unwrap_or(u64::MAX))
        })
        .await
    }
}

#[async_trait]
impl Directory for SharedKeys {
    fn has_keys(&self) -> bool {
        // As long as it is not known the door is shut.
        self.0.shelf.load().as_ref().as_ref().is_none_or(|shelf| !shelf.ring().is_empty())
    }

    fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        match self.0.shelf.load().as_ref() {
            Some(shelf) => shelf.holder(digest, now),
            None => Holder::Elsewhere,
        }
    }

    async fn look_up(&self, digest: &Digest, now: Instant) -> Result<Option<Caller>, DirectoryError> {
        match self.holder(digest, now) {
            Holder::Known(caller) => Ok(Some(caller)),
            Holder::Nobody => Ok(None),
            Holder::Elsewhere => {
                Err(DirectoryError::Down("the shared directory of keys was not read yet".into()))
            }
        }
    }

    async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Used>, DirectoryError> {
        if !is_name(after) || !account.is_none_or(is_name) {
            return Ok(Vec::new());
        }
        let keys = self.0.table.keys(account, after, limit).await.map_err(down)?;
        Ok(keys.into_iter().map(|kept| self.with_mark(kept)).collect())
    }

    async fn key(&self, id: &str) -> Result<Used, DirectoryError> {
        let found = if is_name(id) { self.0.table.key(id).await.map_err(down)? } else { None };
        found.map(|(kept, _)| self.with_mark(kept)).ok_or(DirectoryError::Unknown)
    }

    async fn add(&self, key: ManagedKey) -> Result<(), DirectoryError> {
        self.carry(move |table| async move { table.add(&key).await.map_err(down) }).await
    }

    async fn change(&self, id: &str, change: KeyChange, now: Instant) -> Result<Used, DirectoryError> {
        if !is_name(id) {
            return Err(DirectoryError::Unknown);
        }
        let id = id.to_owned();
        let changed = self.carry(move |table| async move {
            for _ in 0..TRIES {
                let ((key, used), version) =
                    table.key(&id).await.map_err(down)?.ok_or(DirectoryError::Unknown)?;
                let changed = key.changed(&change, now)?;
                if table.change(&changed, version).await.map_err(down)? {
                    return Ok((changed, used));
                }
            }
            Err(DirectoryError::Down("the key is being changed by others again and again".into()))
        });
        Ok(self.with_mark(changed.await?))
    }

    async fn remove(&self, id: &str) -> Result<(), DirectoryError> {
        if !is_name(id) {
            return Err(DirectoryError::Unknown);
        }
        let id = id.to_owned();
        self.carry(move |table| async move {
            let gone = table.remove(&id).await.map_err(down)?;
            gone.then_some(()).ok_or(DirectoryError::Unknown)
        })
        .await
    }
}
