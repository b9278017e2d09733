//! Small arithmetic, step for step as NumPy does it, because at a tie or on a curve that bends back the steps decide.

/// The first place of the greatest number; 0 where there is none.
pub fn argmax(numbers: impl IntoIterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, number) in numbers.into_iter().enumerate() {
        if number > best.1 {
            best = (at, number);
        }
    }
    best.0
}

pub fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for number in numbers {
        sum += number;
        count += 1.0;
    }
    sum / count
}

/// `count` numbers from `from` to `to`, both among them. `count` is at least 2.
pub fn linspace(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (to - from) / (count - 1) as f64;
    (0..count).map(move |i| if i + 1 == count { to } else { i as f64 * step + from })
}

/// Linear between the two nearest of *sorted* numbers; NaN where there are none. `share` is from 0 to 1.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * share;
    let below = place.floor().max(0.0);
    let part = place - below;
    #[allow(clippy::cast_sign_loss, reason = "not below 0")]
    let at = (below as usize).min(last);
    let (a, b) = (sorted[at], sorted[(at + 1).min(last)]);
    if part >= 0.5 { b - (b - a) * (1.0 - part) } else { a + (b - a) * part }
}

/// What a line through the points is at `x`; flat beyond its ends. There is at least one point, and `xs` should ascend.
pub fn interpolate(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let last = xs.len() - 1;
    if x > xs[last] {
        return ys[last];
    }
    if x < xs[0] {
        return ys[0];
    }
    let at = place(x, xs);
    if at >= last || xs[at] == x {
        return ys[at.min(last)];
    }
    let slope = (ys[at + 1] - ys[at]) / (xs[at + 1] - xs[at]);
    slope * (x - xs[at]) + ys[at]
}

/// The last place whose number is not above `x`, for ascending numbers. RouteLLM looks up qualities that need not ascend,
/// and then it is the walk that decides: this is NumPy's, from its first guess on.
fn place(x: f64, xs: &[f64]) -> usize {
    if xs.len() <= 4 {
        return (1..xs.len()).find(|i| x < xs[*i]).unwrap_or(xs.len()) - 1;
    }
    let (mut low, mut high) = (0, xs.len());
    if x < xs[1] {
        return 0;
    }
    if x < xs[2] {
        return 1;
    }
    if x < xs[3] {
        return 2;
    }
    low += 3;
    // The guess is 1, and NumPy looks eight further before it halves.
    if 1 + 9 < xs.len() && x < xs[9] {
        high = 9;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if x >= xs[middle] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0];
        for (share, is) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
            assert_eq!(quantile(&sorted, share), is);
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[3.0], 0.9), 3.0);
    }

    #[test]
    fn a_line_is_flat_beyond_its_ends() {
        for len in 2..40usize {
            let xs: Vec<f64> = (0..len).map(|i| i as f64).collect();
            let ys: Vec<f64> = xs.iter().map(|x| x * x).collect();
            assert_eq!(interpolate(-1.0, &xs, &ys), 0.0);
            assert_eq!(interpolate(99.0, &xs, &ys), ys[len - 1]);
            for at in 0..len - 1 {
                let x = at as f64 + 0.5;
                assert_eq!(interpolate(x, &xs, &ys), (ys[at] + ys[at + 1]) / 2.0, "{x} of {len}");
                assert_eq!(interpolate(xs[at], &xs, &ys), ys[at]);
            }
        }
        assert_eq!(interpolate(1.0, &[1.0], &[7.0]), 7.0);
    }

    #[test]
    fn the_first_of_the_greatest_wins() {
        assert_eq!(argmax([1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax([f64::NAN, 0.0]), 1, "nonsense cannot win");
        assert_eq!(argmax([]), 0);
    }
}
