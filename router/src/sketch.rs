//! Quantiles of what was measured lately, in fixed memory.

use crate::decay::Decay;
use vocab::{Duration, Instant};

/// Sub-buckets per doubling, as a power of two: 16.
const FINE: u32 = 4;
const OCTAVES: u32 = 20;
const BUCKETS: usize = (OCTAVES << FINE) as usize;

/// A decayed histogram with buckets as wide as their values are large: p50 and p95 to within 1/32 (3.2 %).
///
/// *Why a quantile.* Times have long tails. One answer that took a minute moves a mean for as long as it is
/// remembered and a median not at all; and a 95th percentile is what hedging asks for, which no mean can tell.
///
/// *Why these buckets.* A latency is judged by ratio: 5 % of 200 ms and 5 % of 20 s matter alike. Sixteen buckets for
/// every doubling give that, as in HdrHistogram and DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable
/// quantile sketch with relative-error guarantees", VLDB 2019). The bucket is read off the leading bits of a whole
/// number instead of a logarithm, so every platform finds the same one. Twenty doublings reach from a millisecond to a
/// quarter of an hour; what lies outside is counted in the first or the last bucket.
///
/// *Why decay.* A provider of this morning says little about the one of this evening. Every half-life a sample's
/// weight halves (forward decay); while nothing is measured the quantiles stay what they were and only [`Sketch::weight`]
/// sinks, which is what says how far to trust them.
///
/// *Cold* it takes no memory beyond itself and has no quantiles: None, not zero.
#[derive(Clone, Debug)]
pub struct Sketch {
    decay: Decay,
    /// Values under 2^floor share the first bucket.
    floor: u32,
    total: f64,
    buckets: Vec<f32>,
    /// Sums of the buckets of each doubling, to walk by.
    octaves: [f64; OCTAVES as usize],
    p50: Option<u64>,
    p95: Option<u64>,
}

impl Sketch {
    /// For whole numbers from 2^`floor` to 2^(`floor` + 20), in a unit of the caller's.
    pub fn new(half_life: Duration, floor: u32) -> Self {
        let floor = floor.clamp(FINE, 43);
        Self {
            decay: Decay::new(half_life),
            floor,
            total: 0.0,
            buckets: Vec::new(),
            octaves: [0.0; OCTAVES as usize],
            p50: None,
            p95: None,
        }
    }

    pub fn add(&mut self, value: u64, now: Instant) {
        if self.buckets.is_empty() {
            self.buckets = vec![0.0; BUCKETS];
        }
        if let Some(factor) = self.decay.rebase(now) {
            for bucket in &mut self.buckets {
                *bucket = (f64::from(*bucket) * factor) as f32;
            }
            (0..OCTAVES as usize).for_each(|octave| self.sum(octave));
        }
        let bucket = self.bucket(value);
        self.buckets[bucket] += self.decay.weight(now) as f32;
        self.sum(bucket >> FINE);
        self.total = self.octaves.iter().sum();
        self.p50 = self.quantile(0.50);
        self.p95 = self.quantile(0.95);
    }

    /// How many samples there are in effect: each counts 1 when new and half as much every half-life.
    pub fn weight(&self, now: Instant) -> f64 {
        self.total / self.decay.weight(now)
    }

    pub const fn p50(&self) -> Option<u64> {
        self.p50
    }

    pub const fn p95(&self) -> Option<u64> {
        self.p95
    }

    /// The smallest value that at least the share `q` of the weight does not exceed, as the middle of its bucket.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        // A hair of slack: sums of floats may end just under a share that they reach.
        let wanted = self.total * q.clamp(0.0, 1.0) * (1.0 - 1e-6);
        let (mut below, mut last) = (0.0, None);
        for (octave, sum) in self.octaves.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
            if below + sum < wanted {
                below += sum;
                continue;
            }
            for (bucket, weight) in self.within(octave).filter(|(_, weight)| *weight > 0.0) {
                below += f64::from(weight);
                last = Some(self.middle(bucket));
                if below >= wanted {
                    return last;
                }
            }
        }
        last
    }

    fn sum(&mut self, octave: usize) {
        self.octaves[octave] = self.within(octave).map(|(_, weight)| f64::from(weight)).sum();
    }

    /// The buckets of a doubling.
    fn within(&self, octave: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let first = octave << FINE;
        self.buckets.iter().copied().enumerate().skip(first).take(1 << FINE)
    }

    fn bucket(&self, value: u64) -> usize {
        let octave = value.max(1).ilog2();
        if octave < self.floor {
            return 0;
        }
        if octave >= self.floor + OCTAVES {
            return BUCKETS - 1;
        }
        let fine = (value >> (octave - FINE)) & ((1 << FINE) - 1);
        (((octave - self.floor) << FINE) as usize) | fine as usize
    }

    const fn middle(&self, bucket: usize) -> u64 {
        let octave = self.floor + (bucket >> FINE) as u32;
        let fine = (bucket & ((1 << FINE) - 1)) as u64;
        let width = 1u64 << (octave - FINE);
        ((1u64 << FINE) + fine) * width + width / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const START: Instant = Instant::from_secs(1_800_000_000);

    /// The definition, slowly: the first value, in order, at which the running weight reaches the share.
    fn exact(mut values: Vec<(u64, f64)>, q: f64) -> u64 {
        values.sort_unstable_by_key(|(value, _)| *value);
        let total: f64 = values.iter().map(|(_, w)| w).sum();
        let mut below = 0.0;
        for (value, weight) in &values {
            below += weight;
            if below >= total * q * (1.0 - 1e-6) {
                return *value;
            }
        }
        values.last().unwrap().0
    }

    fn close(estimate: u64, truth: u64) -> bool {
        estimate.abs_diff(truth) as f64 <= truth as f64 / 32.0 + 1.0
    }

    #[test]
    fn cold_is_unknown() {
        let sketch = Sketch::new(MINUTE, 10);
        assert_eq!((sketch.p50(), sketch.p95(), sketch.quantile(0.5)), (None, None, None));
        assert_eq!(sketch.weight(START), 0.0);
    }

    #[test]
    fn what_lies_outside_is_counted_at_the_edge() {
        let mut sketch = Sketch::new(MINUTE, 10);
        sketch.add(0, START);
        assert_eq!(sketch.p50(), Some(1_056));
        let mut sketch = Sketch::new(MINUTE, 10);
        sketch.add(u64::MAX, START);
        assert!(sketch.p50().unwrap() > 1 << 29);
    }

    #[test]
    fn recent_samples_outvote_older_ones() {
        let mut sketch = Sketch::new(MINUTE, 10);
        for _ in 0..100 {
            sketch.add(200_000, START);
        }
        let later = START.after(5 * MINUTE);
        assert!(close(sketch.p50().unwrap(), 200_000), "silence changes no quantile");
        assert!((sketch.weight(later) - 100.0 / 32.0).abs() < 1e-3);
        for _ in 0..10 {
            sketch.add(3_000_000, later);
        }
        assert!(close(sketch.p50().unwrap(), 3_000_000));
    }

    #[test]
    fn a_day_of_silence_leaves_the_new_sample_alone() {
        let mut sketch = Sketch::new(MINUTE, 10);
        for _ in 0..1_000 {
            sketch.add(9_000_000, START);
        }
        let later = START.after(1_440 * MINUTE);
        sketch.add(50_000, later);
        assert!(close(sketch.p95().unwrap(), 50_000));
        assert!((sketch.weight(later) - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_thirty_second(
            values in prop::collection::vec(1_024u64..1 << 30, 1..300), q in 0.0f64..=1.0,
        ) {
            let mut sketch = Sketch::new(MINUTE, 10);
            for value in &values {
                sketch.add(*value, START);
            }
            for q in [q, 0.5, 0.95] {
                let truth = exact(values.iter().map(|v| (*v, 1.0)).collect(), q);
                let estimate = sketch.quantile(q).unwrap();
                prop_assert!(close(estimate, truth), "q{q}: {estimate} for {truth}");
            }
            prop_assert_eq!(sketch.p95(), sketch.quantile(0.95));
        }

        #[test]
        fn decayed_quantiles_are_those_of_the_decayed_weights(
            values in prop::collection::vec((1_024u64..1 << 30, 0u64..600), 1..100),
        ) {
            let mut values = values;
            values.sort_unstable_by_key(|(_, at)| *at);
            let mut sketch = Sketch::new(MINUTE, 10);
            for (value, at) in &values {
                sketch.add(*value, START.after(Duration::from_secs(*at)));
            }
            // An exponential of the reference's own; the line in between may be 6.2 % off, and so may a rank.
            let weighted: Vec<_> = values.iter().map(|(v, at)| (*v, (*at as f64 / 60.0).exp2())).collect();
            for q in [0.5, 0.95] {
                let (low, high) = (exact(weighted.clone(), q - 0.04), exact(weighted.clone(), (q + 0.04).min(1.0)));
                let estimate = sketch.quantile(q).unwrap();
                prop_assert!(estimate as f64 >= low as f64 * (1.0 - 1.0 / 32.0) - 1.0, "q{q}: {estimate} under {low}");
                prop_assert!(estimate as f64 <= high as f64 * (1.0 + 1.0 / 32.0) + 1.0, "q{q}: {estimate} over {high}");
            }
        }
    }
}
