//! Another device: what a backend beside this crate computes of E and of a network.
//!
//! This crate keeps the state of a run and all that decides its course. A [`Device`] evaluates E
//! and its gradient, and runs cells through networks and gradients back. What it gives is to agree
//! with [`crate::objective`] and [`crate::network::pass`] to rounding.

use std::fmt::Debug;
use std::sync::Arc;

use crate::monitor::Monitor;
use crate::network::pass::Dropout;
use crate::network::{Moments, Network, Points};
use crate::Result;

pub use crate::objective::device::{ObjectiveDevice, RemoteObjective, Sampled, Summation};

/// Opens objectives and networks on a device.
pub trait Device: ObjectiveDevice {
    /// A network of the shape of `network`, for these cells.
    fn network(
        &self,
        points: Arc<Points<f32>>,
        network: &Network<f32>,
        monitor: &dyn Monitor,
    ) -> Result<Box<dyn RemoteNetwork>>;

    /// The parameters that a TorchScript program holds, which maps `inputs` features to `outputs`
    /// dimensions.
    fn program_parameters(&self, program: &[u8], inputs: usize, outputs: usize)
        -> Result<Vec<f32>>;
}

/// A network and its cells on a device.
pub trait RemoteNetwork: Debug + Send {
    /// Some cells, or all of them, in training mode: the moments of the batch and X. With `keep`,
    /// what the way back needs stays on the device; otherwise it is computed anew.
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
