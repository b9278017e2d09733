//! How long a configuration from `GLOBAL_CACHE` is used before it is looked at again.

use vocab::{Duration, Instant};

/// A configuration is read anew after so long, whether or not anybody said that it changed.
pub const FRESH: Duration = Duration::from_secs(300);
/// How often an isolate looks whether somebody did.
pub const LOOK: Duration = Duration::from_secs(30);

/// When the configuration was read, and when it was looked whether it is another.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    read: Instant,
    looked: Instant,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Look at the version; read it where that is another.
    Look,
    Read,
}

impl Freshness {
    pub const fn new(now: Instant) -> Self {
        Self { read: now, looked: now }
    }

    /// What is due. Then it has been seen to: of many requests one does it.
    pub fn due(&mut self, now: Instant) -> Due {
        if now.since(self.looked) < LOOK {
            return Due::Nothing;
        }
        self.looked = now;
        if now.since(self.read) >= FRESH { Due::Read } else { Due::Look }
    }

    pub const fn was_read(&mut self, now: Instant) {
        self.read = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn it_is_looked_at_every_half_minute_and_read_after_five() {
        let mut fresh = Freshness::new(at(0));
        let due: Vec<(u64, Due)> = (0..=600)
            .filter_map(|second| {
                let due = fresh.due(at(second));
                if due == Due::Read {
                    fresh.was_read(at(second));
                }
                (due != Due::Nothing).then_some((second, due))
            })
            .collect();
        let expected = (1..=20).map(|n| (n * 30, if n % 10 == 0 { Due::Read } else { Due::Look }));
        assert_eq!(due, expected.collect::<Vec<_>>());
    }

    #[test]
    fn what_could_not_be_read_is_tried_again_with_the_next_look() {
        let mut fresh = Freshness::new(at(0));
        assert_eq!(fresh.due(at(300)), Due::Read);
        assert_eq!(fresh.due(at(301)), Due::Nothing, "one request does it");
        assert_eq!(fresh.due(at(330)), Due::Read);
        fresh.was_read(at(330));
        assert_eq!(fresh.due(at(360)), Due::Look);
    }
}
