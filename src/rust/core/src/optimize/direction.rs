//! Search directions: the spectral direction, and L-BFGS built upon it.

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, MatMut, Side};
use serde::{Deserialize, Serialize};

use super::reweighted::Reweighted;
use crate::affinity::Weights;
use crate::objective::{Kernel, Objective};
use crate::vector::{add_scaled, dot};
use crate::{Error, Result};

/// Steps that L-BFGS remembers.
const DEPTH: usize = 8;

/// Points up to which 4 L+ is factorised: beyond, its triangular solves cost more than
/// the evaluations they save.
const MOST_FACTORISED: usize = 2000;

/// mu, as a fraction of the mean diagonal of 4 L+. It makes the matrix positive definite along the
/// translations, of the whole and of components that no weight connects.
const RIDGE: f64 = 1e-6;

/// mu of the diagonal preconditioner: cells with weak ties must not leap.
const DIAGONAL_RIDGE: f64 = 0.1;

/// mu of the reweighted preconditioner, as a fraction of the mean diagonal: small, so that whole
/// clusters move at once.
const REWEIGHTED_RIDGE: f64 = 3e-4;

/// B, the attractive part of the Hessian of E: 4 L+ + mu I, which never changes, or its diagonal.
/// Where the attraction is not quadratic, B is what majorises it at X.
pub enum Preconditioner {
    /// Dense Cholesky factor of 4 L+ + mu I.
    Cholesky(Box<Llt<f64>>),
    /// Diagonal of 4 L+ + mu I.
    Diagonal(Vec<f64>),
    /// 4 L(X) + mu I with the weights w+_nm a'(r^2_nm).
    Reweighted(Box<Reweighted>),
}

impl Preconditioner {
    /// What suits an objective.
    pub fn new(objective: &Objective) -> Result<Self> {
        let (weights, fixed) = (objective.weights(), objective.fixed());
        let degrees = weights.degrees();
        let mean = 4.0 * degrees.iter().sum::<f64>() / degrees.len() as f64;
        if !(mean > 0.0) {
            return Err(Error::input(
                "All attractive weights are zero.",
                "Compute them with `entropic_affinity()`.",
            ));
        }
        let kernel = objective.kernel();
        if !kernel.has_quadratic_attraction() {
            let d = objective.d();
            Ok(Preconditioner::reweighted(weights, kernel, d, fixed))
        } else if weights.n() - fixed <= MOST_FACTORISED {
            Preconditioner::cholesky(weights, RIDGE * mean, fixed)
        } else {
            Ok(Preconditioner::diagonal(weights, DIAGONAL_RIDGE * mean))
        }
    }

    /// Factorises 4 L+ + mu I, mu = `ridge`, but for the rows and columns of the first `fixed`
    /// cells, which stay.
    pub fn cholesky(weights: &Weights, ridge: f64, fixed: usize) -> Result<Self> {
        let n = weights.n() - fixed;
        let mut matrix = Mat::<f64>::zeros(n, n);
        for (row, degree) in weights.degrees()[fixed..].iter().enumerate() {
            matrix[(row, row)] = 4.0 * degree + ridge;
            for (column, value) in weights.row(fixed + row) {
                if let Some(column) = (column as usize).checked_sub(fixed) {
                    matrix[(row, column)] -= 4.0 * value;
                }
            }
        }
        let factor = Llt::new(matrix.as_ref(), Side::Lower).map_err(|_| {
            Error::internal(
                "The Laplacian of the attractive weights is not positive.",
                "",
            )
        })?;
        Ok(Preconditioner::Cholesky(Box::new(factor)))
    }

    /// Diagonal of 4 L+ + mu I, mu = `ridge`.
    pub fn diagonal(weights: &Weights, ridge: f64) -> Self {
        Preconditioner::Diagonal(weights.degrees().iter().map(|w| 4.0 * w + ridge).collect())
    }

    /// 4 L(X) + mu I of a kernel, once X is known, where the first `fixed` cells stay.
    pub fn reweighted(weights: &Weights, kernel: Kernel, d: usize, fixed: usize) -> Self {
        let matrix = Reweighted::new(weights, kernel, d, fixed, REWEIGHTED_RIDGE);
        Preconditioner::Reweighted(Box::new(matrix))
    }

    /// Takes the weights at X, where they depend on it.
    pub fn reweigh(&mut self, x: &[f64]) {
        if let Preconditioner::Reweighted(matrix) = self {
            matrix.reweigh(x);
        }
    }

    /// v <- B^-1 v for each of the d columns of v (N x d by rows), which is zero where cells are
    /// fixed.
    pub fn solve(&self, v: &mut [f64], d: usize) {
        match self {
            Preconditioner::Cholesky(factor) => {
                let n = factor.L().nrows();
                let fixed = v.len() - n * d;
                let v = &mut v[fixed..];
                // faer solves column-major right-hand sides.
                let mut columns = Mat::<f64>::from_fn(n, d, |i, a| v[i * d + a]);
                factor.solve_in_place(columns.as_mut());
                MatMut::from_row_major_slice_mut(v, n, d).copy_from(&columns);
            }
            Preconditioner::Diagonal(diagonal) => {
                for (row, b) in v.chunks_exact_mut(d).zip(diagonal) {
                    row.iter_mut().for_each(|v| *v /= b);
                }
            }
            Preconditioner::Reweighted(matrix) => matrix.solve(v),
        }
    }

    /// The factor that sizes B^-1 to the curvature met along a step s, where the gradient
    /// changed by y: s . y / y . B^-1 y.
    fn size(&self, step: &[f64], change: &[f64], d: usize) -> f64 {
        let met = dot(step, change);
        if let Preconditioner::Reweighted(matrix) = self {
            return met / matrix.inverse_curvature(change);
        }
        let mut solved = change.to_vec();
        self.solve(&mut solved, d);
        met / dot(change, &solved)
    }
}

/// The last few steps and the changes of the gradient along them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step . change)
    inverse: f64,
}

impl Memory {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Whether its steps are those of `numbers` coordinates.
    pub(super) fn fits(&self, numbers: usize) -> bool {
        let fits = |pair: &Pair| pair.step.len() == numbers && pair.change.len() == numbers;
        self.pairs.iter().all(fits)
    }

    /// Remembers a step if the energy curves upwards along it, instead of the oldest.
    pub fn push(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let curvature = dot(&step, &change);
        if !(curvature > 1e-12 * dot(&step, &step).sqrt() * dot(&change, &change).sqrt()) {
            return;
        }
        if self.pairs.len() == DEPTH {
            self.pairs.remove(0);
        }
        self.pairs.push(Pair {
            step,
            change,
            inverse: 1.0 / curvature,
        });
    }

    /// -H g: Nocedal's two loops (1980) around B^-1; with no memory the spectral
    /// direction -B^-1 g (Vladymyrov and Carreira-Perpinan 2012).
    pub fn direction(
        &self,
        gradient: &[f64],
        d: usize,
        preconditioner: &Preconditioner,
    ) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = pair.inverse * dot(&pair.step, &direction);
            add_scaled(&mut direction, -factor, &pair.change);
            factors.push(factor);
        }
        preconditioner.solve(&mut direction, d);
        if let Some(last) = self.pairs.last() {
            // B sized to the curvature met along the last step.
            let size = preconditioner.size(&last.step, &last.change, d);
            direction.iter_mut().for_each(|v| *v *= size);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.into_iter().rev()) {
            let back = pair.inverse * dot(&pair.change, &direction);
            add_scaled(&mut direction, factor - back, &pair.step);
        }
        direction
    }
}
