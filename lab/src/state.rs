//! What the lab remembers.

use crate::marker::Marker;
use crate::memory::Memory;
use crate::seen::{Progress, Seen};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Default)]
pub(crate) struct State {
    /// By provider.
    requests: BTreeMap<String, u64>,
    /// Of markers with `first=`, by their text; the newest [`MARKERS_MAX`].
    markers: VecDeque<(u64, u32)>,
    pub memory: Memory,
    pub seen: VecDeque<Seen>,
    next: u64,
}

/// How many requests [`crate::Lab::seen`] holds; older ones are forgotten.
const SEEN_MAX: usize = 65_536;
const MARKERS_MAX: usize = 1_024;

impl State {
    /// Requests to the provider so far, this one included.
    pub fn count(&mut self, provider: &str) -> u64 {
        let requests = self.requests.entry(provider.to_owned()).or_default();
        *requests += 1;
        *requests
    }

    /// Puts an exchange into the log and gives it its ticket.
    pub fn remember(&mut self, mut seen: Seen) -> u64 {
        seen.ticket = self.next;
        self.next += 1;
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
        self.next - 1
    }

    pub fn carried(&mut self, ticket: u64, progress: Progress) {
        let first = self.seen.front().map_or(0, |s| s.ticket);
        let at = usize::try_from(ticket.saturating_sub(first)).unwrap_or(usize::MAX);
        if let Some(seen) = self.seen.get_mut(at).filter(|s| s.ticket == ticket) {
            seen.progress = progress;
        }
    }

    /// What the markers of a prompt ask for; those with `first=` are counted.
    pub fn marker(&mut self, text: &str, provider: &str) -> Marker {
        Marker::read(text, provider, &mut |body| {
            let key = crate::prose::hash(&[body.as_bytes()]);
            if let Some((_, count)) = self.markers.iter_mut().find(|(known, _)| *known == key) {
                *count += 1;
                return *count - 1;
            }
            if self.markers.len() == MARKERS_MAX {
                self.markers.pop_front();
            }
            self.markers.push_back((key, 1));
            0
        })
    }
}
