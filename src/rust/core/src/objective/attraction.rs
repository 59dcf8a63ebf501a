//! Attraction: E+(X) = sum_nm w+_nm a(|x_n - x_m|^2) over the neighbours.

use multiversion::multiversion;
use rayon::prelude::*;

use super::kernel::Kernel;
use crate::affinity::{Sample, Weights};

/// Rows whose energy is summed by one task; fixed, so that sums do not depend on the
/// thread count.
const ROWS_PER_TASK: usize = 1024;

/// Neighbours of a cell that are handled at once.
const BLOCK: usize = 64;

/// Sums that run side by side.
const LANES: usize = 8;

/// E+(X); its gradient replaces `gradient`.
pub fn evaluate(
    kernel: Kernel,
    weights: &Weights,
    x: &[f64],
    d: usize,
    gradient: &mut [f64],
) -> f64 {
    if kernel.has_quadratic_attraction() {
        return quadratic(weights, x, d, gradient);
    }
    match d {
        1 => reweighted::<1, 2>(kernel, weights, x, gradient),
        2 => reweighted::<2, 3>(kernel, weights, x, gradient),
        3 => reweighted::<3, 4>(kernel, weights, x, gradient),
        _ => reweighted_rows(kernel, weights, x, d, gradient),
    }
}

/// For a = r^2, 4 L+ X.
///
/// With g = L+ X, E+ = 2 tr(X' L+ X) = 2 sum_n x_n . g_n; since the columns of g sum to
/// zero, X may be used about any origin, and the optimiser keeps it about its mean.
fn quadratic(weights: &Weights, x: &[f64], d: usize, gradient: &mut [f64]) -> f64 {
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

/// grad_n = 4 sum_m w+_nm a'(r^2_nm) (x_n - x_m) in `D` = `S` - 1 dimensions.
fn reweighted<const D: usize, const S: usize>(
    kernel: Kernel,
    weights: &Weights,
    x: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let (points, _) = x.as_chunks::<D>();
    let mut sums = vec![[0.0; S]; points.len()];
    weights.sum_rows(&mut sums, |n, columns, weights| {
        row_sums::<D, S>(kernel, points, n, columns, weights)
    });
    let (gradients, _) = gradient.as_chunks_mut::<D>();
    let parts: Vec<f64> = gradients
        .par_chunks_mut(ROWS_PER_TASK)
        .zip(sums.par_chunks(ROWS_PER_TASK))
        .map(|(gradients, sums)| {
            for (g, sums) in gradients.iter_mut().zip(sums) {
                *g = std::array::from_fn(|a| 4.0 * sums[a]);
            }
            sums.iter().map(|sums| sums[D]).sum()
        })
        .collect();
    parts.iter().sum()
}

/// sum_m w+_nm a'(r^2_nm) (x_n - x_m), and sum_m w+_nm a(r^2_nm) as the last number.
///
/// Neighbours are fetched block by block, so that logarithms and quotients, which take
/// most of the time, are computed for several at once.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn row_sums<const D: usize, const S: usize>(
    kernel: Kernel,
    points: &[[f64; D]],
    n: usize,
    columns: &[u32],
    weights: &[f64],
) -> [f64; S] {
    let x_n = points[n];
    let mut sums = [[0.0; LANES]; S];
    let mut apart = [[0.0; BLOCK]; D];
    let mut terms = [[0.0; BLOCK]; S];
    let mut pulls = [0.0; BLOCK];
    for (columns, weights) in columns.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
        for (i, &column) in columns.iter().enumerate() {
            let x_m = &points[column as usize];
            for a in 0..D {
                apart[a][i] = x_n[a] - x_m[a];
            }
        }
        for i in 0..weights.len() {
            terms[D][i] = (0..D).map(|a| apart[a][i] * apart[a][i]).sum();
        }
        kernel.attractions(&mut terms[D][..weights.len()], &mut pulls);
        for (i, w) in weights.iter().enumerate() {
            let pull = w * pulls[i];
            for a in 0..D {
                terms[a][i] = pull * apart[a][i];
            }
            terms[D][i] *= w;
        }
        for (sums, terms) in sums.iter_mut().zip(&mut terms) {
            terms[weights.len()..weights.len().next_multiple_of(LANES)].fill(0.0);
            let (terms, _) = terms[..weights.len().next_multiple_of(LANES)].as_chunks::<LANES>();
            for terms in terms {
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term;
                }
            }
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// The same in any number of dimensions.
fn reweighted_rows(
    kernel: Kernel,
    weights: &Weights,
    x: &[f64],
    d: usize,
    gradient: &mut [f64],
) -> f64 {
    let parts: Vec<f64> = gradient
        .par_chunks_mut(ROWS_PER_TASK * d)
        .enumerate()
        .map(|(task, gradient)| {
            let mut energy = 0.0;
            for (i, g) in gradient.chunks_exact_mut(d).enumerate() {
                let n = task * ROWS_PER_TASK + i;
                let x_n = &x[n * d..][..d];
                g.fill(0.0);
                for (m, w) in weights.row(n) {
                    let x_m = &x[m as usize * d..][..d];
                    let squared_distance = squared_distance(x_n, x_m);
                    energy += w * kernel.attraction(squared_distance);
                    let pull = 4.0 * w * kernel.pull(squared_distance);
                    for (g, (a, b)) in g.iter_mut().zip(x_n.iter().zip(x_m)) {
                        *g += pull * (a - b);
                    }
                }
            }
            energy
        })
        .collect();
    parts.iter().sum()
}

/// How the gradient of the attraction among the cells of a sample changes from `before` to
/// `now` (by rows, one for each cell of the sample): replaces `change`.
pub fn sampled_change(
    kernel: Kernel,
    weights: &Weights,
    sample: &Sample<'_>,
    before: &[f64],
    now: &[f64],
    d: usize,
    change: &mut [f64],
) {
    if kernel.has_quadratic_attraction() {
        let moved: Vec<f64> = now.iter().zip(before).map(|(x, from)| x - from).collect();
        weights.sampled_product(sample, &moved, d, change);
        change.iter_mut().for_each(|g| *g *= 4.0);
        return;
    }
    change
        .par_chunks_mut(ROWS_PER_TASK * d)
        .enumerate()
        .for_each(|(task, change)| {
            for (i, g) in change.chunks_exact_mut(d).enumerate() {
                let row = task * ROWS_PER_TASK + i;
                g.fill(0.0);
                for (column, w) in weights.row(sample.ids[row] as usize) {
                    let Some(other) = sample.row_of(column) else {
                        continue;
                    };
                    for (x, sign) in [(now, 4.0), (before, -4.0)] {
                        let (x_n, x_m) = (&x[row * d..][..d], &x[other * d..][..d]);
                        let pull = sign * w * kernel.pull(squared_distance(x_n, x_m));
                        for (g, (a, b)) in g.iter_mut().zip(x_n.iter().zip(x_m)) {
                            *g += pull * (a - b);
                        }
                    }
                }
            }
        });
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
