//! So many at once, and so many in a time: the generic cell rate algorithm (ITU-T I.371, Annex A) in whole numbers.
//!
//! A bucket fills with what is taken and drains as time passes. One thing fills it by as many units as its period has
//! microseconds, and every microsecond drains as many units as there may be things in a period: so nothing is ever
//! rounded, and rates that do not divide a minute are exact too.
//!
//! What was taken can be given back. That is not simply less in the bucket: what has drained in the meantime is gone
//! for everybody, and giving it back again would let in more than the limit says. What is given back is exactly what
//! makes the bucket as full as if it had never been taken.

use serde::{Deserialize, Serialize};
use vocab::{Duration, Instant};

/// How many things in how long, and how many of them at once. All three are above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_period: u32,
    pub period: Duration,
    pub burst: u32,
}

impl Rate {
    /// No period is longer.
    pub const LONGEST: Duration = Duration::from_secs(3_600);

    /// Units that one thing fills: the period in microseconds.
    fn size(&self) -> u64 {
        u64::try_from(self.period.as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Units that drain in a microsecond.
    fn drain(&self) -> u64 {
        u64::from(self.per_period.max(1))
    }

    fn units(&self, things: u64) -> u64 {
        things.saturating_mul(self.size())
    }

    fn whole(&self) -> u64 {
        self.units(u64::from(self.burst))
    }

    /// How long so many units take to drain; rounded up.
    fn draining(&self, units: u64) -> Duration {
        Duration::from_micros(units.div_ceil(self.drain()))
    }
}

/// Why something does not fit now; what lasts longer is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Full {
    /// It fits after so long, if nothing else comes.
    For(Duration),
    /// It never fits: it is more than fits at once.
    Ever,
}

/// Names what was taken, so that it can be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

/// How low a bucket has been.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Low {
    /// When the taking of this number began, or a later one, …
    number: u64,
    /// … it was as low as this, and never lower since.
    level: u64,
    /// How many of this number and up to the next low's may still be given back.
    open: u32,
}

/// See the module. Empty to begin with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bucket {
    level: u64,
    at: Instant,
    taken: u64,
    /// What was taken up to this number cannot be given back any more.
    forgotten: u64,
    /// Numbers and levels both rise. No more are kept than may be asked for: as many as are open.
    lows: Vec<Low>,
}

impl Bucket {
    /// Lets drain what has drained. Two who read the clock one after the other may come here in the other order.
    fn flow(&mut self, rate: &Rate, now: Instant) {
        let passed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.level = self.level.saturating_sub(passed.saturating_mul(rate.drain()));
        self.at = self.at.max(now);
    }

    /// Whether so many things fit now.
    pub fn fits(&mut self, rate: &Rate, things: u64, now: Instant) -> Result<(), Full> {
        self.flow(rate, now);
        let (units, whole) = (rate.units(things), rate.whole());
        if units > whole {
            return Err(Full::Ever);
        }
        match self.level.saturating_add(units).saturating_sub(whole) {
            0 => Ok(()),
            over => Err(Full::For(rate.draining(over))),
        }
    }

    /// Puts so many things in, whether they fit or not. They are to be closed in the end.
    pub fn take(&mut self, rate: &Rate, things: u64, now: Instant) -> Mark {
        self.put(rate, things, now, 1);
        Mark(self.taken)
    }

    /// Puts so many things in that stay there.
    pub fn charge(&mut self, rate: &Rate, things: u64, now: Instant) {
        self.put(rate, things, now, 0);
    }

    fn put(&mut self, rate: &Rate, things: u64, now: Instant, open: u32) {
        self.flow(rate, now);
        let mut low = self.level;
        while let Some(last) = self.lows.last().copied() {
            if last.level >= low {
                // It was lower since. Who asked for that low asks for the one before or for this.
                self.lows.pop();
                if let Some(before) = self.lows.last_mut() {
                    before.open += last.open;
                }
            } else if last.open == 0 {
                self.lows.pop();
                low = last.level;
            } else {
                break;
            }
        }
        self.taken += 1;
        self.lows.push(Low { number: self.taken, level: low, open });
        self.level = self.level.saturating_add(rate.units(things));
    }

    /// What was taken is over: makes the bucket as full as if so many things fewer had been taken then.
    pub fn close(&mut self, rate: &Rate, mark: Mark, things: u64, now: Instant) {
        self.flow(rate, now);
        if mark.0 <= self.forgotten {
            return;
        }
        let later = self.lows.partition_point(|low| low.number <= mark.0);
        if let Some(own) = later.checked_sub(1).and_then(|at| self.lows.get_mut(at)) {
            own.open = own.open.saturating_sub(1);
        }
        if things > 0 {
            self.lower(rate.units(things), later);
        }
        self.tidy();
    }

    /// Had it been emptier by so much since the lows from here on, it would have run dry where it was lower than that,
    /// and what drained from there on would have come out of it all the same.
    fn lower(&mut self, units: u64, later: usize) {
        let lowest = self.lows.get(later).map_or(self.level, |low| self.level.min(low.level));
        let less = units.min(lowest);
        self.level -= less;
        for low in self.lows.iter_mut().skip(later) {
            low.level -= less;
        }
        let Some(since) = self.lows.get(later).map(|low| low.level) else { return };
        let keep = self.lows.iter().take(later).take_while(|low| low.level < since).count();
        let open: u32 = self.lows.drain(keep..later).map(|low| low.open).sum();
        if let Some(before) = keep.checked_sub(1).and_then(|at| self.lows.get_mut(at)) {
            before.open += open;
        }
    }

    /// Drops the lows that nobody can ask for: those before ask for the lower of two.
    fn tidy(&mut self) {
        let mut lower = None;
        let mut left = self.lows.len();
        self.lows.retain_mut(|low| {
            left -= 1;
            low.level = lower.take().unwrap_or(low.level);
            let kept = low.open > 0 || left == 0;
            if !kept {
                lower = Some(low.level);
            }
            kept
        });
    }

    /// How full it was, and when.
    pub const fn level(&self) -> (u64, Instant) {
        (self.level, self.at)
    }

    /// One that was so full then, with nothing to be closed.
    pub fn resume(level: u64, at: Instant) -> Self {
        Self { level, at, ..Self::default() }
    }

    /// Nobody closes anything any more.
    pub fn forget(&mut self) {
        self.lows.clear();
        self.forgotten = self.taken;
    }

    /// How many more fit now.
    pub fn left(&mut self, rate: &Rate, now: Instant) -> u64 {
        self.flow(rate, now);
        rate.whole().saturating_sub(self.level) / rate.size()
    }

    /// How long until it is empty.
    pub fn empty_in(&mut self, rate: &Rate, now: Instant) -> Duration {
        self.flow(rate, now);
        rate.draining(self.level)
    }
}

#[cfg(test)]
mod tests;
