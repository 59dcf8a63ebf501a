//! Where the embedding starts.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::spectral;
use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::preprocess::{pca, Cells, Matrix};
use crate::random::Stream;
use crate::vector::centre;
use crate::{Error, Result};

/// Kinds of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The leading principal components of the inputs.
    Pca,
    /// The leading eigenvectors of the normalised attractive weights (Belkin and Niyogi
    /// 2003).
    Spectral,
    /// Normal random numbers close to the origin, where E is flat and the leading
    /// directions of the Hessian unfold first.
    Random,
}

/// Root mean square of a PCA or spectral start over its d columns. Wide starts end
/// lower: on 10,000 PBMC the final E falls by 1 % from 0.01 to 2 and not beyond.
const WIDE: f64 = 2.0;

/// Standard deviation of a random start, the original's.
const NARROW: f64 = 1e-5;

/// Largest coordinate of a start that is given.
const LARGEST: f64 = 1e100;

/// A given start whose cells all lie within this of their mean is one point.
const SMALLEST: f64 = 1e-7;

/// Largest coordinate of a map that unfolds again: E differs there from that of a point by more
/// than rounding.
const REOPENED: f64 = 1e-2;

/// Stream of the random start; PCA uses streams of its own.
const START_STREAM: u64 = 0x57a7;

/// X by rows, N x d, centred.
pub fn start(
    kind: Start,
    y: ArrayView2<f64>,
    weights: &Weights,
    d: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let n = weights.n();
    let stream = Stream::new(seed, START_STREAM);
    let noise = |scale: f64| {
        (0..n * d)
            .map(|i| scale * stream.normal(i as u64))
            .collect()
    };
    let mut x: Vec<f64> = match kind {
        Start::Random => noise(NARROW),
        Start::Pca => {
            let components = d.min(y.ncols()).min(n - 1);
            let found = pca(
                &Matrix::Dense(y),
                Cells::Rows,
                components,
                false,
                seed,
                monitor,
            )?;
            widened(found.scores, d, noise(NARROW))
        }
        Start::Spectral => widened(
            spectral::eigenvectors(weights, d, seed, monitor)?,
            d,
            noise(NARROW),
        ),
    };
    centre(&mut x, d);
    Ok(x)
}

/// Scales the given columns to `WIDE`; dimensions beyond them keep the noise.
fn widened(columns: Array2<f64>, d: usize, noise: Vec<f64>) -> Vec<f64> {
    let mut x = noise;
    let given = columns.ncols();
    let square: f64 = columns.iter().map(|v| v * v).sum();
    let scale = WIDE * ((columns.nrows() * given) as f64 / square).sqrt();
    for (row, columns) in x.chunks_exact_mut(d).zip(columns.rows()) {
        for (x, v) in row.iter_mut().zip(columns) {
            *x += scale * v;
        }
    }
    x
}

/// The map as it is, or, where all cells lie at one point, wide enough to unfold again.
pub fn reopened(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
    let factor = REOPENED / largest;
    let scaled = largest < SMALLEST && factor.is_finite();
    x.iter()
        .map(|v| if scaled { factor * v } else { *v })
        .collect()
}

/// A start given by the caller: checked and centred.
pub fn given(x: ArrayView2<f64>, n: usize, d: usize) -> Result<Vec<f64>> {
    if x.dim() != (n, d) {
        return Err(Error::input(
            format!(
                "`init` is {} x {} but the embedding is {n} x {d}.",
                x.nrows(),
                x.ncols()
            ),
            "Give a matrix with a row for every cell and a column for every dimension.",
        ));
    }
    if let Some(((row, column), value)) = x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::not_finite(
            format!(
                "`init` holds {value} at row {}, column {}.",
                row + 1,
                column + 1
            ),
            "Replace missing and infinite values.",
        ));
    }
    let mut x: Vec<f64> = x.iter().copied().collect();
    let largest = x.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
    if largest > LARGEST {
        return Err(Error::input(
            format!("`init` reaches {largest:e}, where the loss overflows."),
            "Scale it down; maps are usually 10 to 100 units wide.",
        ));
    }
    centre(&mut x, d);
    // At one point the gradient is zero; closer together, it is lost in rounding.
    if x.iter().all(|v| v.abs() < SMALLEST) {
        return Err(Error::input(
            "`init` has all cells at one point.",
            "Give a start that keeps them apart, such as init = \"pca\" or \"random\".",
        ));
    }
    Ok(x)
}
