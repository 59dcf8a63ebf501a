//! E on another device: what a backend beside this crate computes of it.

use std::fmt::Debug;
use std::sync::Arc;

use super::energy::Energy;
use super::factors::Inputs;
use super::kernel::Kernel;
use super::weight::RepulsionWeight;
use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::Result;

/// Opens objectives on a device.
pub trait ObjectiveDevice: Debug + Send + Sync {
    /// E of cells with these inputs and attractive weights, in maps of `d` dimensions.
    fn objective(
        &self,
        inputs: Inputs,
        weights: Arc<Weights>,
        kernel: Kernel,
        d: usize,
        monitor: &dyn Monitor,
    ) -> Result<Box<dyn RemoteObjective>>;

    /// Bytes that the grid of a repulsion may take there.
    fn grid_bytes(&self) -> f64;
}

/// How the repulsion is summed: on a grid of spacing `h`, or with `h` = 0 over all pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Summation {
    /// Distance between nodes.
    pub h: f64,
    /// The kernel along an axis, from its centre on, where it is a product over the axes.
    pub taps: Vec<f64>,
}

/// Cells of which the pairs stand for all.
#[derive(Debug)]
pub struct Sampled<'a> {
    /// The cells, ascending.
    pub ids: &'a [u32],
    /// S of these cells, such that every pair stands for its share of all.
    pub total: f64,
    /// What every attractive weight among them stands for.
    pub scale: f64,
}

/// E on a device.
pub trait RemoteObjective: Debug + Send {
    /// E(X); its gradient replaces `gradient`.
    fn evaluate(
        &self,
        x: &[f64],
        weight: RepulsionWeight,
        summation: &Summation,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy>;

    /// How the gradient over the pairs of some cells changes from `before` to `now`: X of these
    /// cells, and how the repulsion is summed there. Replaces `change`.
    fn change(
        &self,
        sampled: &Sampled<'_>,
        before: (&[f64], &Summation),
        now: (&[f64], &Summation),
        lambda: f64,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()>;
}
