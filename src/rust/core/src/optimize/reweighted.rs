//! The Laplacian of the attraction where it is not quadratic.

use rayon::prelude::*;

use crate::affinity::Weights;
use crate::objective::Kernel;
use crate::vector::dot;

/// Most steps of a solve, which need not be exact: L-BFGS corrects it.
const STEPS: usize = 25;

/// The same where a number alone is wanted.
const STEPS_OF_SIZE: usize = 8;

/// Residual, relative to the right-hand side, with which a solve ends.
const RESIDUAL: f64 = 0.01;

/// Largest weights of a row that are kept: with perplexity 30 some 8 % of all, which hold
/// the graph's shape. (With 15 a map converges no sooner.)
const KEPT: usize = 8;

/// Rows of one task.
const ROWS: usize = 512;

/// 4 L(X) + mu I, L the Laplacian of w+_nm a'(|x_n - x_m|^2).
///
/// a is concave in r^2, so that its tangent majorises it, and the Hessian of the tangent is 4 L(X).
/// This is the step of iteratively reweighted least squares. A solve takes a few steps of conjugate
/// gradients, with the diagonal as preconditioner. It uses the largest weights of every cell,
/// scaled to the sum of all.
pub struct Reweighted {
    kernel: Kernel,
    d: usize,
    /// Cells, the first ones, that stay where they are: a solve is among the others.
    fixed: usize,
    /// mu, as a fraction of the mean diagonal.
    relative_ridge: f64,
    /// mu at X.
    ridge: f64,
    starts: Vec<usize>,
    columns: Vec<u32>,
    /// 4 w+, scaled. In single precision, as the pulls. Both halves of an edge are rounded alike,
    /// so that the matrix stays symmetric, and half as much is read.
    weights: Vec<f32>,
    /// 4 w+ a' at X.
    pulls: Vec<f32>,
    /// Of 4 L(X) + mu I.
    diagonal: Vec<f32>,
}

impl Reweighted {
    /// For maps of `d` dimensions where the first `fixed` cells stay; `ridge` is mu, as a fraction
    /// of the mean diagonal. [`Reweighted::reweigh`] is to be called before it is used.
    pub fn new(weights: &Weights, kernel: Kernel, d: usize, fixed: usize, ridge: f64) -> Self {
        let n = weights.n();
        // The least weight that each row keeps; one that either of two rows keeps stays.
        let least: Vec<f64> = (0..n)
            .into_par_iter()
            .map(|row| {
                let mut values: Vec<f64> = weights.row(row).map(|(_, w)| w).collect();
                if values.len() <= KEPT {
                    return 0.0;
                }
                let (_, least, _) = values.select_nth_unstable_by(KEPT - 1, |a, b| b.total_cmp(a));
                *least
            })
            .collect();
        let rows: Vec<Vec<(u32, f64)>> = (0..n)
            .into_par_iter()
            .map(|row| {
                let kept = |&(column, w): &(u32, f64)| w >= least[row].min(least[column as usize]);
                weights.row(row).filter(kept).collect()
            })
            .collect();
        let total: f64 = weights.degrees().iter().sum();
        let kept: f64 = rows.iter().flatten().map(|&(_, w)| w).sum();
        let scale = 4.0 * total / kept;
        let mut starts = vec![0];
        for row in &rows {
            starts.push(starts[starts.len() - 1] + row.len());
        }
        let (columns, weights) = rows
            .into_iter()
            .flatten()
            .map(|(column, w)| (column, (scale * w) as f32))
            .unzip();
        Reweighted {
            kernel,
            d,
            fixed,
            relative_ridge: ridge,
            ridge: 0.0,
            starts,
            columns,
            weights,
            pulls: Vec::new(),
            diagonal: Vec::new(),
        }
    }

    /// Takes the weights at X.
    pub fn reweigh(&mut self, x: &[f64]) {
        let (d, kernel) = (self.d, self.kernel);
        self.pulls.resize(self.weights.len(), 0.0);
        self.diagonal.resize(self.starts.len() - 1, 0.0);
        let (columns, weights, starts) = (&self.columns, &self.weights, &self.starts);
        let mut tasks = Vec::with_capacity(self.diagonal.len().div_ceil(ROWS));
        let mut rest = self.pulls.as_mut_slice();
        for (task, degrees) in self.diagonal.chunks_mut(ROWS).enumerate() {
            let first = task * ROWS;
            let (pulls, later) = rest.split_at_mut(starts[first + degrees.len()] - starts[first]);
            tasks.push((first, degrees, pulls));
            rest = later;
        }
        tasks.into_par_iter().for_each(|(first, degrees, pulls)| {
            for (n, degree) in (first..).zip(degrees) {
                let (here, row) = (&x[n * d..][..d], starts[n]..starts[n + 1]);
                let pulls = &mut pulls[row.start - starts[first]..row.end - starts[first]];
                *degree = 0.0;
                for (pull, (&column, w)) in pulls
                    .iter_mut()
                    .zip(columns[row.clone()].iter().zip(&weights[row]))
                {
                    let other = &x[column as usize * d..][..d];
                    let squares = here.iter().zip(other).map(|(a, b)| (a - b) * (a - b));
                    *pull = w * kernel.pull(squares.sum()) as f32;
                    *degree += *pull;
                }
            }
        });
        self.ridge = self.relative_ridge * total(&self.diagonal) / self.diagonal.len() as f64;
        let ridge = self.ridge as f32;
        self.diagonal.iter_mut().for_each(|degree| *degree += ridge);
    }

    /// mu.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// The diagonal, of every cell.
    pub fn diagonal(&self) -> &[f32] {
        &self.diagonal
    }

    /// result = (4 L(X) + mu I) v; returns v . result.
    fn product(&self, v: &[f32], result: &mut [f32]) -> f64 {
        let parts: Vec<f32> = match self.d {
            1 => self.product_in::<1>(v, result),
            2 => self.product_in::<2>(v, result),
            3 => self.product_in::<3>(v, result),
            d => result
                .par_chunks_mut(ROWS * d)
                .enumerate()
                .map(|(task, results)| {
                    let mut part = 0.0;
                    for (n, result) in (task * ROWS..).zip(results.chunks_exact_mut(d)) {
                        for (a, result) in result.iter_mut().enumerate() {
                            *result = self.diagonal[n] * v[n * d + a];
                            for at in self.starts[n]..self.starts[n + 1] {
                                let other = self.columns[at] as usize * d + a;
                                *result -= self.pulls[at] * v[other];
                            }
                            part += v[n * d + a] * *result;
                        }
                    }
                    part
                })
                .collect(),
        };
        total(&parts)
    }

    fn product_in<const D: usize>(&self, v: &[f32], result: &mut [f32]) -> Vec<f32> {
        let (v, _) = v.as_chunks::<D>();
        let (results, _) = result.as_chunks_mut::<D>();
        results
            .par_chunks_mut(ROWS)
            .enumerate()
            .map(|(task, results)| {
                let mut part = 0.0;
                for (n, result) in (task * ROWS..).zip(results) {
                    let row = self.starts[n]..self.starts[n + 1];
                    // Two sums, so that one addition need not wait for the last.
                    let mut sums = [[0.0; D]; 2];
                    let mut add = |sum: usize, column: u32, pull: f32| {
                        let other = &v[column as usize];
                        for a in 0..D {
                            sums[sum][a] += pull * other[a];
                        }
                    };
                    let (columns, last_column) = self.columns[row.clone()].as_chunks::<2>();
                    let (pulls, last_pull) = self.pulls[row].as_chunks::<2>();
                    for (columns, pulls) in columns.iter().zip(pulls) {
                        add(0, columns[0], pulls[0]);
                        add(1, columns[1], pulls[1]);
                    }
                    for (&column, &pull) in last_column.iter().zip(last_pull) {
                        add(0, column, pull);
                    }
                    for a in 0..D {
                        result[a] = self.diagonal[n] * v[n][a] - (sums[0][a] + sums[1][a]);
                        part += v[n][a] * result[a];
                    }
                }
                part
            })
            .collect()
    }

    /// v <- B^-1 v, roughly; v is zero where cells are fixed.
    pub fn solve(&self, v: &mut [f64]) {
        self.solve_in(STEPS, v);
    }

    /// v . B^-1 v, from fewer steps: they know most of it.
    pub fn inverse_curvature(&self, v: &[f64]) -> f64 {
        let mut solved = v.to_vec();
        self.solve_in(STEPS_OF_SIZE, &mut solved);
        dot(v, &solved)
    }

    fn solve_in(&self, steps: usize, v: &mut [f64]) {
        let d = self.d;
        // To numbers about 1 in single precision, which a direction does not need more of.
        let largest = v.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        if !(largest > 0.0 && largest.is_finite()) {
            return;
        }
        let mut residual: Vec<f32> = v.iter().map(|v| (v / largest) as f32).collect();
        let mut solved = vec![0.0; v.len()];
        let mut step = vec![0.0; v.len()];
        let mut image = vec![0.0; v.len()];
        let mut scaled = vec![0.0; v.len()];
        // One pass: v += a p, r -= a B p, z = r / diag B; returns r . z.
        let advance = |length: f32,
                       v: &mut [f32],
                       residual: &mut [f32],
                       scaled: &mut [f32],
                       step: &[f32],
                       image: &[f32]|
         -> f64 {
            let parts: Vec<f32> = v
                .par_chunks_mut(ROWS * d)
                .zip(residual.par_chunks_mut(ROWS * d))
                .zip(scaled.par_chunks_mut(ROWS * d))
                .zip(step.par_chunks(ROWS * d).zip(image.par_chunks(ROWS * d)))
                .zip(self.diagonal.par_chunks(ROWS))
                .map(|((((v, residual), scaled), (step, image)), diagonal)| {
                    let mut part = 0.0;
                    for i in 0..v.len() {
                        v[i] += length * step[i];
                        residual[i] -= length * image[i];
                        scaled[i] = residual[i] / diagonal[i / d];
                        part += residual[i] * scaled[i];
                    }
                    part
                })
                .collect();
            total(&parts)
        };
        let mut size = advance(0.0, &mut solved, &mut residual, &mut scaled, &step, &image);
        step.copy_from_slice(&scaled);
        let enough = RESIDUAL * RESIDUAL * size;
        for _ in 0..steps {
            if !(size > enough) {
                break;
            }
            let length = (size / self.product(&step, &mut image)) as f32;
            image[..self.fixed * d].fill(0.0);
            let before = size;
            size = advance(
                length,
                &mut solved,
                &mut residual,
                &mut scaled,
                &step,
                &image,
            );
            let kept = (size / before) as f32;
            step.par_chunks_mut(ROWS * d)
                .zip(scaled.par_chunks(ROWS * d))
                .for_each(|(step, scaled)| {
                    for (step, scaled) in step.iter_mut().zip(scaled) {
                        *step = scaled + kept * *step;
                    }
                });
        }
        for (v, solved) in v.iter_mut().zip(solved) {
            *v = largest * f64::from(solved);
        }
    }
}

fn total(parts: &[f32]) -> f64 {
    parts.iter().map(|&part| f64::from(part)).sum()
}
