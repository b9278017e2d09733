//! Managed keys on the edge: one object keeps all of them, each isolate remembers for a moment whom it has asked for.
//!
//! A key is found by its digest, which is the name of a row; nothing is walked through. What a change makes of a key is
//! decided by who asks, and taken by the object if the key is still what he thought it was.

use crate::account::Shelf;
use policy::{Digest, Former, Keyring, ManagedKey};
use relay::ports::{DirectoryError, Holder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Duration, Instant, Name};

/// What the object is called. No account is: a name has no line break.
pub const OBJECT: &str = "keys\n";
/// So long an isolate believes what it was told of a key: a key that is changed or taken back may open that much longer.
pub const BELIEVED: Duration = Duration::from_secs(30);
/// So long that there is no such key. A new one opens that much later, if somebody tried it before.
const UNKNOWN: Duration = Duration::from_secs(3);
/// Keys that an isolate remembers.
const REMEMBERED: usize = 4_096;
const MINUTE: u64 = 60;

/// What is asked of the object.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// The key with this digest, in hexadecimal.
    find: Option<String>,
    /// The key with this id.
    get: Option<String>,
    /// So many keys after this id.
    list: Option<(String, u32)>,
    /// Keeps a key in place of what it was; of a new one there is nothing. Nothing in its place: it is removed.
    put: Option<(Option<String>, Option<String>)>,
}

impl Ask {
    pub fn find(digest: &Digest) -> Self {
        Self { find: Some(hex(digest)), ..Self::default() }
    }

    pub fn get(id: &str) -> Self {
        Self { get: Some(id.into()), ..Self::default() }
    }

    pub fn list(after: &str, limit: u32) -> Self {
        Self { list: Some((after.into(), limit)), ..Self::default() }
    }

    pub fn put(before: Option<&ManagedKey>, after: Option<&ManagedKey>) -> Self {
        Self { put: Some((before.map(written), after.map(written))), ..Self::default() }
    }
}

/// The object's answer: a key and the minute in which it was last asked for, each as it is kept.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    keys: Vec<(String, u64)>,
    /// What was to be put is there now.
    done: bool,
}

/// A key, and when it was used.
type Kept = (Arc<ManagedKey>, Option<Instant>);

impl Told {
    pub const fn done(&self) -> bool {
        self.done
    }

    /// Rows that cannot be read are not there.
    pub fn keys(self) -> Vec<Kept> {
        let used = |minute: u64| (minute > 0).then(|| Instant::from_secs(minute * MINUTE));
        self.keys
            .into_iter()
            .filter_map(|(row, minute)| Some((Arc::new(read(&row)?), used(minute))))
            .collect()
    }
}

type Row = (
    Name,
    String,
    String,
    String,
    String,
    Option<Name>,
    Option<Name>,
    u64,
    Option<u64>,
    bool,
    Vec<(String, String, u64)>,
);

fn hex(digest: &Digest) -> String {
    billing::hex(digest.bytes())
}

fn written(key: &ManagedKey) -> String {
    let former =
        key.former.iter().map(|old| (hex(&old.digest), old.hint.clone(), old.until.as_micros())).collect();
    let row: Row = (
        key.id.clone(),
        hex(&key.digest),
        key.hint.clone(),
        key.name.clone(),
        key.account.clone(),
        key.user.clone(),
        key.plan.clone(),
        key.created.as_micros(),
        key.expires.map(Instant::as_micros),
        key.disabled,
        former,
    );
    serde_json::to_string(&row).unwrap_or_default()
}

fn read(row: &str) -> Option<ManagedKey> {
    let (id, digest, hint, name, account, user, plan, created, expires, disabled, former): Row =
        serde_json::from_str(row).ok()?;
    let old = |(digest, hint, until): (String, String, u64)| {
        Some(Former { digest: Digest::parse(&digest)?, hint, until: Instant::from_micros(until) })
    };
    Some(ManagedKey {
        id,
        digest: Digest::parse(&digest)?,
        hint,
        name,
        account,
        user,
        plan,
        created: Instant::from_micros(created),
        expires: expires.map(Instant::from_micros),
        disabled,
        former: former.into_iter().map(old).collect::<Option<_>>()?,
    })
}

const KEY: &str = "key ";

fn named(id: &str) -> String {
    format!("{KEY}{id}")
}

fn found_by(digest: &str) -> String {
    format!("digest {digest}")
}

fn used(id: &str) -> String {
    format!("used {id}")
}

/// All digests of a key: its own, and those that it had before and that may still open.
fn digests(key: &ManagedKey) -> impl Iterator<Item = String> {
    std::iter::once(hex(&key.digest)).chain(key.former.iter().map(|old| hex(&old.digest)))
}

/// What the object does. All of it is kept, or nothing.
pub fn serve<S: Shelf>(ask: &Ask, shelf: &mut S, now: Instant) -> Result<Told, S::Error> {
    let mut told = Told::default();
    if let Some(digest) = &ask.find
        && let Some(id) = shelf.note(&found_by(digest))?
        && let Some(row) = shelf.note(&named(&id))?
    {
        let minute = now.as_secs() / MINUTE;
        if opens(&row, digest, now) && last(shelf, &id)? < minute {
            shelf.take_note(&used(&id), &minute.to_string())?;
        }
        told.keys.push((row, minute));
    }
    if let Some(id) = &ask.get
        && let Some(row) = shelf.note(&named(id))?
    {
        told.keys.push((row, last(shelf, id)?));
    }
    if let Some((after, limit)) = &ask.list {
        for row in shelf.notes(KEY, &named(after), *limit)? {
            let minute = read(&row).map_or(Ok(0), |key| last(shelf, &key.id))?;
            told.keys.push((row, minute));
        }
    }
    if let Some((before, after)) = &ask.put {
        let (old, new) = (before.as_deref().and_then(read), after.as_deref().and_then(read));
        let Some(id) = new.as_ref().or(old.as_ref()).map(|key| key.id.clone()) else { return Ok(told) };
        if shelf.note(&named(&id))? != *before {
            return Ok(told);
        }
        for digest in old.iter().flat_map(digests) {
            shelf.drop_note(&found_by(&digest))?;
        }
        for digest in new.iter().flat_map(digests) {
            shelf.take_note(&found_by(&digest), &id)?;
        }
        match after {
            Some(row) => shelf.take_note(&named(&id), row)?,
            None => {
                shelf.drop_note(&named(&id))?;
                shelf.drop_note(&used(&id))?;
            }
        }
        told.done = true;
    }
    Ok(told)
}

fn opens(row: &str, digest: &str, now: Instant) -> bool {
    let (Some(key), Some(digest)) = (read(row), Digest::parse(digest)) else { return false };
    Keyring::new(vec![Arc::new(key)]).find(&digest, now).is_some()
}

fn last<S: Shelf>(shelf: &S, id: &str) -> Result<u64, S::Error> {
    Ok(shelf.note(&used(id))?.and_then(|minute| minute.parse().ok()).unwrap_or_default())
}

/// What an isolate was told of keys lately.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<[u8; 32], (Option<Keyring>, Instant)>);

impl Memory {
    pub fn holder(&self, digest: &Digest, now: Instant) -> Holder {
        match self.0.get(digest.bytes()) {
            Some((ring, until)) if now < *until => {
                let found = ring.as_ref().and_then(|ring| ring.find(digest, now));
                found.map_or(Holder::Nobody, |(_, key)| Holder::Known(key.caller()))
            }
            _ => Holder::Elsewhere,
        }
    }

    /// Takes down what the object said of a digest.
    pub fn learn(&mut self, digest: &Digest, key: Option<Arc<ManagedKey>>, now: Instant) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (_, until)| now < *until);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let until = now.after(if key.is_some() { BELIEVED } else { UNKNOWN });
        self.0.insert(*digest.bytes(), (key.map(|key| Keyring::new(vec![key])), until));
    }

    /// Somebody has changed a key here.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// What the object could not do.
pub fn down(why: impl std::fmt::Display) -> DirectoryError {
    DirectoryError::Down(why.to_string())
}

#[cfg(test)]
mod tests;
