//! Another device: what a backend beside this crate computes of E and of a network.
//!
//! This crate keeps the state of a run and all that decides its course; a [`Device`] evaluates
//! E and its gradient, and runs cells through networks and gradients back. What it gives is to
//! agree with [`crate::objective`] and [`crate::network::pass`] to rounding.

use std::fmt::Debug;
use std::sync::Arc;

use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::network::pass::Dropout;
use crate::network::{Moments, Network, Points};
use crate::objective::{Balance, Energy, Inputs, Kernel};
use crate::Result;

/// Opens objectives and networks on a device.
pub trait Device: Debug + Send + Sync {
    /// E of cells with these inputs and attractive weights, in maps of `d` dimensions.
    fn objective(
        &self,
        inputs: Inputs,
        weights: Arc<Weights>,
        kernel: Kernel,
        d: usize,
        monitor: &dyn Monitor,
    ) -> Result<Box<dyn ObjectiveThere>>;

    /// A network of the shape of `network`, for these cells.
    fn network(
        &self,
        points: Arc<Points<f32>>,
        network: &Network<f32>,
        monitor: &dyn Monitor,
    ) -> Result<Box<dyn NetworkThere>>;

    /// The parameters that a TorchScript program holds, which maps `inputs` features to `outputs`
    /// dimensions.
    fn program_parameters(&self, program: &[u8], inputs: usize, outputs: usize)
        -> Result<Vec<f32>>;

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
pub trait ObjectiveThere: Debug + Send {
    /// E(X), of which `weight` is lambda or rho; its gradient replaces `gradient`.
    fn evaluate(
        &mut self,
        x: &[f64],
        weight: f64,
        balance: Balance,
        how: &Summation,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy>;

    /// How the gradient over the pairs of some cells changes from `before` to `now`: their places,
    /// and how the repulsion is summed there.
    fn change(
        &mut self,
        sampled: &Sampled<'_>,
        before: (&[f64], &Summation),
        now: (&[f64], &Summation),
        lambda: f64,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()>;
}

/// A network and its cells on a device.
pub trait NetworkThere: Debug + Send {
    /// Some cells, or all of them, in training mode: the moments of the batch and X. With `keep`,
    /// what the way back needs stays there; otherwise it is computed anew.
    fn forward(
        &mut self,
        network: &Network<f32>,
        cells: Option<&[u32]>,
        dropout: Option<Dropout>,
        keep: bool,
        monitor: &dyn Monitor,
    ) -> Result<(Vec<Moments>, Vec<f32>)>;

    /// dE / d parameters from dE/dX of the last pass.
    fn backward(&mut self, dx: &[f32], monitor: &dyn Monitor) -> Result<Vec<f32>>;

    /// X of all cells as single cells are mapped: by the moments that the network holds.
    fn map(&mut self, network: &Network<f32>, monitor: &dyn Monitor) -> Result<Vec<f32>>;
}
