//! The repulsion, and the ways to sum it.

pub mod device;
pub mod exact;
pub mod grid;
pub mod select;

use super::attraction;
use super::energy::Energy;
use super::factors::{Columns, Factors};
use super::grid::workspace::Workspace;
use super::kernel::Kernel;
use super::shape::Shape;
use super::weight::RepulsionWeight;
use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Growth of a grid between two plans, beyond which a trial point is refused.
const GROWTH: f64 = 2.0;

/// What is summed: psi(X) = sum_nm w-_nm k(|x_n - x_m|^2).
#[derive(Clone, Copy)]
pub struct Psi<'a> {
    /// W-.
    pub factors: &'a Factors,
    /// k, and the attraction that goes with it.
    pub kernel: Kernel,
    /// Dimensions of the embedding.
    pub d: usize,
}

impl Psi<'_> {
    /// What the points' own weights add to a sum that does not leave them out.
    fn own(&self) -> f64 {
        self.factors.own_weight() * self.kernel.repulsion(0.0).0
    }

    /// What the pairs within the cells add to a sum over pairs of cells.
    fn within(&self) -> f64 {
        self.factors.weight_within() * self.kernel.repulsion(0.0).0
    }
}

/// A way to sum the repulsion. X is given by rows, N x d.
pub trait Repulsion {
    /// Multiplications and additions at X, `None` where the sum would take too much memory.
    /// Infinite where the index of tiles alone would take longer than `most` of them. The grid of a
    /// few cells far apart is then not even planned.
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, most: f64) -> Option<f64>;

    /// psi(X); `scale` times its gradient is added to `gradient`.
    fn sum(
        &self,
        psi: Psi<'_>,
        x: &[f64],
        workspace: &mut Workspace,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64>;

    /// E(X); its gradient replaces `gradient`.
    fn energy(
        &self,
        weights: &Weights,
        psi: Psi<'_>,
        weight: RepulsionWeight,
        x: &[f64],
        workspace: &mut Workspace,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        let attraction = attraction::evaluate(psi.kernel, weights, x, psi.d, gradient);
        let (repulsion, lambda) = match weight {
            RepulsionWeight::Lambda(lambda) => {
                weight.weigh(self.sum(psi, x, workspace, lambda, gradient, monitor)?)
            }
            RepulsionWeight::Share(_) => {
                let mut slopes = vec![0.0; gradient.len()];
                let sum = self.sum(psi, x, workspace, 1.0, &mut slopes, monitor)?;
                let (repulsion, lambda) = weight.weigh(sum);
                for (gradient, slope) in gradient.iter_mut().zip(&slopes) {
                    *gradient += lambda * slope;
                }
                (repulsion, lambda)
            }
        };
        Ok(Energy {
            attraction,
            repulsion,
            lambda,
            terms: 0.0,
        })
    }
}

/// A trial point whose grid has outgrown the plan.
fn too_wide() -> Error {
    Error::memory(
        "The embedding is too wide for its grid.",
        "Use `method = \"auto\"` or `method = \"exact\"`.",
    )
}
