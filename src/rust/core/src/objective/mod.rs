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
//! With [`RepulsionWeight::Share`] the repulsion enters by its logarithm,
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + rho log sum_nm w-_nm k(r^2_nm),
//! ```
//!
//! as in t-SNE, whose weights are uniform and whose rho is 1. Its stationary points are
//! those of the sum with lambda = rho / sum_nm w-_nm k(r^2_nm): a lambda that the map finds
//! for itself, whatever the number of cells (Yang, Peltonen and Kaski 2014, "Optimization
//! equivalence of divergences improves neighbor embedding").
//!
//! [`Terms`] add what arranges distant cells; `agreement.rs`, `densities.rs` and
//! `tether.rs` have the equations.

mod agreement;
mod attraction;
pub mod dense;
mod densities;
pub mod device;
mod energy;
mod factors;
mod grid;
pub mod kernel;
mod map_repulsion;
mod plan;
mod planner;
mod repulsion;
mod shape;
mod spline;
mod terms;
mod tether;
mod weight;

use std::sync::Arc;

use ndarray::ArrayView2;

use crate::affinity::{Sample, Weights};
use crate::dimensions::check_dimensions;
use crate::masses::Masses;
use crate::monitor::Monitor;
use crate::{Error, Result};
use agreement::Agreement;
use densities::Densities;
use device::{ObjectiveDevice, Sampled};
use factors::{Columns, Factors};
use grid::workspace::Workspace;
use planner::Task;
use repulsion::device::Opened;
use repulsion::select::select;
use repulsion::Psi;

pub use energy::Energy;
pub use factors::Inputs;
pub use kernel::Kernel;
pub use map_repulsion::{MapRepulsion, Potential};
pub use plan::{Method, Plan, Resolution};
pub(crate) use planner::is_planned;
pub use terms::Terms;
pub use tether::Tether;
pub use weight::RepulsionWeight;

/// Principal components of the inputs that count at [`Resolution::Coarse`]: with the norm and the
/// one they fill two cache lines.
const COMPONENTS: usize = 14;

/// The objective of one data set. X is given by rows, N x d.
#[derive(Debug)]
pub struct Objective {
    weights: Arc<Weights>,
    factors: Arc<Factors>,
    /// The factors of [`Resolution::Coarse`], once they have been asked for.
    coarse_factors: Option<Arc<Factors>>,
    kernel: Kernel,
    weight: RepulsionWeight,
    terms: Terms,
    agreement: Option<Arc<Agreement>>,
    densities: Option<Arc<Densities>>,
    tether: Option<Tether>,
    /// The lambda that the last evaluation found.
    reached: f64,
    d: usize,
    /// Cells, the first ones, that stay where they are.
    fixed: usize,
    workspace: Workspace,
    /// Where E is evaluated, if not here.
    device: Option<Opened>,
}

impl Objective {
    /// Attraction and repulsion alone.
    ///
    /// `y`: N x D inputs; `weights`: W+ of the same N points; `kernel`: how cells attract and
    /// repel; `weight`: that of the repulsion; `d`: columns of X, 1 to 50.
    pub fn new(
        y: ArrayView2<f64>,
        weights: Weights,
        kernel: Kernel,
        weight: RepulsionWeight,
        d: usize,
    ) -> Result<Self> {
        Objective::of_masses(y, Masses::Ones(y.nrows()), weights, kernel, weight, d)
    }

    /// The same where each cell stands for as many cells as its mass says. `weights` are those of
    /// the cells, not yet of what they stand for.
    pub fn of_masses(
        y: ArrayView2<f64>,
        masses: Masses,
        weights: Weights,
        kernel: Kernel,
        weight: RepulsionWeight,
        d: usize,
    ) -> Result<Self> {
        if masses.n() != y.nrows() {
            return Err(Error::input(
                format!(
                    "`weights` has {} numbers for {} cells.",
                    masses.n(),
                    y.nrows()
                ),
                "Give one for each cell.",
            ));
        }
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
        check_dimensions(d)?;
        Ok(Objective {
            terms: Terms::NONE,
            agreement: None,
            densities: None,
            tether: None,
            weights: Arc::new(weights.with_masses(&masses)),
            factors: Arc::new(Factors::new(y, masses)?),
            coarse_factors: None,
            kernel,
            weight: weight.check()?,
            reached: weight.number(),
            d,
            fixed: 0,
            workspace: Workspace::default(),
            device: None,
        })
    }

    /// The same with the other terms and the tether of the kernel. To be called before
    /// [`Objective::move_to`].
    pub fn with_terms(mut self, terms: Terms) -> Result<Self> {
        let Terms {
            agreement,
            uniform,
            densities,
        } = terms.check()?;
        self.agreement = Agreement::new(&self.factors, agreement).map(Arc::new);
        self.densities = Densities::new(&self.factors, &self.weights, densities).map(Arc::new);
        Arc::make_mut(&mut self.factors).mix_uniform(uniform);
        self.tether = self.kernel.tether().of_weights(&self.weights);
        self.terms = terms;
        Ok(self)
    }

    /// The same as a function of the other cells' rows of X, where the first `fixed` cells stay:
    /// their part of the gradient of [`Objective::evaluate`] is zero.
    pub fn fix_first(mut self, fixed: usize) -> Self {
        self.fixed = fixed.min(self.n());
        self
    }

    /// The same objective, evaluated on a device.
    pub fn move_to(mut self, device: &dyn ObjectiveDevice, monitor: &dyn Monitor) -> Result<Self> {
        if let Masses::Each(_) = self.factors.masses {
            return Err(Error::device(
                "Cells with `weights` are mapped on the processor alone.",
                "Set device = \"cpu\", or leave `weights` out.",
            ));
        }
        let inputs = Inputs::new(self.factors.clone());
        let weights = self.weights.clone();
        self.device = Some(Opened {
            objective: device.objective(inputs, weights, self.kernel, self.d, monitor)?,
            grid_bytes: device.grid_bytes(),
        });
        Ok(self)
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.factors.n
    }

    /// Dimensions of the embedding.
    pub fn d(&self) -> usize {
        self.d
    }

    /// Cells, the first ones, that stay where they are.
    pub fn fixed(&self) -> usize {
        self.fixed
    }

    /// W+.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// How cells attract and repel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The weight of the repulsion.
    pub fn weight(&self) -> RepulsionWeight {
        self.weight
    }

    /// Changes the weight of the repulsion.
    pub fn set_weight(&mut self, weight: RepulsionWeight) -> Result<()> {
        self.weight = weight.check()?;
        Ok(())
    }

    /// lambda as the last evaluation found it: the given one, or rho divided by the sum.
    pub fn reached(&self) -> f64 {
        match self.weight {
            RepulsionWeight::Lambda(lambda) => lambda,
            RepulsionWeight::Share(_) => self.reached,
        }
    }

    /// A number that identifies inputs, weights and the form of E.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        self.factors.bytes(|bytes| hash.update(bytes));
        hash.update(&self.weights.fingerprint().to_le_bytes());
        hash.update(&[self.kernel.id(), self.weight.id()]);
        hash.update(&self.terms.agreement.to_le_bytes());
        // Checkpoints from before there was this term stay those of the same problem.
        if self.terms.densities > 0.0 {
            hash.update(&self.terms.densities.to_le_bytes());
        }
        hash.digest()
    }

    /// Whether E at [`Resolution::Coarse`] is another than E itself.
    pub fn has_coarse(&self) -> bool {
        self.kernel.grids().coarsest().is_some()
    }

    /// Chooses the way to sum the repulsion at X.
    pub fn plan(&self, x: &[f64], method: Method, resolution: Resolution) -> Result<Plan> {
        planner::plan(self.task(resolution, Some(x)), x, method)
    }

    /// Keeps `current` while it is accurate at X and costs less than twice the best
    /// plan, so that small changes of X do not change the approximated energy.
    pub fn replan(
        &self,
        x: &[f64],
        method: Method,
        resolution: Resolution,
        current: Plan,
    ) -> Result<Plan> {
        planner::replan(self.task(resolution, Some(x)), x, method, current)
    }

    /// E(X); its gradient replaces `gradient`. Where the monitor cancels, the error leaves
    /// `gradient` unusable.
    pub fn evaluate(
        &mut self,
        x: &[f64],
        plan: Plan,
        resolution: Resolution,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        let factors = self.factors_at(resolution, monitor)?;
        let mut energy = select(plan, self.kernel, self.device.as_ref()).energy(
            &self.weights,
            self.psi(&factors),
            self.weight,
            x,
            &mut self.workspace,
            gradient,
            monitor,
        )?;
        energy.terms = self.add_terms(x, gradient);
        self.reached = energy.lambda;
        gradient[..self.fixed * self.d].fill(0.0);
        Ok(energy)
    }

    /// sum_nm w-_nm k(r^2_nm); `scale` times its gradient is added to `gradient`.
    pub fn repulsion(
        &mut self,
        x: &[f64],
        plan: Plan,
        resolution: Resolution,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        let factors = self.factors_at(resolution, monitor)?;
        let psi = self.psi(&factors);
        let workspace = &mut self.workspace;
        select(plan, psi.kernel, None).sum(psi, x, workspace, scale, gradient, monitor)
    }

    /// How the gradient of E has changed since the cells of a random sample moved from
    /// `before` to `now` (B x d by rows), estimated from the pairs of the sample: replaces
    /// `change`, one row for each cell.
    ///
    /// Each of the B (B - 1) ordered pairs stands for N (N - 1) / (B (B - 1)) of all, so
    /// that the sum over the cells is, on average over the samples, that over all cells.
    /// lambda is that of the last evaluation. Agreement, densities and tether change slowly, and
    /// are taken to stay.
    pub fn sampled_change(
        &self,
        sample: &Sample<'_>,
        before: &[f64],
        now: &[f64],
        method: Method,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let pairs_of = |count: usize| count as f64 * (count as f64 - 1.0);
        let scale = pairs_of(self.n()) / pairs_of(sample.ids.len());
        let (kernel, d, lambda) = (self.kernel, self.d, self.reached());
        let plan = |x: &[f64]| planner::plan(self.task(Resolution::Fine, None), x, method);
        if let Some(opened) = &self.device {
            let sampled = Sampled {
                ids: sample.ids,
                total: self.factors.sampled_total(sample.ids.len()),
                scale,
            };
            let (before, now) = ((before, plan(before)?), (now, plan(now)?));
            let psi = self.psi(&self.factors);
            return opened.change(psi, &sampled, before, now, lambda, change, monitor);
        }
        attraction::sampled_change(kernel, &self.weights, sample, before, now, d, change);
        change.iter_mut().for_each(|g| *g *= scale);
        let factors = self.factors.sample(sample.ids);
        let psi = self.psi(&factors);
        let mut workspace = Workspace::default();
        for (x, sign) in [(now, 1.0), (before, -1.0)] {
            let way = select(plan(x)?, kernel, None);
            way.sum(psi, x, &mut workspace, sign * lambda, change, monitor)?;
        }
        Ok(())
    }

    /// Agreement, densities and tether; their gradient is added to `gradient`.
    fn add_terms(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let densities = self.densities.as_ref().map_or(0.0, |densities| {
            let masses = &self.factors.masses;
            densities.add(masses, &self.weights, x, self.d, gradient)
        });
        if self.agreement.is_none() && self.tether.is_none() {
            return densities;
        }
        let mut x = x.to_vec();
        let masses = &self.factors.masses;
        masses.centre(&mut x, self.d);
        let agreement = self.agreement.as_ref().map_or(0.0, |agreement| {
            agreement.add(&self.factors, &x, self.d, gradient)
        });
        let tether = self
            .tether
            .map_or(0.0, |tether| tether.add(masses, &x, self.d, gradient));
        agreement + tether + densities
    }

    fn psi<'a>(&self, factors: &'a Factors) -> Psi<'a> {
        Psi {
            factors,
            kernel: self.kernel,
            d: self.d,
        }
    }

    /// `x`: the map of all cells, where it is to be summed.
    fn task(&self, resolution: Resolution, x: Option<&[f64]>) -> Task<'_> {
        let coarse = self.coarse_columns(resolution);
        let heavy = resolution == Resolution::Fine && self.has_coarse();
        Task {
            nearness: match x {
                Some(x) if heavy => self.weights.nearness(x, self.d),
                _ => f64::INFINITY,
            },
            kernel: self.kernel,
            columns: coarse.unwrap_or(self.factors.columns()),
            d: self.d,
            resolution: match self.has_coarse() {
                true => resolution,
                false => Resolution::Fine,
            },
            device: self.device.as_ref(),
        }
    }

    /// Those of the principal components, where they stand for the inputs; never on a device,
    /// which has the inputs.
    fn coarse_columns(&self, resolution: Resolution) -> Option<Columns> {
        let few = resolution == Resolution::Coarse && self.has_coarse() && self.device.is_none();
        few.then(|| self.factors.principal_columns(COMPONENTS))?
    }

    /// The factors that are summed.
    fn factors_at(
        &mut self,
        resolution: Resolution,
        monitor: &dyn Monitor,
    ) -> Result<Arc<Factors>> {
        let Some(columns) = self.coarse_columns(resolution) else {
            // A map that has unfolded has no more use for them.
            self.coarse_factors = None;
            return Ok(self.factors.clone());
        };
        let found = match self.coarse_factors.take() {
            Some(found) => found,
            None => Arc::new(self.factors.principal(columns, monitor)?),
        };
        Ok(self.coarse_factors.insert(found).clone())
    }
}
