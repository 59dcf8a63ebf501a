//! The inputs Y as the rank-(D + 2) factors of the repulsive weights W-.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::{Error, Result};

/// Numbers that the inner loops handle at once; rows are padded to a multiple of it.
pub const LANES: usize = 8;

/// The rows q_m = (y_m, |y_m|^2, 1), padded with zeros, of column-centred inputs.
///
/// w-_nm = |y_n - y_m|^2 / S = c_n . q_m with c_n = (-2 y_n, 1, |y_n|^2) / S, and
/// S = sum_nm |y_n - y_m|^2 = 2 N sum_n |y_n|^2 for centred y. Doubles throughout:
/// the three terms of c_n . q_m cancel where clusters lie far apart, and in single
/// precision clusters a thousand standard deviations apart lose 14 %.
#[derive(Debug, Clone)]
pub struct Fields {
    /// Number of points N.
    pub n: usize,
    /// Number of input dimensions D.
    pub inputs: usize,
    /// Length of a padded row, at least D + 2.
    pub width: usize,
    /// N rows of `width` numbers.
    pub rows: Vec<f64>,
    /// S, the sum of all squared distances over ordered pairs.
    pub total: f64,
}

impl Fields {
    /// Centres the inputs and builds their rows. Refuses inputs that are all alike.
    pub fn new(y: ArrayView2<f64>) -> Result<Self> {
        let (n, inputs) = y.dim();
        if n < 2 || inputs == 0 {
            return Err(Error::input(
                format!("The input has {n} cells and {inputs} dimensions."),
                "At least 2 cells and 1 dimension are needed.",
            ));
        }
        let mean: Vec<f64> = y
            .columns()
            .into_iter()
            .map(|column| column.sum() / n as f64)
            .collect();
        let width = (inputs + 2).next_multiple_of(LANES);
        let mut rows = vec![0.0; n * width];
        rows.par_chunks_exact_mut(width)
            .enumerate()
            .for_each(|(i, row)| {
                let mut norm = 0.0;
                for (value, (y, mean)) in row.iter_mut().zip(y.row(i).iter().zip(&mean)) {
                    *value = y - mean;
                    norm += *value * *value;
                }
                row[inputs] = norm;
                row[inputs + 1] = 1.0;
            });
        let norms: f64 = rows.chunks_exact(width).map(|row| row[inputs]).sum();
        let total = 2.0 * n as f64 * norms;
        if !total.is_finite() {
            return Err(Error::not_finite(
                "The squared distances between the cells overflow.",
                "Scale the input down, or look for NaN and infinite values in it.",
            ));
        }
        // Centring equal cells leaves the rounding of their mean.
        let mean_norm: f64 = mean.iter().map(|m| m * m).sum();
        if norms <= (1e-15f64.powi(2) * mean_norm * n as f64).max(f64::MIN_POSITIVE) {
            return Err(Error::input(
                "All cells have the same input, so there is nothing to embed.",
                "Check the features and the subset that were chosen.",
            ));
        }
        Ok(Fields {
            n,
            inputs,
            width,
            rows,
            total,
        })
    }

    /// The padded row of one point.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.width..][..self.width]
    }

    /// |y_i|^2 of the centred input.
    pub fn squared_norm(&self, i: usize) -> f64 {
        self.rows[i * self.width + self.inputs]
    }
}
