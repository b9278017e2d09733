//! Intervals by drawing the rows again (Efron's percentile bootstrap).

use super::quantile;
use serde::Serialize;
use vocab::Dice;

/// Where a figure lies in 95 of 100 data sets like this one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval(pub f64, pub f64);

impl Interval {
    pub fn contains(self, value: f64) -> bool {
        self.0 <= value && value <= self.1
    }

    /// From figures of as many draws; None where none of them is a number.
    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.retain(|x| x.is_finite());
        figures.sort_by(f64::total_cmp);
        (!figures.is_empty()).then(|| Self(quantile(&figures, 0.025), quantile(&figures, 0.975)))
    }
}

/// Of a figure that `measure` computes from `rows` draws with replacement among as many rows.
pub fn bootstrap(
    rows: usize,
    repeats: usize,
    seed: u64,
    mut measure: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    let mut dice = Dice::seeded(seed);
    let mut draw = vec![0; rows];
    let figures = (0..repeats).filter_map(|_| {
        draw.fill_with(|| usize::try_from(dice.below(rows as u64)).unwrap_or_default());
        measure(&draw)
    });
    Interval::of(figures.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_the_books_say() {
        let rows: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let mean = |draw: &[usize]| Some(draw.iter().map(|r| rows[*r]).sum::<f64>() / draw.len() as f64);
        let Interval(low, high) = bootstrap(400, 2_000, 1, mean).unwrap();
        // ±1.96 · 0.5/√400
        assert!((low - 0.451).abs() < 0.005 && (high - 0.549).abs() < 0.005, "{low} {high}");
        assert_eq!(bootstrap(400, 50, 3, mean), bootstrap(400, 50, 3, mean));
        assert_eq!(bootstrap(10, 9, 1, |_| None), None);
    }
}
