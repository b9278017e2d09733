//! Managed keys on this node: all of them in memory, each change in the ledger's file before it counts.
//!
//! One process owns the file, so what is in memory is what there is. A look-up reads a snapshot and touches neither disk
//! nor lock; it notes the minute in which a key was used, and those notes are written together now and then.

use crate::store::{KeyFile, StoreError};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use policy::{Digest, KeyChange, Keyring, ManagedKey};
use relay::ports::{Directory, DirectoryError, Holder, Used};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vocab::Instant;

/// The `Directory` port over the ledger's file.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    file: KeyFile,
    shelf: ArcSwap<Shelf>,
    /// Held while a key is changed, so that one change follows another.
    turn: Mutex<()>,
}

/// All keys at one moment.
struct Shelf {
    ring: Keyring,
    /// Beside each key of the ring.
    marks: Vec<Arc<Mark>>,
}

/// When a key was used last, in minutes since 1970; 0: never.
#[derive(Default)]
struct Mark {
    used: AtomicU64,
    /// Up to where that is in the file.
    kept: AtomicU64,
}

const MINUTE: u64 = 60;

const fn minute(at: Instant) -> u64 {
    at.as_secs() / MINUTE
}

impl Mark {
    fn of(used: Option<Instant>) -> Self {
        let minute = used.map_or(0, minute);
        Self { used: minute.into(), kept: minute.into() }
    }

    /// Writes once a minute: a line that every core writes to on every request would cost all of them.
    fn note(&self, now: Instant) {
        if self.used.load(Ordering::Relaxed) < minute(now) {
            self.used.store(minute(now), Ordering::Relaxed);
        }
    }

    fn used(&self) -> Option<Instant> {
        let minute = self.used.load(Ordering::Relaxed);
        (minute > 0).then(|| Instant::from_secs(minute * MINUTE))
    }
}

impl Shelf {
    fn new(keys: Vec<(Arc<ManagedKey>, Arc<Mark>)>) -> Self {
        let ring = Keyring::new(keys.iter().map(|(key, _)| key.clone()).collect());
        let mut marks: Vec<_> = keys.into_iter().map(|(key, mark)| (key.id.clone(), mark)).collect();
        marks.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { ring, marks: marks.into_iter().map(|(_, mark)| mark).collect() }
    }

    fn all(&self) -> Vec<(Arc<ManagedKey>, Arc<Mark>)> {
        self.ring.keys().iter().cloned().zip(self.marks.iter().cloned()).collect()
    }

    fn used(&self, place: usize) -> Option<Instant> {
        self.marks.get(place).and_then(|mark| mark.used())
    }

    fn get(&self, id: &str) -> Option<Used> {
        let place = self.ring.place_of(id)?;
        Some((self.ring.keys().get(place)?.clone(), self.used(place)))
    }
}

impl Keys {
    pub fn open(file: KeyFile) -> Result<Self, StoreError> {
        let kept = file.all()?.into_iter();
        let keys = kept.map(|(key, used)| (Arc::new(key), Arc::new(Mark::of(used)))).collect();
        Ok(Self(Arc::new(Inner {
            file,
            shelf: ArcSwap::from_pointee(Shelf::new(keys)),
            turn: Mutex::new(()),
        })))
    }

    /// Writes when keys were used, where that changed. Blocks.
    pub fn keep_marks(&self) -> Result<(), StoreError> {
        let shelf = self.0.shelf.load_full();
        let mut notes = Vec::new();
        for (key, mark) in shelf.ring.keys().iter().zip(&shelf.marks) {
            let used = mark.used.load(Ordering::Relaxed);
            if used > mark.kept.load(Ordering::Relaxed) {
                notes.push((key.id.clone(), mark, used));
            }
        }
        if notes.is_empty() {
            return Ok(());
        }
        let when: Vec<_> =
            notes.iter().map(|(id, _, used)| (id.clone(), Instant::from_secs(used * MINUTE))).collect();
        self.0.file.used(&when)?;
        for (_, mark, used) in notes {
            mark.kept.store(used, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes away the keys that expired before then, or counts them.
    pub async fn clear_expired(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
        self.carry(move |inner| {
            let shelf = inner.shelf.load_full();
            let expired = |key: &&Arc<ManagedKey>| key.expires.is_some_and(|at| at <= before);
            let ids: Vec<_> = shelf.ring.keys().iter().filter(expired).map(|key| key.id.clone()).collect();
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

    /// Takes away the secrets that were replaced and stopped opening before then, or counts them.
    pub async fn clear_former(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError> {
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
        tokio::task::spawn_blocking(work).await.map_err(|why| DirectoryError::Down(why.to_string()))?
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
        let place = shelf.ring.place_of(id).ok_or(DirectoryError::Unknown)?;
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
        let place = shelf.ring.place_of(id).ok_or(DirectoryError::Unknown)?;
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
impl Directory for Keys {
    fn has_keys(&self) -> bool {
        !self.0.shelf.load().ring.is_empty()
    }

    fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        let shelf = self.0.shelf.load();
        match shelf.ring.find(digest, now) {
            None => Holder::Nobody,
            Some((place, key)) => {
                if let Some(mark) = shelf.marks.get(place) {
                    mark.note(now);
                }
                Holder::Known(key.caller())
            }
        }
    }

    async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Used>, DirectoryError> {
        let shelf = self.0.shelf.load_full();
        let keys = shelf.ring.keys();
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

#[cfg(test)]
mod tests;
