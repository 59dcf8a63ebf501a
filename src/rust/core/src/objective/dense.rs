//! The objective for weights given as full matrices, N x N: for small problems and for
//! checking the fast forms against the definition.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::energy::Energy;
use super::kernel::Kernel;
use crate::{Error, Result};

/// E(X) for symmetric W+ and W-; its gradient replaces `gradient`. X by rows, N x d.
///
/// grad_n = 4 sum_m (w+_nm a'(r^2) + lambda w-_nm k'(r^2)) (x_n - x_m)
pub fn evaluate(
    attractive: ArrayView2<f64>,
    repulsive: ArrayView2<f64>,
    kernel: Kernel,
    lambda: f64,
    x: &[f64],
    d: usize,
    gradient: &mut [f64],
) -> Result<Energy> {
    let n = x.len() / d;
    for (name, weights) in [("attractive", attractive), ("repulsive", repulsive)] {
        if weights.dim() != (n, n) {
            return Err(Error::input(
                format!(
                    "The {name} weights are {} x {} but the embedding has {n} cells.",
                    weights.nrows(),
                    weights.ncols()
                ),
                "Give square matrices with a row for every cell.",
            ));
        }
    }
    let parts: Vec<Energy> = gradient
        .par_chunks_exact_mut(d)
        .enumerate()
        .map(|(row, gradient)| {
            gradient.fill(0.0);
            let mut energy = Energy {
                attraction: 0.0,
                repulsion: 0.0,
                lambda,
                terms: 0.0,
            };
            for m in 0..n {
                let squared_distance: f64 = (0..d)
                    .map(|a| (x[row * d + a] - x[m * d + a]).powi(2))
                    .sum();
                let attraction = kernel.attraction(squared_distance);
                let pull = kernel.pull(squared_distance);
                let (repulsion, push) = kernel.repulsion(squared_distance);
                let (attractive, repulsive) = (attractive[(row, m)], lambda * repulsive[(row, m)]);
                energy.attraction += attractive * attraction;
                energy.repulsion += repulsive * repulsion;
                for a in 0..d {
                    gradient[a] += 4.0
                        * (attractive * pull - repulsive * push)
                        * (x[row * d + a] - x[m * d + a]);
                }
            }
            energy
        })
        .collect();
    Ok(Energy {
        attraction: parts.iter().map(|e| e.attraction).sum(),
        repulsion: parts.iter().map(|e| e.repulsion).sum(),
        lambda,
        terms: 0.0,
    })
}
