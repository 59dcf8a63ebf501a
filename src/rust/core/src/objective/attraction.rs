//! Attraction: E+(X) = sum_nm w+_nm |x_n - x_m|^2 over the neighbours.

use rayon::prelude::*;

use crate::affinity::Weights;

/// Rows whose energy is summed by one task; fixed, so that sums do not depend on the
/// thread count.
const ROWS_PER_TASK: usize = 1024;

/// E+(X); its gradient 4 L+ X replaces `gradient`.
///
/// With g = L+ X, E+ = 2 tr(X' L+ X) = 2 sum_n x_n . g_n; since the columns of g sum to
/// zero, X may be used about any origin, and the optimiser keeps it about its mean.
pub fn evaluate(weights: &Weights, x: &[f64], d: usize, gradient: &mut [f64]) -> f64 {
    weights.laplacian_product(x, d, gradient);
    let parts: Vec<f64> = gradient
        .par_chunks_mut(ROWS_PER_TASK * d)
        .zip(x.par_chunks(ROWS_PER_TASK * d))
        .map(|(gradient, x)| {
            let mut energy = 0.0;
            for (g, x) in gradient.iter_mut().zip(x) {
                energy += *g * x;
                *g *= 4.0;
            }
            2.0 * energy
        })
        .collect();
    parts.iter().sum()
}
