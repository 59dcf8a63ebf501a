//! From a plan to the way that it names.

use super::device::{Offloaded, Opened};
use super::exact::Exact;
use super::grid::Grid;
use super::pyramid::Pyramid;
use super::Repulsion;
use crate::objective::kernel::{Grids, Kernel};
use crate::objective::plan::Plan;

/// The way to sum the repulsion by this kernel that the plan names: here, or on the device.
pub fn select<'a>(
    plan: Plan,
    kernel: Kernel,
    device: Option<&'a Opened>,
) -> Box<dyn Repulsion + 'a> {
    let here: Box<dyn Repulsion> = match (plan, kernel.grids()) {
        (Plan::Exact, _) => Box::new(Exact),
        (Plan::Grid { h }, Grids::Gaussian { .. }) => Box::new(Grid { h }),
        (Plan::Grid { h }, Grids::Pyramid { density, .. }) => Box::new(Pyramid { h, density }),
    };
    match device {
        Some(opened) => Box::new(Offloaded { here, plan, opened }),
        None => here,
    }
}
