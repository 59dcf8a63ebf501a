//! Inputs of a network.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::real::Real;
use crate::{Error, Result};

/// Cells that one task converts.
const CELLS: usize = 1024;

/// Cells by rows, each feature less its centre, all divided by one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Points<T> {
    values: Vec<T>,
    inputs: usize,
}

/// What is subtracted from the features, and what they are divided by, before they enter a network.
/// In single precision an offset would take the digits. An unusual unit would meet the constant
/// under the root of a normalisation. The embedding does not depend on either.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Standard {
    /// Subtracted from each feature.
    pub centre: Vec<f64>,
    /// Divides all features.
    pub scale: f64,
}

impl Standard {
    /// The means of the features, and the root mean square of what remains.
    pub fn new(y: ArrayView2<'_, f64>) -> Result<Self> {
        let n = y.nrows().max(1) as f64;
        let sums = |value: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Vec<f64> {
            let parts: Vec<Vec<f64>> = (0..y.nrows().div_ceil(CELLS))
                .into_par_iter()
                .map(|task| {
                    let rows = task * CELLS..y.nrows().min((task + 1) * CELLS);
                    let mut sums = vec![0.0; y.ncols()];
                    for row in y.slice(ndarray::s![rows, ..]).outer_iter() {
                        for (j, (sum, v)) in sums.iter_mut().zip(row).enumerate() {
                            *sum += value(j, *v);
                        }
                    }
                    sums
                })
                .collect();
            let columns = 0..y.ncols();
            columns
                .map(|j| parts.iter().map(|part| part[j]).sum())
                .collect()
        };
        let centre: Vec<f64> = sums(&|_, v| v).iter().map(|sum| sum / n).collect();
        let squares = sums(&|j, v| (v - centre[j]) * (v - centre[j]));
        let scale = (squares.iter().sum::<f64>() / (n * y.ncols() as f64)).sqrt();
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(Error::input(
                "All cells have the same input, or their squares overflow.",
                "Check the features and the subset that were chosen.",
            ));
        }
        Ok(Standard { centre, scale })
    }
}

impl<T: Real> Points<T> {
    /// The cells in the rows of `y`.
    pub fn new(y: ArrayView2<'_, f64>, standard: &Standard) -> Self {
        let inputs = y.ncols();
        let mut values = vec![T::ZERO; y.len()];
        values
            .par_chunks_mut((CELLS * inputs).max(1))
            .enumerate()
            .for_each(|(task, values)| {
                let rows = values.len() / inputs;
                // Column by column: R's matrices lie so.
                for (j, &centre) in standard.centre.iter().enumerate() {
                    for i in 0..rows {
                        let value = (y[(task * CELLS + i, j)] - centre) / standard.scale;
                        values[i * inputs + j] = T::from_f64(value);
                    }
                }
            });
        Points { values, inputs }
    }

    /// Cells given by rows.
    pub fn from_rows(rows: &[f64], standard: &Standard) -> Self {
        let inputs = standard.centre.len();
        let mut values = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(inputs) {
            let row = row.iter().zip(&standard.centre);
            values.extend(row.map(|(v, c)| T::from_f64((v - c) / standard.scale)));
        }
        Points { values, inputs }
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.values.len() / self.inputs
    }

    /// Features of a cell.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Hands the bytes of all cells to `feed`, a part of them at a time.
    pub fn bytes(&self, mut feed: impl FnMut(&[u8])) {
        for part in self.values.chunks(CELLS) {
            let bytes: Vec<u8> = part.iter().flat_map(|v| v.wide().to_le_bytes()).collect();
            feed(&bytes);
        }
    }

    /// All cells by rows.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}
