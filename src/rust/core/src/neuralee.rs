//! NeuralEE: a network that learns a map, for cells that were not there too.
//!
//! ```
//! use ndarray::Array2;
//! use neuralee_core::neuralee::{self, Options};
//! use neuralee_core::session::Session;
//!
//! # fn main() -> neuralee_core::Result<()> {
//! let points = Array2::from_shape_fn((60, 3), |(i, j)| ((7 * i + j * j) % 13) as f64);
//! let mut options = Options { maxit: Some(40), ..Options::default() };
//! options.map.affinity.perplexity = 10.0;
//! let mut session = neuralee::open(points.view(), &options, &())?;
//! while session.stop().is_none() {
//!     session.advance(10, &())?;
//! }
//! let (model, map) = session.finish(&())?; // map: 60 x 2
//! # assert_eq!(map.dim(), (60, 2));
//! # assert_eq!(model.network.architecture().inputs, 3);
//! # Ok(())
//! # }
//! ```

use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::ee;
use crate::input::{objective_of, Input, Prepared, Pretrained};
use crate::masses::Masses;
use crate::memory;
use crate::model::{Landmarks, Model, Origin, Preprocessing};
use crate::monitor::Monitor;
use crate::network::{self, optimizer, Architecture, Network, Points, Program, Standard};
use crate::objective::{Method, Objective, Plan, RepulsionWeight, Resolution};
use crate::order::Order;
use crate::session::{self, Limits, Stop, Timing, TraceRow};
use crate::train::{self, fixed_bytes, independent, Batches, Problem, Run, State};
use crate::vector::centre;
use crate::{Error, Result};

/// What determines a network and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// E, and the free map that the network learns first; its `maxit` and `tol` are those of
    /// `free_map`.
    pub map: ee::Options,
    /// When the free map ends.
    pub free_map: FreeMap,
    /// The network, where none is given.
    pub network: network::Options,
    /// How gradients become steps.
    pub optimizer: optimizer::Options,
    /// Which cells a step is made from.
    pub batches: Batches,
    /// Epochs of the run; `None` for 60 with landmarks, which need no more, else 500.
    pub maxit: Option<u64>,
    /// How many of them learn a map: the one that is given, else a free one. 0 for none, `None`
    /// for half.
    pub pretrain: Option<u64>,
    /// The run has converged once `patience` epochs lower the least E by less than this fraction.
    pub tol: f64,
    /// Epochs over which the decrease of E is judged.
    pub patience: u64,
    /// Cells that the model keeps with their places on the map that the network learns first, to
    /// place others by; 0 for none. `None`: 2,500, or as many as 1.5 MB hold, and none where no map
    /// is learned.
    pub landmarks: Option<usize>,
}

/// Landmarks where the caller says nothing, and the bytes that their inputs may take.
const USUAL_LANDMARKS: usize = 2500;
const LANDMARK_BYTES: usize = 1_500_000;

/// Epochs of a network beside landmarks: 20, 60 and 300 of them leave new cells at places that keep
/// the same (10,000 blood cells, halves).
const EPOCHS_BESIDE_LANDMARKS: u64 = 60;

/// When the free map that a network learns ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FreeMap {
    /// Most iterations.
    pub maxit: u64,
    /// See [`ee::Options::tol`].
    pub tol: f64,
}

impl Default for FreeMap {
    /// A network cannot follow the last digits of a map.
    fn default() -> Self {
        FreeMap {
            maxit: 100,
            tol: 1e-4,
        }
    }
}

impl Options {
    /// The free map that the network learns: with landmarks the one that is shown.
    fn first_map(&self) -> ee::Options {
        if self.has_landmarks() {
            return self.map.clone();
        }
        ee::Options {
            maxit: self.free_map.maxit,
            tol: Some(self.free_map.tol),
            ..self.map.clone()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let run = train::Options::default();
        Options {
            map: ee::Options::default(),
            free_map: FreeMap::default(),
            network: network::Options::default(),
            optimizer: run.optimizer,
            batches: run.batches,
            maxit: None,
            pretrain: None,
            tol: run.tol,
            patience: run.patience,
            landmarks: None,
        }
    }
}

impl Options {
    /// Refuses what no run can use, whatever the points.
    pub fn check(&self) -> Result<()> {
        self.first_map().check()?;
        self.network.check()?;
        if self.has_landmarks() && self.pretrain == Some(0) {
            return Err(Error::input(
                "There is no map for `landmarks`: the network learns none first.",
                "Set landmarks = 0, or `pretrain` above 0.",
            ));
        }
        self.run().check().map(|_| ())
    }

    fn has_landmarks(&self) -> bool {
        match self.landmarks {
            Some(count) => count > 0,
            None => self.pretrain != Some(0),
        }
    }

    /// Landmarks of a network with so many inputs, where it has any.
    fn landmarks_of(&self, inputs: usize) -> usize {
        let usual = USUAL_LANDMARKS.min(LANDMARK_BYTES / (4 * inputs)).max(1);
        self.landmarks.unwrap_or(usual)
    }

    /// What training takes of it.
    fn run(&self) -> train::Options {
        let usual = match self.has_landmarks() {
            true => EPOCHS_BESIDE_LANDMARKS,
            false => train::Options::default().maxit,
        };
        let maxit = self.maxit.unwrap_or(usual);
        train::Options {
            method: self.map.method,
            maxit,
            tol: self.tol,
            patience: self.patience,
            optimizer: self.optimizer,
            batches: self.batches,
            seed: self.map.seed,
            pretraining: self.pretrain.unwrap_or(maxit / 2),
        }
    }
}

/// A run of training.
pub struct Session {
    run: Run,
    standard: Standard,
    landmarks: Landmarks,
    /// The map on which the landmarks lie, N x d by rows, and its E.
    map: Option<(Vec<f64>, f64)>,
    order: Order,
    timing: Timing,
}

/// A new run.
pub fn open<'a>(
    input: impl Into<Input<'a>>,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Session> {
    start(input.into(), options, None, monitor)
}

/// A run taken up where `state` left it, which [`session::Session::state`] gave or
/// [`read_state`] read. Input and options must be those of the run that wrote it.
pub fn resume<'a>(
    input: impl Into<Input<'a>>,
    options: &Options,
    state: &[u8],
    monitor: &dyn Monitor,
) -> Result<Session> {
    let state = State::from_bytes(state)?;
    start(input.into(), options, Some(state), monitor)
}

/// The bytes of a state in a file.
pub fn read_state(path: &Path) -> Result<Vec<u8>> {
    State::read(path)
}

/// Refuses bytes that no run could be resumed from, whatever the points.
pub fn check_state(state: &[u8]) -> Result<()> {
    State::from_bytes(state).map(|_| ())
}

fn start(
    input: Input<'_>,
    options: &Options,
    state: Option<State>,
    monitor: &dyn Monitor,
) -> Result<Session> {
    options.check()?;
    if input.masses.is_some() {
        return Err(Error::input(
            "A network learns from cells that count alike.",
            "Leave out `weights`, or map the cells themselves.",
        ));
    }
    let (n, inputs) = input.points.dim();
    let mut input = input;
    let pretrained = input.network.take();
    let architecture = architecture(options, pretrained.as_ref(), inputs)?;
    let limit = options.map.memory.or_else(memory::available);
    memory::check_network(fixed_bytes(&architecture, n), limit)?;
    let kept = options.batches.kept(&architecture);
    let Prepared {
        mut objective,
        points,
        init,
        device,
        order,
        mut timing,
    } = input.prepare(&options.map, kept, monitor)?;
    let began = Instant::now();
    let of_run = options.run();
    let points = points.view();
    let parts = match options.batches {
        Batches::Independent { size } => {
            let e = |points: ArrayView2<'_, f64>, weights| {
                let cells = (points, Masses::Ones(points.nrows()));
                objective_of(cells, weights, &options.map, device.as_deref(), monitor)
            };
            let (affinity, search, seed) = (
                options.map.affinity,
                options.map.neighbors,
                options.map.seed,
            );
            independent(points, size, affinity, search, seed, &e, monitor)?
        }
        _ => Vec::new(),
    };
    let weights = options.map.repulsion.weights(options.map.kernel);
    let learns = of_run.pretraining > 0 && state.is_none();
    let target: Option<Vec<f64>> = match init {
        _ if !learns && !options.has_landmarks() => None,
        Some(init) => Some(init.iter().copied().collect()),
        None => {
            let map;
            (map, objective) = free_map(objective, points, &options.first_map(), monitor)?;
            Some(map)
        }
    };
    let lambdas: Vec<f64> = weights.iter().map(|weight| weight.number()).collect();
    timing.init = began.elapsed().as_secs_f64();
    let (network, standard) = match pretrained {
        Some(Pretrained::Model(model)) => (model.network, model.standard),
        Some(Pretrained::Program(_)) => (
            program_network(architecture, device.as_deref())?,
            Standard::new(points)?,
        ),
        None => {
            let (deviation, seed) = (options.network.initial_sd, options.map.seed);
            let network = Network::initial(architecture, deviation, seed)?;
            (network, Standard::new(points)?)
        }
    };
    let of_network = Points::new(points, &standard);
    let (mut landmarks, mut map) = (Landmarks::default(), None);
    if let (Some(target), true) = (&target, options.has_landmarks()) {
        let mut x = target.clone();
        centre(&mut x, options.map.d);
        let (count, seed) = (options.landmarks_of(inputs), options.map.seed);
        landmarks = Landmarks::choose(&of_network, &x, count, seed);
        let loss = loss_at(
            &mut objective,
            weights.last().copied(),
            &x,
            of_run.method,
            monitor,
        )?;
        map = Some((x, loss));
    }
    let target = target.filter(|_| learns);
    let problem = Problem {
        points: of_network,
        objective,
        parts,
        device,
    };
    monitor.stage("network", 0);
    let run = match state {
        Some(state) => {
            let shape = network.architecture();
            Run::resume(problem, &lambdas, of_run, shape, state, monitor)?
        }
        None => Run::new(problem, network, &lambdas, target, of_run, monitor)?,
    };
    Ok(Session {
        run,
        standard,
        landmarks,
        map,
        order,
        timing,
    })
}

/// The shape of the network that is to be trained, whose inputs are `inputs` features.
fn architecture(
    options: &Options,
    pretrained: Option<&Pretrained>,
    inputs: usize,
) -> Result<Architecture> {
    let d = options.map.d;
    let architecture = match pretrained {
        Some(Pretrained::Model(model)) => model.network.architecture().clone(),
        // A program is all of the network.
        Some(Pretrained::Program(bytes)) => Architecture {
            hidden: Vec::new(),
            batch_norm: false,
            dropout: 0.0,
            residual: false,
            program: Some(Program {
                bytes: bytes.clone(),
                parameters: 0,
            }),
            ..options.network.architecture(inputs, d)
        },
        None => options.network.architecture(inputs, d),
    };
    architecture.check()?;
    if (architecture.inputs, architecture.outputs) != (inputs, d) {
        return Err(Error::input(
            format!(
                "The network maps {} features to {} dimensions, not {inputs} to {d}.",
                architecture.inputs, architecture.outputs
            ),
            "Give the features and the `d` that it was trained with.",
        ));
    }
    Ok(architecture)
}

/// The map of free elastic embedding, and E again.
fn free_map(
    objective: Objective,
    points: ArrayView2<'_, f64>,
    options: &ee::Options,
    monitor: &dyn Monitor,
) -> Result<(Vec<f64>, Objective)> {
    let mut run = ee::begin(objective, points, None, options, monitor)?;
    run.advance(u64::MAX, monitor)?;
    monitor.check()?;
    Ok((run.embedding().to_vec(), run.into_objective()))
}

/// E(X) at a weight of the repulsion.
fn loss_at(
    objective: &mut Objective,
    weight: Option<RepulsionWeight>,
    x: &[f64],
    method: Method,
    monitor: &dyn Monitor,
) -> Result<f64> {
    let before = objective.weight();
    if let Some(weight) = weight {
        objective.set_weight(weight)?;
    }
    let plan = objective.plan(x, method, Resolution::Fine)?;
    let mut gradient = vec![0.0; x.len()];
    let energy = objective.evaluate(x, plan, Resolution::Fine, &mut gradient, monitor)?;
    objective.set_weight(before)?;
    Ok(energy.total())
}

/// The network as the program's own parameters make it.
fn program_network(
    mut architecture: Architecture,
    device: Option<&dyn Device>,
) -> Result<Network<f32>> {
    let (inputs, outputs) = (architecture.inputs, architecture.outputs);
    let Some((device, program)) = device.zip(architecture.program.as_mut()) else {
        architecture.check_here()?;
        return Err(Error::internal("There is no program.", ""));
    };
    let mut values = device.program_parameters(&program.bytes, inputs, outputs)?;
    program.parameters = values.len();
    values.extend(std::iter::repeat_n(0.0, outputs));
    Network::from_parts(architecture, values, Vec::new())
}

impl Session {
    /// The model of least E, not yet described, and the places of all cells by it, N x d with the
    /// cells as they came.
    pub fn finish(&mut self, monitor: &dyn Monitor) -> Result<(Model, Array2<f64>)> {
        let network = self.run.best_network()?;
        let (inputs, d) = {
            let shape = network.architecture();
            (shape.inputs, shape.outputs)
        };
        let x = self.run.map(&network, monitor)?;
        let (loss, epochs) = self.best();
        let model = Model {
            network,
            standard: self.standard.clone(),
            preprocessing: Preprocessing::none(inputs),
            landmarks: self.landmarks.clone(),
            origin: Origin {
                kernel: self.run.kernel().name().to_string(),
                loss,
                epochs,
                ..Origin::default()
            },
        };
        Ok((model, self.order.undo(&x, d)))
    }

    /// The map on which the landmarks lie, N x d with the cells as they came, and its E. `None`
    /// without landmarks: the map is then that of the network.
    pub fn landmarks_map(&self) -> Option<(Array2<f64>, f64)> {
        let d = self.run.architecture().outputs;
        let map = self.map.as_ref();
        map.map(|(x, loss)| (self.order.undo(x, d), *loss))
    }

    /// The least E so far at the last weight of the repulsion, and the epochs that led to it.
    /// Before that weight is reached, E of the moment.
    pub fn best(&self) -> (f64, u64) {
        let last = self.run.trace().last().map(|row| (row.loss, row.iteration));
        self.run.best().or(last).unwrap_or((f64::NAN, 0))
    }

    /// Epochs that learn a map; a resumed run keeps its own.
    pub fn pretrain(&self) -> u64 {
        self.run.options().pretraining
    }
}

impl session::Session for Session {
    fn advance(&mut self, limit: u64, monitor: &dyn Monitor) -> Result<()> {
        self.run.advance(limit, monitor)
    }

    fn iteration(&self) -> u64 {
        self.run.iteration()
    }

    fn stop(&self) -> Option<Stop> {
        self.run.stopped()
    }

    fn loss(&self) -> f64 {
        self.best().0
    }

    fn trace(&self) -> &[TraceRow] {
        self.run.trace()
    }

    fn embedding(&self) -> Result<Array2<f64>> {
        let x = self.run.embedding();
        let x = x.ok_or_else(|| Error::internal("The last epoch was interrupted.", ""))?;
        Ok(self.order.undo(x, self.run.architecture().outputs))
    }

    fn plan(&self) -> Plan {
        self.run.plan()
    }

    fn limits(&self) -> Limits {
        let train::Options { maxit, tol, .. } = *self.run.options();
        Limits { maxit, tol }
    }

    fn timing(&self) -> Timing {
        self.timing
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.run.state_bytes()
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.run.save(path)
    }
}
