//! Conversations by their ids: those that are held, and those whose client may come back.

use super::memory::Memory;
use super::words::Manner;
use foldhash::HashMap;
use futures::channel::oneshot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vocab::{Duration, Instant};

/// How long a conversation waits for its client.
pub const KEPT: Duration = Duration::from_secs(10 * 60);
/// How many do; beyond it the one that has waited longest is forgotten.
const PARKED_MAX: usize = 1_000;

/// What is left of a conversation without its socket.
#[derive(Debug, Default)]
pub struct Talk {
    pub memory: Memory,
    pub manner: Manner,
}

/// All conversations of this process.
#[derive(Default)]
pub struct Parked(Mutex<HashMap<(String, String), Place>>);

struct Place {
    talk: Arc<Mutex<Talk>>,
    /// Dropped when somebody else takes it up. None while nobody has it.
    holder: Option<(u64, oneshot::Sender<()>)>,
    since: Instant,
}

/// A conversation that is held.
pub struct Held {
    pub talk: Arc<Mutex<Talk>>,
    /// Resolves when it was taken up by another socket.
    pub taken: oneshot::Receiver<()>,
    /// It was there before.
    pub resumed: bool,
    number: u64,
}

impl Parked {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a conversation of an account, or begins it. Whoever has it loses it: a client comes back before anybody
    /// notices that it was gone.
    pub fn take(&self, account: &str, id: &str, number: u64, now: Instant) -> Held {
        let mut all = self.lock();
        all.retain(|_, place| place.holder.is_some() || now.since(place.since) < KEPT);
        let (sender, taken) = oneshot::channel();
        let name = (account.to_owned(), id.to_owned());
        if let Some(place) = all.get_mut(&name) {
            place.holder = Some((number, sender));
            return Held { talk: Arc::clone(&place.talk), taken, resumed: true, number };
        }
        if all.len() >= PARKED_MAX {
            let waiting = all.iter().filter(|(_, place)| place.holder.is_none());
            let oldest = waiting.min_by_key(|(_, place)| place.since).map(|(name, _)| name.clone());
            oldest.map(|name| all.remove(&name));
        }
        let talk = Arc::new(Mutex::new(Talk::default()));
        all.insert(name, Place { talk: Arc::clone(&talk), holder: Some((number, sender)), since: now });
        Held { talk, taken, resumed: false, number }
    }

    /// The socket is gone; whoever took it up since is left alone. `over`: nobody comes back to it.
    pub fn leave(&self, account: &str, id: &str, held: &Held, over: bool, now: Instant) {
        let mut all = self.lock();
        let name = (account.to_owned(), id.to_owned());
        let Some(place) = all.get_mut(&name) else { return };
        if place.holder.as_ref().is_none_or(|(number, _)| *number != held.number) {
            return;
        }
        if over {
            all.remove(&name);
            return;
        }
        (place.holder, place.since) = (None, now);
    }
}
