//! The elastic embedding objective and its gradient.
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + lambda sum_nm w-_nm k(r^2_nm),    r_nm = |x_n - x_m|
//! grad_n = 4 sum_m (w+_nm a'(r^2_nm) + lambda w-_nm k'(r^2_nm)) (x_n - x_m)
//! ```
//!
//! over ordered pairs, W+ sparse, w-_nm = |y_n - y_m|^2 / S. With a = r^2 and
//! k = exp(-r^2) it is elastic embedding (Carreira-Perpinan 2010, "The elastic embedding
//! algorithm for dimensionality reduction", equations 1 and 2); see [`Kernel`] for others.
//!
//! With [`Balance::Share`] the repulsion enters by its logarithm,
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + rho log sum_nm w-_nm k(r^2_nm),
//! ```
//!
//! as in t-SNE, whose weights are uniform and whose rho is 1. Its stationary points are
//! those of the sum with lambda = rho / sum_nm w-_nm k(r^2_nm): a lambda that the map finds
//! for itself, whatever the number of cells (Yang, Peltonen and Kaski 2014, "Optimization
//! equivalence of divergences improves neighbor embedding").

mod attraction;
pub mod dense;
mod exact;
mod fields;
mod grid;
pub mod kernel;
mod landscape;
mod pairs;
mod shape;
mod spline;

use std::sync::Arc;

use ndarray::ArrayView2;

use crate::affinity::{Sample, Weights};
use crate::device::{Device, ObjectiveThere, Sampled};
use crate::monitor::Monitor;
use crate::{Error, Result};

pub use kernel::Kernel;
pub use landscape::{Landscape, Potential};

pub(crate) use pairs::is_planned;
use pairs::Pairs;
use pairs::{spacing, GRID_BYTES};

/// How the repulsion is summed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Repulsion {
    /// Over all pairs, in O(N^2 D).
    Exact,
    /// On a grid of spacing `h`, in O(N D).
    Grid {
        /// Distance between nodes, in units of the embedding.
        h: f64,
    },
}

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Whichever costs less.
    Auto,
    /// Always over all pairs.
    Exact,
    /// Always on a grid; needs at most three dimensions.
    Grid,
}

/// What the number that weighs the repulsion means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Balance {
    /// It is lambda.
    #[default]
    Weight,
    /// It is rho, the weight of the logarithm of the repulsion.
    Share,
}

impl Balance {
    /// What a repulsion that sums to psi adds to E, and its lambda.
    pub fn weigh(self, weight: f64, psi: f64) -> (f64, f64) {
        match self {
            Balance::Weight => (weight * psi, weight),
            Balance::Share => (weight * psi.ln(), weight / psi),
        }
    }
}

/// The two parts of E(X).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// sum_nm w+_nm a(r^2_nm)
    pub attraction: f64,
    /// lambda sum_nm w-_nm k(r^2_nm), or rho times the logarithm of the sum.
    pub repulsion: f64,
    /// lambda, or rho divided by the sum.
    pub lambda: f64,
}

impl Energy {
    /// That of a map which cannot be evaluated.
    pub(crate) const BEYOND: Energy = Energy {
        attraction: f64::INFINITY,
        repulsion: 0.0,
        lambda: f64::NAN,
    };

    /// E(X).
    pub fn total(&self) -> f64 {
        self.attraction + self.repulsion
    }

    /// Whether E and the lambda of its gradient are numbers.
    pub(crate) fn is_finite(&self) -> bool {
        self.total().is_finite() && self.lambda.is_finite()
    }
}

/// The objective of one data set.
#[derive(Debug)]
pub struct Objective {
    weights: Arc<Weights>,
    pairs: Pairs,
    balance: Balance,
    /// lambda or rho.
    lambda: f64,
    /// The lambda that the last evaluation found.
    reached: f64,
    d: usize,
    /// Cells, the first ones, that stay where they are.
    held: usize,
    /// Where E is evaluated, if not here.
    there: Option<Box<dyn ObjectiveThere>>,
}

/// The inputs of the cells as factors of W-: w-_nm = c_n . q_m.
#[derive(Debug, Clone)]
pub struct Inputs(Arc<fields::Fields>);

impl Inputs {
    /// Number of cells.
    pub fn n(&self) -> usize {
        self.0.n
    }

    /// Columns of the inputs, D.
    pub fn columns(&self) -> usize {
        self.0.inputs
    }

    /// S, the sum of all squared distances over ordered pairs.
    pub fn total(&self) -> f64 {
        self.0.total
    }

    /// Writes rows q = (y, |y|^2, 1) of the centred inputs, D + 2 numbers each, from that of cell
    /// `first` on, as many as there is room for.
    pub fn copy_rows(&self, first: usize, rows: &mut [f64]) {
        let (width, padded) = (self.0.inputs + 2, self.0.width);
        let ids: Vec<u32> = (0..rows.len() / width)
            .map(|i| (first + i) as u32)
            .collect();
        let mut wide = vec![0.0; ids.len() * padded];
        self.0.copy_rows(&ids, &mut wide);
        for (row, wide) in rows.chunks_exact_mut(width).zip(wide.chunks_exact(padded)) {
            row.copy_from_slice(&wide[..width]);
        }
    }
}

impl Objective {
    /// `y`: N x D inputs; `weights`: W+ of the same N points; d: columns of X.
    pub fn new(y: ArrayView2<f64>, weights: Weights, lambda: f64, d: usize) -> Result<Self> {
        if weights.n() != y.nrows() {
            return Err(Error::input(
                format!(
                    "There are weights for {} cells but inputs for {}.",
                    weights.n(),
                    y.nrows()
                ),
                "Compute the affinities from the same cells.",
            ));
        }
        if d == 0 || d > 50 {
            return Err(Error::dimension(
                format!("The embedding would have {d} dimensions."),
                "Give 1 to 50 dimensions; 2 is usual.",
            ));
        }
        Ok(Objective {
            weights: Arc::new(weights),
            pairs: Pairs::new(y, d, Kernel::default())?,
            balance: Balance::default(),
            lambda: check_lambda(lambda)?,
            reached: lambda,
            d,
            held: 0,
            there: None,
        })
    }

    /// The same for another member of the family and meaning of `lambda`.
    pub fn with(mut self, kernel: Kernel, balance: Balance) -> Self {
        self.pairs.set_kernel(kernel);
        self.balance = balance;
        self
    }

    /// The same as a function of the other cells' places, where the first `held` cells stay: their
    /// part of the gradient of [`Objective::evaluate`] is zero.
    pub fn holding(mut self, held: usize) -> Self {
        self.held = held.min(self.n());
        self
    }

    /// The same objective, evaluated on a device.
    pub fn on(mut self, device: &dyn Device, monitor: &dyn Monitor) -> Result<Self> {
        let inputs = Inputs(self.pairs.fields().clone());
        let weights = self.weights.clone();
        self.there = Some(device.objective(inputs, weights, self.kernel(), self.d, monitor)?);
        self.pairs.plan_boxes(device.grid_bytes());
        Ok(self)
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.pairs.n()
    }

    /// Dimensions of the embedding.
    pub fn d(&self) -> usize {
        self.d
    }

    /// Cells, the first ones, that stay where they are.
    pub fn held(&self) -> usize {
        self.held
    }

    /// W+.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// W+, where the rest is no longer wanted.
    pub fn into_weights(self) -> Weights {
        drop(self.there);
        Arc::unwrap_or_clone(self.weights)
    }

    /// The weight of the repulsion: lambda or rho.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// lambda as the last evaluation found it: the given one, or rho divided by the sum.
    pub fn reached(&self) -> f64 {
        match self.balance {
            Balance::Weight => self.lambda,
            Balance::Share => self.reached,
        }
    }

    /// Which member of the family.
    pub fn kernel(&self) -> Kernel {
        self.pairs.kernel()
    }

    /// What [`Objective::lambda`] means.
    pub fn balance(&self) -> Balance {
        self.balance
    }

    /// Changes the weight of the repulsion.
    pub fn set_lambda(&mut self, lambda: f64) -> Result<()> {
        self.lambda = check_lambda(lambda)?;
        Ok(())
    }

    /// A number that identifies inputs, weights and the form of E.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        self.pairs.bytes(|bytes| hash.update(bytes));
        hash.update(&self.weights.fingerprint().to_le_bytes());
        hash.update(&[self.kernel() as u8, self.balance as u8]);
        hash.digest()
    }

    /// Plans for a map that is yet to unfold, where the kernel has a heavy tail: on a coarser
    /// grid and with fewer components of the inputs. Says whether E is another now.
    pub fn plan_coarsely(&mut self, monitor: &dyn Monitor) -> Result<bool> {
        self.pairs.plan_coarsely(monitor)
    }

    /// Plans for E itself again.
    pub fn plan_finely(&mut self) {
        self.pairs.plan_finely();
    }

    /// Chooses the way to sum the repulsion at X.
    pub fn plan(&self, x: &[f64], method: Method) -> Result<Repulsion> {
        self.pairs.plan(x, method)
    }

    /// Keeps `current` while it is accurate at X and costs less than twice the best
    /// plan, so that small changes of X do not change the approximated energy.
    pub fn replan(&self, x: &[f64], method: Method, current: Repulsion) -> Result<Repulsion> {
        self.pairs.replan(x, method, current)
    }

    /// E(X); its gradient replaces `gradient`. X by rows, N x d. Where the monitor
    /// cancels, the error leaves `gradient` unusable.
    pub fn evaluate(
        &mut self,
        x: &[f64],
        how: Repulsion,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        let energy = self.evaluate_of_all(x, how, gradient, monitor)?;
        gradient[..self.held * self.d].fill(0.0);
        Ok(energy)
    }

    fn evaluate_of_all(
        &mut self,
        x: &[f64],
        how: Repulsion,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        if let Some(there) = &mut self.there {
            // What is not a number has no place on a grid.
            if !x.iter().all(|v| v.is_finite()) {
                gradient.fill(f64::NAN);
                return Ok(Energy {
                    attraction: f64::NAN,
                    repulsion: f64::NAN,
                    lambda: self.lambda,
                });
            }
            let how = self.pairs.summation(x, how)?;
            let energy = there.evaluate(x, self.lambda, self.balance, &how, gradient, monitor)?;
            self.reached = energy.lambda;
            return Ok(energy);
        }
        let kernel = self.kernel();
        let attraction = attraction::evaluate(kernel, &self.weights, x, self.d, gradient);
        let (repulsion, lambda) = match self.balance {
            Balance::Weight => {
                let psi = self
                    .pairs
                    .evaluate(x, how, self.lambda, gradient, monitor)?;
                self.balance.weigh(self.lambda, psi)
            }
            Balance::Share => {
                let mut slopes = vec![0.0; gradient.len()];
                let psi = self.pairs.evaluate(x, how, 1.0, &mut slopes, monitor)?;
                let (repulsion, lambda) = self.balance.weigh(self.lambda, psi);
                for (gradient, slope) in gradient.iter_mut().zip(&slopes) {
                    *gradient += lambda * slope;
                }
                (repulsion, lambda)
            }
        };
        self.reached = lambda;
        Ok(Energy {
            attraction,
            repulsion,
            lambda,
        })
    }

    /// sum_nm w-_nm k(r^2_nm); `scale` times its gradient is added to `gradient`.
    pub fn repulsion(
        &mut self,
        x: &[f64],
        how: Repulsion,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        self.pairs.evaluate(x, how, scale, gradient, monitor)
    }

    /// How the gradient of E has changed since the cells of a random sample moved from
    /// `before` to `now` (B x d by rows), estimated from the pairs of the sample: replaces
    /// `change`, one row for each cell.
    ///
    /// Each of the B (B - 1) ordered pairs stands for N (N - 1) / (B (B - 1)) of all, so
    /// that the sum over the cells is, on average over the samples, that over all cells.
    /// lambda is that of the last evaluation.
    pub fn sampled_change(
        &mut self,
        sample: &Sample<'_>,
        before: &[f64],
        now: &[f64],
        method: Method,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let pairs_of = |count: usize| count as f64 * (count as f64 - 1.0);
        let scale = pairs_of(self.n()) / pairs_of(sample.ids.len());
        if self.there.is_some() {
            return self.sampled_change_there(sample, scale, before, now, method, change, monitor);
        }
        attraction::sampled_change(
            self.kernel(),
            &self.weights,
            sample,
            before,
            now,
            self.d,
            change,
        );
        change.iter_mut().for_each(|g| *g *= scale);
        let mut pairs = self.pairs.of_sample(sample.ids);
        for (x, sign) in [(now, 1.0), (before, -1.0)] {
            let how = pairs.plan(x, method)?;
            pairs.evaluate(x, how, sign * self.reached, change, monitor)?;
        }
        Ok(())
    }

    fn sampled_change_there(
        &mut self,
        sample: &Sample<'_>,
        scale: f64,
        before: &[f64],
        now: &[f64],
        method: Method,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let lambda = self.reached();
        let Objective { pairs, there, .. } = self;
        if !now.iter().all(|v| v.is_finite()) {
            change.fill(f64::NAN);
            return Ok(());
        }
        let count = sample.ids.len();
        let plan = |x: &[f64]| pairs.summation(x, pairs.plan_of(x, method, count)?);
        let (how_before, how_now) = (plan(before)?, plan(now)?);
        let sampled = Sampled {
            ids: sample.ids,
            total: pairs.fields().sampled_total(count),
            scale,
        };
        match there {
            Some(there) => there.change(
                &sampled,
                (before, &how_before),
                (now, &how_now),
                lambda,
                change,
                monitor,
            ),
            None => Err(Error::internal("There is no device.", "")),
        }
    }
}

fn check_lambda(lambda: f64) -> Result<f64> {
    if lambda >= 0.0 && lambda.is_finite() {
        return Ok(lambda);
    }
    Err(Error::input(
        format!("`lambda` is {lambda}."),
        "Give a finite number that is not negative; 1 to 100 are usual.",
    ))
}
