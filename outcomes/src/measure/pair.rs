//! RouteLLM's measures of a ranking between a stronger and a weaker model (Ong et al., 2024, and the authors' `evaluate.py`).

use super::numeric::{interpolate, linspace, mean, quantile};
use serde::Serialize;

/// How well a ranking says which prompts need the stronger model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Share of the gap recovered, averaged over the share of strong calls in ten bins. A random order has 0.5.
    #[serde(rename = "APGR")]
    pub apgr: f64,
    /// The same over every row instead of ten bins.
    #[serde(rename = "APGR_full")]
    pub apgr_full: f64,
    /// Per cent of strong calls that recover half of the gap, in ten bins.
    #[serde(rename = "CPT50")]
    pub cpt50: f64,
    #[serde(rename = "CPT80")]
    pub cpt80: f64,
    /// The same over every row; None where it is never recovered.
    #[serde(rename = "CPT50_full")]
    pub cpt50_full: Option<f64>,
    #[serde(rename = "CPT80_full")]
    pub cpt80_full: Option<f64>,
    /// Mean quality of the stronger model alone.
    pub strong: f64,
    pub weak: f64,
}

const BINS: usize = 10;

/// Of a ranking in which larger means that the stronger model is needed more. All three are row by row and not empty.
pub fn pair(ranking: &[f64], strong: &[f64], weak: &[f64]) -> Pair {
    let (top, bottom) = (mean(strong.iter().copied()), mean(weak.iter().copied()));
    let gap = top - bottom;
    let (share, quality) = binned(ranking, strong, weak);
    let under = |height: &dyn Fn(usize) -> f64| -> f64 {
        (1..share.len()).map(|i| (height(i) + height(i - 1)) / 2.0 * (share[i] - share[i - 1])).sum()
    };
    let floor = under(&|_| bottom);
    let apgr = (under(&|i| quality[i]) - floor) / (under(&|_| top) - floor);
    let calls: Vec<f64> = share.iter().map(|x| 100.0 * x).collect();
    let binned_cpt = |part: f64| interpolate(part * gap + bottom, &quality, &calls);

    let (x, y) = exact(ranking, strong, weak);
    let area: f64 = (1..x.len()).map(|i| (y[i] + y[i - 1]) / 2.0 * (x[i] - x[i - 1])).sum();
    let cpt = |part: f64| {
        let hit = y.iter().position(|y| *y >= part * gap - 1e-12)?;
        let Some(before) = hit.checked_sub(1) else { return Some(0.0) };
        let within = (part * gap - y[before]) / (y[hit] - y[before]).max(1e-12);
        Some(100.0 * (x[before] + within * (x[hit] - x[before])))
    };
    Pair {
        apgr,
        apgr_full: area / gap,
        cpt50: binned_cpt(0.5),
        cpt80: binned_cpt(0.8),
        cpt50_full: cpt(0.5),
        cpt80_full: cpt(0.8),
        strong: top,
        weak: bottom,
    }
}

/// Share of strong calls and quality at eleven thresholds, by share.
fn binned(ranking: &[f64], strong: &[f64], weak: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut sorted = ranking.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut points: Vec<(f64, f64)> = linspace(0.0, 1.0, BINS + 1)
        .enumerate()
        .map(|(i, part)| {
            let threshold = quantile(&sorted, part);
            let picked = |r: f64| if i < BINS { r >= threshold } else { r > threshold };
            let share = mean(ranking.iter().map(|r| f64::from(u8::from(picked(*r)))));
            let rows = ranking.iter().zip(strong.iter().zip(weak));
            (share, mean(rows.map(|(r, (s, w))| if picked(*r) { *s } else { *w })))
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.into_iter().unzip()
}

/// Share of strong calls and quality gained, row by row in the ranking's order. Rows of one rank come at once, which is what
/// any order among them comes to on average.
fn exact(ranking: &[f64], strong: &[f64], weak: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..ranking.len()).collect();
    order.sort_by(|a, b| ranking[*b].total_cmp(&ranking[*a]));
    let all = ranking.len() as f64;
    let (mut x, mut y) = (vec![0.0], vec![0.0]);
    let (mut count, mut gained) = (0.0, 0.0);
    for (place, row) in order.iter().enumerate() {
        count += 1.0;
        gained += strong[*row] - weak[*row];
        if order.get(place + 1).is_none_or(|next| ranking[*next] != ranking[*row]) {
            x.push(count / all);
            y.push(gained / all);
        }
    }
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_recovers_the_gap_with_few_calls() {
        // One row in five needs the stronger model, and it is never worse.
        let weak: Vec<f64> = (0..100).map(|i| if i % 5 == 0 { 0.0 } else { 1.0 }).collect();
        let strong = vec![1.0; 100];
        let knows: Vec<f64> = weak.iter().map(|w| 1.0 - w).collect();
        let measures = pair(&knows, &strong, &weak);
        assert!((measures.apgr_full - 0.9).abs() < 1e-12, "{measures:?}");
        assert!((measures.cpt50_full.unwrap() - 10.0).abs() < 1e-9);
        let blind = pair(&vec![0.0; 100], &strong, &weak);
        assert!((blind.apgr_full - 0.5).abs() < 1e-12, "one rank for all is a random order");
        let wrong: Vec<f64> = knows.iter().map(|k| -k).collect();
        assert!((pair(&wrong, &strong, &weak).apgr_full - 0.1).abs() < 1e-12);
    }
}
