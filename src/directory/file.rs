//! Managed keys of one node: all of them in memory, each change in the ledger's file before it counts.
//!
//! One process owns the file, so what is in memory is what there is. When keys were used is written now and then.

use super::Keeping;
use super::shelf::{Mark, Shelf};
use crate::store::{KeyFile, StoreError};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use policy::{Digest, KeyChange, ManagedKey};
use relay::ports::{Directory, DirectoryError, Holder, Used};
use std::sync::{Arc, Mutex, PoisonError};
use vocab::Instant;

/// The `Directory` port over the ledger's file.
#[derive(Clone)]
pub struct FileKeys(Arc<Inner>);

struct Inner {
    file: KeyFile,
    shelf: ArcSwap<Shelf>,
    /// Held while a key is changed, so that one change follows another.
    turn: Mutex<()>,
}

impl FileKeys {
    pub fn open(file: KeyFile) -> Result<Self, StoreError> {
        let kept = file.all()?.into_iter();
        let keys = kept.map(|(key, used)| (Arc::new(key), Arc::new(Mark::of(used)))).collect();
        Ok(Self(Arc::new(Inner {
            file,
            shelf: ArcSwap::from_pointee(Shelf::new(keys)),
            turn: Mutex::new(()),
        })))
    }

    /// Does a change beside the runtime, and carries it to its end even where its client has left: what is in the file
    /// and what is in memory stay the same.
    async fn carry<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Inner) -> Result<T, DirectoryError> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let inner = self.0.clone();
        let work = move || {
            let _turn = inner.turn.lock().unwrap_or_else(PoisonError::into_inner);
            what(&inner)
        };
        beside(work).await
    }
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DirectoryError> + Send + 'static,
) -> Result<T, DirectoryError> {
    tokio::task::spawn_blocking(work).await.map_err(|why| DirectoryError::Down(why.to_string()))?
}

#[async_trait]
impl Keeping for FileKeys {
    async fn keep_marks(&self) -> Result<(), DirectoryError> {
        let inner = self.0.clone();
        let work = move || {
            let notes = inner.shelf.load().notes();
            if !notes.is_empty() {
                inner.file.used(&notes.when()).map_err(down)?;
                notes.kept();
            }
            Ok(())
        };
        beside(work).await
    }

    async fn clear_expired(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
        self.carry(move |inner| {
            let shelf = inner.shelf.load_full();
            let expired = |key: &&Arc<ManagedKey>| key.expires.is_some_and(|at| at <= before);
            let ids: Vec<_> = shelf.ring().keys().iter().filter(expired).map(|key| key.id.clone()).collect();
            if !dry_run && !ids.is_empty() {
                for id in &ids {
                    inner.file.remove(id).map_err(down)?;
                }
                let mut keys = shelf.all();
                keys.retain(|(key, _)| !expired(&key));
                inner.shelf.store(Arc::new(Shelf::new(keys)));
            }
            Ok(count(ids.len()))
        })
        .await
    }

    async fn clear_former(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
        self.carry(move |inner| {
            let mut keys = inner.shelf.load().all();
            let mut found = 0;
            for (key, _) in &mut keys {
                let over = key.former.iter().filter(|former| former.until <= before).count();
                found += over;
                if over > 0 && !dry_run {
                    let mut without = ManagedKey::clone(key);
                    without.former.retain(|former| former.until > before);
                    inner.file.put(&without).map_err(down)?;
                    *key = Arc::new(without);
                }
            }
            if found > 0 && !dry_run {
                inner.shelf.store(Arc::new(Shelf::new(keys)));
            }
            Ok(count(found))
        })
        .await
    }
}

/// Changes. Each is made while `turn` is held, in the file first.
impl Inner {
    fn add(&self, key: ManagedKey) -> Result<(), DirectoryError> {
        self.file.put(&key).map_err(down)?;
        let mut keys = self.shelf.load().all();
        keys.push((Arc::new(key), Arc::default()));
        self.shelf.store(Arc::new(Shelf::new(keys)));
        Ok(())
    }

    fn change(&self, id: &str, change: &KeyChange, now: Instant) -> Result<Used, DirectoryError> {
        let shelf = self.shelf.load_full();
        let place = shelf.ring().place_of(id).ok_or(DirectoryError::Unknown)?;
        let mut keys = shelf.all();
        let (key, mark) = keys.get_mut(place).ok_or(DirectoryError::Unknown)?;
        let changed = Arc::new(key.changed(change, now)?);
        self.file.put(&changed).map_err(down)?;
        *key = changed.clone();
        let used = mark.used();
        self.shelf.store(Arc::new(Shelf::new(keys)));
        Ok((changed, used))
    }

    fn remove(&self, id: &str) -> Result<(), DirectoryError> {
        let shelf = self.shelf.load_full();
        let place = shelf.ring().place_of(id).ok_or(DirectoryError::Unknown)?;
        self.file.remove(id).map_err(down)?;
        let mut keys = shelf.all();
        keys.remove(place);
        self.shelf.store(Arc::new(Shelf::new(keys)));
        Ok(())
    }
}

fn count(found: usize) -> u64 {
    u64::try_from(found).unwrap_or(u64::MAX)
}

fn down(error: StoreError) -> DirectoryError {
    DirectoryError::Down(error.to_string())
}

#[async_trait]
impl Directory for FileKeys {
    fn has_keys(&self) -> bool {
        !self.0.shelf.load().ring().is_empty()
    }

    fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        self.0.shelf.load().holder(digest, now)
    }

    async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Used>, DirectoryError> {
        let shelf = self.0.shelf.load_full();
        let keys = shelf.ring().keys();
        let from = keys.partition_point(|key| *key.id <= *after);
        let places = keys.iter().enumerate().skip(from);
        let wanted = places.filter(|(_, key)| account.is_none_or(|account| key.account == account));
        Ok(wanted.take(limit).map(|(place, key)| (key.clone(), shelf.used(place))).collect())
    }

    async fn key(&self, id: &str) -> Result<Used, DirectoryError> {
        self.0.shelf.load().get(id).ok_or(DirectoryError::Unknown)
    }

    async fn add(&self, key: ManagedKey) -> Result<(), DirectoryError> {
        self.carry(|inner| inner.add(key)).await
    }

    async fn change(&self, id: &str, change: KeyChange, now: Instant) -> Result<Used, DirectoryError> {
        let id = id.to_owned();
        self.carry(move |inner| inner.change(&id, &change, now)).await
    }

    async fn remove(&self, id: &str) -> Result<(), DirectoryError> {
        let id = id.to_owned();
        self.carry(move |inner| inner.remove(&id)).await
    }
}
