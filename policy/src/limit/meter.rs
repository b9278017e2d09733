//! What one account, key or plan has taken.

use super::common::{Ahead, Room, Stand};
use super::reading::{Reading, Readings, Scope, What};
use super::{Bucket, Full, Mark, Quotas, Rate};
use serde::{Deserialize, Serialize};
use vocab::{Duration, Instant};

/// How long somebody is asked to wait who has too many requests under way: nobody knows when one ends.
const SLOT: Duration = Duration::from_secs(1);

/// Everything that is counted of one. Small and plain; as good as new once it is [`Meter::is_idle`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Meter {
    buckets: [Bucket; 3],
    running: u32,
    /// From when on all its buckets are empty.
    idle_at: Instant,
}

/// What was taken from each bucket.
pub(super) type Marks = [Option<Mark>; 3];

impl Meter {
    /// How many things of each bucket a request is.
    const fn sizes(tokens: u64) -> [u64; 3] {
        [1, 1, tokens]
    }

    /// Whether a request of so many tokens may come now; else the limit that it would have to wait for longest, and
    /// how long.
    pub(super) fn fits(
        &mut self,
        quotas: &Quotas,
        scope: &Scope,
        tokens: u64,
        now: Instant,
    ) -> Result<(), (Reading, Full)> {
        let mut worst: Option<(Reading, Full)> = None;
        let sizes = Self::sizes(tokens);
        for (bucket, ((rate, what), things)) in self.buckets.iter_mut().zip(quotas.rated().zip(sizes)) {
            let Some(rate) = rate else { continue };
            let Err(full) = bucket.fits(&rate, things, now) else { continue };
            if worst.as_ref().is_none_or(|(_, before)| *before < full) {
                worst = Some((rated(bucket, &rate, what, scope, now), full));
            }
        }
        if let Some(most) = quotas.concurrent.filter(|most| self.running >= *most) {
            let full = Full::For(SLOT);
            if worst.as_ref().is_none_or(|(_, before)| *before < full) {
                worst = Some((self.slots(most, scope), full));
            }
        }
        worst.map_or(Ok(()), Err)
    }

    pub(super) fn take(&mut self, quotas: &Quotas, tokens: u64, now: Instant) -> Marks {
        let mut marks = [None; 3];
        let sizes = quotas.rated().zip(Self::sizes(tokens));
        for ((bucket, ((rate, _), things)), mark) in self.buckets.iter_mut().zip(sizes).zip(&mut marks) {
            *mark = rate.map(|rate| bucket.take(&rate, things, now));
        }
        self.running = self.running.saturating_add(1);
        self.settle(quotas, now);
        marks
    }

    /// A request is over. Of each bucket so many things are given back, or were used beyond what was taken.
    pub(super) fn end(&mut self, quotas: &Quotas, marks: &Marks, over: [(u64, u64); 3], now: Instant) {
        self.close(quotas, marks, over, now);
        self.running = self.running.saturating_sub(1);
        if self.running == 0 {
            self.buckets.iter_mut().for_each(Bucket::forget);
        }
    }

    /// The same for the buckets alone.
    pub(super) fn close(&mut self, quotas: &Quotas, marks: &Marks, over: [(u64, u64); 3], now: Instant) {
        let rates = quotas.rated().zip(marks).zip(over);
        for (bucket, (((rate, _), mark), (back, more))) in self.buckets.iter_mut().zip(rates) {
            let (Some(rate), Some(mark)) = (rate, *mark) else { continue };
            bucket.close(&rate, mark, back, now);
            if more > 0 {
                bucket.charge(&rate, more, now);
            }
        }
        self.settle(quotas, now);
    }

    /// Puts so many things into each bucket, for good.
    pub(super) fn fill(&mut self, quotas: &Quotas, things: [u64; 3], now: Instant) {
        for (bucket, ((rate, _), things)) in self.buckets.iter_mut().zip(quotas.rated().zip(things)) {
            if let Some(rate) = rate.filter(|_| things > 0) {
                bucket.charge(&rate, things, now);
            }
        }
        self.settle(quotas, now);
    }

    /// So many are under way, as others count them. What nobody closed of those that were is over where nothing is under way
    /// and all is empty.
    pub(super) fn set_running(&mut self, running: u32, now: Instant) {
        self.running = running;
        if self.is_idle(now) {
            self.buckets.iter_mut().for_each(Bucket::forget);
        }
    }

    /// Whether all of this fits now.
    pub(super) fn has_room(&mut self, quotas: &Quotas, all: Ahead, now: Instant) -> bool {
        let places =
            quotas.concurrent.is_none_or(|most| u64::from(self.running) + all.places <= u64::from(most));
        let mut rated = self.buckets.iter_mut().zip(quotas.rated().zip(all.sizes()));
        places
            && rated.all(|(bucket, ((rate, _), things))| {
                rate.is_none_or(|rate| bucket.fits(&rate, things, now).is_ok())
            })
    }

    /// How much of it is left.
    pub(super) fn room(&mut self, quotas: &Quotas, now: Instant) -> Room {
        let mut rated = self.buckets.iter_mut().zip(quotas.rated());
        let mut left = || rated.next().and_then(|(bucket, (rate, _))| Some(bucket.left(&rate?, now)));
        let (minute, hour, tokens) = (left(), left(), left());
        let requests = minute.into_iter().chain(hour).min();
        Room { requests, tokens, places: quotas.concurrent.map(|most| self.places(most)) }
    }

    fn places(&self, most: u32) -> u64 {
        u64::from(most.saturating_sub(self.running))
    }

    /// How each limit stands, to be read by somebody else.
    pub(super) fn stand(&mut self, quotas: &Quotas, now: Instant) -> Stand {
        let mut rated = self.buckets.iter_mut().zip(quotas.rated());
        let mut next = || {
            let (bucket, (rate, _)) = rated.next()?;
            let rate = rate?;
            Some((bucket.left(&rate, now), Some(bucket.empty_in(&rate, now))))
        };
        let (minute, hour, tokens) = (next(), next(), next());
        [minute, hour, tokens, quotas.concurrent.map(|most| (self.places(most), None))]
    }

    pub(super) const fn idle_at(&self) -> Instant {
        self.idle_at
    }

    fn settle(&mut self, quotas: &Quotas, now: Instant) {
        let rated = self.buckets.iter_mut().zip(quotas.rated());
        let empty = rated.filter_map(|(bucket, (rate, _))| Some(bucket.empty_in(&rate?, now)));
        self.idle_at = now.after(empty.max().unwrap_or_default());
    }

    /// Of each bucket how full it was and when, and from when on all are empty, in microseconds.
    pub(super) const fn levels(&self) -> [u64; 7] {
        let [a, b, c] = &self.buckets;
        let ((a, at_a), (b, at_b), (c, at_c)) = (a.level(), b.level(), c.level());
        [a, at_a.as_micros(), b, at_b.as_micros(), c, at_c.as_micros(), self.idle_at.as_micros()]
    }

    pub(super) fn resume([a, at_a, b, at_b, c, at_c, idle]: [u64; 7]) -> Self {
        let bucket = |(level, at)| Bucket::resume(level, Instant::from_micros(at));
        let buckets = [(a, at_a), (b, at_b), (c, at_c)].map(bucket);
        Self { buckets, running: 0, idle_at: Instant::from_micros(idle) }
    }

    /// Nothing is under way and nothing is taken: it need not be kept.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.running == 0 && self.idle_at <= now
    }

    /// How each limit stands.
    pub(super) fn read(&mut self, quotas: &Quotas, scope: &Scope, now: Instant, into: &mut Readings) {
        for (bucket, (rate, what)) in self.buckets.iter_mut().zip(quotas.rated()) {
            if let Some(rate) = rate {
                into.note(rated(bucket, &rate, what, scope, now));
            }
        }
        if let Some(most) = quotas.concurrent {
            into.note(self.slots(most, scope));
        }
    }

    fn slots(&self, most: u32, scope: &Scope) -> Reading {
        let left = self.places(most);
        let (what, scope, limit) = (What::Concurrent, scope.clone(), u64::from(most));
        Reading { what, scope, limit, left, reset: None, rate: most }
    }
}

fn rated(bucket: &mut Bucket, rate: &Rate, what: What, scope: &Scope, now: Instant) -> Reading {
    Reading {
        what,
        scope: scope.clone(),
        limit: u64::from(rate.burst),
        left: bucket.left(rate, now),
        reset: Some(bucket.empty_in(rate, now)),
        rate: rate.per_period,
    }
}
