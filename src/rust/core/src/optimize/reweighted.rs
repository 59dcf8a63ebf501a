//! The Laplacian of the attraction where it is not quadratic.

use rayon::prelude::*;

use super::vector::{add_scaled, dot};
use crate::affinity::Weights;
use crate::objective::Kernel;

/// Most steps of a solve, which need not be exact: L-BFGS corrects it.
const STEPS: usize = 25;

/// Residual, relative to the right-hand side, with which a solve ends.
const RESIDUAL: f64 = 0.01;

/// mu, as a fraction of the mean diagonal: small, so that whole clusters move at once.
const RIDGE: f64 = 3e-4;

/// Largest weights of a row that are kept: with perplexity 30 some 15 % of all, which hold
/// most of the attraction and all of the graph's shape.
const KEPT: usize = 15;

/// Rows of one task.
const ROWS: usize = 512;

/// 4 L(X) + mu I, L the Laplacian of w+_nm a'(|x_n - x_m|^2).
///
/// a is concave in r^2, so that its tangent there majorises it, and the Hessian of the
/// tangent is 4 L(X): the step of iteratively reweighted least squares. A solve takes a few
/// steps of conjugate gradients, with the diagonal as preconditioner, on the largest
/// weights of every cell, scaled to the sum of all.
pub struct Reweighted {
    kernel: Kernel,
    d: usize,
    starts: Vec<usize>,
    columns: Vec<u32>,
    /// 4 w+, scaled.
    weights: Vec<f64>,
    /// 4 w+ a' at X.
    pulls: Vec<f64>,
    /// Of 4 L(X) + mu I.
    diagonal: Vec<f64>,
    ridge: f64,
}

impl Reweighted {
    /// For maps of `d` dimensions; [`Reweighted::at`] is to be called before it is used.
    pub fn new(weights: &Weights, kernel: Kernel, d: usize) -> Self {
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
        let held: f64 = rows.iter().flatten().map(|&(_, w)| w).sum();
        let scale = 4.0 * total / held;
        let mut starts = vec![0];
        for row in &rows {
            starts.push(starts[starts.len() - 1] + row.len());
        }
        let (columns, weights) = rows
            .into_iter()
            .flatten()
            .map(|(column, w)| (column, scale * w))
            .unzip();
        Reweighted {
            kernel,
            d,
            starts,
            columns,
            weights,
            pulls: Vec::new(),
            diagonal: Vec::new(),
            ridge: 0.0,
        }
    }

    /// Takes the weights at X.
    pub fn at(&mut self, x: &[f64]) {
        let d = self.d;
        let (kernel, columns, weights) = (self.kernel, &self.columns, &self.weights);
        let rows: Vec<Vec<f64>> = self
            .starts
            .par_windows(2)
            .zip(x.par_chunks_exact(d))
            .with_min_len(ROWS)
            .map(|(row, here)| {
                let entries = columns[row[0]..row[1]].iter().zip(&weights[row[0]..row[1]]);
                let pull = |(&column, w): (&u32, &f64)| {
                    let there = &x[column as usize * d..][..d];
                    let squares = here.iter().zip(there).map(|(a, b)| (a - b) * (a - b));
                    w * kernel.pull(squares.sum())
                };
                entries.map(pull).collect()
            })
            .collect();
        let degrees: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
        self.ridge = RIDGE * degrees.iter().sum::<f64>() / degrees.len() as f64;
        self.diagonal = degrees.iter().map(|degree| degree + self.ridge).collect();
        self.pulls.clear();
        self.pulls.extend(rows.into_iter().flatten());
    }

    /// result = (4 L(X) + mu I) v
    fn product(&self, v: &[f64], result: &mut [f64]) {
        match self.d {
            1 => self.product_in::<1>(v, result),
            2 => self.product_in::<2>(v, result),
            3 => self.product_in::<3>(v, result),
            d => result
                .par_chunks_exact_mut(d)
                .zip(self.starts.par_windows(2))
                .enumerate()
                .with_min_len(ROWS)
                .for_each(|(n, (result, row))| {
                    for (a, result) in result.iter_mut().enumerate() {
                        *result = self.diagonal[n] * v[n * d + a];
                        for at in row[0]..row[1] {
                            *result -= self.pulls[at] * v[self.columns[at] as usize * d + a];
                        }
                    }
                }),
        }
    }

    fn product_in<const D: usize>(&self, v: &[f64], result: &mut [f64]) {
        let (v, _) = v.as_chunks::<D>();
        let (results, _) = result.as_chunks_mut::<D>();
        results
            .par_iter_mut()
            .zip(self.starts.par_windows(2))
            .enumerate()
            .with_min_len(ROWS)
            .for_each(|(n, (result, row))| {
                let mut sum = v[n].map(|v| self.diagonal[n] * v);
                let entries = self.columns[row[0]..row[1]].iter();
                for (&column, pull) in entries.zip(&self.pulls[row[0]..row[1]]) {
                    for a in 0..D {
                        sum[a] -= pull * v[column as usize][a];
                    }
                }
                *result = sum;
            });
    }

    /// v <- B^-1 v, roughly.
    pub fn solve(&self, v: &mut [f64]) {
        let scaled = |r: &[f64]| -> Vec<f64> {
            let rows = r.chunks_exact(self.d).zip(&self.diagonal);
            rows.flat_map(|(row, b)| row.iter().map(move |r| r / b))
                .collect()
        };
        let mut residual = v.to_vec();
        v.fill(0.0);
        let mut step = scaled(&residual);
        let mut size = dot(&residual, &step);
        let enough = RESIDUAL * RESIDUAL * size;
        let mut image = vec![0.0; v.len()];
        for _ in 0..STEPS {
            if !(size > enough) {
                return;
            }
            self.product(&step, &mut image);
            let length = size / dot(&step, &image);
            add_scaled(v, length, &step);
            add_scaled(&mut residual, -length, &image);
            let next = scaled(&residual);
            let before = std::mem::replace(&mut size, dot(&residual, &next));
            let kept = size / before;
            for (step, next) in step.iter_mut().zip(&next) {
                *step = next + kept * *step;
            }
        }
    }
}
