//! Cost–quality curves.

use super::numeric::{interpolate, linspace};
use serde::Serialize;

/// Where a policy stands at one price of quality, or one model: means over the rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Millionths of a USD a call.
    pub cost: f64,
    /// 0 to 1.
    pub quality: f64,
}

/// The prices that curves are swept over, in units of quality per millionth of a USD: 0, and 103 from 1e-7 to 31.6 evenly in
/// their logarithm.
pub fn prices() -> Vec<f64> {
    std::iter::once(0.0).chain(linspace(-7.0, 1.5, 103).map(|power| 10f64.powf(power))).collect()
}

/// The non-decreasing concave upper hull of points: what can be had by mixing them at random. Ascending in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hull {
    pub cost: Vec<f64>,
    pub quality: Vec<f64>,
}

impl Hull {
    pub fn of(points: &[Point]) -> Self {
        let mut points = points.to_vec();
        points.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.quality.total_cmp(&a.quality)));
        let mut hull: Vec<Point> = Vec::new();
        for p in points {
            if hull.last().is_some_and(|last| p.cost <= last.cost) {
                continue;
            }
            while let [.., a, b] = hull.as_slice() {
                if (b.quality - a.quality) * (p.cost - b.cost) > (p.quality - b.quality) * (b.cost - a.cost) {
                    break;
                }
                hull.pop();
            }
            hull.push(p);
        }
        let mut best = -1e9;
        hull.retain(|p| {
            let rises = p.quality > best;
            best = best.max(p.quality);
            rises
        });
        Self {
            cost: hull.iter().map(|p| p.cost).collect(),
            quality: hull.iter().map(|p| p.quality).collect(),
        }
    }

    /// The highest quality on it; NaN where it has no points.
    pub fn top(&self) -> f64 {
        self.quality.last().copied().unwrap_or(f64::NAN)
    }

    /// Quality at a cost: 0 to the left of it, flat to the right.
    pub fn at(&self, cost: f64) -> f64 {
        match self.cost.first() {
            Some(first) if cost >= first * (1.0 - 1e-9) => interpolate(cost, &self.cost, &self.quality),
            _ => 0.0,
        }
    }

    /// Mean height between two costs, evenly in cost or, with `log`, in its logarithm.
    pub fn area(&self, low: f64, high: f64, log: bool) -> f64 {
        const STEPS: usize = 4_001;
        let (from, to) = if log { (low.ln(), high.ln()) } else { (low, high) };
        let (mut sum, mut first, mut last) = (0.0, f64::NAN, None);
        for x in linspace(from, to, STEPS) {
            let (t, height) = if log {
                let cost = x.exp();
                (cost.ln(), self.at(cost))
            } else {
                (x, self.at(x))
            };
            match last {
                None => first = t,
                Some((before, lower)) => sum += (height + lower) / 2.0 * (t - before),
            }
            last = Some((t, height));
        }
        sum / (last.map_or(f64::NAN, |(t, _)| t) - first)
    }

    /// The least cost at which it reaches a quality; None where it never does.
    pub fn reach(&self, quality: f64) -> Option<f64> {
        let (first, top) = (*self.quality.first()?, *self.quality.last()?);
        if top < quality - 1e-12 {
            None
        } else if first >= quality {
            self.cost.first().copied()
        } else {
            Some(interpolate(quality, &self.quality, &self.cost))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(list: &[(f64, f64)]) -> Vec<Point> {
        list.iter().map(|&(cost, quality)| Point { cost, quality }).collect()
    }

    #[test]
    fn a_hull_leaves_out_what_mixing_beats() {
        let hull =
            Hull::of(&points(&[(1.0, 0.2), (2.0, 0.3), (3.0, 0.8), (4.0, 0.7), (3.0, 0.6), (9.0, 0.8)]));
        assert_eq!((hull.cost.clone(), hull.quality.clone()), (vec![1.0, 3.0], vec![0.2, 0.8]));
        assert_eq!(hull.reach(0.5), Some(2.0));
        assert_eq!((hull.reach(0.1), hull.reach(0.81)), (Some(1.0), None));
        assert_eq!((hull.at(0.5), hull.at(2.0), hull.at(10.0)), (0.0, 0.5, 0.8));
    }

    #[test]
    fn the_area_of_a_triangle() {
        let hull = Hull::of(&points(&[(1.0, 0.0), (3.0, 1.0)]));
        assert!((hull.area(1.0, 3.0, false) - 0.5).abs() < 1e-9);
        assert!((hull.area(1.0, 5.0, false) - 0.75).abs() < 1e-9);
        // ∫ (c − 1)/2 d ln c from 1 to 3, over ln 3.
        assert!((hull.area(1.0, 3.0, true) - (1.0 / 3f64.ln() - 0.5)).abs() < 1e-6);
    }

    #[test]
    fn prices_are_those_of_the_field() {
        let prices = prices();
        assert_eq!((prices.len(), prices[0], prices[1]), (104, 0.0, 1e-7));
        assert!((prices[103] - 31.622_776_601_683_793).abs() < 1e-12);
    }
}
