//! Small dense systems, in one fixed order of sums.

/// A matrix by rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dense {
    pub columns: usize,
    pub cells: Vec<f64>,
}

impl Dense {
    pub fn zero(rows: usize, columns: usize) -> Self {
        Self { columns, cells: vec![0.0; rows * columns] }
    }

    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.cells.chunks_exact(self.columns.max(1))
    }

    pub fn row(&self, at: usize) -> &[f64] {
        &self.cells[at * self.columns..(at + 1) * self.columns]
    }

    pub fn row_mut(&mut self, at: usize) -> &mut [f64] {
        &mut self.cells[at * self.columns..(at + 1) * self.columns]
    }

    /// This, turned over, times another of as many rows.
    pub fn transposed_times(&self, other: &Self) -> Self {
        let mut product = Self::zero(self.columns, other.columns);
        for (a, b) in self.rows().zip(other.rows()) {
            for (i, x) in a.iter().enumerate() {
                if *x != 0.0 {
                    add(product.row_mut(i), b, *x);
                }
            }
        }
        product
    }

    /// This times another of as many rows as this has columns.
    pub fn times(&self, other: &Self) -> Self {
        let mut product = Self::zero(self.cells.len() / self.columns.max(1), other.columns);
        for (at, row) in self.rows().enumerate() {
            for (x, b) in row.iter().zip(other.rows()) {
                if *x != 0.0 {
                    add(product.row_mut(at), b, *x);
                }
            }
        }
        product
    }
}

/// Adds `times` as much of `what`.
pub fn add(to: &mut [f64], what: &[f64], times: f64) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += times * w;
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves `(gram + penalty·1) x = right` for each column of `right`, `gram` being a matrix of inner products.
pub fn ridge(gram: &Dense, right: &Dense, penalty: f64) -> Dense {
    let n = gram.columns;
    // Cholesky's lower half.
    let mut low = gram.clone();
    for i in 0..n {
        for j in 0..=i {
            let (a, b) = (&low.cells[i * n..i * n + j], &low.cells[j * n..j * n + j]);
            let mut rest = low.cells[i * n + j] - dot(a, b);
            if i == j {
                rest += penalty;
                low.cells[i * n + i] = rest.max(1e-12).sqrt();
            } else {
                low.cells[i * n + j] = rest / low.cells[j * n + j];
            }
        }
    }
    let mut x = right.clone();
    for i in 0..n {
        let (done, rest) = x.cells.split_at_mut(i * right.columns);
        let now = &mut rest[..right.columns];
        for (j, before) in done.chunks_exact(right.columns.max(1)).enumerate() {
            add(now, before, -low.cells[i * n + j]);
        }
        now.iter_mut().for_each(|v| *v /= low.cells[i * n + i]);
    }
    for i in (0..n).rev() {
        let (now, later) = x.cells[i * right.columns..].split_at_mut(right.columns);
        for (j, after) in later.chunks_exact(right.columns.max(1)).enumerate() {
            add(now, after, -low.cells[(i + 1 + j) * n + i]);
        }
        now.iter_mut().for_each(|v| *v /= low.cells[i * n + i]);
    }
    x
}

/// The eigenvalues of a symmetric matrix, greatest first, and its eigenvectors as rows (Jacobi's method).
pub fn eigen(matrix: &Dense) -> (Vec<f64>, Dense) {
    let n = matrix.columns;
    let mut a = matrix.clone();
    let mut v = Dense::zero(n, n);
    for i in 0..n {
        v.cells[i * n + i] = 1.0;
    }
    for _ in 0..60 {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a.cells[i * n + j].powi(2)).sum();
        let whole: f64 = a.cells.iter().map(|x| x * x).sum();
        if off <= whole * 1e-24 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let apq = a.cells[p * n + q];
                if apq == 0.0 {
                    continue;
                }
                let theta = (a.cells[q * n + q] - a.cells[p * n + p]) / (2.0 * apq);
                let sign = if theta < 0.0 { -1.0 } else { 1.0 };
                let t = sign / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a.cells[k * n + p], a.cells[k * n + q]);
                    a.cells[k * n + p] = c * x - s * y;
                    a.cells[k * n + q] = s * x + c * y;
                }
                for k in 0..n {
                    let (x, y) = (a.cells[p * n + k], a.cells[q * n + k]);
                    a.cells[p * n + k] = c * x - s * y;
                    a.cells[q * n + k] = s * x + c * y;
                    let (x, y) = (v.cells[p * n + k], v.cells[q * n + k]);
                    v.cells[p * n + k] = c * x - s * y;
                    v.cells[q * n + k] = s * x + c * y;
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a.cells[j * n + j].total_cmp(&a.cells[i * n + i]));
    let values = order.iter().map(|i| a.cells[i * n + i]).collect();
    let mut vectors = Dense::zero(n, n);
    for (to, from) in order.iter().enumerate() {
        let row = v.row(*from);
        // Which way it points is the method's whim: let the greatest part be positive.
        let most = row.iter().fold(0.0f64, |m, x| if x.abs() > m.abs() + 1e-9 { *x } else { m });
        let sign = if most < 0.0 { -1.0 } else { 1.0 };
        for (t, x) in vectors.row_mut(to).iter_mut().zip(row) {
            *t = sign * x;
        }
    }
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: usize, columns: usize) -> Dense {
        let mut dice = super::super::dice::Dice(7);
        Dense {
            columns,
            cells: (0..rows * columns).map(|_| dice.below(1000) as f64 / 1000.0 - 0.5).collect(),
        }
    }

    #[test]
    fn a_ridge_solves_its_equation() {
        let (a, b) = (sample(30, 8), sample(30, 3));
        let (gram, right) = (a.transposed_times(&a), a.transposed_times(&b));
        let x = ridge(&gram, &right, 0.7);
        let mut back = gram.times(&x);
        for (t, w) in back.cells.iter_mut().zip(&x.cells) {
            *t += 0.7 * w;
        }
        assert!(back.cells.iter().zip(&right.cells).all(|(p, q)| (p - q).abs() < 1e-9));
    }

    #[test]
    fn eigenvectors_are_only_stretched() {
        let a = sample(20, 6);
        let gram = a.transposed_times(&a);
        let (values, vectors) = eigen(&gram);
        assert!(values.windows(2).all(|w| w[0] >= w[1]));
        for (value, vector) in values.iter().zip(vectors.rows()) {
            for (row, x) in gram.rows().zip(vector) {
                assert!((dot(row, vector) - value * x).abs() < 1e-9);
            }
        }
    }
}
