//! Trains a network to minimise E(f(Y)): NeuralEE (Xiong et al. 2020), as a state to
//! step through rather than a loop that is waited for.
//!
//! The objective of free elastic embedding gives the gradient of E with respect to the places X of
//! *all* cells. It goes back through the network:
//!
//! ```text
//! dE/dtheta = sum_n (dE/dx_n)' dx_n/dtheta
//! ```
//!
//! After every epoch all cells go through the network, normalised by the moments of all of them.
//! The E that results is reported, and by it the best weights are kept. With one step an epoch, its
//! gradient is followed next.

mod batches;
mod engine;
mod epoch;
mod options;
mod state;

use std::sync::Arc;
use std::time::Instant;

use crate::device::Device;
use crate::monitor::Monitor;
use crate::network::optimizer::Optimizer;
use crate::network::pass::tasks;
use crate::network::{Architecture, Moments, Network, Points};
use crate::objective::{is_planned, Kernel, Objective, Plan, Resolution};
use crate::session::{Stop, TraceRow};
use crate::vector::{centre, norm};
use crate::{Error, Result};

pub use batches::{independent, Part};
pub use options::{Batches, Options};
pub use state::State;

use engine::Engine;
use state::{Best, KIND};

/// Bytes that training takes beside the cells, an upper estimate. They hold the parameters, their
/// gradient, what the optimiser keeps of them, the best so far and what an epoch can fall back on.
/// They also hold the partial sums of the gradient of the largest layer, whose number grows with
/// the cells.
pub fn fixed_bytes(architecture: &Architecture, cells: usize) -> u64 {
    let Some(layout) = architecture.layout() else {
        return u64::MAX;
    };
    let largest = layout.layers.iter().map(|layer| layer.weight.len()).max();
    4 * (12 * layout.length as u64 + (tasks(cells) + 2) as u64 * largest.unwrap_or(0) as u64)
}

/// What a network is trained on.
#[derive(Debug)]
pub struct Problem {
    /// E over all cells.
    pub objective: Objective,
    /// The inputs of the same cells.
    pub points: Points<f32>,
    /// The batches of [`Batches::Independent`], else none.
    pub parts: Vec<Part>,
    /// Where cells go through the network, if not here. E is evaluated where the objectives are.
    pub device: Option<Arc<dyn Device>>,
}

impl Problem {
    /// A number that identifies inputs, weights and batches.
    fn fingerprint(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&self.objective.fingerprint().to_le_bytes());
        self.points.bytes(|bytes| hash.update(bytes));
        for part in &self.parts {
            hash.update(&part.objective.fingerprint().to_le_bytes());
        }
        hash.digest()
    }
}

/// A run of training.
pub struct Run {
    objective: Objective,
    parts: Vec<Part>,
    engine: Engine,
    network: Network<f32>,
    optimizer: Optimizer<f32>,
    state: State,
    current: Option<Evaluated>,
}

/// All cells by the weights of the moment.
struct Evaluated {
    /// X by rows, its mean at the origin.
    x: Vec<f64>,
    /// What was subtracted to bring it there.
    mean: Vec<f64>,
    gradient: Vec<f64>,
    loss: f64,
    /// Of the hidden layers' normalisation.
    moments: Vec<Moments>,
}

impl Run {
    /// A run from the weights of `network`. `lambdas`: the weights of the repulsion that
    /// it takes in turn, for equal shares of the epochs. `target`: a map, N x d by rows,
    /// that the network learns in the first `pretraining` epochs.
    pub fn new(
        problem: Problem,
        network: Network<f32>,
        lambdas: &[f64],
        target: Option<Vec<f64>>,
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let options = options.check()?;
        let d = problem.objective.d();
        let target = target.map(|mut x| {
            centre(&mut x, d);
            x
        });
        if target.as_ref().map_or(0, Vec::len)
            != target.as_ref().map_or(0, |_| problem.objective.n() * d)
            || target.is_some() != (options.pretraining > 0)
        {
            return Err(Error::internal(
                "The map to learn does not fit the cells.",
                "",
            ));
        }
        let optimizer = Optimizer::new(options.optimizer, network.values.len())?;
        let state = State {
            options,
            fingerprint: problem.fingerprint(),
            lambdas: lambdas.to_vec(),
            iteration: 0,
            architecture: network.architecture().clone(),
            values: Vec::new(),
            optimizer: None,
            how: None,
            target,
            best: None,
            trace: Vec::new(),
            stopped: None,
        };
        let mut run = Run::assemble(problem, network, optimizer, state, monitor)?;
        let started = Instant::now();
        run.evaluate(monitor)?;
        run.record(None, started);
        if run.state.stopped.is_some() {
            return Err(Error::input(
                "The loss of the initial network is not finite.",
                "Lower the standard deviation of the initial weights, or bring the features to a \
                    common scale.",
            ));
        }
        Ok(run)
    }

    /// Takes up a run where `state` left it. The problem, `lambdas`, `options` and the shape of
    /// the network must be those that it was written for.
    pub fn resume(
        problem: Problem,
        lambdas: &[f64],
        options: Options,
        architecture: &Architecture,
        mut state: State,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let remedy = "Call with the same arguments as the run that wrote it.";
        if let Some(name) = state.first_difference(&options, architecture) {
            return Err(Error::input(
                format!("The saved state was written with another `{name}`."),
                format!("{remedy} To go on from the weights of a finished fit, give it as `net`."),
            ));
        }
        let foreign = || {
            Error::input(
                "The saved state belongs to other data, affinities, `kernel`, `lambda`, `net` or \
                    batches.",
                remedy,
            )
        };
        let n = problem.objective.n() * problem.objective.d();
        if state.fingerprint != problem.fingerprint()
            || state.lambdas != lambdas
            || state.target.as_ref().is_some_and(|x| x.len() != n)
            || !state
                .how
                .is_none_or(|how| is_planned(how, problem.objective.kernel()))
            || state.iteration > state.options.maxit
            || (state.options.batches.are_independent()) == problem.parts.is_empty()
        {
            return Err(foreign());
        }
        let values = std::mem::take(&mut state.values);
        let moments = state.architecture.initial_moments();
        let network = Network::from_parts(state.architecture.clone(), values, moments)?;
        let optimizer = state.optimizer.take().ok_or_else(foreign)?;
        if !optimizer.fits(network.values.len()) {
            return Err(foreign());
        }
        let mut run = Run::assemble(problem, network, optimizer, state, monitor)?;
        run.evaluate(monitor)?;
        Ok(run)
    }

    fn assemble(
        problem: Problem,
        network: Network<f32>,
        optimizer: Optimizer<f32>,
        state: State,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let architecture = network.architecture();
        let independent = state.options.batches.are_independent();
        if architecture.inputs != problem.points.inputs()
            || architecture.outputs != problem.objective.d()
            || problem.points.n() != problem.objective.n()
            || problem.parts.is_empty() == independent
            || state.lambdas.is_empty()
        {
            return Err(Error::internal(
                "The network does not fit the data that it is to learn.",
                "",
            ));
        }
        let Problem {
            objective,
            points,
            parts,
            device,
        } = problem;
        let points = Arc::new(points);
        let engine = match device {
            Some(device) => Engine::Remote(device.network(points, &network, monitor)?),
            None => {
                network.architecture().check_here()?;
                Engine::local(points)
            }
        };
        Ok(Run {
            objective,
            parts,
            engine,
            network,
            optimizer,
            state,
            current: None,
        })
    }

    /// Runs until `epochs` more are done, the run ends, or the monitor cancels it.
    /// Whatever the reason, the run is whole afterwards and can go on.
    pub fn advance(&mut self, epochs: u64, monitor: &dyn Monitor) -> Result<()> {
        let remaining = self
            .state
            .options
            .maxit
            .saturating_sub(self.state.iteration);
        let epochs = epochs.min(remaining);
        monitor.stage("training", epochs as usize);
        for _ in 0..epochs {
            if monitor.cancelled() || self.state.stopped.is_some() {
                return Ok(());
            }
            match self.epoch(monitor) {
                Err(Error::Interrupted(_)) => return Ok(()),
                other => other?,
            }
            monitor.advance(1);
        }
        if self.state.stopped.is_none() && self.state.iteration >= self.state.options.maxit {
            self.state.stopped = Some(Stop::Iterations);
        }
        Ok(())
    }

    /// One epoch; an error leaves the run as it was before it.
    fn epoch(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let started = Instant::now();
        if self.current.is_none() {
            self.evaluate(monitor)?;
        }
        let before = (
            self.network.values.clone(),
            self.optimizer.clone(),
            self.state.how,
        );
        let trained = self.train(monitor).and_then(|loss| {
            self.state.iteration += 1;
            let evaluated = self.evaluate(monitor);
            if evaluated.is_err() {
                self.state.iteration -= 1;
            }
            evaluated.map(|()| loss)
        });
        match trained {
            Ok(batch_loss) => {
                self.record(batch_loss, started);
                Ok(())
            }
            Err(error) => {
                (self.network.values, self.optimizer, self.state.how) = before;
                self.current = None;
                Err(error)
            }
        }
    }

    /// The weight of the repulsion after the epochs done: an equal share for each.
    fn lambda_index(&self) -> usize {
        let count = self.state.lambdas.len() as u64;
        let index = self.state.iteration * count / self.state.options.maxit;
        index.min(count - 1) as usize
    }

    /// Runs all cells through the network, and E and its gradient of what comes out.
    fn evaluate(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let lambda = self.state.lambdas[self.lambda_index()];
        let Run {
            objective,
            parts,
            engine,
            network,
            state,
            ..
        } = self;
        let weight = objective.weight().with_number(lambda);
        objective.set_weight(weight)?;
        for part in parts {
            part.objective.set_weight(weight)?;
        }
        let keep = state.steps_from_all(network.architecture());
        let (moments, x) = engine.all(network, keep, monitor)?;
        let mut x = wide(&x);
        let mean = centre(&mut x, objective.d());
        // Units make 0 of what is not a number, so that X may not show it.
        let finite = mean.iter().all(|m| m.is_finite()) && network.is_finite(&moments);
        let mut gradient = vec![0.0; x.len()];
        let mut loss = f64::NAN;
        if finite {
            let method = state.options.method;
            let at = Resolution::Fine;
            let how = match state.how {
                Some(how) => objective.replan(&x, method, at, how)?,
                None => objective.plan(&x, method, at)?,
            };
            let energy = objective.evaluate(&x, how, at, &mut gradient, monitor)?;
            loss = energy.total();
            state.how = Some(how);
        }
        self.current = Some(Evaluated {
            x,
            mean,
            gradient,
            loss,
            moments,
        });
        Ok(())
    }

    /// Writes a line of the history, keeps the weights if they are the best so far, and
    /// judges whether the run has ended.
    fn record(&mut self, batch_loss: Option<f64>, started: Instant) {
        let stage = self.lambda_index();
        let last_stage = stage + 1 == self.state.lambdas.len();
        let lambda = self.objective.reached();
        let Run {
            state,
            network,
            optimizer,
            current,
            ..
        } = self;
        let Some(current) = current else { return };
        let options = &state.options;
        let seconds = state.trace.last().map_or(0.0, |row| row.seconds);
        let factor = options
            .optimizer
            .schedule
            .factor(state.iteration as f64, options.maxit);
        state.trace.push(TraceRow {
            iteration: state.iteration,
            stage: stage as u64,
            lambda,
            loss: current.loss,
            gradient_norm: norm(&current.gradient),
            learning_rate: Some(optimizer.options().rate * factor),
            batch_loss,
            seconds: seconds + started.elapsed().as_secs_f64(),
        });
        if !current.loss.is_finite() {
            state.stopped = Some(Stop::Diverged);
            return;
        }
        let least = state.best.as_ref().map_or(f64::INFINITY, |best| best.loss);
        if last_stage && current.loss < least {
            state.best = Some(Best {
                values: network.values.clone(),
                moments: current.moments.clone(),
                mean: current.mean.clone(),
                loss: current.loss,
                iteration: state.iteration,
            });
        }
        if state.iteration >= options.maxit {
            state.stopped = Some(Stop::Iterations);
        } else if last_stage && state.levelled() {
            state.stopped = Some(Stop::Converged);
        }
    }

    /// The network with the weights of least E at the last lambda; before that is reached, with
    /// those of the moment. Its maps have their mean at the origin.
    pub fn best_network(&self) -> Result<Network<f32>> {
        let (values, moments, mean) = match (&self.state.best, &self.current) {
            (Some(best), _) => (&best.values, &best.moments, &best.mean),
            (None, Some(current)) => (&self.network.values, &current.moments, &current.mean),
            (None, None) => return Err(Error::internal("There are no weights yet.", "")),
        };
        let architecture = self.network.architecture().clone();
        let mut network = Network::from_parts(architecture, values.clone(), moments.clone())?;
        for (bias, mean) in network.output_bias_mut().iter_mut().zip(mean) {
            *bias -= *mean as f32;
        }
        Ok(network)
    }

    /// X of all cells by a network, N x d by rows.
    pub fn map(&mut self, network: &Network<f32>, monitor: &dyn Monitor) -> Result<Vec<f64>> {
        // A pass on a device replaces the last one.
        if matches!(self.engine, Engine::Remote(_)) {
            self.current = None;
        }
        Ok(wide(&self.engine.map(network, monitor)?))
    }

    /// X by the weights of the moment, N x d by rows, its mean at the origin; `None`
    /// after an epoch that was interrupted.
    pub fn embedding(&self) -> Option<&[f64]> {
        self.current.as_ref().map(|current| current.x.as_slice())
    }

    /// The least E so far, at the last lambda, and the epochs after which it was reached.
    pub fn best(&self) -> Option<(f64, u64)> {
        let best = self.state.best.as_ref();
        best.map(|best| (best.loss, best.iteration))
    }

    /// Epochs done.
    pub fn iteration(&self) -> u64 {
        self.state.iteration
    }

    /// The history, the start included.
    pub fn trace(&self) -> &[TraceRow] {
        &self.state.trace
    }

    /// How cells attract and repel.
    pub fn kernel(&self) -> Kernel {
        self.objective.kernel()
    }

    /// The shape of the network.
    pub fn architecture(&self) -> &Architecture {
        self.network.architecture()
    }

    /// What determines the run; a resumed one keeps what it was started with.
    pub fn options(&self) -> &Options {
        &self.state.options
    }

    /// Why the run ended, if it has.
    pub fn stopped(&self) -> Option<Stop> {
        self.state.stopped
    }

    /// How the repulsion of all cells is summed at present.
    pub fn plan(&self) -> Plan {
        self.state.how.unwrap_or(Plan::Exact)
    }

    /// What to save in order to resume, as plain bytes.
    pub fn state_bytes(&self) -> Result<Vec<u8>> {
        KIND.seal(&State {
            values: self.network.values.clone(),
            optimizer: Some(self.optimizer.clone()),
            ..self.state.clone()
        })
    }

    /// Writes [`Run::state_bytes`] to a file, which replaces what was there only
    /// once it is whole.
    pub fn save(&self, path: &std::path::Path) -> Result<()> {
        KIND.save(&self.state_bytes()?, path)
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}
