//! What a run is opened on, and the stages before its first iteration.

use std::sync::Arc;
use std::time::Instant;

use ndarray::{ArrayView2, CowArray, Ix2};

use crate::affinity::{Affinities, Weights};
use crate::device::Device;
use crate::ee::options::Options;
use crate::masses::Masses;
use crate::memory;
use crate::model::Model;
use crate::monitor::Monitor;
use crate::neighbors::{self, NeighborGraph};
use crate::objective::Objective;
use crate::order::Order;
use crate::session::Timing;
use crate::Result;

/// What a run is opened on: points alone (`points.view().into()`), or with what the caller has of
/// the stages that follow.
#[derive(Debug)]
pub struct Input<'a> {
    /// N x D, cells in rows.
    pub points: ArrayView2<'a, f64>,
    /// Where the attractive weights come from.
    pub weights: WeightSource,
    /// How many cells each cell stands for; `None` for one each.
    pub masses: Option<Masses>,
    /// N x d: where a free map starts, or the map that a network learns first, instead of the
    /// one that the options name.
    pub init: Option<ArrayView2<'a, f64>>,
    /// The network that training starts from, if not a random one.
    pub network: Option<Pretrained>,
    /// Where E is evaluated and cells go through a network, if not here.
    pub device: Option<Arc<dyn Device>>,
}

/// A network that is there before training.
#[derive(Debug)]
pub enum Pretrained {
    /// That of a model.
    Model(Box<Model>),
    /// A TorchScript program, with the parameters in it; needs a device.
    Program(Vec<u8>),
}

/// Where the attractive weights W+ come from.
#[derive(Debug)]
pub enum WeightSource {
    /// The nearest neighbours of the points are searched.
    Search,
    /// From these neighbours.
    Neighbors(NeighborGraph),
    /// They are there.
    Given(Weights),
}

impl<'a> From<ArrayView2<'a, f64>> for Input<'a> {
    fn from(points: ArrayView2<'a, f64>) -> Self {
        Input {
            points,
            weights: WeightSource::Search,
            masses: None,
            init: None,
            network: None,
            device: None,
        }
    }
}

/// An input on the way to its first iteration. Rows are in the order of the run.
pub(crate) struct Prepared<'a> {
    pub objective: Objective,
    pub points: CowArray<'a, f64, Ix2>,
    pub init: Option<CowArray<'a, f64, Ix2>>,
    pub device: Option<Arc<dyn Device>>,
    pub order: Order,
    pub timing: Timing,
}

impl<'a> Input<'a> {
    /// Neighbours, affinities and E. `network`: numbers in single precision that the training of
    /// a network keeps for each cell.
    pub(crate) fn prepare(
        self,
        options: &Options,
        network: usize,
        monitor: &dyn Monitor,
    ) -> Result<Prepared<'a>> {
        let Input {
            points,
            weights,
            masses,
            init,
            device,
            network: _,
        } = self;
        let masses = masses.unwrap_or(Masses::Ones(points.nrows()));
        let (affinities, timing) = affinities(points, weights, options, network, monitor)?;
        let Affinities { weights, order, .. } = affinities;
        let points = order.apply(points);
        let cells = (points.view(), order.apply_to_masses(masses));
        let objective = objective_of(cells, weights, options, device.as_deref(), monitor)?;
        Ok(Prepared {
            objective,
            points,
            init: init.map(|init| order.apply(init)),
            device,
            order,
            timing,
        })
    }
}

/// E of `cells`, their points and masses, at the first weight of the repulsion.
pub(crate) fn objective_of(
    (points, masses): (ArrayView2<'_, f64>, Masses),
    weights: Weights,
    options: &Options,
    device: Option<&dyn Device>,
    monitor: &dyn Monitor,
) -> Result<Objective> {
    let weight = options.repulsion.stages(options.kernel)?.first;
    let (kernel, d) = (options.kernel, options.d);
    let objective = Objective::of_masses(points, masses, weights, kernel, weight, d)?
        .with_terms(options.terms())?;
    match device {
        Some(device) => objective.move_to(device, monitor),
        None => Ok(objective),
    }
}

/// W+ of cells in the rows of `points`. Refuses what would take more memory than the options or
/// the machine allow.
pub fn affinities(
    points: ArrayView2<'_, f64>,
    weights: WeightSource,
    options: &Options,
    network: usize,
    monitor: &dyn Monitor,
) -> Result<(Affinities, Timing)> {
    let given = match weights {
        WeightSource::Given(weights) => {
            let affinities = Affinities {
                weights,
                log_beta: Vec::new(),
                perplexity: Vec::new(),
                k: 0,
                order: Order::default(),
            };
            return Ok((affinities, Timing::default()));
        }
        WeightSource::Neighbors(graph) => Some(graph),
        WeightSource::Search => None,
    };
    let n = points.nrows();
    let k = given
        .as_ref()
        .map_or_else(|| options.affinity.neighbors_of(n), |graph| graph.k);
    if let Some(limit) = options.memory.or_else(memory::available) {
        let job = memory::Job {
            n,
            inputs: points.ncols(),
            k,
            d: options.d,
            search: given.is_none().then_some(options.neighbors),
            network,
        };
        job.check(limit)?;
    }
    options.affinity.check(n, k)?;
    let began = Instant::now();
    let graph = match given {
        Some(graph) => graph.into(),
        None => neighbors::search(points, k, options.neighbors, options.seed, monitor)?,
    };
    let searched = began.elapsed().as_secs_f64();
    let affinities = Affinities::from_graph(graph, options.affinity, monitor)?;
    let timing = Timing {
        neighbors: searched,
        affinity: began.elapsed().as_secs_f64() - searched,
        init: 0.0,
    };
    Ok((affinities, timing))
}
