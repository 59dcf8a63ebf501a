//! The repulsion on another device, which sums it together with the attraction.

use super::{too_wide, Psi, Repulsion, GROWTH};
use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::objective::device::{RemoteObjective, Sampled, Summation};
use crate::objective::energy::Energy;
use crate::objective::factors::Columns;
use crate::objective::grid::single::{box_bytes, box_taps};
use crate::objective::grid::workspace::Workspace;
use crate::objective::kernel::Grids;
use crate::objective::plan::Plan;
use crate::objective::shape::Shape;
use crate::objective::weight::RepulsionWeight;
use crate::Result;

/// An objective that a device has opened.
#[derive(Debug)]
pub struct Opened {
    pub objective: Box<dyn RemoteObjective>,
    /// Bytes that its grid, one box around all points, may take.
    pub grid_bytes: f64,
}

/// By the plan that `here` follows, on a device. What it costs here decides there too, so that
/// both sum alike.
pub struct Offloaded<'a> {
    pub here: Box<dyn Repulsion>,
    pub plan: Plan,
    pub opened: &'a Opened,
}

impl Opened {
    /// What the device has to know of a plan; refuses a grid at X that has outgrown it.
    fn summation(&self, plan: Plan, psi: Psi<'_>, x: &[f64]) -> Result<Summation> {
        let Plan::Grid { h } = plan else {
            return Ok(Summation {
                h: 0.0,
                taps: Vec::new(),
            });
        };
        let shape = Shape::new(x, psi.d);
        if !(box_bytes(&shape, h, psi.factors.inputs + 2) <= GROWTH * self.grid_bytes) {
            return Err(too_wide());
        }
        let taps = match psi.kernel.grids() {
            Grids::Gaussian { .. } => box_taps(&shape, h),
            Grids::Pyramid { .. } => Vec::new(),
        };
        Ok(Summation { h, taps })
    }

    /// How the gradient over the pairs of some cells changes from `before` to `now`: X of these
    /// cells, and how the repulsion is summed there. Replaces `change`.
    pub fn change(
        &self,
        psi: Psi<'_>,
        sampled: &Sampled<'_>,
        (before, before_plan): (&[f64], Plan),
        (now, now_plan): (&[f64], Plan),
        lambda: f64,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()> {
        if !now.iter().all(|v| v.is_finite()) {
            change.fill(f64::NAN);
            return Ok(());
        }
        let before = (before, &self.summation(before_plan, psi, before)?);
        let now = (now, &self.summation(now_plan, psi, now)?);
        let objective = &self.objective;
        objective.change(sampled, before, now, lambda, change, monitor)
    }
}

impl Repulsion for Offloaded<'_> {
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, most: f64) -> Option<f64> {
        if let Plan::Grid { h } = self.plan {
            if !(box_bytes(shape, h, columns.inputs + 2) <= self.opened.grid_bytes) {
                return None;
            }
        }
        self.here.cost(columns, x, shape, most)
    }

    /// A device has no sum of the repulsion alone.
    fn sum(
        &self,
        psi: Psi<'_>,
        x: &[f64],
        workspace: &mut Workspace,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        self.here.sum(psi, x, workspace, scale, gradient, monitor)
    }

    fn energy(
        &self,
        _: &Weights,
        psi: Psi<'_>,
        weight: RepulsionWeight,
        x: &[f64],
        _: &mut Workspace,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        // What is not a number lies in no bin of a grid.
        if !x.iter().all(|v| v.is_finite()) {
            gradient.fill(f64::NAN);
            return Ok(Energy {
                attraction: f64::NAN,
                repulsion: f64::NAN,
                lambda: weight.number(),
                terms: 0.0,
            });
        }
        let summation = self.opened.summation(self.plan, psi, x)?;
        let opened = &self.opened.objective;
        opened.evaluate(x, weight, &summation, gradient, monitor)
    }
}
