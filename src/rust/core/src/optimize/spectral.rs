//! Laplacian eigenmaps of the attractive weights, as a start.

use faer::{Mat, Side};
use ndarray::Array2;

use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::random::Stream;
use crate::{Error, Result};

/// Vectors carried beyond those wanted, which speeds convergence.
const SPARE: usize = 5;

/// Rounds of filtering, orthonormalising and rotating. A start needs no more digits.
const ROUNDS: usize = 10;

/// Degree of the Chebyshev filter of a round.
const DEGREE: usize = 25;

/// Stream of the random vectors.
const SPECTRAL_STREAM: u64 = 0x59ec;

/// The `wanted` eigenvectors after the first of N = D^-1/2 L+ D^-1/2, smallest
/// eigenvalues first, times D^-1/2 (Belkin and Niyogi 2003, "Laplacian eigenmaps").
///
/// Chebyshev-filtered subspace iteration (Zhou and Saad 2007). The spectrum lies in [0, 2]. A
/// polynomial that is small on [a, 2] and grows below a lifts the wanted end. It needs no
/// factorisation and cannot break down on disconnected graphs, whose components come out as
/// coordinates.
pub fn eigenvectors(
    weights: &Weights,
    wanted: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Array2<f64>> {
    let n = weights.n();
    let size = (wanted + 1 + SPARE).min(n);
    let wanted = wanted.min(size - 1);
    let scale: Vec<f64> = weights
        .degrees()
        .iter()
        .map(|&w| if w > 0.0 { 1.0 / w.sqrt() } else { 0.0 })
        .collect();
    let stream = Stream::new(seed, SPECTRAL_STREAM);
    let mut block: Vec<f64> = (0..n * size).map(|i| stream.normal(i as u64)).collect();
    for (row, s) in block.chunks_exact_mut(size).zip(&scale) {
        row[0] = if *s > 0.0 { 1.0 / s } else { 0.0 };
    }
    let mut edge = 0.3;
    monitor.stage("spectral start", ROUNDS);
    for _ in 0..ROUNDS {
        monitor.check()?;
        block = filtered(weights, &scale, block, size, edge);
        let basis = Mat::from_fn(n, size, |i, j| block[i * size + j])
            .qr()
            .compute_thin_Q();
        let flat: Vec<f64> = (0..n * size)
            .map(|at| basis[(at / size, at % size)])
            .collect();
        let image = product(weights, &scale, &flat, size);
        let image = Mat::from_fn(n, size, |i, j| image[i * size + j]);
        let small = basis.transpose() * &image;
        let ritz = small.self_adjoint_eigen(Side::Lower).map_err(|_| {
            Error::internal(
                "The eigenvectors of the attractive weights were not found.",
                "",
            )
        })?;
        let rotated = &basis * ritz.U();
        block = (0..n * size)
            .map(|at| rotated[(at / size, at % size)])
            .collect();
        edge = ritz.S().column_vector()[size - 1].clamp(1e-4, 1.0);
        monitor.advance(1);
    }
    Ok(Array2::from_shape_fn((n, wanted), |(i, j)| {
        scale[i] * block[i * size + j + 1]
    }))
}

/// N V for V by rows; an isolated point is its own eigenvector with eigenvalue 1.
fn product(weights: &Weights, scale: &[f64], v: &[f64], columns: usize) -> Vec<f64> {
    let scaled: Vec<f64> = v
        .chunks_exact(columns)
        .zip(scale)
        .flat_map(|(row, s)| row.iter().map(move |v| v * s))
        .collect();
    let mut image = vec![0.0; v.len()];
    weights.laplacian_product(&scaled, columns, &mut image);
    for ((image, v), &s) in image
        .chunks_exact_mut(columns)
        .zip(v.chunks_exact(columns))
        .zip(scale)
    {
        for (image, v) in image.iter_mut().zip(v) {
            *image = if s > 0.0 { *image * s } else { *v };
        }
    }
    image
}

/// T_m(t(N)) V with t mapping [edge, 2] onto [-1, 1], by the three-term recurrence.
fn filtered(
    weights: &Weights,
    scale: &[f64],
    start: Vec<f64>,
    columns: usize,
    edge: f64,
) -> Vec<f64> {
    let (centre, half) = ((2.0 + edge) / 2.0, (2.0 - edge) / 2.0);
    let mapped = |v: &[f64]| -> Vec<f64> {
        let image = product(weights, scale, v, columns);
        image
            .iter()
            .zip(v)
            .map(|(image, v)| (image - centre * v) / half)
            .collect()
    };
    // T_m grows like (2 |t|)^m; dividing by its value at 0 keeps it in range.
    let sigma = -half / centre;
    let mut ratio = sigma;
    let mut before = start;
    let mut now: Vec<f64> = mapped(&before).iter().map(|v| v * sigma).collect();
    for _ in 1..DEGREE {
        let next_ratio = 1.0 / (2.0 / sigma - ratio);
        let image = mapped(&now);
        let next = image
            .iter()
            .zip(&before)
            .map(|(image, before)| 2.0 * next_ratio * image - ratio * next_ratio * before)
            .collect();
        before = std::mem::replace(&mut now, next);
        ratio = next_ratio;
    }
    now
}
