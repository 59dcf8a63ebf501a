//! Means and variances of genes, and the most variable ones.

use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::matrix::{Matrix, SparseView};

/// Mean and population variance (divisor n) of every column or row.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Means.
    pub mean: Vec<f64>,
    /// Population variances.
    pub variance: Vec<f64>,
}

impl Moments {
    /// Moments over n cells become those over these and `m` other ones. For means that differ by d,
    /// n var + m var' + n m / (n + m) d^2 is the sum of squares (Chan, Golub and LeVeque 1983).
    pub fn merge(&mut self, n: usize, other: &Moments, m: usize) {
        let (n, m) = (n as f64, m as f64);
        let genes = self.mean.iter_mut().zip(&mut self.variance);
        let others = other.mean.iter().zip(&other.variance);
        for ((mean, variance), (other_mean, other_variance)) in genes.zip(others) {
            let apart = other_mean - *mean;
            let within = n * *variance + m * other_variance;
            *variance = (within + n * m / (n + m) * apart * apart) / (n + m);
            *mean += apart * m / (n + m);
        }
    }
}

/// Moments of each column, taken over the rows.
pub fn column_moments(matrix: &Matrix<'_>) -> Moments {
    match *matrix {
        Matrix::Dense(values) => dense_columns(values),
        Matrix::SparseColumns(SparseView {
            nrows,
            ncols,
            indptr,
            values,
            ..
        }) => collect((0..ncols).into_par_iter().map(|column| {
            let stored = &values[indptr[column] as usize..indptr[column + 1] as usize];
            let mean = stored.iter().sum::<f64>() / nrows as f64;
            let zeros = (nrows - stored.len()) as f64;
            let (mut sum, mut squares) = (-zeros * mean, zeros * mean * mean);
            for value in stored {
                sum += value - mean;
                squares += (value - mean) * (value - mean);
            }
            corrected(mean, sum, squares, nrows)
        })),
    }
}

/// Moments of each row, taken over the columns.
pub fn row_moments(matrix: &Matrix<'_>) -> Moments {
    match *matrix {
        Matrix::Dense(values) => dense_columns(values.reversed_axes()),
        Matrix::SparseColumns(SparseView {
            nrows,
            ncols,
            indices,
            values,
            ..
        }) => {
            let stored = || indices.iter().map(|&row| row as usize).zip(values);
            let mut mean = vec![0.0; nrows];
            let mut zeros = vec![ncols; nrows];
            for (row, value) in stored() {
                mean[row] += value;
                zeros[row] -= 1;
            }
            for mean in &mut mean {
                *mean /= ncols as f64;
            }
            let mut sums: Vec<(f64, f64)> = mean
                .iter()
                .zip(&zeros)
                .map(|(mean, &zeros)| (-(zeros as f64) * mean, zeros as f64 * mean * mean))
                .collect();
            for (row, value) in stored() {
                let difference = value - mean[row];
                sums[row].0 += difference;
                sums[row].1 += difference * difference;
            }
            let (mean, variance) = mean
                .into_iter()
                .zip(sums)
                .map(|(mean, (sum, squares))| corrected(mean, sum, squares, ncols))
                .unzip();
            Moments { mean, variance }
        }
    }
}

/// Population variance of each column.
pub fn column_variances(matrix: &Matrix<'_>) -> Vec<f64> {
    column_moments(matrix).variance
}

/// Population variance of each row.
pub fn row_variances(matrix: &Matrix<'_>) -> Vec<f64> {
    row_moments(matrix).variance
}

/// Positions of the `n` largest variances (all, where there are fewer), descending, ties
/// by ascending position.
pub fn top_variable(variances: &[f64], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..variances.len()).collect();
    order.sort_by(|&a, &b| variances[b].total_cmp(&variances[a]));
    order.truncate(n);
    order
}

fn dense_columns(values: ArrayView2<'_, f64>) -> Moments {
    let n = values.nrows();
    collect(
        (0..values.ncols())
            .into_par_iter()
            .map(|column| dense_moments(values.index_axis(Axis(1), column), n)),
    )
}

fn dense_moments(values: ArrayView1<'_, f64>, n: usize) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / n as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values {
        sum += value - mean;
        squares += (value - mean) * (value - mean);
    }
    corrected(mean, sum, squares, n)
}

/// Mean and variance from a rounded mean m, sum (x - m) and sum (x - m)^2:
///
/// ```text
/// m + sum (x - m) / n    and    (sum (x - m)^2 - (sum (x - m))^2 / n) / n
/// ```
///
/// which removes what the rounding of m added (Chan, Golub and LeVeque 1983).
fn corrected(mean: f64, sum: f64, squares: f64, n: usize) -> (f64, f64) {
    let n = n as f64;
    let variance = (squares - sum * sum / n) / n;
    (mean + sum / n, variance.max(0.0))
}

fn collect(moments: impl IndexedParallelIterator<Item = (f64, f64)>) -> Moments {
    let (mean, variance) = moments.unzip();
    Moments { mean, variance }
}
