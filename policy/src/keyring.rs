//! All managed keys at one moment, by what is known of them.

use crate::Digest;
use crate::managed::{ManagedKey, Standing};
use std::sync::Arc;
use vocab::Instant;

/// A snapshot: made anew when a key is, asked on every request that brings one.
///
/// How long a look takes depends on how many keys there are and on nothing else: a key that is not known, disabled or
/// expired is compared like one that opens, and digests are compared in constant time. Places are in the order of the
/// digests, of which nobody chooses more than he can hash.
#[derive(Debug, Default)]
pub struct Keyring {
    /// In the order of their ids.
    keys: Vec<Arc<ManagedKey>>,
    /// In the order of their digests.
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    digest: Digest,
    key: usize,
    /// Of a secret that was replaced.
    until: Option<Instant>,
}

impl Keyring {
    pub fn new(mut keys: Vec<Arc<ManagedKey>>) -> Self {
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let mut places = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            places.push(Place { digest: key.digest, key: at, until: None });
            let former = key.former.iter();
            places.extend(former.map(|old| Place { digest: old.digest, key: at, until: Some(old.until) }));
        }
        places.sort_by_key(|place| place.digest.beginning());
        Self { keys, places }
    }

    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// In the order of their ids, which is that in which they were made.
    pub fn keys(&self) -> &[Arc<ManagedKey>] {
        &self.keys
    }

    /// The place of an id among [`Self::keys`].
    pub fn place_of(&self, id: &str) -> Option<usize> {
        self.keys.binary_search_by(|key| (*key.id).cmp(id)).ok()
    }

    pub fn get(&self, id: &str) -> Option<&Arc<ManagedKey>> {
        self.keys.get(self.place_of(id)?)
    }

    /// The key that a secret opens now, with its place among [`Self::keys`].
    pub fn find(&self, digest: &Digest, now: Instant) -> Option<(usize, &Arc<ManagedKey>)> {
        let beginning = digest.beginning();
        let at = self.places.partition_point(|place| place.digest.beginning() < beginning);
        // Where it would stand there is always a neighbour, so that one that is not known costs a comparison too.
        let near = self.places.get(at).or_else(|| self.places.last())?;
        let twins = self.places.iter().skip(at + 1).take_while(|place| place.digest.beginning() == beginning);
        let mut found = None;
        for place in std::iter::once(near).chain(twins) {
            let key = self.keys.get(place.key)?;
            let same = bool::from(place.digest.alike(digest));
            let holds = place.until.is_none_or(|until| now < until);
            let opens = key.standing(now) == Standing::Active;
            if same & holds & opens {
                found = Some((place.key, key));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
