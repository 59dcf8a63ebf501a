//! From a plan to the way that it names.

use super::device::{Offloaded, Opened};
use super::exact::Exact;
use super::grid::Grid;
use super::Repulsion;
use crate::objective::kernel::Kernel;
use crate::objective::plan::Plan;

/// The way to sum the repulsion by this kernel that the plan names: here, or on the device.
pub fn select<'a>(
    plan: Plan,
    kernel: Kernel,
    device: Option<&'a Opened>,
) -> Box<dyn Repulsion + 'a> {
    let here: Box<dyn Repulsion> = match plan {
        Plan::Exact => Box::new(Exact),
        Plan::Grid { h } => Box::new(Grid {
            h,
            grids: kernel.grids(),
        }),
    };
    match device {
        Some(opened) => Box::new(Offloaded { here, plan, opened }),
        None => here,
    }
}
