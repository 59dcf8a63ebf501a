//! Where cells go through the network: here, or on another device.

use std::sync::Arc;

use crate::device::RemoteNetwork;
use crate::monitor::Monitor;
use crate::network::pass::{map, Batch, Dropout, Pass, Workspace};
use crate::network::{Moments, Network, Points};
use crate::Result;

/// Passes of some cells, and gradients back.
#[derive(Debug)]
pub(super) enum Engine {
    /// By this crate.
    Local {
        points: Arc<Points<f32>>,
        /// Hidden layers of all cells; of no use where steps are made from fewer.
        all: Workspace<f32>,
        batch: Workspace<f32>,
    },
    /// On a device.
    Remote(Box<dyn RemoteNetwork>),
}

/// The cells of a step, and what is done to them.
pub(super) struct StepCells<'a> {
    /// The cells, or all.
    pub ids: Option<&'a [u32]>,
    pub dropout: Option<Dropout>,
    /// Keep their hidden layers for the way back, rather than compute them anew?
    pub keep: bool,
}

impl<'a> StepCells<'a> {
    /// From a batch of cells.
    pub fn new(ids: &'a [u32], dropout: Option<Dropout>) -> Self {
        StepCells {
            ids: Some(ids),
            dropout,
            keep: true,
        }
    }
}

impl Engine {
    pub fn local(points: Arc<Points<f32>>) -> Self {
        Engine::Local {
            points,
            all: Workspace::default(),
            batch: Workspace::default(),
        }
    }

    /// All cells with no unit dropped: the moments of the hidden layers, and X.
    pub fn all(
        &mut self,
        network: &Network<f32>,
        keep: bool,
        monitor: &dyn Monitor,
    ) -> Result<(Vec<Moments>, Vec<f32>)> {
        match self {
            Engine::Local { points, all, .. } => {
                let batch = Batch::all(&**points);
                let pass = Pass::forward(network, batch, None, keep.then_some(all), monitor)?;
                let x = pass.outputs(monitor)?;
                Ok((pass.moments().to_vec(), x))
            }
            // A program may have a training mode of its own, in which it does not map.
            Engine::Remote(remote) if network.architecture().program.is_some() => {
                Ok((Vec::new(), remote.map(network, monitor)?))
            }
            Engine::Remote(remote) => remote.forward(network, None, None, keep, monitor),
        }
    }

    /// The gradient of the parameters from dE/dX of the pass that [`Engine::all`] made last, whose
    /// moments and `keep` are given again.
    pub fn back(
        &mut self,
        network: &Network<f32>,
        moments: &[Moments],
        keep: bool,
        dx: &[f32],
        monitor: &dyn Monitor,
    ) -> Result<Vec<f32>> {
        match self {
            Engine::Local { points, all, .. } => {
                let batch = Batch::all(&**points);
                Pass::again(network, batch, moments, keep.then_some(all)).backward(dx, monitor)
            }
            Engine::Remote(remote) => remote.backward(dx, monitor),
        }
    }

    /// Cells forth, `slope` from X to dE/dX, and back.
    pub fn step(
        &mut self,
        network: &Network<f32>,
        step: StepCells<'_>,
        monitor: &dyn Monitor,
        slope: impl FnOnce(Vec<f32>) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let StepCells { ids, dropout, keep } = step;
        match self {
            Engine::Local { points, all, batch } => {
                let workspace = if ids.is_some() { batch } else { all };
                let cells = Batch {
                    points: &**points,
                    ids,
                };
                let workspace = keep.then_some(workspace);
                let mut pass = Pass::forward(network, cells, dropout, workspace, monitor)?;
                let dx = slope(pass.outputs(monitor)?)?;
                pass.backward(&dx, monitor)
            }
            Engine::Remote(remote) => {
                let (_, x) = remote.forward(network, ids, dropout, keep, monitor)?;
                let dx = slope(x)?;
                remote.backward(&dx, monitor)
            }
        }
    }

    /// X of all cells by the moments that the network holds.
    pub fn map(&mut self, network: &Network<f32>, monitor: &dyn Monitor) -> Result<Vec<f32>> {
        match self {
            Engine::Local { points, .. } => map(network, points, monitor),
            Engine::Remote(remote) => remote.map(network, monitor),
        }
    }
}
