//! Sounds to try things on, and what can be measured of them.

use std::f64::consts::TAU;

/// A sine at half of the loudest.
pub fn tone(hertz: u32, rate: u32, length: usize) -> Vec<i16> {
    let turn = TAU * f64::from(hertz) / f64::from(rate);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a sample")]
    let sample = |at: usize| ((at as f64 * turn).sin() * 16_000.0).round() as i16;
    (0..length).map(sample).collect()
}

/// The largest difference between neighbours.
pub fn step(samples: &[i16]) -> u16 {
    samples.windows(2).map(|two| two[0].abs_diff(two[1])).max().unwrap_or(0)
}

/// How often it goes up through zero.
pub fn turns(samples: &[i16]) -> usize {
    samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count()
}

/// The same bytes in pieces of these sizes, again and again.
pub fn pieces<'a, T>(all: &'a [T], sizes: &'a [usize]) -> impl Iterator<Item = &'a [T]> {
    let mut rest = all;
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = sizes.next().map_or(1, |size| *size.max(&1)).min(rest.len());
        let (now, later) = rest.split_at(size);
        rest = later;
        Some(now)
    })
}
