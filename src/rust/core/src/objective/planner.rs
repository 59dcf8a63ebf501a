//! The choice of how the repulsion is summed.

use super::factors::Columns;
use super::kernel::{Grids, Kernel};
use super::plan::{Method, Plan, Resolution};
use super::repulsion::device::Opened;
use super::repulsion::grid::GRID_BYTES;
use super::repulsion::select::select;
use super::shape::Shape;
use crate::{Error, Result};

/// What a device divides the spacing of a pyramid by. It takes the kernel itself on the nodes,
/// not a sum of Gaussians that are wider than they are apart. With the same spacing it is off by
/// 3e-2.
const FINER_ON_A_DEVICE: f64 = 2.0;

/// Nodes per standard deviation of the embedding. Where all points lie within a few nodes of each
/// other the spacing follows their spread. Otherwise the gradient, which vanishes with the spread,
/// would drown in the error of the grid.
const NODES_PER_DEVIATION: f64 = 2.0;

/// Finest spacing of the grid: neighbouring taps of its kernel differ by h^2, which is
/// not to drown in rounding.
const FINEST_SPACING: f64 = 1e-6;

/// What is to be summed, and where.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub kernel: Kernel,
    /// Those of the factors of W-.
    pub columns: Columns,
    /// Dimensions of the embedding.
    pub d: usize,
    pub resolution: Resolution,
    /// How near each other neighbours lie, where that counts; else infinite.
    pub nearness: f64,
    pub device: Option<&'a Opened>,
}

/// Chooses the way to sum the repulsion at X.
pub fn plan(task: Task<'_>, x: &[f64], method: Method) -> Result<Plan> {
    plan_at(task, x, &Shape::new(x, task.d), method)
}

/// Keeps `current` while it is accurate at X and costs less than twice the best plan. So small
/// changes of X do not change the approximated energy.
pub fn replan(task: Task<'_>, x: &[f64], method: Method, current: Plan) -> Result<Plan> {
    let shape = Shape::new(x, task.d);
    let fresh = plan_at(task, x, &shape, method)?;
    if fresh == current {
        return Ok(current);
    }
    let accurate = match current {
        Plan::Exact => true,
        Plan::Grid { h } => h <= task.spacing(shape.deviation),
    };
    let needlessly_fine = match (current, fresh) {
        (Plan::Grid { h: now }, Plan::Grid { h: then }) => {
            task.resolution == Resolution::Coarse && now < then
        }
        _ => false,
    };
    let most = task.most_flops(x, &shape, method);
    let cost = |plan| task.cost(plan, x, &shape, most);
    match (cost(current), cost(fresh)) {
        (Some(now), Some(then)) if accurate && !needlessly_fine && now < 2.0 * then => Ok(current),
        _ => Ok(fresh),
    }
}

/// Whether a plan is one that [`plan`] may make, as one out of a file need not be.
pub(crate) fn is_planned(plan: Plan, kernel: Kernel) -> bool {
    match plan {
        Plan::Exact => true,
        Plan::Grid { h } => {
            let grids = kernel.grids();
            let widest = grids.coarsest().unwrap_or(grids.widest());
            (FINEST_SPACING / 2.0..=widest).contains(&h)
        }
    }
}

/// Grid spacing for the standard deviation of X, a power of two times the widest.
pub fn spacing(kernel: Kernel, deviation: f64) -> f64 {
    let widest = kernel.grids().widest();
    let wanted = (deviation / NODES_PER_DEVIATION).clamp(FINEST_SPACING, widest);
    widest * (wanted / widest).log2().floor().exp2()
}

fn plan_at(task: Task<'_>, x: &[f64], shape: &Shape, method: Method) -> Result<Plan> {
    if method == Method::Exact {
        return Ok(Plan::Exact);
    }
    method.check(task.d)?;
    let most = task.most_flops(x, shape, method);
    let h = task.spacing(shape.deviation);
    // A finer grid may have too many nodes: then the finest that has not.
    let coarsest = task.kernel.grids().coarsest().unwrap_or(h);
    let wider = |h: &f64| Some(2.0 * h).filter(|&h| h <= coarsest);
    let affordable = std::iter::successors(Some(h), wider).find_map(|h| {
        let plan = Plan::Grid { h };
        Some((plan, task.cost(plan, x, shape, most)?))
    });
    match (method, affordable) {
        (Method::Grid, Some((plan, _))) => Ok(plan),
        // A device has no tiles, in which a wide map would find room.
        (Method::Grid, None) if task.device.is_some() => Ok(Plan::Exact),
        (Method::Grid, None) => Err(Error::memory(
            format!(
                "The embedding is so wide that its grid would take more than {:.1} GB.",
                GRID_BYTES / 1e9
            ),
            "Use `method = \"auto\"`, which sums far-apart points directly.",
        )),
        (_, Some((plan, flops))) if flops < most => Ok(plan),
        _ => Ok(Plan::Exact),
    }
}

impl Task<'_> {
    /// Spacing of a grid for the standard deviation of X. Where groups are knots in a wide map,
    /// what repels within them vanishes with their size, as it does in a narrow map.
    fn spacing(&self, deviation: f64) -> f64 {
        let grids = self.kernel.grids();
        let mut h = spacing(self.kernel, deviation.min(self.nearness));
        if self.device.is_some() && matches!(grids, Grids::Pyramid { .. }) {
            h /= FINER_ON_A_DEVICE;
        }
        match (self.resolution, grids.coarsest()) {
            (Resolution::Coarse, Some(coarsest)) => coarsest / grids.widest() * h,
            _ => h,
        }
    }

    /// The cost of a plan at X; see [`Repulsion::cost`](super::repulsion::Repulsion::cost).
    fn cost(&self, plan: Plan, x: &[f64], shape: &Shape, most: f64) -> Option<f64> {
        select(plan, self.kernel, self.device).cost(self.columns, x, shape, most)
    }

    /// What a grid may cost before it is out of the question.
    fn most_flops(&self, x: &[f64], shape: &Shape, method: Method) -> f64 {
        match method {
            Method::Auto => self.cost(Plan::Exact, x, shape, f64::INFINITY),
            _ => None,
        }
        .unwrap_or(f64::INFINITY)
    }
}
